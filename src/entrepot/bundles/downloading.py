"""Fetching files into a folder, several at a time.

A file counts when its size and every hash that is known of it are true. It lies in the folder, then, under a name that
says where it is from, so that whoever begins anew goes on; what is there already is read, and believed if it is true.
"""

import hashlib
import io
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from entrepot.bundles.asking import Indexes
from entrepot.bundles.locks import Wanted
from entrepot.digests import hash_like
from entrepot.ports.store import CHUNK
from entrepot.refusal import Refused
from entrepot.upstream.client import Upstream

AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is there, as it should be: `size` in bytes, `sha256` in hexadecimal.

    `provenance` is its provenance object (PEP 740) in JSON, or empty.
    """

    wanted: Wanted
    path: Path
    size: int
    sha256: str
    provenance: str


class _Untrue(Exception):
    """It is not what was wanted. The message says in what."""


class _Stopped(Exception):
    """Nobody waits for it any more."""


def fetch(wanted: Sequence[Wanted], folder: Path, *, indexes: Indexes) -> Iterator[Fetched]:
    """Each of the files, when it is in the folder, in any order.

    Raises OSError, Unavailable("upstream-unavailable"), Missing("upstream-missing") and Refused: "wrong-digest",
    "wrong-size", "invalid-url". What was begun until then stays.
    """
    folder.mkdir(exist_ok=True)
    stop = Event()
    jobs = [_Job(each, _place(each, folder), stop) for each in wanted]
    places = [None if each.path else indexes.place_of(each.file.url) for each in wanted]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        begun = [threads.submit(job.run, place) for job, place in zip(jobs, places, strict=True)]
        try:
            for done in as_completed(begun):
                yield done.result()
        finally:  # else all the rest would come, too, before one hears of a refusal, or of Ctrl-C
            stop.set()
            threads.shutdown(cancel_futures=True)


def _place(wanted: Wanted, folder: Path) -> Path:
    source = f"{wanted.path or wanted.file.url} {wanted.file.filename}"
    return folder / hashlib.sha256(source.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Job:
    wanted: Wanted
    target: Path
    stop: Event

    def run(self, place: Upstream | None) -> Fetched:
        part = self.target.with_suffix(".part")
        for path in (self.target, part):
            if path.exists():
                with suppress(_Untrue):
                    return self._fetched(path, place)
        if self._can_go_on(part):
            with suppress(_Untrue):  # where what was begun was of another file
                self._get(part, place)
                return self._fetched(part, place)
        part.unlink(missing_ok=True)
        self._get(part, place)
        try:
            return self._fetched(part, place)
        except _Untrue as error:
            part.unlink()
            raise Refused("wrong-digest", f"{self.wanted.path or self.wanted.file.url}: {error}.") from error

    def _can_go_on(self, part: Path) -> bool:
        """Whether there may be more to come than there is."""
        return part.exists() and (self.wanted.file.size is None or part.stat().st_size < self.wanted.file.size)

    def _get(self, part: Path, place: Upstream | None) -> None:
        """Write the file, or what is missing of it."""
        if place is None:
            shutil.copyfile(self.wanted.path or "", part)
            return
        with _Part(part, self.stop) as target:
            place.download(self.wanted.file, target)

    def _fetched(self, path: Path, place: Upstream | None) -> Fetched:
        """What is at the path, if it is true. Raises _Untrue."""
        file = self.wanted.file
        hashes = {name: hash_like(name, digest) for name, digest in {"sha256": "", **file.hashes}.items()}
        size = 0
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                size += len(chunk)
                for each in hashes.values():
                    each.update(chunk)
        if file.size not in {None, size}:
            raise _Untrue(f"it has {size} bytes, and not {file.size}")
        for name, digest in file.hashes.items():
            if (actual := hashes[name].hexdigest()) != digest:
                raise _Untrue(f"its {name} is {actual}, and not {digest}")
        provenance = "" if place is None else place.provenance(file)
        return Fetched(self.wanted, path.replace(self.target), size, hashes["sha256"].hexdigest(), provenance)


class _Part(io.FileIO):
    """What is written behind what is there, until it is to stop."""

    def __init__(self, path: Path, stop: Event) -> None:
        super().__init__(path, "a")
        self._stop = stop

    def write(self, data: Any, /) -> int:
        """Raises _Stopped."""
        if self._stop.is_set():
            raise _Stopped
        return super().write(data)
