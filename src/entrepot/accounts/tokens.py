"""API tokens: what they carry, and whether one is valid.

A token is a macaroon. Its key is never stored: it is computed from the installation's secret (a file) and the token's
salt (a row), so neither a leaked database nor a leaked secret is enough to make or to use a token. Deleting the row
revokes it.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from entrepot.accounts.macaroons import Macaroon, Malformed, caveat
from entrepot.accounts.models import Token, User

VALIDITY, PROJECT_NAMES, PROJECT_IDS, USER = 0, 1, 2, 3  # kinds of caveat; the numbers are those of PyPI's tokens
PERMISSIONS = 100  # a kind of our own


class Permission(StrEnum):
    """What a token may be used for."""

    UPLOAD = "upload"  # files of new and existing releases
    YANK = "yank"  # take back releases and files, and offer them again
    MANAGE = "manage"  # delete; status, roles, invitations, tokens
    READ = "read"  # what only the user sees: roles, tokens, events


@dataclass(frozen=True, slots=True)
class Credential:
    """A valid token that was presented: who it speaks for, and its restrictions, not yet weighed."""

    user: User
    token: Token
    caveats: tuple[bytes, ...]

    @property
    def shown(self) -> str:
        """As the record has it."""
        return f"token {self.token.pk}"

    @property
    def token_id(self) -> uuid.UUID:
        """Which token it is."""
        return self.token.pk

    def allows(self, permission: Permission, *, project: int | None, name: str, at: datetime) -> bool:
        """Whether every restriction admits it for the project with this id (None: not yet created) and name."""
        use = _Use(permission, self.user.pk, project, name, at)
        # What it was made for is a row; the holder can add caveats, which must only ever narrow it.
        made_for = self.token.permissions or [Permission.UPLOAD]
        return permission in made_for and all(_met(each, use) for each in self.caveats)


@dataclass(frozen=True, slots=True)
class _Use:
    """What a token is presented for."""

    permission: Permission
    user: int
    project: int | None
    name: str
    at: datetime


def key_of(secret: str, salt: bytes) -> bytes:
    """The macaroon key of the token with this salt."""
    return hmac.digest(secret.encode(), b"token" + salt, hashlib.sha256)


def restrictions(
    projects: Sequence[int], permissions: Sequence[Permission], not_before: datetime, expires_at: datetime | None
) -> list[bytes]:
    """The caveats of a token for `projects` (none: every project of its user), valid from `not_before` on."""
    until = 2**53 if expires_at is None else int(expires_at.timestamp())
    caveats = [caveat(VALIDITY, until, int(not_before.timestamp()))]
    if projects:
        caveats.append(caveat(PROJECT_IDS, [str(each) for each in projects]))
    if permissions != [Permission.UPLOAD]:  # which other tools understand, for nothing needs to be said
        caveats.append(caveat(PERMISSIONS, list(permissions)))
    return caveats


def recognize(text: str, *, secret: str) -> Credential | None:
    """The credential that `text` is, or None: not `genuine`, or of a user who is no longer active."""
    found = genuine(text, secret=secret)
    return found if found is not None and found.user.is_active else None


def genuine(text: str, *, secret: str) -> Credential | None:
    """The credential that `text` is, whoever's; None: malformed, revoked or forged."""
    try:
        macaroon = Macaroon.load(text)
        identifier = uuid.UUID(bytes=macaroon.identifier)
    except (Malformed, ValueError):
        return None
    token = Token.objects.select_related("user").filter(pk=identifier).first()
    if token is None or not macaroon.signed_with(key_of(secret, bytes(token.salt))):
        return None
    return Credential(token.user, token, macaroon.caveats)


def _met(raw: bytes, use: _Use) -> bool:
    """Whether the caveat admits the use; one that nobody understands admits none."""
    met = False
    try:
        match json.loads(raw):
            case [0, int(until), int(since)]:
                met = since <= use.at.timestamp() < until
            case [1, [*names]]:
                met = use.name in names
            case [2, [*projects]]:
                met = use.project is not None and str(use.project) in projects
            case [3, str(identifier)]:
                met = identifier == str(use.user)
            case [100, [*permissions]]:
                met = use.permission in permissions
    except (ValueError, RecursionError):
        return False
    return met
