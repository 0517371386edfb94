"""What a store of objects promises: packages that never change, and pages that are replaced as a whole.

Keys are relative, without `..`; anything else raises ValueError. Reading lets OSError through when the store does not
answer; writing turns it into Unavailable (`store-full`, `store-unavailable`). `tests/test_store.py` holds every
implementation against this.
"""

import math
from collections.abc import Generator, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

from entrepot.page import Damaged, Page, stored_serial

CHUNK = 1024 * 1024

Stamp = Hashable  # what tells one version of an object from the next


class Superseded(Exception):
    """The store holds a newer page at `key` (built at the serial `held`) than the one `offered`."""

    def __init__(self, key: str, held: int, offered: int) -> None:
        super().__init__(f"{key} is held at serial {held}, newer than {offered}")
        self.key = key
        self.held = held
        self.offered = offered


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there: how many bytes it has, and the file that holds them, where there is one."""

    size: int
    path: Path | None = None


class Store(Protocol):
    """Objects by key. Safe to use from several threads, and by several processes at once."""

    local: ClassVar[bool]
    """Whether `stamp` costs so little that it may be asked for every request, and in an event loop."""

    def prepare(self) -> None:
        """Make the store, once, when an installation is made: a store that is missing later is no empty one."""

    def create(self, key: str, source: BinaryIO) -> bool:
        """Write the content-addressed bytes of `source`; when they are there already, note that they are wanted.

        Whether they are new. `source` can seek, and is read from where it stands.
        """

    def put_page(self, key: str, page: Page) -> None:
        """Replace the page at `key`. Raises Superseded when the present one was built at a higher serial."""

    def read_page(self, key: str) -> Page | None:
        """The page at `key`, gone or not; None when none was ever written. Raises Damaged."""

    def look(self, key: str, known: Stamp = None) -> tuple[Page | None, Stamp] | None:
        """The page at `key` and its stamp; None when it still has the stamp `known`. Raises Damaged.

        An absent page has a stamp too, so that its absence can be `known`.
        """

    def stamp(self, key: str) -> Stamp:
        """The stamp that `look` would give. Where the store is not `local`, this asks over the network."""

    def find(self, key: str) -> Found | None:
        """What there is at `key`; None when it is absent."""

    def read(self, key: str, first: int, count: int) -> Generator[bytes, None, None]:
        """`count` bytes from `first`, a mebibyte at most at a time. Raises OSError, also when they end too early."""

    def location(self, key: str) -> str | None:
        """A URL where clients may fetch the object by themselves; None when they cannot."""

    def remove_unwanted(self, key: str, before: float) -> bool:
        """Remove a package unless `create` was called for it at or after `before` (seconds since the epoch)."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""

    def sweep(self, older_than: float, now: float) -> int:
        """Remove what dead writers left, written more than `older_than` seconds before `now`; how many there were."""


def checked(key: str) -> str:
    """`key`, if it is relative and without `..`. Raises ValueError otherwise."""
    if key.startswith("/") or (".." in key and ".." in key.split("/")):
        raise ValueError(f"not a key of the store: {key!r}")
    return key


def refuse_older(key: str, serial: int, stored: BinaryIO) -> None:
    """Raises Superseded when the page at `key`, packed in `stored`, was built after `serial`.

    A damaged one is nothing to keep.
    """
    with suppress(Damaged):
        held = stored_serial(stored)
        if held > serial:
            raise Superseded(key, held, serial)


def is_whole(key: str, size: int, *, store: Store) -> bool:
    """Whether the package is there in its size, in bytes. One of another size is damaged, and is removed."""
    found = store.find(key)
    if found is not None and found.size != size:
        store.remove_unwanted(key, before=math.inf)
        return False
    return found is not None
