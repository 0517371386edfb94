"""What is kept in memory: never another version than the store's, never more than the bound."""

import asyncio
import errno
import io
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, TypeVar

import pytest

from entrepot import layout, page
from entrepot.edge.memory import ALLOWANCE, SMALL, Held, Memory, Withheld
from entrepot.edge.routes import Package, route
from entrepot.page import Page, Variant
from entrepot.ports.files import FileStore
from entrepot.ports.store import Stamp

BODY = 10_000
BLAKE2 = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"  # of nothing
FILE = route(f"/packages/{BLAKE2[:2]}/{BLAKE2[2:4]}/{BLAKE2[4:]}/demo-1.0.tar.gz".encode())

T = TypeVar("T")


class Remote(FileStore):
    """A store that is asked over the network, and may hang or fail."""

    local: ClassVar[bool] = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.looks = 0
        self.open = Event()
        self.open.set()
        self.broken = False

    def look(self, key: str, known: Stamp = None) -> tuple[Page | None, Stamp] | None:
        self.looks += 1
        seen = super().look(key, known)
        self.open.wait(10)
        if self.broken:
            raise OSError(errno.EIO, "it broke", key)
        return seen


def put(store: FileStore, key: str, serial: int = 1, size: int = BODY) -> None:
    body = b"x" * size
    store.put_page(key, Page(serial, serial, {"identity": Variant(body, page._etag("identity", body))}))


def written(store: FileStore, key: str, size: int = BODY) -> Held:
    put(store, key, size=size)
    seen = store.look(key)
    assert seen is not None
    return Held(*seen)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


def memory_of(store: FileStore, pages: int = 100) -> Memory:
    return Memory(store, pages * (BODY + ALLOWANCE))


def test_a_page_is_good_until_the_store_has_another(store: FileStore) -> None:
    memory = memory_of(store)
    put(store, "a")
    assert memory.page_at_hand("a") is None
    first = run(memory.page("a"))
    assert memory.page_at_hand("a") is first
    put(store, "a", serial=2)
    assert memory.page_at_hand("a") is None
    second = run(memory.page("a")).shown
    assert second is not None
    assert second.serial == 2
    assert memory.size == BODY + ALLOWANCE
    store._path("a").unlink()
    assert run(memory.page("a")).shown is None
    assert memory.size == 0


def test_what_is_longest_unused_makes_room(store: FileStore) -> None:
    memory = memory_of(store, 10)
    for number in range(10):
        memory.keep(f"{number}", written(store, f"{number}"))
    assert memory.page_at_hand("0") is not None
    memory.keep("new", written(store, "new"))
    assert memory.page_at_hand("1") is None
    assert memory.page_at_hand("0") is not None
    assert memory.page_at_hand("new") is not None
    assert memory.size == 10 * (BODY + ALLOWANCE)


def test_a_page_too_large_is_not_kept(store: FileStore) -> None:
    memory = memory_of(store, 8)
    memory.keep("fits", written(store, "fits"))
    memory.keep("large", written(store, "large", size=BODY + 1))
    assert memory.page_at_hand("fits") is not None
    assert memory.page_at_hand("large") is None


def test_a_remote_store_is_asked_whether_a_page_has_changed(remote: Remote) -> None:
    memory = memory_of(remote)
    put(remote, "a")
    first = run(memory.page("a"))
    assert memory.page_at_hand("a") is None
    assert run(memory.page("a")) is first
    put(remote, "a", serial=2)
    assert run(memory.page("a")) is not first
    assert remote.looks == 3


def test_those_who_wait_share_a_question_that_was_asked_after_they_came(remote: Remote) -> None:
    memory = memory_of(remote)
    put(remote, "a")

    async def all_at_once() -> None:
        remote.open.clear()
        early = asyncio.create_task(memory.page("a"))
        while remote.looks == 0:
            await asyncio.sleep(0)
        put(remote, "a", serial=2)
        late = [asyncio.create_task(memory.page("a")) for _ in range(50)]
        await asyncio.sleep(0)
        remote.open.set()
        assert {(await each).page.serial for each in late} == {2}  # type: ignore[union-attr]
        await early
        assert remote.looks == 2

    run(all_at_once())


def test_a_remote_store_that_fails(remote: Remote) -> None:
    memory = memory_of(remote)
    put(remote, "a")
    run(memory.page("a"))
    remote.broken = True
    with pytest.raises(OSError, match="it broke"):
        run(memory.page("b"))
    asked = remote.looks
    assert run(memory.page("a")).stale
    with pytest.raises(OSError, match="a moment ago"):
        run(memory.page("b"))
    assert remote.looks == asked  # it is not asked again at once


def test_a_remote_store_that_hangs(remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    memory = memory_of(remote)
    put(remote, "a")
    run(memory.page("a"))

    async def hang() -> None:
        remote.open.clear()
        answers = await asyncio.gather(*(memory.page("a") for _ in range(10)))
        assert all(each.stale and each.shown for each in answers)
        remote.open.set()

    run(hang())
    assert caplog.text.count("does not answer") == 1


def test_a_package_in_memory_is_not_held_up_by_a_store_that_hangs(remote: Remote) -> None:
    memory, package = memory_of(remote), small(remote)
    kept = run(memory.package(package))

    async def hang() -> None:
        remote.open.clear()
        assert await asyncio.wait_for(memory.package(package), 5) is kept
        remote.open.set()

    run(hang())


def small(store: FileStore, size: int = 0) -> Package:
    assert isinstance(FILE, Package)
    store.create(FILE.place.key, io.BytesIO(b"x" * size))
    return FILE


def test_a_small_package_is_kept_until_it_is_withheld(store: FileStore) -> None:
    memory, package = memory_of(store), small(store)
    kept = run(memory.package(package))
    assert kept is not None
    assert kept.body == b""
    assert memory.package_at_hand(package) is kept
    assert run(memory.package(package)) is kept
    store.put_page(package.withheld.key, Page.of(b"{}", serial=1, last_serial=1))
    assert memory.package_at_hand(package) is None
    with pytest.raises(Withheld):
        run(memory.package(package))
    store.put_page(package.withheld.key, Page.gone(serial=2))
    assert run(memory.package(package)) is not None


def test_a_package_of_a_remote_store(remote: Remote) -> None:
    memory, package = memory_of(remote), small(remote)
    kept = run(memory.package(package))
    assert memory.package_at_hand(package) is None
    assert run(memory.package(package)) is kept
    remote.broken = True
    assert run(memory.package(package)) is kept
    with pytest.raises(OSError, match="a moment ago"):
        run(memory.package(replace(package, place=layout.package(BLAKE2, "other-1.0.tar.gz"))))
    remote.broken, memory._doubted_until = False, 0.0
    remote.put_page(package.withheld.key, Page.of(b"{}", serial=1, last_serial=1))
    with pytest.raises(Withheld):
        run(memory.package(package))


def test_those_who_want_the_same_package_share_its_reading(remote: Remote) -> None:
    memory, package = memory_of(remote), small(remote)

    async def all_at_once() -> None:
        kept = await asyncio.gather(*(memory.package(package) for _ in range(50)))
        assert {id(each) for each in kept} == {id(kept[0])}
        assert kept[0] is not None

    run(all_at_once())
    assert remote.looks == 1


def test_a_large_package_of_a_remote_store_that_fails(remote: Remote) -> None:
    memory, package = memory_of(remote), small(remote, SMALL + 1)
    assert run(memory.package(package)) is not None
    remote.broken = True
    with pytest.raises(OSError, match="it broke"):
        run(memory.package(package))


def test_places_have_one_key() -> None:
    assert isinstance(FILE, Package)
    assert FILE.place == layout.package(BLAKE2, "demo-1.0.tar.gz")
