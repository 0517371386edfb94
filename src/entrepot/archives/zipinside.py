"""The members of any zip, as its central directory has them: also of one that would be refused today."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from entrepot.archives import zipextra, zipframe
from entrepot.archives.faults import invalid, shown
from entrepot.archives.member import Budget, Found, Inner, Kind
from entrepot.archives.streams import read_at, size_of
from entrepot.archives.zipend import find_directory

_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL32 = 0xFFFFFFFF
_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_KIND, _REGULAR, _SYMLINK = 0o170000, 0o100000, 0o120000


def read_members(file: BinaryIO, budget: Budget) -> Iterator[Found]:
    """The members, in the order of the directory. Raises `Refused` where it cannot be read."""
    directory = find_directory(file)
    position = directory.start
    for _ in range(directory.count):
        fixed = read_at(file, position, _CENTRAL.size, "the central directory")
        sizes = struct.unpack_from("<3H", fixed, 28)
        variable = read_at(file, position + _CENTRAL.size, sum(sizes), "the central directory")
        position += _CENTRAL.size + sum(sizes)
        name = variable[: sizes[0]]
        budget.count_member(name)
        yield _found(file, fixed, name, variable[sizes[0] : sizes[0] + sizes[1]], budget)


def _found(file: BinaryIO, fixed: bytes, name: bytes, extra: bytes, budget: Budget) -> Found:
    signature, _, _, flags, method, _, _, crc, packed, size, *_, attributes, offset = _CENTRAL.unpack(fixed)
    if signature != b"PK\1\2":
        raise invalid("zip-framing", f"The central directory is broken before {shown(name)}.")
    if _FULL32 in {size, packed, offset}:
        size, packed, offset = zipextra.resolve((size, packed, offset), zipextra.large_fields(extra, name), name)
    inner = Inner(_text(name), _kind(name, flags, method, attributes >> 16), size)
    return Found(inner, _content(file, zipframe.Member(name, method, crc, packed, size, offset), budget))


def _content(file: BinaryIO, member: zipframe.Member, budget: Budget) -> Iterator[bytes]:
    """The content of `member`, whose `start` is still that of its local header."""
    budget.count_bytes(member.size)
    local = read_at(file, member.start, _LOCAL.size, shown(member.name))
    start = member.start + _LOCAL.size + sum(struct.unpack_from("<2H", local, 26))
    if start + member.packed > size_of(file):
        raise invalid("archive-truncated", f"It ends in the middle of {shown(member.name)}.")
    located = zipframe.Member(member.name, member.method, member.crc, member.packed, member.size, start)
    yield from zipframe.read(file, located)


def _text(name: bytes) -> str:
    """UTF-8 where it is that, flagged or not; else what zip began with (APPNOTE, appendix D)."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp437")


def _kind(name: bytes, flags: int, method: int, mode: int) -> Kind:
    if name.endswith(b"/"):
        return Kind.FOLDER
    if mode & _KIND == _SYMLINK:
        return Kind.LINK
    if flags & _ENCRYPTED:
        return Kind.ENCRYPTED
    if mode & _KIND in {0, _REGULAR} and method in {zipframe.STORED, zipframe.DEFLATED}:
        return Kind.FILE
    return Kind.OTHER
