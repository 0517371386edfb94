"""Looking inside a published wheel or sdist: what is in it, one file of it, and what each file consists of.

This is for readers, so it takes archives that an upload would be refused with: what is odd is listed as it is, and
only files with plain names that occur once are opened. What it costs is bounded by `member.Budget`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from entrepot.archives import tarinside, zipinside
from entrepot.archives.distribution import Filename
from entrepot.archives.member import Budget, Found, Inner, Kind
from entrepot.archives.streams import GZIP, inflate, pieces, size_of

SHOWN = 512 * 1024  # bytes of a file that are shown


@dataclass(frozen=True, slots=True)
class Content:
    """A file in an archive: its SHA-256, in hexadecimal, and the bytes that it begins with."""

    inner: Inner
    sha256: str
    head: bytes


def listing(file: BinaryIO, filename: Filename) -> tuple[Inner, ...]:
    """The members of the archive in `file`. Raises `Refused` where it cannot be read, TooLarge("too-much-inside")."""
    return tuple(found.inner for found in members(file, filename))


def openable(inners: tuple[Inner, ...]) -> frozenset[str]:
    """The paths that `content` opens."""
    times = Counter(inner.path for inner in inners if inner.is_plain)
    return frozenset(path for path, number in times.items() if number == 1)


def digests(file: BinaryIO, filename: Filename) -> tuple[tuple[Inner, str], ...]:
    """The members but folders, each with the SHA-256 of its content; empty for what is no file. Raises as `listing`."""
    return tuple(
        (found.inner, _hashed(found)[0] if found.inner.kind is Kind.FILE else "")
        for found in members(file, filename)
        if found.inner.kind is not Kind.FOLDER
    )


def content(file: BinaryIO, filename: Filename, path: str) -> Content | None:
    """The file at `path` in the archive; None where none could be shown. Raises as `listing`."""
    opened = [
        Content(found.inner, *_hashed(found))
        for found in members(file, filename)
        if found.inner.path == path and found.inner.is_plain
    ]
    return opened[0] if len(opened) == 1 else None


def members(file: BinaryIO, filename: Filename) -> Iterator[Found]:
    """The members of the archive in `file`, each with its content, one after the other. Raises as `listing`."""
    budget = Budget()
    if filename.filename.lower().endswith((".whl", ".zip")):
        return zipinside.read_members(file, budget)
    return tarinside.read_members(inflate(pieces(file, 0, size_of(file)), GZIP, "the gzip stream"), budget)


def _hashed(found: Found) -> tuple[str, bytes]:
    """SHA-256 and the beginning of the content."""
    sha256, head = hashlib.sha256(), bytearray()
    for data in found.data:
        sha256.update(data)
        head += data[: SHOWN - len(head)]
    return sha256.hexdigest(), bytes(head)
