"""The store in the memory of one process: for an index in a test, and what every store must do in a few lines."""

import io
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from entrepot.page import Page
from entrepot.ports.store import CHUNK, Found, Stamp, checked, refuse_older

ABSENT = 0  # the stamp of what is not there; all others are higher


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    wanted: float  # seconds since the epoch
    version: int


class MemoryStore:
    """Objects that end with the process."""

    local: ClassVar[bool] = True

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}
        self._lock = threading.Lock()
        self._versions = ABSENT

    def prepare(self) -> None:
        """Nothing: it begins empty."""

    def create(self, key: str, source: BinaryIO) -> bool:
        """Hold the content-addressed bytes of `source`; when they are there already, note that they are wanted."""
        data = source.read()
        with self._lock:
            new = self._object(key) is None
            self._hold(key, data)
        return new

    def put_page(self, key: str, page: Page) -> None:
        """Replace the page at `key`. Raises Superseded when the present one was built at a higher serial."""
        packed = page.pack()
        with self._lock:
            if held := self._object(key):
                refuse_older(key, page.serial, io.BytesIO(held.data))
            self._hold(key, packed)

    def read_page(self, key: str) -> Page | None:
        """The page at `key`, gone or not; None when none was ever written. Raises Damaged."""
        held = self._object(key)
        return Page.unpack(io.BytesIO(held.data)) if held else None

    def look(self, key: str, known: Stamp = None) -> tuple[Page | None, Stamp] | None:
        """The page and its stamp, unless that is `known`. Raises Damaged."""
        stamp = self.stamp(key)  # before the page is read: a page replaced meanwhile is found stale at the next look
        return None if stamp == known else (self.read_page(key), stamp)

    def stamp(self, key: str) -> Stamp:
        """A number of its own for each version."""
        held = self._object(key)
        return held.version if held else ABSENT

    def find(self, key: str) -> Found | None:
        """How many bytes there are at `key`; None when it is absent."""
        held = self._object(key)
        return Found(len(held.data)) if held else None

    def read(self, key: str, first: int, count: int) -> Generator[bytes, None, None]:
        """`count` bytes from `first`, a mebibyte at most at a time. Raises OSError, also when they end too early."""
        held = self._object(key)
        if held is None:
            raise FileNotFoundError(key)
        if first + count > len(held.data):
            raise OSError(f"{key} ends too early")
        end = first + count
        for start in range(first, end, CHUNK):
            yield held.data[start : min(start + CHUNK, end)]

    def location(self, key: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Nowhere: clients fetch it here."""
        return None

    def remove_unwanted(self, key: str, before: float) -> bool:
        """Remove a package unless `create` was called for it at or after `before` (seconds since the epoch)."""
        with self._lock:
            held = self._object(key)
            unwanted = held is not None and held.wanted < before
            if unwanted:
                del self._objects[key]
        return unwanted

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""
        return iter(sorted(key for key in list(self._objects) if key.startswith(prefix)))

    def sweep(self, older_than: float, now: float) -> int:  # noqa: ARG002 - the protocol's signature
        """Nothing: a writer that dies takes the store along."""
        return 0

    def _object(self, key: str) -> _Object | None:
        return self._objects.get(checked(key))

    def _hold(self, key: str, data: bytes) -> None:
        self._versions += 1
        self._objects[key] = _Object(data, time.time(), self._versions)
