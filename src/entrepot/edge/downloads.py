"""The log of downloads: what was fetched, when, and by what kind of program. Never by whom: no address is written.

Noting a download is one addition in memory, in the way of nobody. About once a second a thread appends what was noted
as lines of JSON to a file of this process's own, `NAME.part`; after TURN seconds, or at SIZE bytes, it becomes
`NAME.log`, and belongs to whoever counts (`entrepot.stats.counting`). A kill loses a second; a full or missing disk
loses lines, and never holds up a request.

Each file begins with a line that no other has, so that two files are never taken for copies of one.
"""

import errno
import json
import logging
import secrets
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from entrepot.edge.routes import Package

TURN = 10.0  # seconds after which a file is handed on
SIZE = 8 * 1024 * 1024  # bytes, after which it is, too
WAITING = 128 * 1024 * 1024  # bytes that nobody has counted; with more, nothing is added
KINDS = 50_000  # different downloads noted in one second; with more, the rest is lost
LONGEST_AGENT = 1000  # bytes of what a program says of itself, which is what is counted by (`stats.lines`)
LONGEST_RANGE = 100  # bytes of a part that was asked for

PART, LOG = ".part", ".log"

logger = logging.getLogger(__name__)

Kind = tuple[str, bytes, int, bytes]  # path, user agent, status, range


class DownloadLog:
    """Writes to `directory`; with None nothing is logged."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._noted: Counter[Kind] = Counter()
        self._writer = ThreadPoolExecutor(1, "downloads")
        self._writing: Future[None] | None = None
        self._file: BinaryIO | None = None
        self._part = Path()
        self._began = 0.0
        self._complained = False

    def note(self, route: Package, agent: bytes, status: int, asked: bytes = b"") -> None:
        """Somebody was sent a distribution file, or the part of it that was `asked` for in the header Range."""
        if self._directory is not None and len(self._noted) < KINDS:
            self._noted[route.place.path, agent[:LONGEST_AGENT], status, asked[:LONGEST_RANGE]] += 1

    def each_second(self) -> None:
        """Have what was noted written, unless the disk is still busy with what was before."""
        if self._directory is None or (self._writing is not None and not self._writing.done()):
            return
        noted, self._noted = self._noted, Counter()
        if noted or self._file is not None:
            self._writing = self._writer.submit(self._write, self._directory, noted)

    def end(self) -> None:
        """Write the rest, and hand the file on."""
        if self._directory is not None:
            self._writer.submit(self._write, self._directory, self._noted).result()
            self._writer.submit(self._finish).result()

    def _write(self, directory: Path, noted: Counter[Kind]) -> None:
        try:
            if noted:
                file = self._file or self._begin(directory)
                file.write(b"".join(_line(kind, count, int(time.time())) for kind, count in noted.items()))
                self._complained = False
            if self._file and (time.monotonic() - self._began > TURN or self._file.tell() > SIZE):
                self._finish()
        except OSError as error:
            if not self._complained:
                logger.warning("downloads are not counted: %s", error)
                self._complained = True
            self._finish()

    def _begin(self, directory: Path) -> BinaryIO:
        directory.mkdir(exist_ok=True)
        if sum(map(_size, directory.iterdir())) > WAITING:
            raise OSError(errno.EDQUOT, "nobody counts what was written before", str(directory))
        name = f"{time.time_ns()}-{secrets.token_hex(8)}"
        self._part = directory / f"{name}{PART}"
        self._file = self._part.open("ab", buffering=0)
        self._began = time.monotonic()
        self._file.write(json.dumps({"log": name}).encode() + b"\n")
        return self._file

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
            with suppress(OSError):  # somebody has taken it for left behind, or the disk is gone
                self._part.rename(self._part.with_suffix(LOG))


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # the worker has counted it this moment
        return path.stat().st_size
    return 0


def _line(kind: Kind, count: int, now: int) -> bytes:
    path, agent, status, asked = kind
    told: dict[str, object] = {"time": now, "path": path, "agent": agent.decode("latin-1")}
    told["status"] = status
    if asked:
        told["range"] = asked.decode("latin-1")
    if count > 1:
        told["count"] = count
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


NOT_LOGGED = DownloadLog(None)
