"""Pages in memory: never another version than the store's, never more than the bound."""

from pathlib import Path

from entrepot.edge.memory import ALLOWANCE, Held, Memory
from entrepot.page import Page, Variant
from entrepot.ports.store import FileStore

BODY = 10_000


def written(store: FileStore, key: str, serial: int = 1, size: int = BODY) -> Held:
    page = Page(serial, serial, {"identity": Variant(b"x" * size, '"x"')})
    store.put_page(key, page)
    stamp = store.stamp(key)
    assert stamp is not None
    return Held(page, stamp)


def test_a_page_is_good_until_the_store_has_another(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    memory = Memory(store, 1_000_000)
    first = written(store, "a")
    memory.keep("a", first)
    assert memory.find("a") is first
    second = written(store, "a", serial=2)
    assert memory.find("a") is None
    assert memory.size == 0
    memory.keep("a", second)
    memory.keep("a", second)
    assert memory.size == BODY + ALLOWANCE
    found = store.find("a")
    assert found is not None
    found.path.unlink()
    assert memory.find("a") is None


def test_the_pages_longest_unused_make_room(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    memory = Memory(store, 10 * (BODY + ALLOWANCE))
    for number in range(10):
        memory.keep(f"{number}", written(store, f"{number}"))
    assert memory.find("0") is not None
    memory.keep("new", written(store, "new"))
    assert memory.find("1") is None
    assert memory.find("0") is not None
    assert memory.find("new") is not None
    assert memory.size == 10 * (BODY + ALLOWANCE)


def test_a_page_too_large_is_not_kept(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    memory = Memory(store, 8 * (BODY + ALLOWANCE))
    memory.keep("fits", written(store, "fits"))
    memory.keep("large", written(store, "large", size=BODY + 1))
    assert memory.find("fits") is not None
    assert memory.find("large") is None
