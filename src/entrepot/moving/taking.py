"""Taking what a source offers: each file once, however often it was interrupted.

What is here already, under the same name and with the same SHA-256, is not read again where the source knows the
hash. Nothing remembers how far an import came: what is here says it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from entrepot.accounts import arriving as accounts
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.arrivals import Outcome
from entrepot.moving.source import Holding, Offered, Person, Source
from entrepot.names import ProjectName
from entrepot.ports.store import Store
from entrepot.projects import arriving, queries
from entrepot.projects.arriving import Sender
from entrepot.projects.models import Index, Role
from entrepot.refusal import Refused

CHOSEN = "Somebody chose this name for an account here, and gets no roles by it. Is it the same person? --same-person"


class Became(Enum):
    """What became of something."""

    TAKEN = "taken"
    SAME = "there already"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of `what`: a file, a user, or a project as a whole. `code` is that of the refusal."""

    what: str
    became: Became
    why: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves what a source has into an index. Each file, each account and each role is one transaction.

    Roles go by name, to accounts that the operator has named, and to those of `same`, of whom somebody knows that they
    are the same people here and there. Everybody else may have chosen their names for the sake of such roles.
    """

    source: Source
    index: Index
    by: Actor
    store: Store
    same: Collection[str] = ()

    @property
    def _sender(self) -> Sender:
        return Sender(self.by)

    def people(self) -> Iterator[Told]:
        """Make accounts for the users, before the projects, which name them."""
        for person in self.source.people:
            yield self._person(person)

    def _person(self, person: Person) -> Told:
        try:
            made = accounts.make_account(person.name, by=self.by, email=person.email)
        except Refused as refusal:
            return _refused(person.name, refusal)
        if made is not None:
            return Told(person.name, Became.TAKEN)
        return Told(person.name, Became.SAME, "" if self._is_same(accounts.account_named(person.name)) else CHOSEN)

    def _is_same(self, user: User | None) -> bool:
        """Whether the account is of whoever has its name there."""
        return user is not None and (user.username in self.same or accounts.is_named_by_operator(user))

    def left_out(self) -> Iterator[Told]:
        """What belongs to no project, and stays behind."""
        return (Told(each.what, Became.SKIPPED, each.why) for each in self.source.left_out)

    def project(self, name: str) -> Iterator[tuple[float, Told]]:
        """Take a project: for each thing, how much of the project is done with it, from 0 to 1."""
        try:
            holding = self.source.holding(name)
            present = self._present(name, holding)
        except (Refused, OSError) as problem:
            yield 1, _refused(name, problem)
            return
        for each in holding.left_out:
            yield 0, Told(each.what, Became.SKIPPED, each.why)
        here = False
        for position, offered in enumerate(holding.files, 1):
            told = self._file(offered, present)
            here = here or told.became is not Became.REFUSED
            yield position / len(holding.files), told
        if here and holding.says_more:
            try:
                self._settle(name, holding)
            except Refused as refusal:  # somebody deletes it at this very moment
                yield 1, _refused(name, refusal)

    def _present(self, name: str, holding: Holding) -> Mapping[str, str]:
        """The SHA-256 of each file that is here, where it can be compared with what the source says.

        Raises Refused where nothing may come into this project.
        """
        if not any("sha256" in each.arrival.hashes for each in holding.files):
            return {}  # the door looks at each file
        arriving.check(self.index, ProjectName(name), self._sender)
        return queries.sha256_of_files(self.index, name)

    def _file(self, offered: Offered, present: Mapping[str, str]) -> Told:
        arrival = offered.arrival
        if arrival.filename in present and present[arrival.filename] == arrival.hashes.get("sha256", "").lower():
            return Told(arrival.filename, Became.SAME)
        try:
            with offered.open() as file:
                whole = replace(arrival, provenance=arrival.provenance or offered.provenance())
                outcome = self.source.door(file, whole, index=self.index, sender=self._sender, store=self.store)
        except (Refused, OSError) as problem:
            return _refused(arrival.filename, problem)
        return Told(arrival.filename, Became.TAKEN if outcome is Outcome.TAKEN else Became.SAME)

    def _settle(self, name: str, holding: Holding) -> None:
        """Yanks, status and roles, of a project that is here now."""
        project = queries.project_named(self.index, name)
        roles = [(Role.Name.OWNER, each) for each in holding.owners]
        roles += [(Role.Name.MAINTAINER, each) for each in holding.maintainers]
        for role, each in roles:
            user = accounts.account_named(each)
            if user is not None and self._is_same(user):
                arriving.give_role(project, user, role, sender=self._sender)
        arriving.settle(
            project, yanked=holding.yanked, status=holding.status, reason=holding.status_reason, sender=self._sender
        )


def _refused(what: str, problem: Refused | OSError) -> Told:
    code = problem.code if isinstance(problem, Refused) else "unreadable"
    return Told(what, Became.REFUSED, str(problem), code)
