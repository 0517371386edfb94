"""Zip files in one canonical form, so that every reader finds the same members with the same content.

A zip file can be read in two ways: along the local headers from its first byte, or through the central directory at its
end. Files made so that the two differ show an installer other code than a scanner. Here both are read in step and must
say the same, in the same order, without a gap or an overlap between any two records.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from entrepot.archives import paths, zipextra
from entrepot.archives.faults import invalid, shown
from entrepot.archives.limits import Account
from entrepot.archives.streams import RAW, inflate, pieces, read_at, size_of
from entrepot.archives.zipend import Directory, find_directory
from entrepot.refusal import Refused

STORED = 0
DEFLATED = 8

_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_UTF8 = 1 << 11
_ALLOWED_FLAGS = _UTF8 | 0b110  # bits 1 and 2 tell how hard the compressor tried
_NEWEST = 45  # the version that brought ZIP64
_REGULAR, _FOLDER, _SET_IDS, _KIND = 0o100000, 0o040000, 0o6000, 0o170000
_DOS_FOLDER = 0x10


@dataclass(frozen=True, slots=True)
class Member:
    """A file or directory in a zip. `packed` bytes from `start` unpack to `size` bytes with the CRC-32 `crc`."""

    name: bytes  # UTF-8
    method: int
    crc: int
    packed: int
    size: int
    start: int

    @property
    def is_directory(self) -> bool:
        return self.name.endswith(b"/")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the central directory says of a member, and the local header has to repeat."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def read_members(file: BinaryIO) -> list[Member]:
    """The members of the zip `file`, in its order; their data is not read yet. Raises `Refused`."""
    directory = find_directory(file)
    if not directory.count:
        raise invalid("zip-end", "It is empty.")
    account = Account(size_of(file))
    tree = paths.Tree()
    members = []
    position = 0
    for entry in _entries(file, directory, account):
        if entry.offset != position:
            raise invalid(
                "zip-framing", f"Member {shown(entry.name)} does not begin where the one before it ends, or at byte 0."
            )
        start = position + _check_local(file, entry)
        position = start + entry.packed
        if position > directory.start:
            raise invalid("zip-framing", f"The data of member {shown(entry.name)} runs into the central directory.")
        account.count_bytes(entry.size, shown(entry.name))
        path = paths.decoded(entry.name)
        if path.endswith("/"):
            tree.add_directory(path[:-1])
        else:
            tree.add_file(path)
        members.append(Member(entry.name, entry.method, entry.crc, entry.packed, entry.size, start))
    if position != directory.start:
        raise invalid("zip-framing", "There are bytes between the last member and the central directory.")
    return members


def read(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The content of `member` by the piece. Raises `Refused` where it is not what the headers say."""
    packed = pieces(file, member.start, member.packed)
    crc = size = 0
    for data in packed if member.method == STORED else inflate(packed, RAW, shown(member.name)):
        crc = zlib.crc32(data, crc)
        size += len(data)
        if size > member.size:
            break
        yield data
    if (size, crc) != (member.size, member.crc):
        raise invalid("zip-content", f"The size or the CRC-32 of member {shown(member.name)} is not the one declared.")


def _entries(file: BinaryIO, directory: Directory, account: Account) -> Iterator[_Entry]:
    position, stop = directory.start, directory.start + directory.size
    for _ in range(directory.count):
        if position + _CENTRAL.size > stop:
            raise invalid("zip-framing", "The central directory has fewer entries than the end record counts.")
        fixed = read_at(file, position, _CENTRAL.size, "the central directory")
        name_size, extra_size, comment_size = struct.unpack_from("<3H", fixed, 28)
        position += _CENTRAL.size
        names = read_at(file, position, name_size + extra_size, "the central directory")
        position += name_size + extra_size
        if position > stop:
            raise invalid("zip-framing", "The central directory runs into the end record.")
        name = names[:name_size]
        if comment_size:
            raise invalid("zip-comment", f"Member {shown(name)} has a comment.")
        account.count_member(name)
        yield _entry(fixed, name, names[name_size:])
    if position != stop:
        raise invalid("zip-framing", "The central directory is longer than its entries.")


def _entry(fixed: bytes, name: bytes, extra: bytes) -> _Entry:
    """A checked entry of the central directory, its ZIP64 values in place."""
    signature, _, needed, flags, method, _, _, crc, packed, size, *_, disk, _, mode, offset = _CENTRAL.unpack(fixed)
    if signature != b"PK\1\2":
        raise invalid("zip-framing", f"The central directory is broken before {shown(name)}.")
    if disk or needed > _NEWEST:
        raise invalid("zip-framing", f"Member {shown(name)} needs several disks or a newer zip version.")
    size, packed, offset = zipextra.resolve((size, packed, offset), zipextra.large_fields(extra, name), name)
    entry = _Entry(name, flags, method, crc, packed, size, offset)
    _check_flags(entry)
    _check_name(entry)
    _check_kind(entry, mode)
    return entry


def _check_flags(entry: _Entry) -> None:
    if entry.flags & 1 << 3:
        raise invalid("zip-data-descriptor", f"Member {shown(entry.name)} has a data descriptor.")
    if entry.flags & (1 << 0 | 1 << 6 | 1 << 13):
        raise invalid("zip-encrypted", f"Member {shown(entry.name)} is encrypted.")
    if entry.flags & ~_ALLOWED_FLAGS:
        raise invalid("zip-framing", f"Member {shown(entry.name)} has unknown flags: {entry.flags:#06x}.")
    if entry.method not in {STORED, DEFLATED}:
        raise invalid(
            "zip-method", f"Member {shown(entry.name)} has compression method {entry.method}; use deflate or none."
        )
    if entry.method == STORED and entry.packed != entry.size:
        raise invalid("zip-content", f"Member {shown(entry.name)} is stored, but has two different sizes.")


def _check_name(entry: _Entry) -> None:
    if not entry.flags & _UTF8 and not entry.name.isascii():
        raise invalid("member-name", f"The name of member {shown(entry.name)} is not marked as UTF-8.")
    paths.check(paths.decoded(entry.name).removesuffix("/"))


def _check_kind(entry: _Entry, attributes: int) -> None:
    """Raises `Refused` unless the member is a plain file, or a directory without data."""
    mode = attributes >> 16
    is_directory = entry.name.endswith(b"/")
    if is_directory and (entry.packed or entry.size or entry.crc):
        raise invalid("zip-content", f"Directory {shown(entry.name)} has data.")
    if mode & _KIND not in {0, _FOLDER if is_directory else _REGULAR} or mode & _SET_IDS:
        raise invalid("member-kind", f"Member {shown(entry.name)} is no plain file or directory: mode {mode:o}.")
    if attributes & _DOS_FOLDER and not is_directory:
        raise invalid("member-kind", f"Member {shown(entry.name)} is a file marked as a directory.")


def _check_local(file: BinaryIO, entry: _Entry) -> int:
    """The size of the local header of `entry`. Raises `Refused` unless it says what the central directory says."""
    fixed = read_at(file, entry.offset, _LOCAL.size, shown(entry.name))
    signature, needed, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack(fixed)
    if signature != b"PK\3\4" or needed > _NEWEST:
        raise invalid("zip-framing", f"Member {shown(entry.name)} has no local header.")
    variable = read_at(file, entry.offset + _LOCAL.size, name_size + extra_size, shown(entry.name))
    name = variable[:name_size]
    large = zipextra.large_fields(variable[name_size:], entry.name)
    size, packed = _local_sizes(size, packed, large, entry)
    if _Entry(name, flags, method, crc, packed, size, entry.offset) != entry:
        raise _differs(entry)
    return _LOCAL.size + len(variable)


def _local_sizes(size: int, packed: int, large: bytes, entry: _Entry) -> tuple[int, ...]:
    """The sizes in a local header, whose ZIP64 field always has both (APPNOTE 4.5.3), or has none.

    Bazel writes the field into every header, small sizes and all; it may repeat them, not differ.
    """
    if large == struct.pack("<2Q", size, packed):
        return size, packed
    if len(large) == 8:
        raise _differs(entry)
    return zipextra.resolve((size, packed), large, entry.name)


def _differs(entry: _Entry) -> Refused:
    return invalid("zip-framing", f"The local header of {shown(entry.name)} differs from the central directory.")
