"""RECORD: every file of a wheel with its hash and size (binary distribution format, "Signed wheel files").

Installers read it to verify files and to remove them. Here it lists the files exactly: each once, each with its hash.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping

from entrepot.archives.faults import invalid, shown
from entrepot.refusal import Refused

MAX_LINE = 4096  # bytes: twice the longest name, and a hash

_HASH = re.compile(r"sha256=[\w-]{43}|sha384=[\w-]{64}|sha512=[\w-]{86}", re.ASCII)


def read(data: Iterable[bytes], path: str, sizes: Mapping[bytes, int]) -> dict[bytes, str]:
    """The hash that RECORD, the file `path` with the content `data`, has for each file: `sha256=` and URL-safe base64.

    `sizes` has all files of the wheel. Raises `Refused` unless each but RECORD and its signatures is listed with its
    size and a hash, once.
    """
    unhashed = {path.encode(), f"{path}.jws".encode(), f"{path}.p7s".encode()}
    hashes: dict[bytes, str] = {}
    for line in _lines(data):
        name, hashed, size = _row(line)
        if name not in sizes:
            raise _wrong(name, "is listed, but is not there")
        if name in hashes:
            raise _wrong(name, "is listed twice")
        if name in unhashed:
            _check_empty(name, hashed, size)
        else:
            _check_claim(name, hashed, size, sizes[name])
        hashes[name] = hashed
    for name in sizes.keys() - hashes.keys() - unhashed:
        raise _wrong(name, "is not listed")
    return {name: hashed for name, hashed in hashes.items() if hashed}


def _check_empty(name: bytes, hashed: str, size: str) -> None:
    if hashed or size:
        raise _wrong(name, "cannot have a hash or a size there")


def _check_claim(name: bytes, hashed: str, claimed: str, size: int) -> None:
    if not _HASH.fullmatch(hashed):
        raise _wrong(name, "has no hash that is SHA-256 or better, in URL-safe base64 without padding")
    if claimed != str(size):
        raise _wrong(name, f"has {size} bytes, not {shown(claimed)}")


def _row(line: bytes) -> tuple[bytes, str, str]:
    """Name, hash and size in a line. A field that spans lines is none: no name has a newline in it."""
    try:
        (fields,) = csv.reader([line.decode()], strict=True)
        path, hashed, size = fields
    except (UnicodeDecodeError, csv.Error, ValueError):
        raise invalid("wheel-record", f"The line {shown(line)} of RECORD is not a path, a hash and a size.") from None
    return path.encode(), hashed, size


def _lines(data: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in data:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield _fitting(line).removesuffix(b"\r")
        _fitting(rest)
    if rest:
        yield rest


def _fitting(line: bytes) -> bytes:
    if len(line) > MAX_LINE:
        raise invalid("wheel-record", f"A line of RECORD is longer than {MAX_LINE} bytes: {shown(line)}.")
    return line


def _wrong(name: bytes, why: str) -> Refused:
    return invalid("wheel-record", f"RECORD is wrong: {shown(name)} {why}.")
