"""What the bytes of a distribution are, computed while they pass by."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Digests:
    """`size` in bytes; the digests in hexadecimal."""

    size: int
    sha256: str
    blake2: str
    md5: str


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
