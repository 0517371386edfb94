"""The store: what it holds is whole, on disk, and never older than it was."""

import errno
import io
import multiprocessing
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entrepot.page import Page
from entrepot.ports.store import FileStore, Found, Superseded, store_from_url
from entrepot.refusal import Unavailable

KEY = "packages/aa/bb/cc/demo-1.0.tar.gz"
PAGE = "pages/main/simple/demo/index.json"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def page(text: str, serial: int) -> Page:
    return Page.of(text.encode(), serial=serial, last_serial=serial)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.parent.name != "locks"}


def content(store: FileStore, key: str) -> bytes:
    with store.open(key) as file:
        return file.read()


def body(store: FileStore, key: str) -> bytes:
    held = store.read_page(key)
    assert held is not None
    return held.body


def test_a_package_is_found_as_it_was_written(store: FileStore, tmp_path: Path) -> None:
    store.create(KEY, io.BytesIO(b"x" * 3_000_000))
    assert store.find(KEY) == Found(tmp_path / KEY, 3_000_000)
    assert content(store, KEY) == b"x" * 3_000_000
    assert files(tmp_path) == {KEY}


def test_a_package_written_again_stays_and_counts_as_new(store: FileStore, tmp_path: Path) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    os.utime(tmp_path / KEY, (1000, 1000))
    store.create(KEY, io.BytesIO(b"bytes"))
    assert (tmp_path / KEY).stat().st_mtime > 1000
    assert files(tmp_path) == {KEY}
    assert not store.remove_unwanted(KEY, before=1000)
    assert store.remove_unwanted(KEY, before=1e12)
    assert store.find(KEY) is None


def test_what_was_never_written_is_absent(store: FileStore) -> None:
    assert store.find(KEY) is None
    assert store.stamp(KEY) is None
    assert store.read_page(PAGE) is None
    assert store.read_page("pages/" + "a" * 300) is None
    assert list(store.keys("pages/")) == []
    with pytest.raises(FileNotFoundError):
        store.open(KEY)


def test_a_store_that_is_missing_is_no_empty_one(tmp_path: Path) -> None:
    gone = FileStore(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        gone.find(KEY)
    with pytest.raises(FileNotFoundError):
        gone.read_page(PAGE)
    with pytest.raises(Unavailable):
        gone.create(KEY, io.BytesIO(b"bytes"))
    with pytest.raises(Unavailable):
        gone.put_page(PAGE, page("one", 1))
    assert not (tmp_path / "gone").exists()
    gone.prepare()
    assert gone.find(KEY) is None


def test_a_page_is_replaced_by_a_newer_one_and_by_its_equal(store: FileStore) -> None:
    store.put_page(PAGE, page("one", 1))
    store.put_page(PAGE, page("two", 2))
    store.put_page(PAGE, page("two again", 2))
    assert body(store, PAGE) == b"two again"


def test_an_older_page_is_refused(store: FileStore, tmp_path: Path) -> None:
    store.put_page(PAGE, page("new", 7))
    with pytest.raises(Superseded, match="held at serial 7") as refused:
        store.put_page(PAGE, page("late", 6))
    assert (refused.value.key, refused.value.held, refused.value.offered) == (PAGE, 7, 6)
    assert body(store, PAGE) == b"new"
    assert files(tmp_path) == {PAGE}


def test_a_page_that_is_gone_cannot_be_brought_back_by_a_late_writer(store: FileStore) -> None:
    store.put_page(PAGE, Page.gone(serial=5))
    with pytest.raises(Superseded):
        store.put_page(PAGE, page("late", 4))
    held = store.read_page(PAGE)
    assert held is not None
    assert held.variants == {}


def test_every_version_has_a_stamp_of_its_own(store: FileStore) -> None:
    stamps = []
    for serial in range(50):
        store.put_page(PAGE, page("same", serial))
        stamps.append(store.stamp(PAGE))
    times = [stamp[1] for stamp in stamps if stamp]
    assert len(times) == len(set(times)) == 50
    assert times == sorted(times)


@pytest.mark.parametrize("key", ["/etc/passwd", "../x", "pages/../../x", "pages/.."])
def test_keys_stay_below_the_root(store: FileStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.find(key)


def test_keys_are_listed_in_order_without_the_stores_own(store: FileStore) -> None:
    keys = ["pages/main/a-b/index", "pages/main/a/index", "pages/main/a.json", "packages/x", "pages/other/z"]
    for key in keys:
        store.put_page(key, page("x", 1))
    assert list(store.keys("")) == sorted(keys)
    assert list(store.keys("pages/main/")) == sorted(key for key in keys if key.startswith("pages/main/"))
    assert list(store.keys("pages/main/a-")) == ["pages/main/a-b/index"]


def test_what_dead_writers_left_is_swept_and_living_ones_are_spared(store: FileStore, tmp_path: Path) -> None:
    store.create(KEY, io.BytesIO(b"x"))
    for name, written in [("dead", 1000), ("alive", 5000)]:
        (tmp_path / "tmp" / name).touch()
        os.utime(tmp_path / "tmp" / name, (written, written))
    assert store.sweep(older_than=3600, now=5000) == 1
    assert files(tmp_path) == {KEY, "tmp/alive"}


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_answer(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def noting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            last = args[-1]
            where = Path(f"/proc/self/fd/{last}").readlink() if isinstance(last, int) else str(last)
            calls.append(f"{name} {Path(where).relative_to(tmp_path)}")
            return real(*args, **kwargs)

        return call

    for name in ["fsync", "link", "replace"]:
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))

    def steps() -> list[str]:
        noted = ["fsync TEMPORARY" if call.startswith("fsync tmp/") else call for call in calls]
        calls.clear()
        return [call for call in noted if call not in {"fsync .", "fsync locks", "fsync tmp"}]

    store.create("a/b/file", io.BytesIO(b"x"))
    assert steps() == ["fsync TEMPORARY", "fsync a", "link a/b/file", "fsync a/b"]
    store.create("a/b/file", io.BytesIO(b"x"))
    assert steps() == ["fsync TEMPORARY", "link a/b/file", "fsync a/b"]
    store.put_page("a/c/page", page("x", 1))
    assert steps() == ["fsync TEMPORARY", "fsync a", "replace a/c/page", "fsync a/c"]


def _write_pages(root: Path, serials: list[int]) -> None:
    store = FileStore(root)
    for serial in serials:
        try:
            store.put_page(PAGE, page(f"page {serial}", serial))
        except Superseded:
            assert serial < 400


def test_of_many_writers_the_newest_wins(tmp_path: Path) -> None:
    serials = sorted(range(1, 401), key=lambda serial: serial * 7919 % 401)
    processes = multiprocessing.get_context("fork")
    writers = [processes.Process(target=_write_pages, args=(tmp_path, serials[part::4])) for part in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert body(FileStore(tmp_path), PAGE) == b"page 400"
    assert files(tmp_path) == {PAGE}


def _create_packages(root: Path) -> None:
    store = FileStore(root)
    for number in range(40):
        store.create(f"packages/{number}/file", io.BytesIO(b"same" * 1000))


def test_many_writers_of_the_same_packages_all_succeed(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("fork")
    writers = [processes.Process(target=_create_packages, args=(tmp_path,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert files(tmp_path) == {f"packages/{number}/file" for number in range(40)}


def test_a_full_disk_is_a_refusal_and_leaves_nothing(store: FileStore, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(Unavailable) as refused:
            store.create(KEY, io.BytesIO(b"x" * 20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.value.code == "store-full"
    assert files(tmp_path) == set()
    store.create(KEY, io.BytesIO(b"x" * 20_000))
    assert files(tmp_path) == {KEY}


def test_a_disk_that_fails_is_a_refusal(store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put_page(PAGE, page("old", 1))

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "it broke")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Unavailable) as refused:
        store.put_page(PAGE, page("new", 2))
    assert refused.value.code == "store-unavailable"
    assert body(store, PAGE) == b"old"
    assert files(tmp_path) == {PAGE}


def test_a_read_error_is_not_taken_for_absence(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        store.read_page("loop")


def test_a_store_is_named_by_a_url(tmp_path: Path) -> None:
    store = store_from_url(f"file://{tmp_path}/a%20b")
    store.prepare()
    store.create("x", io.BytesIO(b"1"))
    assert (tmp_path / "a b" / "x").read_bytes() == b"1"


@pytest.mark.parametrize(("url", "named"), [("s3://bucket/x", "'s3'"), ("/data", "''"), ("file://host/x", "'host'")])
def test_other_stores_are_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        store_from_url(url)
