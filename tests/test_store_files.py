"""The store on a file system: what it holds has reached the disk, and a disk that fails leaves nothing behind."""

import errno
import io
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entrepot.page import Page
from entrepot.ports.files import FileStore
from entrepot.ports.store import Found
from entrepot.ports.stores import store_from_url
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


def body(store: FileStore, key: str) -> bytes:
    held = store.read_page(key)
    assert held is not None
    return held.body


def test_each_object_is_a_file_and_nothing_else_is_left(store: FileStore, tmp_path: Path) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    store.create(KEY, io.BytesIO(b"bytes"))
    store.put_page(PAGE, page("page", 1))
    assert store.find(KEY) == Found(5, tmp_path / KEY)
    assert (tmp_path / KEY).read_bytes() == b"bytes"
    assert files(tmp_path) == {KEY, PAGE}


def test_a_package_written_again_counts_as_new(store: FileStore, tmp_path: Path) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    os.utime(tmp_path / KEY, (1000, 1000))
    assert not store.remove_unwanted(KEY, before=1000)
    store.create(KEY, io.BytesIO(b"bytes"))
    assert (tmp_path / KEY).stat().st_mtime > 1000


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


def test_stamps_of_later_versions_are_higher(store: FileStore) -> None:
    stamps = []
    for serial in range(50):
        store.put_page(PAGE, page("same", serial))
        stamps.append(store.stamp(PAGE))
    times = [stamp[1] for stamp in stamps if isinstance(stamp, tuple)]
    assert len(set(times)) == 50
    assert times == sorted(times)


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
    assert steps() == ["fsync TEMPORARY", "fsync a/b"]
    store.put_page("a/c/page", page("x", 1))
    assert steps() == ["fsync TEMPORARY", "fsync a", "replace a/c/page", "fsync a/c"]


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
