"""What every engine promises. `tests/test_search_engines.py` holds each of them against this."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from typing import Protocol

from entrepot.search.prose import prose
from entrepot.search.pythons import PYTHONS, shut_out
from entrepot.search.words import as_name, asked, name_words, squashed, with_stems, words

PER_PAGE = 20
AT_MOST = 1000  # results of one query; whoever looks for more has not said enough
SUGGESTED = 10
FEW = 3  # results, below which slips in a name are forgiven
WORDS_OF_A_NAME = 4  # of which a query has at most so many if it may be a name with a slip
LONGEST_QUERY = 500  # characters that are looked at
EPOCH = 1_577_836_800  # 2020, in seconds since 1970: before there was any index of ours
NAMED = 2000  # characters of a summary, and of keywords
WRITTEN = 12_000  # characters of a description, of which these remain without markup:
DESCRIBED = 4000  # characters of a description; what a project is about is said at its beginning
CURRENT = ("active", "deprecated")  # the statuses that are shown unless others are asked for
ANYTHING = "=any"  # the mark that all have; no word has such a sign in it, so none is taken for a mark
SHOWN = ("active", "archived", "deprecated")


@dataclass(frozen=True, slots=True)
class Document:
    """A project as it is looked for: the release that stands for it, as of the `serial` of its last change.

    `project` is its id. Engines refuse an older serial than the one they have: late is never wrong.
    """

    project: int
    serial: int
    name: str
    display_name: str
    version: str
    summary: str
    keywords: str
    description: str
    classifiers: tuple[str, ...]
    requires_python: str
    status: str
    released_at: datetime

    @property
    def place(self) -> int:
        """Where it stands among all others: the later it was released, the higher."""
        return first_place(self.released_at) | self.project

    def name_text(self) -> str:
        """The words of its name."""
        return " ".join(name_words(self.name))

    def telling(self) -> set[str]:
        """The words of its name and its summary: what somebody may mean who spells a word as nobody does."""
        return {*words(self.name), *words(self.summary[:NAMED])}

    def summary_text(self) -> str:
        """The words of its summary, and their stems."""
        return " ".join(with_stems(words(self.summary[:NAMED])))

    def keyword_text(self) -> str:
        """The words of its keywords, and their stems."""
        return " ".join(with_stems(words(self.keywords[:NAMED])))

    def description_text(self) -> str:
        """The words of the beginning of its description, and their stems."""
        return " ".join(with_stems(words(prose(self.description[:WRITTEN])[:DESCRIBED])))

    def marks(self) -> list[str]:
        """What filters ask for. Of Python it is what is shut out, which is less."""
        of_classifiers = {classifier_mark(part) for each in self.classifiers for part in with_parents(each)}
        shut = {python_mark(each) for each in shut_out(self.requires_python)}
        return sorted(of_classifiers | shut | {status_mark(self.status), ANYTHING})


@dataclass(frozen=True, slots=True)
class Gone:
    """A project that is not to be found, as of the `serial` of its last change."""

    project: int
    serial: int


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for. `text` is anything at all. All `classifiers` have to hold, each with what is below it.

    `python` is one of PYTHONS or empty; `statuses` some of SHOWN; `since` the moment after which it was released;
    `newest` says that the newest come first, rather than those that fit best. Pages begin with 1. So many of the words
    may be `lacking`.
    """

    text: str = ""
    classifiers: tuple[str, ...] = ()
    python: str = ""
    statuses: tuple[str, ...] = CURRENT
    since: datetime | None = None
    newest: bool = False
    page: int = 1
    lacking: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the text."""
        return asked(self.text[:LONGEST_QUERY])

    @property
    def enough(self) -> int:
        """How many of the words have to be there."""
        return len(self.words) - self.lacking

    @property
    def choices(self) -> list[tuple[str, ...]]:
        """All choices of enough of the words, of which one has to be there; where none may be lacking, it is one."""
        return list(combinations(self.words, self.enough))

    def loosened(self) -> Iterator["Query"]:
        """What to look for instead where nothing has all the words: one word less, and then any of them."""
        count = len(self.words)
        for lacking in sorted({each for each in (1, count - 1) if 0 < each < count}):
            yield replace(self, lacking=lacking)

    @property
    def name(self) -> str:
        """The text as a name would be spelled."""
        return as_name(self.text[:LONGEST_QUERY])

    @property
    def squashed(self) -> str:
        """The text in one piece."""
        return squashed(self.text[:LONGEST_QUERY])[:100]

    @property
    def needed(self) -> tuple[str, ...]:
        """The marks that have to be there."""
        return tuple(classifier_mark(each) for each in self.classifiers)

    @property
    def statuses_needed(self) -> tuple[str, ...]:
        """The marks of which one has to be there; none where leaving out is enough, which is quicker."""
        return () if "active" in self.statuses else tuple(status_mark(each) for each in self.statuses)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The marks that must not be there."""
        unwanted = [each for each in SHOWN if each not in self.statuses] if "active" in self.statuses else []
        shut = [python_mark(self.python)] if self.python in PYTHONS else []
        return (*(status_mark(each) for each in unwanted), *shut)

    @property
    def above(self) -> int:
        """The place from which on results are wanted."""
        return first_place(self.since) if self.since else 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A project that was found."""

    name: str
    display_name: str
    version: str
    summary: str
    status: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class Results:
    """One page of what was found, and how much that is in all; `capped` when there is more than is counted.

    `meant` is what may have been meant: where little was found, a name that looks like the one asked for, and where
    nothing has all the words, the words with others in place of those that nothing has; else it is empty.
    `partly` says that nothing has all the words, and that these have some of them.
    """

    hits: tuple[Hit, ...]
    total: int
    capped: bool = False
    meant: str = ""
    partly: bool = False


class Search(Protocol):
    """An engine. Safe to use from several threads; changes are seen when the call returns.

    What the database keeps raises its errors; another machine's silence is Unavailable("search-unavailable").
    """

    def put(self, documents: Sequence[Document]) -> None:
        """Let these be found as they are now, unless something later is known of them."""

    def remove(self, gone: Sequence[Gone]) -> None:
        """Let these not be found, unless something later is known of them."""

    def find(self, query: Query) -> Results:
        """The exact name first, then names, summaries, keywords and descriptions with all the words.

        A word is found by its beginning and, but in names, by other forms of it. If nothing has all the words, and no
        name looks like them, these are what has as many as may be.
        """

    def suggest(self, beginning: str) -> list[str]:
        """Up to SUGGESTED names that begin so, the shortest first; archived projects aside."""


def first_place(moment: datetime) -> int:
    """The lowest place of what was released in that second. Ids are below 2^32, and so are seconds until 2088."""
    return max(0, int(moment.timestamp()) - EPOCH) << 32


def with_parents(classifier: str) -> list[str]:
    """A classifier and those above it: `Framework :: Django` and `Framework`."""
    parts = classifier.split(" :: ")
    return [" :: ".join(parts[:count]) for count in range(1, len(parts) + 1)]


def classifier_mark(classifier: str) -> str:
    """One word for a classifier, whatever is in it."""
    return f"=c{hashlib.blake2b(classifier.encode(errors='replace'), digest_size=5).hexdigest()}"


def python_mark(python: str) -> str:
    """The word of those that shut this Python out."""
    return f"=n{python.replace('.', 'x')}"


def status_mark(status: str) -> str:
    """The word of a status."""
    return f"=s{status}"
