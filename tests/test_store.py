"""What every store promises, held against each: what it has is whole, and never older than it was."""

import hashlib
import io
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from entrepot.page import Damaged, Page
from entrepot.ports.memory import MemoryStore
from entrepot.ports.store import CHUNK, Store, Superseded
from entrepot.ports.stores import store_from_url
from inside import eventually

KEY = "packages/aa/bb/cc/demo-1.0.tar.gz"
PAGE = "pages/main/simple/demo/index.json"
WRITERS = 4
MEBIBYTE = 1024 * 1024


@pytest.fixture(params=["memory", "files", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("bucket")) if kind == "s3" else f"file://{tmp_path}/store"


@pytest.fixture
def store(kind: str, url: str) -> Store:
    made = MemoryStore() if kind == "memory" else store_from_url(url)
    made.prepare()
    return made


def page(text: str, serial: int) -> Page:
    return Page.of(text.encode(), serial=serial, last_serial=serial)


def pattern(size: int) -> bytes:
    """Bytes that look different wherever one looks, and cannot be compressed."""
    return hashlib.shake_128(b"pattern").digest(size)


def content(store: Store, key: str) -> bytes:
    found = store.find(key)
    assert found is not None
    return b"".join(store.read(key, 0, found.size))


def body(store: Store, key: str) -> bytes:
    held = store.read_page(key)
    assert held is not None
    return held.body


@pytest.mark.parametrize("size", [0, 5, 3_000_000, 20_000_000])
def test_a_package_is_found_as_it_was_written(store: Store, size: int) -> None:
    data = pattern(size)
    assert store.create(KEY, io.BytesIO(data))
    found = store.find(KEY)
    assert found is not None
    assert found.size == size
    assert content(store, KEY) == data
    assert all(0 < len(piece) <= CHUNK for piece in store.read(KEY, 0, size))
    assert not store.create(KEY, io.BytesIO(data))
    assert content(store, KEY) == data
    assert list(store.keys("")) == [KEY]


def test_a_source_is_read_from_where_it_stands(store: Store) -> None:
    source = io.BytesIO(b"before, after")
    source.seek(8)
    store.create(KEY, source)
    assert content(store, KEY) == b"after"


def test_any_range_of_a_package_can_be_read(store: Store) -> None:
    data = pattern(3 * MEBIBYTE)
    store.create(KEY, io.BytesIO(data))
    for first, count in [(0, 1), (5, 10), (MEBIBYTE - 1, 2), (MEBIBYTE, 2 * MEBIBYTE), (3 * MEBIBYTE - 1, 1), (7, 0)]:
        assert b"".join(store.read(KEY, first, count)) == data[first : first + count]
    store.read(KEY, 0, len(data)).close()  # a reader that never begins
    reading = store.read(KEY, 0, len(data))
    assert data.startswith(next(reading))
    reading.close()  # nor goes on


def test_a_package_that_ends_too_early_or_is_absent_is_an_error(store: Store) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    for key, first, count in [(KEY, 0, 6), (KEY, 4, 2), (KEY, 5, 1), (KEY, 9, 1), ("packages/absent", 0, 1)]:
        with pytest.raises(OSError, match=r"too early|416|packages/absent"):
            b"".join(store.read(key, first, count))


def test_what_was_never_written_is_absent(store: Store) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    for key in [PAGE, "packages/aa/bb/cc/demo", "pages/" + "a" * 300, "pages/" + "a" * 2000]:
        assert store.find(key) is None
        assert store.read_page(key) is None
        assert store.look(key) == (None, store.stamp(key))
        assert store.look(key, store.stamp(key)) is None
    assert not store.remove_unwanted("packages/absent", before=1e12)
    assert list(store.keys("pages/")) == []
    assert store.location(KEY) is None


def test_a_store_is_prepared_again_and_keeps_what_it_has(store: Store) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    store.prepare()
    assert content(store, KEY) == b"bytes"
    assert list(store.keys("")) == [KEY]


def test_a_page_is_replaced_by_a_newer_one_and_by_its_equal(store: Store) -> None:
    store.put_page(PAGE, page("one", 1))
    store.put_page(PAGE, page("two", 2))
    store.put_page(PAGE, page("two again", 2))
    assert body(store, PAGE) == b"two again"


def test_an_older_page_is_refused(store: Store) -> None:
    store.put_page(PAGE, page("new", 7))
    with pytest.raises(Superseded, match="held at serial 7") as refused:
        store.put_page(PAGE, page("late", 6))
    assert (refused.value.key, refused.value.held, refused.value.offered) == (PAGE, 7, 6)
    assert body(store, PAGE) == b"new"
    assert list(store.keys("")) == [PAGE]


def test_a_page_that_is_gone_cannot_be_brought_back_by_a_late_writer(store: Store) -> None:
    store.put_page(PAGE, Page.gone(serial=5))
    with pytest.raises(Superseded):
        store.put_page(PAGE, page("late", 4))
    held = store.read_page(PAGE)
    assert held is not None
    assert held.variants == {}


def test_a_large_page_comes_back_as_it_was(store: Store) -> None:
    large = Page.of(pattern(3 * MEBIBYTE), serial=3, last_serial=3)
    store.put_page(PAGE, large)
    assert store.read_page(PAGE) == large
    with pytest.raises(Superseded):
        store.put_page(PAGE, page("late", 2))


def test_what_did_not_change_is_not_read_again(store: Store) -> None:
    absent = store.stamp(PAGE)
    store.put_page(PAGE, page("one", 1))
    seen = store.look(PAGE, absent)
    assert seen == (page("one", 1), store.stamp(PAGE))
    assert store.look(PAGE, seen[1]) is None
    store.put_page(PAGE, page("two", 2))
    assert store.look(PAGE, seen[1]) == store.look(PAGE) == (page("two", 2), store.stamp(PAGE))


def test_every_version_has_a_stamp_of_its_own(store: Store) -> None:
    stamps = {store.stamp(PAGE)}
    for serial in range(20):
        store.put_page(PAGE, page("same", serial))
        stamps.add(store.stamp(PAGE))
    assert len(stamps) == 21


@pytest.mark.parametrize("damage", [b"no page at all\n", page("page", 9).pack()[:-1] + b"x"])
def test_a_damaged_page_is_noticed_and_can_be_replaced(store: Store, damage: bytes) -> None:
    store.create(PAGE, io.BytesIO(damage))
    for read in (store.read_page, store.look):
        with pytest.raises(Damaged):
            read(PAGE)
    store.put_page(PAGE, page("healed", 9))
    assert body(store, PAGE) == b"healed"


@pytest.mark.parametrize("key", ["/etc/passwd", "../x", "pages/../../x", "pages/.."])
def test_keys_are_relative_and_do_not_go_up(store: Store, key: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: store.find(key),
        lambda: store.read_page(key),
        lambda: store.create(key, io.BytesIO(b"x")),
        lambda: store.put_page(key, page("x", 1)),
    ]
    for act in acts:
        with pytest.raises(ValueError, match="not a key"):
            act()


def test_keys_are_listed_in_order_without_the_stores_own(store: Store) -> None:
    keys = ["pages/main/a-b/index", "pages/main/a/index", "pages/main/a.json", "packages/x", "pages/other/z"]
    for key in keys:
        store.put_page(key, page("x", 1))
    assert list(store.keys("")) == sorted(keys)
    assert list(store.keys("pages/main/")) == sorted(key for key in keys if key.startswith("pages/main/"))
    assert list(store.keys("pages/main/a-")) == ["pages/main/a-b/index"]
    assert list(store.keys("pages/mai")) == list(store.keys("pages/main/"))


@pytest.mark.parametrize(
    "name", ["demo-1.0+local.1.tar.gz", "demo-1!2.0.zip", "a b", "a%2Fb%20c", "größe", "a~b;c=d&e"]
)
def test_a_key_comes_back_as_it_was_given(store: Store, name: str) -> None:
    store.create(f"packages/{name}", io.BytesIO(name.encode()))
    assert list(store.keys("packages/")) == [f"packages/{name}"]
    assert content(store, f"packages/{name}") == name.encode()


def test_what_nobody_wants_is_removed_and_what_was_written_again_stays(store: Store) -> None:
    kept, large, unwanted = KEY, f"{KEY}.large", f"{KEY}.unwanted"
    data = {kept: b"bytes", large: bytes(9 * MEBIBYTE), unwanted: b"bytes"}
    for key, each in data.items():
        store.create(key, io.BytesIO(each))
    written = time.time()
    eventually(lambda: time.time() > written + 3)  # S3 tells times in seconds, and some servers round them up
    before = float(int(time.time()))
    for key in (kept, large):
        assert not store.create(key, io.BytesIO(data[key]))
    assert [store.remove_unwanted(key, before) for key in data] == [False, False, True]
    assert store.find(unwanted) is None
    assert store.create(unwanted, io.BytesIO(b"bytes"))
    assert [content(store, key) for key in data] == list(data.values())
    assert list(store.keys("")) == sorted(data)


def test_sweeping_takes_nothing_that_is_whole(store: Store) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    store.put_page(PAGE, page("page", 1))
    assert store.sweep(older_than=0, now=time.time() + 1000) == 0
    assert list(store.keys("")) == [KEY, PAGE]


def write_pages(store: Store, serials: list[int]) -> None:
    for serial in serials:
        try:
            store.put_page(PAGE, page(f"page {serial}", serial))
        except Superseded:
            assert serial < max(SERIALS)


def create_packages(store: Store) -> int:
    """How many were new."""
    return sum(store.create(f"packages/{number}/file", io.BytesIO(b"same" * 1000)) for number in range(20))


SERIALS = sorted(range(1, 81), key=lambda serial: serial * 7919 % 81)


def test_of_many_threads_the_newest_page_wins_and_each_package_is_new_once(store: Store) -> None:
    together = Barrier(WRITERS)

    def write(part: int) -> int:
        together.wait()
        write_pages(store, SERIALS[part::WRITERS])
        return create_packages(store)

    with ThreadPoolExecutor(WRITERS) as threads:
        assert sum(threads.map(write, range(WRITERS))) == 20
    assert body(store, PAGE) == b"page 80"
    assert len(list(store.keys("packages/"))) == 20


def _write(url: str, part: int) -> None:
    store = store_from_url(url)
    write_pages(store, SERIALS[part::WRITERS])
    create_packages(store)


@pytest.mark.parametrize("kind", ["files", "s3"])
def test_of_many_processes_the_newest_page_wins(store: Store, url: str) -> None:
    processes = multiprocessing.get_context("spawn")
    writers = [processes.Process(target=_write, args=(url, part)) for part in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert body(store, PAGE) == b"page 80"
    assert list(store.keys("")) == sorted([PAGE, *(f"packages/{number}/file" for number in range(20))])


@pytest.mark.parametrize(
    ("url", "named"),
    [("gs://bucket/x", "'gs'"), ("/data", "''"), ("file://host/x", "'host'")],
)
def test_other_stores_are_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        store_from_url(url)
