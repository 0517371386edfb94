"""The members of any tar archive, read forwards: also of one that would be refused today. No link is followed."""

from collections.abc import Iterator
from dataclasses import dataclass

from entrepot.archives import pax
from entrepot.archives.faults import invalid, shown
from entrepot.archives.member import Budget, Found, Inner, Kind
from entrepot.archives.tarframe import MAX_EXTENSION
from entrepot.archives.tarheader import BLOCK, DIRECTORY, FILE, GLOBAL_PAX, LONG_NAME, OLD_FILE, PAX, is_header, number

_LONG_TARGET = b"K"
_CONTIGUOUS = b"7"
_EXTENSIONS = {PAX, GLOBAL_PAX, LONG_NAME, _LONG_TARGET}
_KINDS = {
    **dict.fromkeys((FILE, OLD_FILE, _CONTIGUOUS), Kind.FILE),
    **dict.fromkeys((b"1", b"2"), Kind.LINK),
    DIRECTORY: Kind.FOLDER,
}
_WITHOUT_DATA = {DIRECTORY, b"1", b"2", b"3", b"4", b"6"}
_BINARY = 0x80  # of the first byte of a number that is too large for octal digits
_DIGITS = 20  # of any size that could be meant


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    kind: bytes
    size: int
    target: bytes


def read_members(unpacked: Iterator[bytes], budget: Budget) -> Iterator[Found]:
    """The members of the tar archive whose bytes `unpacked` gives, in its order. Raises `Refused` where it breaks."""
    blocks = _Blocks(unpacked, budget)
    while (header := _next(blocks, budget)) is not None:
        data = blocks.pieces(header.size)
        yield Found(_inner(header), data)
        for _ in data:
            pass
        blocks.read(-header.size % BLOCK)


class _Blocks:
    """The archive by the piece, all of it counted."""

    def __init__(self, unpacked: Iterator[bytes], budget: Budget) -> None:
        self._unpacked = unpacked
        self._budget = budget
        self._rest = b""

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes. Raises `Refused` when there are fewer."""
        while size:
            if not self._rest:
                self._rest = next(self._unpacked, b"")
                self._budget.count_bytes(len(self._rest))
            piece, self._rest = self._rest[:size], self._rest[size:]
            if not piece:
                raise invalid("archive-truncated", "It ends in the middle of a member.")
            size -= len(piece)
            yield piece

    def read(self, size: int) -> bytes:
        return b"".join(self.pieces(size))


def _next(blocks: _Blocks, budget: Budget) -> _Header | None:
    """The next member's header with what extended headers say of it; None where the archive ends."""
    said: dict[str, bytes] = {}
    while (header := _parsed(blocks.read(BLOCK))) is not None and header.kind in _EXTENSIONS:
        if header.size > MAX_EXTENSION:
            raise invalid("tar-pax", f"The extended header {shown(header.name)} is longer than {MAX_EXTENSION} bytes.")
        data = blocks.read(header.size)
        blocks.read(-header.size % BLOCK)
        said |= _said(header, data)
        budget.count_member(header.name)
    if header is None:
        return None
    size = said.get("size", b"%d" % header.size)
    if not size.isdigit() or len(size) > _DIGITS:
        raise invalid("tar-pax", f"The size of member {shown(header.name)} is no number.")
    name = said.get("path", header.name)
    budget.count_member(name)
    return _Header(
        name,
        header.kind,
        0 if header.kind in _WITHOUT_DATA else int(size),
        said.get("linkpath", header.target),
    )


def _said(header: _Header, data: bytes) -> dict[str, bytes]:
    if header.kind == PAX:
        return pax.records_in(data, header.name)
    if header.kind == GLOBAL_PAX:
        return {}
    return {"path" if header.kind == LONG_NAME else "linkpath": data.rstrip(b"\0")}


def _parsed(block: bytes) -> _Header | None:
    if not block.strip(b"\0"):
        return None
    name = block[:100].partition(b"\0")[0]
    if not is_header(block):
        raise invalid("tar-header", f"The tar header of {shown(name)} is broken: its checksum is wrong.")
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    field = block[124:136]
    size = int.from_bytes(field[1:]) if field[0] == _BINARY else number(field, "size", name)
    target = block[157:257].partition(b"\0")[0]
    return _Header(prefix + b"/" + name if prefix else name, block[156:157], size, target)


def _inner(header: _Header) -> Inner:
    kind = _KINDS.get(header.kind, Kind.OTHER)
    if kind is Kind.FILE and header.name.endswith(b"/"):  # as tar wrote folders before it had a kind for them
        kind = Kind.FOLDER
    path = _text(header.name)
    return Inner(path if kind is not Kind.FOLDER else f"{path.rstrip('/')}/", kind, header.size, _text(header.target))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
