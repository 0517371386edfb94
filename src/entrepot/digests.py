"""What the bytes of a distribution are, computed while they pass by."""

import hashlib
from dataclasses import dataclass
from typing import Any

HASHES = ("sha512", "sha384", "sha256", "blake2b", "sha224", "sha1", "md5")  # that indexes tell of, by hashlib's names


@dataclass(frozen=True, slots=True)
class Digests:
    """`size` in bytes; the digests in hexadecimal."""

    size: int
    sha256: str
    blake2: str
    md5: str


def hash_like(name: str, digest: str) -> Any:
    """What computes the hash of that name (one of HASHES), to be held against a hexadecimal digest.

    Indexes have BLAKE2b in several lengths; a digest of none of them is equal to nothing that this computes.
    """
    if name == "blake2b":
        return hashlib.blake2b(digest_size=min(max(len(digest) // 2, 1), hashlib.blake2b.MAX_DIGEST_SIZE))
    return hashlib.new(name, usedforsecurity=False)


class Hasher:
    """Takes bytes and counts and hashes them."""

    def __init__(self) -> None:
        self.size = 0
        self._hashes = (hashlib.sha256(), hashlib.blake2b(digest_size=32), hashlib.md5(usedforsecurity=False))

    def update(self, data: bytes | bytearray) -> None:
        """Take more bytes."""
        self.size += len(data)
        for each in self._hashes:
            each.update(data)

    def digests(self) -> Digests:
        """What all bytes so far are."""
        return Digests(self.size, *(each.hexdigest() for each in self._hashes))
