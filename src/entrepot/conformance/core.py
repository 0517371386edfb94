"""What a case is, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from entrepot.conformance.index import Index


class Level(StrEnum):
    """How much it weighs: what a specification demands, what it recommends, and what clients lean on all the same."""

    MUST = "must"
    SHOULD = "should"
    CLIENTS = "clients"


class Verdict(StrEnum):
    """What came of a case. What an index does not have cannot be wrong."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Clause:
    """Where it is written: a text, the part of it, and its address, empty for what is written down nowhere."""

    text: str
    section: str
    url: str = ""

    def __str__(self) -> str:
        return f"{self.text}, {self.section}"


@dataclass(frozen=True, slots=True)
class Case:
    """One question. `check` raises Failed or NotOffered."""

    identifier: str
    area: str
    level: Level
    clause: Clause
    asks: str
    check: Callable[[Index], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case, with a sentence unless it passed."""

    case: Case
    verdict: Verdict
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """Cases about one thing, in order."""

    name: str
    title: str
    cases: list[Case] = field(default_factory=list)

    def case(self, level: Level, clause: Clause) -> Callable[[Callable[[Index], None]], Callable[[Index], None]]:
        """Makes a case of a function: its name is the identifier, its docstring what is asked."""

        def add(check: Callable[[Index], None]) -> Callable[[Index], None]:
            identifier = f"{self.name}.{check.__name__.replace('_', '-')}"
            asks = " ".join((check.__doc__ or "").split())
            self.cases.append(Case(identifier, self.name, level, clause, asks, check))
            return check

        return add
