"""Wheels: the `.dist-info` directory, which has to tell the truth about the file (binary distribution format)."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import new
from typing import BinaryIO

from entrepot import metadata
from entrepot.archives import entrypoints, record, tarheader, wheelfile, zipframe
from entrepot.archives.distribution import Distribution, describe, missing_license, read_whole
from entrepot.archives.faults import invalid, shown
from entrepot.names import WheelFilename

MAX_WHEEL_FILE = 64 * 1024  # bytes
MAX_ENTRY_POINTS = 1024 * 1024  # bytes


class _Wheel:
    """The files of a wheel, by name."""

    def __init__(self, file: BinaryIO, filename: WheelFilename) -> None:
        _refuse_tar(file)
        self._file = file
        self._members = {member.name: member for member in zipframe.read_members(file)}
        self.info = f"{filename.stem}.dist-info"
        _check_top(self._members.keys(), self.info, f"{filename.stem}.data")

    def has(self, path: str) -> bool:
        return path.encode() in self._members

    def read_small(self, path: str, limit: int) -> bytes:
        """A file that has to be there. Raises `Refused` when it is not, or is over `limit` bytes."""
        member = self._member(path)
        return read_whole(zipframe.read(self._file, member), member.size, limit, path)

    def check_record(self) -> None:
        """Reads every byte of every file. Raises `Refused` unless RECORD lists them all, with size and hash."""
        path = f"{self.info}/RECORD"
        sizes = {name: member.size for name, member in self._members.items() if not member.is_directory}
        hashes = record.read(zipframe.read(self._file, self._member(path)), path, sizes)
        for member in self._members.values():
            if member.name in hashes:
                self._check_hash(member, hashes[member.name])
            elif not member.is_directory:  # RECORD or a signature of it
                for _ in zipframe.read(self._file, member):
                    pass

    def _check_hash(self, member: zipframe.Member, expected: str) -> None:
        algorithm = expected.partition("=")[0]
        hashed = new(algorithm)
        for data in zipframe.read(self._file, member):
            hashed.update(data)
        if f"{algorithm}={urlsafe_b64encode(hashed.digest()).decode().rstrip('=')}" != expected:
            raise invalid("wheel-record", f"RECORD has another hash for {shown(member.name)} than the file.")

    def _member(self, path: str) -> zipframe.Member:
        if not self.has(path):
            raise invalid("wheel-layout", f"There is no {shown(path)}.")
        return self._members[path.encode()]


def open_wheel(file: BinaryIO, filename: WheelFilename) -> Distribution:
    """The wheel in `file`. Raises `Refused`."""
    wheel = _Wheel(file, filename)
    wheelfile.check(wheel.read_small(f"{wheel.info}/WHEEL", MAX_WHEEL_FILE), f"{wheel.info}/WHEEL", filename)
    member = f"{wheel.info}/METADATA"
    distribution = describe(filename, wheel.read_small(member, metadata.SIZE_LIMIT), member)
    for path in distribution.metadata.license_files:
        if not wheel.has(f"{wheel.info}/licenses/{path}"):
            raise missing_license(path)
    entry_points = f"{wheel.info}/entry_points.txt"
    if wheel.has(entry_points):
        entrypoints.check(wheel.read_small(entry_points, MAX_ENTRY_POINTS), entry_points)
    wheel.check_record()
    return distribution


def _refuse_tar(file: BinaryIO) -> None:
    file.seek(0)
    if tarheader.is_header(file.read(tarheader.BLOCK)):
        raise invalid("archive-polyglot", "It is a zip file and a tar archive at once.")


def _check_top(names: Iterable[bytes], info: str, data: str) -> None:
    """Raises `Refused` unless the only directories of metadata or data at the top are the wheel's own."""
    for top in {name.partition(b"/")[0].decode() for name in names}:
        if (top.lower().endswith(".dist-info") and top != info) or (top.lower().endswith(".data") and top != data):
            raise invalid("wheel-layout", f"{shown(top)} is neither {shown(info)} nor {shown(data)}.")
