"""Hot pages, kept in memory within a bound, and never served once the store has another version.

Each page is kept with the stamp that its object had before it was read; looking it up costs one `stat`. A page replaced
while it was being read is kept under the older stamp, so the next look finds it stale. Used by one thread.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from entrepot.page import Page
from entrepot.ports.store import FileStore

ALLOWANCE = 4096  # bytes counted for a page's heads and bookkeeping


@dataclass(frozen=True, slots=True)
class Ready:
    """One representation, ready to be joined and sent: its ETag, the heads of its 200 and its 304, its body."""

    etag: bytes
    whole: bytes
    unchanged: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """A page and the stamp it is good for; `ready`: what was sent of it, by media type and coding."""

    page: Page
    stamp: tuple[int, int]
    ready: dict[tuple[str, str], Ready] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many bytes it is counted as."""
        return ALLOWANCE + sum(len(variant.body) for variant in self.page.variants.values())


class Memory:
    """The pages last used, at most `limit` bytes of them, and none larger than an eighth of that."""

    def __init__(self, store: FileStore, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._held: OrderedDict[str, Held] = OrderedDict()
        self.size = 0

    def find(self, key: str) -> Held | None:
        """The page at `key` if it is here and still the one in the store. Raises OSError."""
        held = self._held.get(key)
        if held is None:
            return None
        if held.stamp != self._store.stamp(key):
            self._forget(key)
            return None
        self._held.move_to_end(key)
        return held

    def keep(self, key: str, held: Held) -> None:
        """Remember a page, and forget those longest unused to make room."""
        self._forget(key)
        if held.size > self._limit // 8:
            return
        self._held[key] = held
        self.size += held.size
        while self.size > self._limit:
            self._forget(next(iter(self._held)))

    def _forget(self, key: str) -> None:
        if held := self._held.pop(key, None):
            self.size -= held.size
