"""Fill an empty search index with made-up projects, and time a mix of queries: `python -m bench.searching`.

It takes the settings in force, so ENTREPOT_DATABASE_URL says where to. Words are as frequent as in a language: few of
them make up most of the text. The word "python" is in every third summary, in every second description and in every
ninth name, and every third project says that it is of "data", somewhere: nothing is more popular than that.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path

import click
from django.db import connection
from trove_classifiers import sorted_classifiers

import entrepot.boot  # noqa: F401 - Django must be ready before its models are imported
from bench.made import SYLLABLES
from entrepot.cli.installation import prepare
from entrepot.search.engines import engine
from entrepot.search.port import Document, Query

BEGIN = datetime(2018, 1, 1, tzinfo=UTC)
AT_ONCE = 1000  # documents
VOCABULARY = 60_000
DJANGO, MIT = "Framework :: Django", "License :: OSI Approved :: MIT License"
REQUIRES = (">=3.8", ">=3.9", ">=3.10", ">=3.12", "", ">=3.6,<4")
TICK = 1000 / 100  # milliseconds, in which Linux tells the time that other processes took


class Made:
    """Projects and queries out of nothing; the same number gives the same ones."""

    def __init__(self, projects: int) -> None:
        self._random = random.Random(projects)
        self.projects = projects
        self.words = sorted({self._word() for _ in range(VOCABULARY)})
        self._random.shuffle(self.words)
        self._weights = list(accumulate(1 / (place + 20) for place in range(len(self.words))))
        self.names: list[str] = []

    def documents(self) -> Iterator[Document]:
        """All of them."""
        for number in range(1, self.projects + 1):
            yield self._document(number)

    def queries(self) -> dict[str, Callable[[], object]]:
        """By what they are like: functions that ask one, each time another one where that makes sense."""
        search, some = engine(), self._random

        def find(text: str, **filters: object) -> object:
            return search.find(Query(text, **filters))  # type: ignore[arg-type]

        return {
            "an exact name": lambda: find(some.choice(self.names)),
            "the beginning of a name": lambda: find(some.choice(self.names)[:5]),
            "a slip in a name": lambda: find(_slip(some.choice(self.names), some)),
            "a word in a third of all summaries": lambda: find("python"),
            "its last page": lambda: find("python", page=50),
            "it, for a framework and a Python": lambda: find("python", classifiers=(DJANGO,), python="3.9"),
            "it, the newest": lambda: find("python", newest=True),
            "two words that are everywhere": lambda: find("python data"),
            "two frequent words": lambda: find(" ".join(some.choices(self.words[:200], k=2))),
            "three words": lambda: find(" ".join(some.choices(self.words[:2000], k=3))),
            "a rare word": lambda: find(some.choice(self.words)),
            "three letters": lambda: find(some.choice(self.words)[:3]),
            "two classifiers, no word": lambda: find("", classifiers=(DJANGO, MIT)),
            "what nobody has": lambda: find("xyzzy plugh"),
            "suggestions for two letters": lambda: search.suggest(some.choice(SYLLABLES)),
            "suggestions for five letters": lambda: search.suggest(some.choice(self.names)[:5]),
        }

    def _document(self, number: int) -> Document:
        words = [self._word() + self._word()[:2], *(["python"] if number % 9 == 0 else self._text(1))]
        name = f"{'-'.join(words)}-{number}" if number % 5 == 0 else "-".join(words)
        self.names.append(name)
        return Document(
            project=number,
            serial=number,
            name=name,
            display_name=name,
            version="1.0",
            summary=" ".join([*self._text(8), *(["python"] if number % 3 == 0 else [])]),
            keywords=" ".join([*self._text(4), *(["data"] if number % 3 == 1 else [])]),
            description=" ".join([*self._text(150), *(["python"] * 5 if number % 2 else [])]),
            classifiers=(*self._random.choices(sorted_classifiers, k=6), *self._popular()),
            requires_python=self._random.choice(REQUIRES),
            status="archived" if number % 25 == 0 else "active",
            released_at=BEGIN + timedelta(minutes=self._random.randrange(4_000_000)),
        )

    def _popular(self) -> list[str]:
        return [each for each, share in ((DJANGO, 0.1), (MIT, 0.5)) if self._random.random() < share]

    def _text(self, count: int) -> list[str]:
        return self._random.choices(self.words, cum_weights=self._weights, k=count)

    def _word(self) -> str:
        return "".join(self._random.choices(SYLLABLES, k=self._random.randint(2, 4)))


def _slip(name: str, some: random.Random) -> str:
    place = some.randrange(1, len(name) - 1)
    return name[: place - 1] + name[place] + name[place - 1] + name[place + 1 :]


@click.command()
@click.option("--projects", default=160_000, show_default=True)
@click.option("--rounds", default=30, show_default=True)
def main(projects: int, rounds: int) -> None:
    """Print a JSON object: seconds for filling; by query, milliseconds of each time and CPU milliseconds on average."""
    prepare()
    made, began = Made(projects), time.monotonic()
    documents = made.documents()
    while some := list(islice(documents, AT_ONCE)):
        engine().put(some)
    filled = time.monotonic() - began
    _settle()
    json.dump(
        {"filled": filled, "queries": {what: timed(ask, rounds) for what, ask in made.queries().items()}}, sys.stdout
    )


def _settle() -> None:
    """What databases do by themselves now and then, done now: PostgreSQL's autovacuum, FTS5's merging."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE search_words, search_row, search_word")
        else:
            cursor.execute("ANALYZE search_row")


def timed(ask: Callable[[], object], rounds: int) -> dict[str, object]:
    """How long it takes, over and over; the first time does not count."""
    ask()
    cpu, took = _cpu(), []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    return {"took": took, "cpu": (_cpu() - cpu) / rounds}


def _cpu() -> float:
    """Milliseconds of processor time that this process, and its server of PostgreSQL, have taken."""
    own = 1000 * time.process_time()
    if connection.vendor != "postgresql":
        return own
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (server,) = cursor.fetchone()
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return own + TICK * (int(fields[11]) + int(fields[12]))


if __name__ == "__main__":
    sys.exit(main())
