"""Bytes by the piece: no archive, and no member of one, is ever whole in memory."""

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from entrepot.archives.faults import invalid

PIECE = 256 * 1024  # bytes

RAW = -zlib.MAX_WBITS  # deflate as in zip: no header, no checksum
GZIP = 16 + zlib.MAX_WBITS  # one gzip member; zlib checks its CRC and its length


def size_of(file: BinaryIO) -> int:
    return file.seek(0, 2)


def read_at(file: BinaryIO, start: int, size: int, what: str) -> bytes:
    """Exactly `size` bytes from `start`. Raises `Refused` when the file ends before; `what` says what was read."""
    file.seek(start)
    data = file.read(size)
    if len(data) != size:
        raise invalid("archive-truncated", f"It ends in the middle of {what}.")
    return data


def pieces(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """The `size` bytes from `start`, which the caller knows to be there."""
    end = start + size
    while start < end:
        file.seek(start)
        data = file.read(min(PIECE, end - start))
        start += len(data)
        yield data


def inflate(packed: Iterable[bytes], form: int, what: str) -> Iterator[bytes]:
    """What `packed` holds as `form` (`RAW` or `GZIP`), by the piece.

    Raises `Refused` when it is broken, ends early, or is followed by anything; `what` says what was unpacked.
    """
    inflater = zlib.decompressobj(form)
    for data in packed:
        if inflater.eof:
            raise invalid("archive-compression", f"The compressed data of {what} is followed by other bytes.")
        yield from _inflate_piece(inflater, data, what)
    if inflater.unused_data:
        raise invalid("archive-compression", f"The compressed data of {what} is followed by other bytes.")
    if not inflater.eof:
        raise invalid("archive-compression", f"The compressed data of {what} is cut off.")


def _inflate_piece(inflater: "zlib._Decompress", data: bytes, what: str) -> Iterator[bytes]:
    while True:
        try:
            unpacked = inflater.decompress(data, PIECE)
        except zlib.error as error:
            raise invalid("archive-compression", f"The compressed data of {what} is broken: {error}.") from None
        if not unpacked:
            return
        yield unpacked
        data = inflater.unconsumed_tail
