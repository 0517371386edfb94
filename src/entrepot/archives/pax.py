"""The extended headers of pax archives: which may be there, and what they may change (POSIX.1-2017, pax).

Most keys say what an extractor of an index's archives has no use for. Those that change where the next header is, what
kind of member it has or how names are decoded are refused: readers that do not know them read other members.
"""

import re

from entrepot.archives.faults import invalid, shown

_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ([^=\x00-\x20]+)=")
_MEMBER_KEYS = frozenset({"path", "size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"})
_MEMBER_PREFIXES = (
    "LIBARCHIVE.creationtime",
    "LIBARCHIVE.xattr.",
    "RHT.security.",
    "SCHILY.acl.",
    "SCHILY.dev",
    "SCHILY.fflags",
    "SCHILY.ino",
    "SCHILY.nlink",
    "SCHILY.xattr.",
)
# Readers look for these anywhere, also inside of other values.
_POISON = (b"GNU.sparse", b"hdrcharset")


def check_global(data: bytes) -> None:
    """Raises `Refused` unless the global header holds only a comment, as archives made by git do."""
    if records_in(data, "the global pax header").keys() - {"comment"}:
        raise invalid("tar-pax", "Its global pax header has more than a comment.")


def read(data: bytes, name: bytes) -> dict[str, bytes]:
    """The records of the extended header before member `name`. Raises `Refused` unless all of them are harmless."""
    records = records_in(data, name)
    for key in records:
        if key not in _MEMBER_KEYS and not key.startswith(_MEMBER_PREFIXES):
            raise invalid("tar-pax", f"The pax header of {shown(name)} has the key {shown(key)}, which is not allowed.")
    return records


def records_in(data: bytes, name: bytes | str) -> dict[str, bytes]:
    """All records of an extended header, whatever their keys. Raises `Refused` when it is malformed."""
    if any(poison in data for poison in _POISON):
        raise invalid("tar-pax", f"The pax header of {shown(name)} speaks of sparse files or another encoding.")
    records: dict[str, bytes] = {}
    position = 0
    while position < len(data):
        head = _RECORD.match(data, position)
        end = position + int(head[1]) if head else 0
        if head is None or end > len(data) or head.end() >= end or data[end - 1 : end] != b"\n":
            raise invalid("tar-pax", f"The pax header of {shown(name)} is malformed.")
        key = head[2].decode("ascii", "backslashreplace")
        if key in records:
            raise invalid("tar-pax", f"The pax header of {shown(name)} has the key {shown(key)} twice.")
        records[key] = data[head.end() : end - 1]
        position = end
    return records
