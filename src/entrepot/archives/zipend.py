"""The end of a zip file: where its central directory lies, and how many members it lists (APPNOTE 4.3.14 to 4.3.16).

Readers look for the end record from behind, some through a comment, some for any signature on the way. Here it is the
last 22 bytes or nothing, and each number in it has one possible value.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from entrepot.archives.faults import invalid
from entrepot.archives.limits import MIB
from entrepot.archives.streams import read_at, size_of
from entrepot.refusal import Refused

MAX_DIRECTORY = 64 * MIB

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_FULL16 = 0xFFFF  # "see the ZIP64 record"
_FULL32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Directory:
    """The central directory: `count` entries in `size` bytes from `start`."""

    count: int
    size: int
    start: int


def find_directory(file: BinaryIO) -> Directory:
    """Where the central directory is. Raises `Refused` unless the end of the file says it in exactly one way."""
    end = size_of(file) - _END.size
    if end < 0:
        raise invalid("zip-end", "It is not a zip file: it is too short.")
    record = read_at(file, end, _END.size, "the end record")
    signature, disk, first_disk, here, count, size, start, comment = _END.unpack(record)
    if signature != b"PK\5\6" or comment:
        raise invalid("zip-end", "It does not end with the end record of a zip file that has no comment.")
    if disk or first_disk or here != count:
        raise invalid("zip-end", "The end record speaks of several disks.")
    directory, stop = Directory(count, size, start), end
    if end >= _LOCATOR.size:
        locator = read_at(file, end - _LOCATOR.size, _LOCATOR.size, "the ZIP64 locator")
        if locator.startswith(b"PK\6\7"):
            directory, stop = _find_large(file, end, locator, directory)
    if directory.size > MAX_DIRECTORY:
        raise invalid("archive-members", f"Its central directory is larger than {MAX_DIRECTORY // MIB} MiB.")
    if directory.start + directory.size != stop:
        raise invalid("zip-end", "The central directory does not lie where the end record says.")
    return directory


def _find_large(file: BinaryIO, end: int, locator: bytes, small: Directory) -> tuple[Directory, int]:
    """The directory as the ZIP64 records before the end record have it, and where these begin."""
    _, disk, start64, disks = _LOCATOR.unpack(locator)
    if disk or disks != 1 or start64 != end - _LOCATOR.size - _END64.size:
        raise _inconsistent("the locator does not point at the record before it")
    record = read_at(file, start64, _END64.size, "the ZIP64 end record")
    signature, length, _, needed, disk, first_disk, here, count, size, start = _END64.unpack(record)
    if signature != b"PK\6\6" or length != _END64.size - 12 or needed > 45:
        raise _inconsistent("it is no plain version 1 record")
    if disk or first_disk or here != count:
        raise _inconsistent("it speaks of several disks")
    if small.count not in {count, _FULL16} or small.size not in {size, _FULL32} or small.start not in {start, _FULL32}:
        raise _inconsistent("it says something else than the end record")
    return Directory(count, size, start), start64


def _inconsistent(why: str) -> Refused:
    return invalid("zip-end", f"The ZIP64 end record is not consistent: {why}.")
