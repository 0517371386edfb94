"""Who does something, by what right, and from where: what every change is recorded with."""

from dataclasses import dataclass

from entrepot.accounts.models import User
from entrepot.accounts.tokens import Credential
from entrepot.journal.log import Origin


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user who presented `credential`, from the IP address `address`.

    Without a credential it is the operator at a command line, who may do everything, in the name of `user` or of
    nobody.
    """

    user: User | None = None
    credential: Credential | None = None
    address: str | None = None

    @property
    def origin(self) -> Origin:
        """As the journal and the record have it."""
        shown = "command" if self.credential is None else f"token {self.credential.token.pk}"
        return Origin(None if self.user is None else self.user.pk, shown, self.address)


OPERATOR = Actor()
