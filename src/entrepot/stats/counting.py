"""Logs become numbers: in batches, each in one transaction with the position in the log that it reaches.

So a worker that dies counts nothing twice and loses nothing. A log is known by what it says, not by its name: one that
was taken is not counted again when it comes back, renamed or compressed. Two who take the same log at once wait for
each other at its row, and each batch counts once.
"""

import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, cast

from django.db import connection, transaction

from entrepot.projects.models import File
from entrepot.refusal import Refused
from entrepot.stats import adding
from entrepot.stats.agents import Agent, Maker, agent_of
from entrepot.stats.lines import LONGEST, Download, Malformed, download_in
from entrepot.stats.models import Taken, Use

BATCH = 10_000  # lines counted in one transaction
KNOWN = timedelta(days=180)  # for which it is known that a log was taken
OWN_KNOWN = timedelta(days=7)  # the same of those that the read plane wrote, which are many, and removed when counted
CHUNK = 1024 * 1024  # bytes read at once
LOOKED_UP = 500  # files looked up by one query

_GZIP = b"\x1f\x8b"
_OWN = b'{"log":'  # what a log of the read plane begins with
Day = date | str  # as the database takes it
Key = tuple[int | Day, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of some lines: `counted` are downloads; the rest are lines.

    `passed` tell of something else, `unknown` name files that are not here, `malformed` nobody understands, `again`
    were counted before.
    """

    counted: int = 0
    passed: int = 0
    unknown: int = 0
    malformed: int = 0
    again: int = 0

    def __add__(self, other: "Report") -> "Report":
        """Both together."""
        return Report(
            self.counted + other.counted,
            self.passed + other.passed,
            self.unknown + other.unknown,
            self.malformed + other.malformed,
            self.again + other.again,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some lines of a log, `is_own` of the read plane's, understood."""

    lines: int
    is_own: bool
    report: Report
    downloads: Sequence[tuple[Download, Agent]]


def take(path: Path, *, today: date) -> Generator[Report, None, None]:
    """Count a finished log, plain or compressed by gzip; stops after each batch.

    Raises OSError when it cannot be read, and Refused("log-damaged") before anything is counted.
    """
    digest = _digest(path)
    position = 0
    taken = Taken.objects.filter(digest=digest).first()
    with closing(_open(path)) as file:
        lines = iter(partial(file.readline, LONGEST), b"")
        if taken is not None:
            position = sum(1 for _ in islice(lines, taken.lines))
            yield Report(again=position)
        while batch := list(islice(lines, BATCH)):
            yield _count(digest, position, _read(batch), today)
            position += len(batch)


@transaction.atomic
def _count(digest: str, position: int, batch: _Batch, today: date) -> Report:
    """Count the lines that begin at a position, unless somebody else has meanwhile."""
    forgotten_on = today + (OWN_KNOWN if batch.is_own else KNOWN)
    Taken.objects.get_or_create(digest=digest, defaults={"forgotten_on": forgotten_on})
    taken = Taken.objects.select_for_update().get(digest=digest)
    if taken.lines != position:
        return Report(again=batch.lines)
    known = _files({each.blake2 for each, _agent in batch.downloads})
    found = [(each, agent) for each, agent in batch.downloads if (each.blake2, each.filename) in known]
    _add(found, known)
    taken.lines = position + batch.lines
    taken.save()
    lost = Report(unknown=len(batch.downloads) - len(found), counted=sum(each.count for each, _agent in found))
    return batch.report + lost


def _read(batch: Sequence[bytes]) -> _Batch:
    """Outside of any transaction: user agents that nobody has seen take long, and uploads would wait."""
    downloads, passed, malformed = [], 0, 0
    for line in batch:
        try:
            download = download_in(line.decode("utf-8", "replace").rstrip("\r\n"))
        except Malformed:
            malformed += 1
        else:
            if download is None:
                passed += 1
            else:
                downloads.append((download, agent_of(download.agent)))
    report = Report(passed=passed, malformed=malformed)
    return _Batch(len(batch), batch[0].startswith(_OWN), report, downloads)


def _files(digests: Iterable[str]) -> Mapping[tuple[str, str], tuple[int, int, int]]:
    """Project, release and file by BLAKE2b digest and filename."""
    wanted, known = iter(sorted(digests)), {}
    columns = ("blake2", "filename", "release__project", "release", "pk")
    while some := list(islice(wanted, LOOKED_UP)):
        for blake2, filename, *ids in File.objects.filter(blake2__in=some).values_list(*columns):
            known[blake2, filename] = (ids[0], ids[1], ids[2])
    return known


def _add(downloads: Iterable[tuple[Download, Agent]], known: Mapping[tuple[str, str], tuple[int, int, int]]) -> None:
    """Rows are written in the order of their keys, so that nobody waits for somebody who waits for them."""
    files: dict[Key, Counter[Maker]] = {}
    projects: dict[Key, Counter[Maker]] = {}
    uses: Counter[Key] = Counter()
    for each, agent in downloads:
        project, release, file = known[each.blake2, each.filename]
        day = cast("Day", connection.ops.adapt_datefield_value(each.day))
        files.setdefault((project, day, file, release), Counter())[agent.maker] += each.count
        projects.setdefault((project, day), Counter())[agent.maker] += each.count
        if agent.maker is Maker.INSTALLER:
            for dimension in Use.Dimension:
                uses[project, day, dimension.value, getattr(agent, dimension.value)] += each.count
    with connection.cursor() as cursor:
        for statement, rows in (
            (adding.TO_FILES, _numbers(files)),
            (adding.TO_PROJECTS, _numbers(projects)),
            (adding.TO_USES, sorted((*key, count) for key, count in uses.items())),
        ):
            cursor.executemany(statement, rows)


def _numbers(counted: Mapping[Key, Mapping[Maker, int]]) -> list[Key]:
    rows = [(*key, *(counts[maker] for maker in Maker)) for key, counts in counted.items()]
    return sorted(rows, key=lambda row: row[:3])


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        begins = file.read(len(_GZIP))
    return cast("IO[bytes]", gzip.open(path)) if begins == _GZIP else path.open("rb")


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    try:
        with closing(_open(path)) as file:
            while piece := file.read(CHUNK):
                hasher.update(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Refused("log-damaged", f"{path} is damaged, and nothing in it was counted: {error}.") from error
    return hasher.hexdigest()
