"""What is asked for often, kept in memory within a bound, and never served once the store has another version.

Pages are kept with the stamp that their object had before it was read, small packages and sidecars as they are: their
bytes never change, but a note may come that withholds them, so they are kept with the stamp of that note. A store on
this machine is asked for the stamp at each request, which costs one `stat`. Any other is asked whether the page has
changed, and all who wait for the same answer share one question, asked after the last of them came. When it does not
answer, what is in memory is served as stale.

Used by one event loop; the store is called in threads, but for the stamps of a local one.
"""

import asyncio
import errno
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from entrepot.edge.routes import Package
from entrepot.page import Damaged, Page
from entrepot.ports.store import Found, Stamp, Store

ALLOWANCE = 4096  # bytes counted for heads and bookkeeping
SMALL = 64 * 1024  # bytes of a package that is kept
THREADS = 32  # requests that may wait for pages of the store, and as many for files
PATIENCE = 1.0  # seconds that a request waits when there is something stale to answer with
PAUSE = 1.0  # seconds in which a store that did not answer is not waited for again

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ready:
    """One representation, ready to be joined and sent: its ETag, the heads of its 200 and its 304, its body."""

    etag: bytes
    whole: bytes
    unchanged: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """A page, None where there is none, and the stamp it is good for.

    `ready`: what was sent of it, by media type and coding. `stale`: the store could not be asked whether it still is
    so.
    """

    page: Page | None
    stamp: Stamp
    ready: dict[tuple[str, str], Ready] = field(default_factory=dict)
    stale: bool = False

    @property
    def shown(self) -> Page | None:
        """The page, unless it is gone."""
        return self.page if self.page and self.page.variants else None

    @property
    def size(self) -> int:
        """How many bytes it is counted as."""
        return ALLOWANCE + (sum(len(each.body) for each in self.page.variants.values()) if self.page else 0)


@dataclass(frozen=True, slots=True)
class Kept:
    """A package or a sidecar: where it lies, its bytes if it is small, and the stamp of the note's absence."""

    found: Found
    body: bytes | None
    note: Stamp
    ready: list[Ready] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes it is counted as."""
        return ALLOWANCE + len(self.body or b"")


class Withheld(Exception):
    """A note says that the file is not to be served."""


class Memory:
    """What was used last, at most `limit` bytes of it, and nothing larger than an eighth of that."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._held: OrderedDict[str, Held | Kept] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bytes")
        self._lookers = ThreadPoolExecutor(THREADS, thread_name_prefix="pages")  # whoever fetches files waits elsewhere
        self._looking: dict[str, asyncio.Task[Held]] = {}
        self._to_look: dict[str, asyncio.Task[Held]] = {}
        self._reading: dict[str, asyncio.Task[Kept | None]] = {}
        self._doubted_until = 0.0
        self.size = 0

    def page_at_hand(self, key: str) -> Held | None:
        """The page at `key`, if that can be told at once. Raises OSError."""
        held = self._held.get(key)
        if not self._store.local or not isinstance(held, Held) or held.stamp != self._store.stamp(key):
            return None
        self._held.move_to_end(key)
        return held

    def package_at_hand(self, route: Package) -> Kept | None:
        """The package, not withheld, if that can be told at once. Raises OSError."""
        key = route.place.key
        kept = self._held.get(key)
        if not self._store.local or not isinstance(kept, Kept) or kept.note != self._store.stamp(route.withheld.key):
            return None
        self._held.move_to_end(key)
        return kept

    async def page(self, key: str) -> Held:
        """The page at `key` as the store has it now, or stale. Raises OSError and Damaged when there is none."""
        if held := self.page_at_hand(key):
            return held
        held = self._held_page(key)
        if held is None:
            return await self._ask(key, None)
        try:
            return await self._ask(key, PATIENCE)
        except OSError:
            return replace(held, stale=True, ready={})

    async def package(self, route: Package) -> Kept | None:
        """The package or sidecar, None when there is none. Raises Withheld, OSError, Damaged."""
        if at_hand := self.package_at_hand(route):
            return at_hand
        key = route.place.key
        kept = self._held.get(key)
        if isinstance(kept, Kept) and await self._still_offered(route, kept):
            return kept
        self._check_not_in_doubt()
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read_now(route))
        return await asyncio.shield(reading)

    async def _read_now(self, route: Package) -> Kept | None:
        key = route.place.key
        try:
            kept = await self.in_thread(self._read_package, route)
        finally:
            del self._reading[key]
        if kept is not None:
            self.keep(key, kept)
        return kept

    async def in_thread(self, act: Callable[..., T], *arguments: object) -> T:
        """What `act` returns; for whatever may wait."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, *arguments)

    def keep(self, key: str, value: Held | Kept) -> None:
        """Remember it, and forget those longest unused to make room."""
        self._forget(key)
        if value.size > self._limit // 8:
            return
        self._held[key] = value
        self.size += value.size
        while self.size > self._limit:
            self._forget(next(iter(self._held)))

    def _held_page(self, key: str) -> Held | None:
        held = self._held.get(key)
        return held if isinstance(held, Held) else None

    async def _ask(self, key: str, patience: float | None) -> Held:
        """The page as the store has it now. Raises OSError, TimeoutError among them, and Damaged."""
        self._check_not_in_doubt()
        try:
            return await asyncio.wait_for(asyncio.shield(self._look(key)), patience)
        except OSError:
            self._doubt()
            raise

    def _look(self, key: str) -> "asyncio.Task[Held]":
        """The answer to a question that is not asked yet: one under way may be about a moment before this."""
        looking = self._looking.get(key)
        if looking is None:
            task = self._looking[key] = asyncio.create_task(self._look_now(key))
        elif key in self._to_look:
            task = self._to_look[key]
        else:
            task = self._to_look[key] = asyncio.create_task(self._look_after(looking, key))
        return task

    async def _look_after(self, looking: "asyncio.Task[Held]", key: str) -> Held:
        await asyncio.wait([looking])
        self._looking[key] = self._to_look.pop(key)
        return await self._look_now(key)

    async def _look_now(self, key: str) -> Held:
        known = self._held_page(key)
        try:
            stamp = known.stamp if known else None
            seen = await asyncio.get_running_loop().run_in_executor(self._lookers, self._store.look, key, stamp)
        finally:
            self._looking.pop(key, None)
        if known and seen is None:
            return known
        held = Held(*cast("tuple[Page | None, Stamp]", seen))
        if held.page is None:
            self._forget(key)
        else:
            self.keep(key, held)
        return held

    def _check_not_in_doubt(self) -> None:
        """Raises OSError when the store did not answer a moment ago: nobody waits for it again at once."""
        if asyncio.get_running_loop().time() < self._doubted_until:
            raise OSError(errno.EAGAIN, "the store did not answer a moment ago")

    def _doubt(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._store.local and now > self._doubted_until:
            logger.warning("the store does not answer; what is in memory is served as it is")
            self._doubted_until = now + PAUSE

    async def _still_offered(self, route: Package, kept: Kept) -> bool:
        try:
            note = await self._ask(route.withheld.key, PATIENCE)
        except OSError:
            if kept.body is None:
                raise
            return True  # nobody can have withheld it through a store that does not answer
        return note.stamp == kept.note

    def _read_package(self, route: Package) -> Kept | None:
        note, stamp = cast("tuple[Page | None, Stamp]", self._store.look(route.withheld.key))
        if note and note.variants:
            raise Withheld
        found = self._store.find(route.place.key)
        if found is None:
            return None
        body = b"".join(self._store.read(route.place.key, 0, found.size)) if found.size <= SMALL else None
        if body is not None and route.blake2 and _blake2(body) != route.blake2:
            raise Damaged(f"the bytes of {route.place.key} have changed")
        return Kept(found, body, stamp)

    def _forget(self, key: str) -> None:
        if held := self._held.pop(key, None):
            self.size -= held.size


def _blake2(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=32).hexdigest()
