"""Reading a bundle, whoever wrote it. Nothing is unpacked: its files are read where they lie.

First the headers of all members are held against the manifest; so an archive that was cut off, or holds something else
than it says, is refused before anything of it is taken. What the bytes of each file are is for who takes them to check.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from entrepot.archives import pax
from entrepot.archives.faults import shown
from entrepot.archives.tarframe import MAX_EXTENSION
from entrepot.archives.tarheader import BLOCK, LONG_NAME, PAX, Header
from entrepot.archives.tarheader import parse as parse_header
from entrepot.bundles import manifest as manifests
from entrepot.bundles.manifest import BundledFile, Manifest
from entrepot.bundles.writing import sha256_of
from entrepot.refusal import Refused


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: `size` bytes from `start`."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose members are what its manifest says."""

    path: Path
    manifest: Manifest
    members: Mapping[str, Member]

    @contextmanager
    def open(self, file: BundledFile) -> Iterator[BinaryIO]:
        """The bytes of one of its files. Raises OSError."""
        member = self.members[file.place]
        with self.path.open("rb") as archive:
            yield io.BufferedReader(_Window(archive, member.start, member.size))


def open_bundle(path: Path, *, sha256: str = "") -> Bundle:
    """The bundle at a path; with `sha256`, in hexadecimal, only if it is that very archive.

    Raises OSError and Refused: "wrong-digest", "no-bundle", "bundle-damaged", "invalid-bundle", "unknown-bundle".
    """
    with path.open("rb") as archive:
        if sha256:
            _check_digest(archive, path, sha256.lower())
        members = _members(archive)
        manifest = _manifest(archive, next(members, None), path)
        expected = {file.place: file.size for file in manifest.files()}
        found: dict[str, Member] = {}
        for member in members:
            _check(member, expected, found)
            found[member.name] = member
    if missing := expected.keys() - found.keys():
        raise Refused("invalid-bundle", f"It lacks {shown(min(missing))}, which its manifest names.")
    return Bundle(path, manifest, found)


def _check_digest(archive: io.BufferedReader, path: Path, sha256: str) -> None:
    if (actual := sha256_of(archive)) != sha256:
        raise Refused("wrong-digest", f"{path.name} is another archive: its SHA-256 is {actual}. Nothing was taken.")
    archive.seek(0)


def _manifest(archive: BinaryIO, first: Member | None, path: Path) -> Manifest:
    if first is None or first.name != manifests.NAME:
        raise Refused("no-bundle", f"{path.name} is not a bundle: it does not begin with {manifests.NAME}.")
    if first.size > manifests.LARGEST:
        limit = manifests.LARGEST // 2**20
        raise Refused("invalid-bundle", f"Its {manifests.NAME} is larger than {limit} MiB.")
    here = archive.tell()
    archive.seek(first.start)
    manifest = manifests.parse(archive.read(first.size))
    archive.seek(here)
    return manifest


def _check(member: Member, expected: Mapping[str, int], found: Mapping[str, Member]) -> None:
    if member.name not in expected:
        raise Refused("invalid-bundle", f"It holds {shown(member.name)}, of which its manifest says nothing.")
    if member.name in found:
        raise Refused("invalid-bundle", f"It holds {shown(member.name)} twice.")
    if member.size != expected[member.name]:
        raise Refused(
            "invalid-bundle",
            f"{shown(member.name)} has {member.size} bytes; its manifest says {expected[member.name]}.",
        )


def _members(archive: BinaryIO) -> Iterator[Member]:
    """The members of the archive, by their headers alone; it is left behind each header's data."""
    size = archive.seek(0, io.SEEK_END)
    archive.seek(0)
    while header := _header(archive):
        long_name = b""
        if header.kind in {PAX, LONG_NAME}:
            long_name = _long_name(archive, header)
            header = _header(archive)
            if header is None:
                raise _damaged("it ends in the middle of a member")
        name = long_name or header.name
        start = archive.tell()
        end = start + header.size + -header.size % BLOCK
        if end > size:
            raise _damaged(f"it ends in the middle of {shown(name)}")
        archive.seek(end)
        yield Member(name.decode("utf-8", "backslashreplace"), start, header.size)


def _header(archive: BinaryIO) -> Header | None:
    """The next header, or None at the end mark."""
    block = archive.read(BLOCK)
    if len(block) < BLOCK:
        raise _damaged("it is cut off, or no tar archive")
    if not block.strip(b"\0"):
        return None
    try:
        return parse_header(block)
    except Refused as refused:
        raise _damaged(refused.message) from refused


def _long_name(archive: BinaryIO, extension: Header) -> bytes:
    """The name that an extended header gives to the member after it, if it gives one."""
    if extension.size > MAX_EXTENSION:
        raise _damaged(f"an extended header is longer than {MAX_EXTENSION} bytes")
    data = archive.read(extension.size + -extension.size % BLOCK)[: extension.size]
    if extension.kind == LONG_NAME:
        return data.removesuffix(b"\0")
    try:
        return pax.read(data, extension.name).get("path", b"")
    except Refused as refused:
        raise _damaged(refused.message) from refused


def _damaged(why: str) -> Refused:
    return Refused("bundle-damaged", f"The bundle cannot be read: {why.removesuffix('.')}.")


class _Window(io.RawIOBase):
    """So many bytes of a file from a place, as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._position = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        self._file.seek(self._start + self._position)
        data = self._file.read(max(0, min(len(buffer), self._size - self._position)))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
