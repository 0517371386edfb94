"""What people can do with their own accounts, and what is told of them.

Names and deletion also change what is published of projects: `projects.members` is the way to these.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import factors, record, sessions, usernames
from entrepot.accounts.actor import Actor
from entrepot.accounts.addresses import verified_of
from entrepot.accounts.models import Event, Token, User, UserName
from entrepot.refusal import Missing, Refused, TooMany

LONGEST_NAME = 100  # characters of a display name
CONFIRMED_WITHIN = timedelta(days=7)  # since an account was made
RENAMED_ONCE_IN = timedelta(days=30)
# Control characters, surrogates, private ones, separators of lines, and what is not seen but turns other text around.
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
_JOINERS = {"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"}  # some scripts cannot be written without


@transaction.atomic(durable=True)
def set_profile(user: User, *, by: Actor, display_name: str, public_email: str) -> None:
    """Say how everybody sees the user. `public_email` is empty, or a verified address.

    Raises Refused: "invalid-display-name", "address-not-verified".
    """
    if public_email and public_email not in verified_of(user):
        raise Refused("address-not-verified", _("You have not shown that this address is yours."), "public_email")
    shown = {"display_name": _one_line(display_name), "public_email": public_email}
    User.objects.filter(pk=user.pk).update(**shown)
    record.note("account:profile", by=by, at=timezone.now(), user=user, details=shown)


def set_language(user: User, language: str) -> None:
    """Write the user's mails in another language; which one is nobody's business but theirs, so it is not recorded."""
    User.objects.filter(pk=user.pk).update(language=language)


def _one_line(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if len(name) > LONGEST_NAME:
        raise Refused("invalid-display-name", _("A name to be shown has at most 100 characters."), "display_name")
    if "//" in name or any(unicodedata.category(each) in _UNSEEN and each not in _JOINERS for each in name):
        raise Refused(
            "invalid-display-name",
            _("A name to be shown is one line of text, without addresses, and without characters that are not seen."),
            "display_name",
        )
    return name


@transaction.atomic
def change_name(user: User, name: str, *, by: Actor, reason: str = "") -> str:
    """Give the user another name, and return the one before, which nobody else ever gets, either.

    People may do it once in 30 days. Raises Refused("invalid-user"), TooMany("renamed-lately").
    """
    held = hold(user)
    now, before = timezone.now(), held.username
    try:
        usernames.check_spelling(name)
        if not by.operates:
            usernames.check_not_reserved(name, of=held)
        usernames.check(name, of=held)
    except ValidationError as error:
        raise Refused("invalid-user", " ".join(error.messages), "name") from error
    if name == before:
        raise Refused("invalid-user", _("This is your name already."), "name")
    if not by.operates and (again := may_rename_at(held)) > now:
        wait = _("A name can be changed once in 30 days. You changed yours lately.")
        raise TooMany("renamed-lately", wait, (again - now).total_seconds())
    User.objects.filter(pk=held.pk).update(username=name)
    usernames.take(name, held)
    why = {"reason": reason} if reason else {}
    record.note("account:rename", by=by, at=now, user=held, details={"old": before, "new": name} | why)
    return before


def may_rename_at(user: User) -> datetime:
    """From when on the user may change the name; it may be past."""
    renamed = Event.objects.filter(action="account:rename", user=user.pk, by=user.pk).order_by("-pk")
    last = renamed.values_list("at", flat=True).first()
    return user.date_joined if last is None else last + RENAMED_ONCE_IN


@transaction.atomic
def erase(user: User, *, by: Actor, reason: str = "") -> None:
    """Remove all that is personal of the user, and all that opens the account. The row and its name stay.

    Raises Refused("account-deleted").
    """
    held = hold(user)
    tokens = [str(each) for each in held.tokens.values_list("pk", flat=True)]
    details = {"reason": reason, "tokens": tokens}
    # While the addresses are there, to be told.
    record.note("account:delete", by=by, at=timezone.now(), user=held, details=details)
    sessions.end_all(held)
    for rows in (Authenticator.objects, EmailAddress.objects):
        rows.filter(user=held).delete()
    for mine in (held.tokens, held.devices, held.recovery_codes):
        mine.all().delete()
    held.display_name = held.email = held.public_email = ""
    held.is_active = held.is_staff = held.is_superuser = False
    held.deleted_at = timezone.now()
    held.set_unusable_password()
    held.save()


@transaction.atomic(durable=True)
def forget_unconfirmed(*, now: datetime) -> None:
    """Remove who registered and never confirmed an address, with the name, so that others can have it.

    Whoever was given a role or a token by the operator stays. The record keeps that the others came.
    """
    came = Event.objects.filter(action="account:create", user=OuterRef("pk"), by=OuterRef("pk"))
    confirmed = Event.objects.filter(action="email:verify", user=OuterRef("pk"))
    token = Token.objects.filter(user=OuterRef("pk"))
    idle = User.objects.filter(date_joined__lt=now - CONFIRMED_WITHIN, deleted_at=None)
    working = User.objects.filter(roles__isnull=False).values("pk")
    unconfirmed = idle.filter(Exists(came), ~Exists(confirmed), ~Exists(token)).exclude(pk__in=working)
    for user in unconfirmed.select_for_update():
        UserName.objects.filter(user=user.pk).delete()
        user.delete()


def hold(user: User) -> User:
    """The user as it is now, whom nobody else changes until the commit. Raises Refused("account-deleted")."""
    held = User.objects.select_for_update().get(pk=user.pk)
    if held.deleted_at is not None:
        raise Refused("account-deleted", _("The account %(name)s was deleted.") % {"name": held.username})
    return held


@transaction.atomic(durable=True)
def retire_password(user: User, *, by: Actor) -> None:
    """Let the password, which others know, open nothing any more: a new one has to be set, by mail."""
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sessions.end_all(user)
    record.note("password:leaked", by=by, at=timezone.now(), user=user)


@transaction.atomic(durable=True)
def reset_factors(user: User, *, by: Actor, reason: str) -> None:
    """Take all second factors from an account, and end its sessions: see docs/recovery.md for when."""
    factors.reset(user, by=by, reason=reason)
    sessions.end_all(user)


def user_known_as(name: str) -> User:
    """Whose name this is, in any case; else whose it was, or looks like. Raises Missing("no-such-user")."""
    found = User.objects.filter(username__iexact=name).first() or usernames.owner_of(name)
    if found is None:
        raise Missing("no-such-user", _("There is no user named '%(name)s'.") % {"name": name})
    return found


def users_after(last: int, *, limit: int) -> Sequence[User]:
    """The next users by id, to go through all of them."""
    return list(User.objects.filter(pk__gt=last).order_by("pk")[:limit])


def public_address_of(user: User) -> str:
    """The address that everybody may see, as long as it is verified; else none."""
    return user.public_email if user.public_email in verified_of(user) else ""


@transaction.atomic(durable=True)
def note_export(user: User, *, by: Actor) -> None:
    """Record that somebody takes along all that is known of the user."""
    record.note("account:export", by=by, at=timezone.now(), user=user)


def export_of(user: User) -> dict[str, object]:
    """All that is known of the user but events and roles, as JSON values, without what opens anything."""
    return {
        "user": _account(user),
        "names": list(UserName.objects.filter(user=user.pk).order_by("pk").values_list("name", flat=True)),
        "addresses": list(EmailAddress.objects.filter(user=user).order_by("pk").values("email", "verified", "primary")),
        "factors": [_factor(each) for each in Authenticator.objects.filter(user=user).order_by("pk")],
        "recovery_codes_left": user.recovery_codes.filter(used_at=None).count(),
        "devices": [*user.devices.order_by("pk").values("agent", "address", "known_since", "used_at")],
        "sessions": list(_sessions(user)),
        "tokens": [_token(each) for each in user.tokens.order_by("created_at")],
    }


def _account(user: User) -> dict[str, object]:
    return {
        "id": user.pk,
        "name": user.username,
        "display_name": user.display_name,
        "email": user.email,
        "public_email": user.public_email,
        "joined": user.date_joined,
        "last_sign_in": user.last_login,
        "superuser": user.is_superuser,
    }


def _factor(factor: Authenticator) -> dict[str, object]:
    return {
        "kind": factor.type,
        "name": factor.data.get("name", ""),
        "added": factor.created_at,
        "last_used": factor.last_used_at,
    }


def _sessions(user: User) -> Iterable[dict[str, object]]:
    found = UserSession.objects.filter(user=user).order_by("pk")
    yield from found.values("ip", "user_agent", "created_at", "last_seen_at")


def _token(token: Token) -> dict[str, object]:
    fields = ("id", "description", "created_at", "expires_at", "projects", "permissions")
    used = ("last_used_at", "last_used_from", "last_used_for")
    return {name: getattr(token, name) for name in (*fields, *used)}
