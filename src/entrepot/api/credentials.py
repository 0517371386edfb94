"""Whose word a request is: the API token in its `Authorization` header."""

import base64
import binascii

from django.db import OperationalError, connection
from django.http import HttpRequest
from django.utils import timezone

from entrepot.accounts import actions, tokens
from entrepot.accounts.actor import Actor
from entrepot.accounts.address import address_of
from entrepot.accounts.tokens import Credential, Permission
from entrepot.config import Config
from entrepot.monitoring.observation import current
from entrepot.refusal import Forbidden, Unavailable

TRY_LATER = Unavailable(
    "try-later", "The index cannot take uploads at this moment. Please try again: nothing is taken twice."
)


def check_credentials(authorization: str) -> None:
    """Whether the header holds a valid token. Raises Forbidden, and Unavailable when nobody can say."""
    try:
        _credential(authorization)
    except OperationalError as error:
        raise Unavailable(TRY_LATER.code, TRY_LATER.message) from error
    finally:
        connection.close()  # this thread is not one that Django looks after


def actor_of(request: HttpRequest, permission: Permission) -> Actor:
    """Who sends the request, recognized by a valid token, whose use is noted. Raises Forbidden."""
    credential = _credential(request.headers.get("Authorization", ""))
    actor = Actor(credential.user, credential, address_of(request))
    seen = current()
    seen.user, seen.token = str(credential.user.pk), str(credential.token.pk)
    actions.note_use(credential.token, at=timezone.now(), by=actor, permission=permission)
    return actor


def _credential(authorization: str) -> Credential:
    credential = tokens.recognize(_token(authorization), secret=Config.current().secret())
    if credential is None:
        raise Forbidden(
            "invalid-auth",
            "Invalid or non-existent authentication information. "
            "Use the user name __token__ and an upload token of this index as the password.",
        )
    return credential


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
