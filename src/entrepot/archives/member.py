"""What is in an archive, as far as readers are told: any archive that was ever published, canonical or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from entrepot.archives import paths
from entrepot.archives.limits import MAX_MEMBERS, MAX_NAMES, MIB
from entrepot.refusal import Refused, TooLarge

MAX_UNPACKED = 128 * MIB  # bytes that are unpacked to answer one question: less than a second's work


class Kind(Enum):
    """What a member is. Only a FILE is ever opened: nothing is followed, and nothing is decrypted."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    ENCRYPTED = "encrypted"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Inner:
    """A member: its name as text, its `size` in bytes as declared, and where a link leads to, if that is known."""

    path: str
    kind: Kind
    size: int
    target: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is a file whose name means the same to every reader, so that a URL may hold it."""
        try:
            paths.check(self.path)
        except Refused:
            return False
        return self.kind is Kind.FILE


@dataclass(frozen=True, slots=True)
class Found:
    """A member with its content by the piece, to be read before the next member or not at all."""

    inner: Inner
    data: Iterator[bytes]


class Budget:
    """What one question about an archive may cost. Raises TooLarge("too-much-inside") at the first too many."""

    def __init__(self) -> None:
        self._members = MAX_MEMBERS
        self._names = MAX_NAMES
        self._bytes = MAX_UNPACKED

    def count_member(self, name: bytes) -> None:
        self._members -= 1
        self._names -= len(name)
        if self._members < 0 or self._names < 0:
            raise TooLarge("too-much-inside", f"It has more than {MAX_MEMBERS} members, or their names are too long.")

    def count_bytes(self, number: int) -> None:
        self._bytes -= number
        if self._bytes < 0:
            raise TooLarge("too-much-inside", f"It unpacks to more than {MAX_UNPACKED // MIB} MiB.")
