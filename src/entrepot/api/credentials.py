"""Whose word a request is: the API token in its `Authorization` header."""

import base64
import binascii
from typing import NoReturn

from django.db import OperationalError, connection
from django.http import HttpRequest
from django.utils import timezone

from entrepot.accounts import actions, factors, flags, limits, tokens
from entrepot.accounts.actor import Actor
from entrepot.accounts.address import address_of, household
from entrepot.accounts.flags import Switch
from entrepot.accounts.limits import Limit
from entrepot.accounts.tokens import Credential, Permission
from entrepot.config import Config
from entrepot.monitoring.observation import current
from entrepot.projects.queries import index_at_root
from entrepot.refusal import Forbidden, TooMany, Unavailable

TRY_LATER = Unavailable(
    "try-later", "The index cannot take uploads at this moment. Please try again: nothing is taken twice."
)


INVALID = (
    "Invalid or non-existent authentication information. "
    "Use the user name __token__ and an upload token of this index as the password."
)
BAD_TOKENS = Limit("bad-token", 100, 5 * 60)  # from an address
CALLS = Limit("api", 3600, 60 * 60)  # with a token


def check_credentials(authorization: str, address: str | None) -> None:
    """Whether the header, which came from the address, holds a valid token.

    Raises Forbidden, TooMany, and Unavailable when nobody can say.
    """
    try:
        _credential(authorization, address)
    except OperationalError as error:
        raise Unavailable(TRY_LATER.code, TRY_LATER.message) from error
    finally:
        connection.close()  # this thread is not one that Django looks after


def uploader_of(request: HttpRequest) -> Actor:
    """Who uploads, recognized by a valid token, whose use is noted. Raises Forbidden, TooMany and Unavailable."""
    return _noted(request, _credential_of(request), Permission.UPLOAD)


def actor_of(request: HttpRequest, permission: Permission) -> Actor:
    """Who calls the management API, recognized by a valid token, whose use is counted and noted.

    Raises Forbidden, TooMany and Unavailable.
    """
    credential = _credential_of(request)
    _count(request, credential)
    return _noted(request, credential, permission)


def _credential_of(request: HttpRequest) -> Credential:
    return _credential(request.headers.get("Authorization", ""), address_of(request))


def _count(request: HttpRequest, credential: Credential) -> None:
    """Count a call, and leave what remains for the answer to tell. When nobody can count, reading goes on."""
    try:
        room = limits.COUNTING.spend(CALLS, f"token {credential.token.pk}")
    except Unavailable:
        if request.method != "GET":
            raise
        return
    request.rooms = [room]  # type: ignore[attr-defined]
    if not room.admitted:
        raise TooMany(
            "too-many-calls",
            f"Too many requests with this token: {CALLS.amount} are taken in an hour. Try again later.",
            room.wait,
            limits.headers([room]),
        )


def _noted(request: HttpRequest, credential: Credential, permission: Permission) -> Actor:
    if permission is not Permission.READ:
        flags.check(Switch.READ_ONLY)
    actor = Actor(credential.user, credential, address_of(request))
    seen = current()
    seen.user, seen.token = str(credential.user.pk), str(credential.token.pk)
    actions.note_use(credential.token, at=timezone.now(), by=actor, permission=permission)
    return actor


def _credential(authorization: str, address: str | None) -> Credential:
    text = _token(authorization)
    if not text:
        raise Forbidden("invalid-auth", INVALID)
    credential = tokens.recognize(text, secret=Config.current().secret())
    if credential is None:
        _refuse(address)
    _check_second_factor(credential)
    return credential


def _refuse(address: str | None) -> NoReturn:
    """Whoever tries many tokens is told to wait; those who have a valid one, at the same address, are not."""
    room = limits.count_failure(BAD_TOKENS, household(address))
    told = limits.headers([room])
    if room.admitted:
        raise Forbidden("invalid-auth", INVALID, headers=told)
    raise TooMany("too-many-bad-tokens", "Too many invalid tokens came from this address. Try later.", room.wait, told)


def _check_second_factor(credential: Credential) -> None:
    """A token that a person made is worth no more than the account, which may have lost its second factor since."""
    if credential.token.by_operator or factors.has_factor(credential.user):
        return
    if index_at_root().policy.needs_second_factor:
        raise Forbidden(
            "second-factor-needed",
            f"The user '{credential.user.username}' has no second factor, and without one no token is valid here. "
            "Sign in to the index and add an authenticator app or a security key.",
        )


def _token(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    if colon and user != "__token__":
        raise Forbidden(
            "password-auth",
            "Username/Password authentication is no longer supported. "
            "Use the user name __token__ and an upload token of this index as the password.",
        )
    return password.strip()
