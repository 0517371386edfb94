"""A published page: one object that holds every encoding of one representation, ready to be sent.

Keeping the encodings together makes a page change at one instant, with one write and one sync. Compression happens
here, once; reading only picks. The same body and the same library give the same bytes.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import brotli
import zstandard

IDENTITY = "identity"
_CHECK = 33  # bytes: a hash and a line end


class Damaged(ValueError):
    """The bytes are not those of a page as it was packed."""


MAGIC = b"entrepot page 1\n"


@dataclass(frozen=True, slots=True)
class Variant:
    """One encoding of a page: its bytes and its strong ETag, quotes included."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it lies in the store.

    `serial` is the position of the journal that the page was built at: the store refuses to replace a page by one
    with a lower serial. `last_serial` is the serial of the last change that the page shows, sent as
    `X-PyPI-Last-Serial`. `variants` maps content codings ("identity", "gzip", "br", "zstd") to bytes; an empty map
    means that the page is gone, which is recorded rather than forgotten, so that a late writer cannot bring it back.
    """

    serial: int
    last_serial: int
    variants: Mapping[str, Variant]

    @classmethod
    def of(cls, body: bytes, *, serial: int, last_serial: int) -> "Page":
        """The page that says `body`, in every coding."""
        codings = {
            IDENTITY: body,
            "gzip": gzip.compress(body, 6, mtime=0),
            "br": brotli.compress(body, quality=5),
            "zstd": zstandard.compress(body, 9),
        }
        variants = {coding: Variant(data, _etag(coding, data)) for coding, data in codings.items()}
        return cls(serial, last_serial, variants)

    @classmethod
    def gone(cls, *, serial: int) -> "Page":
        """The record that there is no such page (any more)."""
        return cls(serial, serial, {})

    @property
    def body(self) -> bytes:
        """The bytes without any coding. Raises KeyError when the page is gone."""
        return self.variants[IDENTITY].body

    def pack(self) -> bytes:
        """The bytes to store: the name of the format, the hash of a line, the line (JSON), then the bodies in a row."""
        head = {
            "serial": self.serial,
            "last_serial": self.last_serial,
            "variants": [[coding, len(each.body), each.etag] for coding, each in self.variants.items()],
        }
        line = json.dumps(head).encode() + b"\n"
        return b"".join([MAGIC, _check(line), line, *(each.body for each in self.variants.values())])

    @classmethod
    def unpack(cls, stored: BinaryIO) -> "Page":
        """The page that `pack` wrote, to the last bit. Raises Damaged for anything else."""
        head = _head(stored)
        variants = {coding: Variant(stored.read(size), etag) for coding, size, etag in head["variants"]}
        for coding, variant in variants.items():
            if _etag(coding, variant.body) != variant.etag:
                raise Damaged(f"the {coding} bytes have changed")
        return cls(head["serial"], head["last_serial"], variants)


def stored_serial(stored: BinaryIO) -> int:
    """The serial of a packed page, without reading its bodies. Raises Damaged when it is not a packed page."""
    serial: int = _head(stored)["serial"]
    return serial


def _head(stored: BinaryIO) -> dict:  # type: ignore[type-arg]  # the shape is checked by its use, line by line
    if stored.readline(len(MAGIC)) != MAGIC:
        raise Damaged("not a packed page")
    check = stored.readline(_CHECK)
    line = stored.readline()
    if _check(line) != check:
        raise Damaged("the head of a packed page has changed")
    return json.loads(line)  # type: ignore[no-any-return]


def _check(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=16).hexdigest().encode() + b"\n"


def _etag(coding: str, body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=16, key=coding.encode()).hexdigest()}"'
