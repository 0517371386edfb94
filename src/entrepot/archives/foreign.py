"""The metadata inside distributions that other indexes have taken: as much as can be read, never a reason to refuse.

What such a file is, its index has decided, and its hash says that it is that file; installers read it as it is. So
nothing is judged here, but what cannot be read, or not by everybody alike, is left out.
"""

import re
from contextlib import suppress
from typing import BinaryIO

from entrepot import metadata
from entrepot.archives.distribution import Distribution, Filename
from entrepot.archives.inside import members
from entrepot.archives.member import Found, Kind
from entrepot.metadata import CoreMetadata
from entrepot.names import WheelFilename
from entrepot.refusal import Refused

_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_PKG_INFO = re.compile(r"[^/]+/PKG-INFO")


def open_foreign(file: BinaryIO, filename: Filename) -> Distribution:
    """What can be told of the distribution in `file`, which is seekable.

    `metadata_bytes` are empty where none are found, or several; `metadata` says nothing, then, but name and version.
    """
    found = b""
    with suppress(Refused):
        found = _metadata_in(file, filename)
    return Distribution(filename, found, _read(found, filename))


def _metadata_in(file: BinaryIO, filename: Filename) -> bytes:
    path = _METADATA if isinstance(filename, WheelFilename) else _PKG_INFO
    found = (_content(each) for each in members(file, filename) if path.fullmatch(each.inner.path) and _is_small(each))
    if isinstance(filename, WheelFilename):
        every = list(found)
        return every[0] if len(every) == 1 else b""
    return next(found, b"")


def _is_small(found: Found) -> bool:
    return found.inner.kind is Kind.FILE and found.inner.size <= metadata.SIZE_LIMIT


def _content(found: Found) -> bytes:
    return b"".join(found.data)


def _read(data: bytes, filename: Filename) -> CoreMetadata:
    with suppress(Refused):
        return metadata.parse_foreign(data)
    return CoreMetadata("", str(filename.project), str(filename.version))
