"""Who does something, by what right, and from where: what every change is recorded with."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from entrepot.accounts.models import User
from entrepot.accounts.tokens import Credential, Permission
from entrepot.journal.log import Origin


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has signed in to the site; `key` is the session's, `with_key` says whether by a security key."""

    user: User
    key: str
    with_key: bool = False

    token_id: uuid.UUID | None = None

    @property
    def shown(self) -> str:
        """As the record has it: enough to tell one session from another, and not the key."""
        return f"session {hashlib.sha256(self.key.encode()).hexdigest()[:12]}"

    def allows(self, permission: Permission, *, project: int | None, name: str, at: datetime) -> bool:  # noqa: ARG002 - a token asks
        """A session may do whatever the user may."""
        return True


@dataclass(frozen=True, slots=True)
class Moderator:
    """A superuser on the moderator's pages, who has shown a security key lately: the operator, with a name."""

    user: User
    key: str

    token_id: uuid.UUID | None = None

    @property
    def shown(self) -> str:
        """As the record has it: the same digits as the session's."""
        return f"moderator {Session(self.user, self.key).shown.removeprefix('session ')}"

    def allows(self, permission: Permission, *, project: int | None, name: str, at: datetime) -> bool:  # noqa: ARG002 - a token asks
        """Whatever the operator may."""
        return True


@dataclass(frozen=True, slots=True)
class Scanner:
    """A program that finds tokens where everybody can read them, known by the key that it signs with.

    `user` is whose token it found.
    """

    user: User
    name: str

    token_id: uuid.UUID | None = None

    @property
    def shown(self) -> str:
        """As the record has it."""
        return f"scanner {self.name}"

    def allows(self, permission: Permission, *, project: int | None, name: str, at: datetime) -> bool:  # noqa: ARG002 - a token asks
        """It may do nothing but report."""
        return False


Presented: TypeAlias = Credential | Session | Moderator | Scanner


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user who presented `credential`, a token or a session, from the IP address `address`; or a scanner.

    Without a credential it is the operator at a command line, in the name of `user` or of nobody.
    """

    user: User | None = None
    credential: Presented | None = None
    address: str | None = None

    @property
    def operates(self) -> bool:
        """Whether it is the operator, who may do everything: at a command line, or on the moderator's pages."""
        return self.credential is None or isinstance(self.credential, Moderator)

    @property
    def presented(self) -> Presented | None:
        """What has to admit it; None for the operator, who may do everything."""
        return None if self.operates else self.credential

    @property
    def origin(self) -> Origin:
        """As the journal and the record have it."""
        shown = "command" if self.credential is None else self.credential.shown
        return Origin(None if self.user is None else self.user.pk, shown, self.address)


OPERATOR = Actor()
