"""What a place holds that somebody moves in from, however it is kept there.

A source is read project by project, and says nothing but what is known there: what it does not know has the default.
All of it is a stranger's input; whatever it names is judged when it is taken (`moving.taking`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from entrepot.arrivals import Arrival, Outcome
from entrepot.ports.store import Store
from entrepot.projects.arriving import Sender
from entrepot.projects.models import Index, Status


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that can be taken.

    `open` gives its bytes, from which one can read and seek; it may fetch them from elsewhere first, so it is called
    only for a file that is not here already; so is `provenance`, which fetches the provenance object (PEP 740) that the
    arrival does not bring. Both raise Refused or OSError.
    """

    arrival: Arrival
    open: Callable[[], AbstractContextManager[BinaryIO]]
    provenance: Callable[[], str] = str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What stays behind, and why: a sentence."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Holding:
    """A project, and all of it that is to move.

    `yanked` is filename → reason ("" for none). Owners and maintainers are names of users there.
    """

    files: Sequence[Offered]
    yanked: Mapping[str, str] = field(default_factory=dict)
    status: str = Status.ACTIVE
    status_reason: str = ""
    owners: Sequence[str] = ()
    maintainers: Sequence[str] = ()
    left_out: Sequence[LeftOut] = ()

    @property
    def says_more(self) -> bool:
        """Whether anything is known of the project as a whole."""
        return bool(self.yanked or self.owners or self.maintainers or self.status != Status.ACTIVE)


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the other index; the address is empty where it is not known."""

    name: str
    email: str = ""


class Door(Protocol):
    """How a file comes in: `arrivals.receive`, or one with more checks. Raises Refused."""

    def __call__(self, file: BinaryIO, arrival: Arrival, *, index: Index, sender: Sender, store: Store) -> Outcome:
        """Take the file, whole or not at all."""


class Source(Protocol):
    """A place to move in from. Making one raises Refused when the place is not what it seems to be.

    `people` are users there who are to have accounts here; `left_out` is what stays behind that belongs to no project.
    """

    @property
    def door(self) -> Door:
        """The way in for its files."""

    @property
    def people(self) -> Sequence[Person]:
        """The users."""

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """The rest."""

    def names(self) -> Sequence[str]:
        """The projects there, as they are spelled there, in a stable order."""

    def holding(self, name: str) -> Holding:
        """What there is of one of these projects. Raises Refused or OSError: then the others still come."""
