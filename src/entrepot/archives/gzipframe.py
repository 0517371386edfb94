"""Gzip files in one canonical form (RFC 1952): one member, an ordinary header, nothing after the checksum."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from entrepot.archives.faults import invalid
from entrepot.archives.streams import GZIP, inflate, pieces, size_of

MAX_NAME = 255  # bytes of the original filename that the header may hold

_HEADER = 10  # bytes
_FTEXT, _FNAME = 0x01, 0x08
_NAME = re.compile(rb"[^\x00-\x1f\x7f]{0,%d}\0" % MAX_NAME)


def read(file: BinaryIO) -> Iterator[bytes]:
    """What `file` unpacks to, by the piece. Raises `Refused` at the end at the latest when it is not canonical."""
    _check_header(file)
    return inflate(pieces(file, 0, size_of(file)), GZIP, "the gzip stream")


def _check_header(file: BinaryIO) -> None:
    file.seek(0)
    head = file.read(_HEADER + MAX_NAME + 1)
    if head[:3] != b"\x1f\x8b\x08" or len(head) < _HEADER:
        raise invalid("gzip-header", "It is not a gzip file.")
    flags = head[3]
    if flags & ~(_FTEXT | _FNAME):
        raise invalid("gzip-header", "Its gzip header has optional fields other than a filename.")
    if flags & _FNAME and not _NAME.match(head, _HEADER):
        raise invalid("gzip-header", f"The filename in its gzip header is not {MAX_NAME} printable bytes at most.")
