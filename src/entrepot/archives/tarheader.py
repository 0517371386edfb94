"""One header of a tar archive: POSIX ustar (POSIX.1-2017, pax), or GNU tar where it means the same."""

import re
from dataclasses import dataclass

from entrepot.archives.faults import invalid, shown

BLOCK = 512  # bytes

FILE, OLD_FILE, DIRECTORY = b"0", b"\0", b"5"
PAX, GLOBAL_PAX, LONG_NAME = b"x", b"g", b"L"
_REFUSED_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
    b"K": "a link with a long target",
}
_KNOWN_KINDS = {FILE, OLD_FILE, DIRECTORY, PAX, GLOBAL_PAX, LONG_NAME}

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_POSIX, _GNU = b"ustar\x0000", b"ustar  \0"
_PREFIX, _AFTER_PREFIX, _AFTER_OWNERS = slice(345, 500), slice(500, 512), slice(345, 512)
_CHECKSUM = slice(148, 156)
_EXACT_NUMBERS = {"mode": slice(100, 108), "size": slice(124, 136)}
_LOOSE_NUMBERS = {
    "uid": slice(108, 116),
    "gid": slice(116, 124),
    "mtime": slice(136, 148),
    "devmajor": slice(329, 337),
    "devminor": slice(337, 345),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header: of a file, a directory, or an extension of the header that follows."""

    name: bytes
    kind: bytes
    mode: int
    size: int


def is_header(block: bytes) -> bool:
    """Whether a lenient reader would take `block` for the header of a tar archive."""
    octal = _OCTAL.fullmatch(block[_CHECKSUM])
    return octal is not None and len(block) == BLOCK and _octal(octal) == _sum(block)


def parse(block: bytes) -> Header:
    """The header in `block`. Raises `Refused` when it is broken, or readers could differ about it."""
    name = block[:100].rstrip(b"\0")
    if not is_header(block):
        raise invalid("tar-header", f"The tar header of {shown(name)} is broken: its checksum is wrong.")
    name = _with_prefix(block, _text(block[:100], name))
    kind = block[156:157]
    if kind not in _KNOWN_KINDS:
        what = _REFUSED_KINDS.get(kind, f"of unknown type {kind!r}")
        raise invalid("member-kind", f"Member {shown(name)} is {what}; only files and directories may be there.")
    numbers = {field: number(block[place], field, name) for field, place in _EXACT_NUMBERS.items()}
    for field, place in _LOOSE_NUMBERS.items():
        if block[place][0] != 0x80:  # else binary: large, of no meaning here
            number(block[place], field, name)
    return Header(name, kind, numbers["mode"], numbers["size"])


def _with_prefix(block: bytes, name: bytes) -> bytes:
    """GNU tar has other things where ustar has the first part of a name; readers differ on which they take it for."""
    magic = block[257:265]
    unclear = block[_AFTER_PREFIX if magic == _POSIX else _AFTER_OWNERS]
    if magic not in {_POSIX, _GNU} or unclear.strip(b"\0"):
        raise invalid("tar-header", f"The tar header of {shown(name)} is neither of POSIX nor of plain GNU format.")
    prefix = _text(block[_PREFIX], name)
    return prefix + b"/" + name if prefix else name


def _text(field: bytes, name: bytes) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise invalid("tar-header", f"The tar header of {shown(name)} hides bytes after the end of a name.")
    return text


def number(field: bytes, what: str, name: bytes) -> int:
    """The octal number in `field`. Raises `Refused`; `what` and `name` say what it is of which member."""
    octal = _OCTAL.fullmatch(field)
    if octal is None:
        raise invalid("tar-header", f"The tar header of {shown(name)} has a {what} that is not an octal number.")
    return _octal(octal)


def _octal(match: re.Match[bytes]) -> int:
    return int(match[1] or b"0", 8)


def _sum(block: bytes) -> int:
    """The sum of the bytes, those of the checksum itself taken as spaces."""
    return sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")
