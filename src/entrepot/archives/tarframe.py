"""Tar archives in one canonical form, read forwards, so that every reader finds the same members with the same content.

A name or a size can be in a ustar header, in a pax header or in a GNU header, and readers differ on which they follow.
Here a pax or GNU header may give a longer name, nothing else that matters, and stands directly before its member.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from entrepot.archives import paths, pax
from entrepot.archives.faults import invalid, shown
from entrepot.archives.limits import MIB, Account
from entrepot.archives.tarheader import (
    BLOCK,
    DIRECTORY,
    FILE,
    GLOBAL_PAX,
    LONG_NAME,
    OLD_FILE,
    PAX,
    Header,
    parse,
)

MAX_EXTENSION = MIB // 4  # bytes of a pax or GNU header: extended attributes can be long

_SET_IDS = 0o6000
_ANY_RIGHT = 0o777


@dataclass(frozen=True, slots=True)
class Member:
    """A file or a directory; `data` is its content by the piece, to be read before the next member or not at all."""

    path: str
    is_directory: bool
    size: int
    data: Iterator[bytes]


def read_members(unpacked: Iterator[bytes], account: Account, tree: paths.Tree) -> Iterator[Member]:
    """The members of the tar archive whose bytes `unpacked` gives, in its order.

    Raises `Refused` on the way, or at the end, when it is not canonical, too large for `account`, or two
    members meet in `tree`.
    """
    blocks = _Blocks(unpacked, account)
    header = blocks.header()
    if header is not None and header.kind == GLOBAL_PAX:
        pax.check_global(blocks.extension(header))
        header = blocks.header()
    while header is not None:
        header, name = _named(blocks, header)
        account.count_member(name)
        member = _member(blocks, header, name)
        (tree.add_directory if member.is_directory else tree.add_file)(member.path)
        yield member
        for _ in member.data:
            pass
        blocks.padding(member.size, name)
        header = blocks.header()
    blocks.finish()


class _Blocks:
    """The archive as a sequence of blocks, all of them counted."""

    def __init__(self, unpacked: Iterator[bytes], account: Account) -> None:
        self._unpacked = unpacked
        self._account = account
        self._piece = b""
        self._position = 0

    def pieces(self, size: int, what: str) -> Iterator[bytes]:
        """The next `size` bytes. Raises `Refused` when there are fewer."""
        self._account.count_bytes(size, what)
        while size:
            if self._position == len(self._piece):
                self._piece, self._position = next(self._unpacked, b""), 0
            piece = self._piece[self._position : self._position + size]
            if not piece:
                raise invalid("archive-truncated", f"It ends in the middle of {what}.")
            self._position += len(piece)
            size -= len(piece)
            yield piece

    def read(self, size: int, what: str) -> bytes:
        return b"".join(self.pieces(size, what))

    def header(self) -> Header | None:
        """The next header, or None where the archive ends."""
        block = self.read(BLOCK, "the tar archive")
        return parse(block) if block.strip(b"\0") else None

    def padding(self, size: int, name: bytes) -> None:
        """What fills the last block of `size` bytes of data."""
        if self.read(-size % BLOCK, shown(name)).strip(b"\0"):
            raise invalid("tar-framing", f"There are bytes behind the end of member {shown(name)}.")

    def extension(self, header: Header) -> bytes:
        """The data of a pax or GNU header."""
        if header.size > MAX_EXTENSION:
            raise invalid("tar-pax", f"The extended header {shown(header.name)} is longer than {MAX_EXTENSION} bytes.")
        data = self.read(header.size, shown(header.name))
        self.padding(header.size, header.name)
        return data

    def finish(self) -> None:
        """All that follows the first block of zeros: at least another one, and only such."""
        rest = self.read(BLOCK, "the end mark of the tar archive")
        size = BLOCK
        while rest:
            if rest.strip(b"\0"):
                raise invalid("tar-framing", "There are bytes after the end of the tar archive.")
            rest = self._piece[self._position :] or next(self._unpacked, b"")
            self._position = len(self._piece)
            self._account.count_bytes(len(rest), "the end of the tar archive")
            size += len(rest)
        if size % BLOCK:
            raise invalid("tar-framing", "The tar archive is not made of whole blocks.")


def _named(blocks: _Blocks, header: Header) -> tuple[Header, bytes]:
    """The header of the next member, and the name that it has there or in the extended header before it."""
    if header.kind == PAX:
        data = blocks.extension(header)
        header = _after_extension(blocks, header)
        records = pax.read(data, header.name)
        if records.get("size", b"%d" % header.size) != b"%d" % header.size:
            raise invalid("tar-pax", f"Member {shown(header.name)} has two different sizes.")
        return header, records.get("path", header.name)
    if header.kind == LONG_NAME:
        name = blocks.extension(header).removesuffix(b"\0")
        return _after_extension(blocks, header), name
    return header, header.name


def _after_extension(blocks: _Blocks, extension: Header) -> Header:
    """The header that `extension` belongs to; its own name, which only old readers follow, has to be harmless too."""
    header = blocks.header()
    if header is None:
        raise invalid("tar-framing", f"The extended header {shown(extension.name)} belongs to no member.")
    paths.check(header.name.decode("utf-8", "replace").removesuffix("/"))
    return header


def _member(blocks: _Blocks, header: Header, name: bytes) -> Member:
    """Raises `Refused` unless it is a plain file, or a directory without data, with a plain name."""
    if header.kind not in {FILE, OLD_FILE, DIRECTORY}:
        raise invalid("tar-framing", f"An extended header stands where a member should be: {shown(name)}.")
    is_directory = header.kind == DIRECTORY
    path = paths.decoded(name)
    if is_directory:
        path = path.removesuffix("/")
    paths.check(path)
    if is_directory and header.size:
        raise invalid("tar-framing", f"Directory {shown(name)} has data.")
    if header.mode & _SET_IDS or not header.mode & _ANY_RIGHT:
        raise invalid("member-kind", f"Member {shown(name)} has mode {header.mode:o}.")
    return Member(path, is_directory, header.size, blocks.pieces(header.size, shown(name)))
