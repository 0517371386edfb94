"""How often each page may be sent something: one table for all of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network

from allauth.account.internal.stagekit import unstash_login
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch
from django.utils.translation import gettext as _
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from entrepot.accounts import devices, factors, sealing
from entrepot.accounts.address import address_of, household
from entrepot.accounts.limits import COUNTING, Limit, Room, headers
from entrepot.accounts.queries import user_of_login
from entrepot.accounts.sessions import Person, actor_of
from entrepot.refusal import TooMany

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60

Key = Callable[[HttpRequest], str]
Rule = tuple[Limit, Key]


def _address(request: HttpRequest) -> str:
    return household(address_of(request))


def _network(request: HttpRequest) -> str:
    address = ip_address(address_of(request) or "::")
    return str(ip_network((address, 24 if address.version == 4 else 40), strict=False))


def _login(request: HttpRequest) -> str:
    """Whom somebody wants to sign in as. From a browser that this user has, nobody else can lock them out."""
    given = _sent(request, "login")
    user = user_of_login(given)
    device = None if user is None else devices.known(request, user)
    name = f"name {_hashed(given)}" if user is None else f"user {user.pk}"
    return name if device is None else f"{name} device {device.pk}"


def _pending_user(request: HttpRequest) -> Person | None:
    """Who has shown a password, and is to show a second factor."""
    login = unstash_login(request, peek=True)
    return None if login is None else login.user


def _pending(request: HttpRequest) -> str:
    user = _pending_user(request)
    return "nobody" if user is None else f"user {user.pk}"


def _user(request: HttpRequest) -> str:
    """Who has signed in; else where the request is from."""
    return f"user {request.user.pk}" if request.user.is_authenticated else _address(request)


def _email(request: HttpRequest) -> str:
    """Whose mailbox a code is asked for, and from where: nobody uses up what others may ask."""
    return f"{_hashed(_sent(request, 'email'))} {_address(request)}"


def _sent(request: HttpRequest, field: str) -> str:
    """What a form says, as it will be understood."""
    return request.POST.get(field, "").replace("\0", "").strip().casefold()


def _hashed(text: str) -> str:
    """What is kept of it: as long as any other, and nobody's name or address."""
    return sealing.digest("limit", text)[:32]


_LOCKING = Limit("factor-day", 50, DAY)
_CODES: tuple[Rule, ...] = (
    (Limit("factor", 5, 5 * MINUTE), _pending),
    (Limit("factor-hour", 20, HOUR), _pending),
    (_LOCKING, _pending),
    (Limit("factor-address", 10, 5 * MINUTE), _address),
    (Limit("factor-address-hour", 50, HOUR), _address),
)
_AGAIN: tuple[Rule, ...] = (
    (Limit("again", 5, 5 * MINUTE), _user),
    (Limit("again-hour", 20, HOUR), _user),
    (Limit("again-day", 50, DAY), _user),
)
_MAILED: tuple[Rule, ...] = ((Limit("code", 10, 5 * MINUTE), _address), (Limit("code-hour", 50, HOUR), _address))
RULES: Mapping[str, tuple[Rule, ...]] = {
    "account_login": (
        (Limit("login", 10, 5 * MINUTE), _login),
        (Limit("login-address", 30, 5 * MINUTE), _address),
        (Limit("login-network", 300, 5 * MINUTE), _network),
        (Limit("login-all", 3000, 5 * MINUTE), lambda _request: "all"),
    ),
    "mfa_authenticate": _CODES,
    "mfa_login_webauthn": ((Limit("passkey", 30, 5 * MINUTE), _address),),
    "account_signup": ((Limit("signup", 10, HOUR), _address), (Limit("signup-network", 50, HOUR), _network)),
    "account_email_verification_sent": _MAILED,
    "account_confirm_device": _MAILED,
    "account_confirm_device_link": _MAILED,
    "account_confirm_password_reset_code": _MAILED,
    "account_complete_password_reset": _MAILED,
    "account_reset_password": (
        (Limit("reset", 5, DAY), _email),
        (Limit("reset-address", 20, HOUR), _address),
    ),
    "account_reauthenticate": _AGAIN,
    "mfa_reauthenticate": _AGAIN,
    "mfa_reauthenticate_webauthn": _AGAIN,
    "account_change_password": ((Limit("password", 10, HOUR), _user),),
    "account_email": ((Limit("email", 20, HOUR), _user), (Limit("email-address", 40, HOUR), _address)),
    "mfa_activate_totp": ((Limit("activate", 20, HOUR), _user),),
    "account_export": ((Limit("export", 10, HOUR), _user),),
    "account_name": ((Limit("name", 20, HOUR), _user),),
    "account_recovery": ((Limit("recovery", 20, HOUR), _user),),
    "bounces": ((Limit("bounces", 6000, HOUR), _address),),
}
# What costs something to look at. Caches keep these pages for others, so they tell nobody what is left to them.
_INSIDE: tuple[Rule, ...] = ((Limit("inside", 300, 5 * MINUTE), _address),)
LOOKS: Mapping[str, tuple[Rule, ...]] = {"changes": _INSIDE, "inside": _INSIDE, "inside_member": _INSIDE}
OTHERS: tuple[Rule, ...] = ((Limit("post", 120, 5 * MINUTE), _user),)
# Of what is read, and costs something. Each process counts by itself: a count that all share would cost more than the
# page. Nor is it told what is left: the page is for everybody.
READING: Mapping[str, tuple[RateLimitItem, str]] = {
    "search": (RateLimitItemPerMinute(60), "search"),
    "search_suggestions": (RateLimitItemPerMinute(240), "suggestions"),
    "image": (RateLimitItemPerMinute(300), "images"),
    "project_downloads": (RateLimitItemPerMinute(300), "statistics"),
    "badge": (RateLimitItemPerMinute(600), "badges"),
}
_READERS = FixedWindowRateLimiter(MemoryStorage())
FOR_PROGRAMS = {"upload", "leaked-tokens", "pypi", "xmlrpc"}  # like all of the management API


def spend(request: HttpRequest, match: ResolverMatch) -> None:
    """Count what is sent to a page. Raises TooMany("too-often"), and Unavailable when nobody can count.

    Programs are counted by their tokens and keys (`api`), not here.
    """
    name = str(match.url_name)
    if name in READING:
        _spend_reading(request, *READING[name])
    if name in LOOKS:
        _refuse_full([COUNTING.spend(limit, key(request)) for limit, key in LOOKS[name]])
        return
    if request.method in {"GET", "HEAD", "OPTIONS"} or match.namespace == "api" or name in FOR_PROGRAMS:
        return
    rooms = [COUNTING.spend(limit, key(request)) for limit, key in RULES.get(name, OTHERS)]
    request.rooms = rooms  # type: ignore[attr-defined]
    if any(each.limit is _LOCKING and not each.admitted for each in rooms):
        _tell_of_lock(request)
    _refuse_full(rooms)


def _refuse_full(rooms: Sequence[Room]) -> None:
    full = [each for each in rooms if not each.admitted]
    if full:
        raise TooMany(
            "too-often",
            _("This was tried too often from here or for this account. Please wait a while, then try again."),
            max(each.wait for each in full),
        )


def _spend_reading(request: HttpRequest, limit: RateLimitItem, name: str) -> None:
    reader = (name, _address(request))
    if not _READERS.hit(limit, *reader):
        raise TooMany(
            "too-often",
            _("This was asked too often from here. Please wait a moment, then try again."),
            max(1.0, _READERS.get_window_stats(limit, *reader).reset_time - time.time()),
        )


def _tell_of_lock(request: HttpRequest) -> None:
    user = _pending_user(request)
    if user is not None and COUNTING.spend(Limit("factor-locked", 1, DAY), f"user {user.pk}").admitted:
        factors.note_lock(user, by=actor_of(request, user))


def tell(request: HttpRequest, response: HttpResponse) -> None:
    """Say what is left, where something was counted."""
    rooms: Sequence[Room] = getattr(request, "rooms", ())
    for name, value in headers(rooms).items():
        response[name] = value
