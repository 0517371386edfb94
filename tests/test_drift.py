"""What `verify` finds and `rebuild` mends, seen from inside; the commands themselves are tried in behaviour/."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.followers import drift, pages
from entrepot.followers.collect import GRACE, collect
from entrepot.journal import log
from entrepot.journal.documents import Kind
from entrepot.journal.models import Dirty, Entry
from entrepot.layout import package, release_json, sidecar, watermark
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.projects import actions
from entrepot.projects.models import Deletion, File, Status
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

SIMPLE = "pages/main/simple/demo/index.json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = new_world(tmp_path / "store")
    made.upload(forge.wheel("demo", "1.0"))
    made.upload(forge.sdist("demo", "1.0"))
    made.upload(forge.wheel("other", "1.0"))
    return made


def rebuild(world: World) -> None:
    drift.owe_everything(store=world.store)
    for _ in drift.rebuild(store=world.store, cdn=world.cdn):
        pass


def stored(world: World, key: str) -> Path:
    found = world.store.find(key)
    assert found is not None
    assert found.path is not None
    return found.path


def test_a_sound_index_has_nothing_to_complain_of(world: World) -> None:
    assert world.complaints() == []
    before = world.published()
    rebuild(world)
    assert world.published() == before
    assert world.complaints() == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda path: path.unlink(), f"{SIMPLE}: missing"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"demo", b"dome")), f"{SIMPLE}: damaged: "),
        (lambda path: path.write_bytes(b"nonsense"), f"{SIMPLE}: damaged: not a packed page"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), f"{SIMPLE}: damaged: the head"),
        (lambda path: path.write_bytes(Page.of(b"{}", serial=3, last_serial=5).pack()), f"{SIMPLE}: differs"),
        (lambda path: path.write_bytes(Page.of(b"{}", serial=3, last_serial=3).pack()), "says serial 3 where"),
        (lambda path: path.write_bytes(Page.gone(serial=3).pack()), f"{SIMPLE}: missing"),
    ],
)
def test_a_page_that_differs_is_found_and_mended(
    world: World, change: Callable[[Path], object], complaint: str
) -> None:
    change(stored(world, SIMPLE))
    (found,) = world.complaints()
    assert complaint in found
    rebuild(world)
    assert world.complaints() == []


def test_a_page_that_should_be_gone(world: World) -> None:
    world.show(actions.set_status(world.project("demo"), Status.QUARANTINED, by=OPERATOR))
    key = release_json(ProjectName("demo"), "1").key
    world.store.put_page(key, Page.of(b"{}", serial=log.committed(), last_serial=1))
    assert world.complaints() == [f"{key}: should be gone"]
    rebuild(world)
    assert world.complaints() == []


def test_strays_are_found_and_removed_unless_they_are_newer(world: World) -> None:
    stray, newer = "pages/main/simple/stray/index.json", "pages/main/simple/newer/index.json"
    world.store.put_page(stray, Page.of(b"{}", serial=1, last_serial=1))
    world.store.put_page(newer, Page.of(b"{}", serial=99, last_serial=99))
    nonsense = stored(world, stray).with_name("nonsense.json")
    nonsense.write_bytes(b"nonsense")
    key = "pages/main/simple/stray/nonsense.json"
    assert world.complaints() == [f"{each}: nothing in the database accounts for it" for each in (newer, stray, key)]
    rebuild(world)
    assert world.complaints() == [f"{newer}: nothing in the database accounts for it"]


def test_notes_that_withhold_files_are_rebuilt_both_ways(world: World) -> None:
    world.show(actions.set_status(world.project("demo"), Status.QUARANTINED, by=OPERATOR))
    world.show(actions.set_status(world.project("demo"), Status.ACTIVE, by=OPERATOR))
    world.show(actions.set_status(world.project("other"), Status.QUARANTINED, by=OPERATOR))
    notes = list(world.store.keys("pages/withheld/"))
    assert len(notes) == 3
    for key in notes:
        stored(world, key).write_bytes(Page.of(b"{}", serial=1, last_serial=0).pack())
    rebuild(world)
    assert world.complaints() == []
    shown = [page for key in notes if (page := world.store.read_page(key)) and page.variants]
    assert len(shown) == 1


def test_rebuilding_that_fails_removes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = "pages/main/simple/stray/index.json"
    world.store.put_page(stray, Page.of(b"{}", serial=1, last_serial=1))
    monkeypatch.setitem(pages.BUILDERS, Kind.PROJECT, lambda _document, _serial: 1 / 0)
    rebuild(world)
    monkeypatch.undo()
    assert world.store.read_page(stray) is not None
    assert len(log.owed(due=drift.END_OF_TIME)) == 2
    rebuild(world)
    assert world.complaints() == []


def test_files_are_read_to_the_last_byte(world: World) -> None:
    file = world.file("demo-1.0-py3-none-any.whl")
    key, beside = (place(file.blake2, file.filename).key for place in (package, sidecar))
    path = stored(world, key)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    stored(world, beside).unlink()
    found = world.complaints()
    assert len(found) == 2
    assert found[0].startswith(f"{key}: ")
    assert found[1] == f"{beside}: missing"
    File.objects.filter(pk=file.pk).delete()
    assert all("packages" not in complaint for complaint in world.complaints())


def test_a_database_that_is_not_the_stores_is_noticed(world: World) -> None:
    assert not drift.store_is_ahead(store=world.store, index=world.index)
    Entry.objects.filter(serial__gt=5).delete()
    assert drift.store_is_ahead(store=world.store, index=world.index)
    now = timezone.now() + 2 * GRACE
    File.objects.all().delete()
    assert not any(collect(store=world.store, now=now))
    stored(world, "pages/main/simple/index.json").write_bytes(b"nonsense")
    assert drift.store_is_ahead(store=world.store, index=world.index)  # by the watermark, which never waits
    stored(world, watermark()).write_bytes(b"nonsense")
    assert not drift.store_is_ahead(store=world.store, index=world.index)


def test_an_older_database_goes_on_beyond_what_readers_saw(world: World) -> None:
    stored(world, "pages/main/simple/index.html").write_bytes(b"nonsense")
    before = drift.highest_serial(store=world.store)
    world.show(actions.delete_project(world.project("other"), by=OPERATOR))
    Deletion.objects.all().delete()
    Entry.objects.filter(serial__gt=before).delete()
    Dirty.objects.all().delete()
    actions.overtake(world.index, drift.highest_serial(store=world.store))
    actions.overtake(world.index, 3)
    assert log.committed() == before + 1
    rebuild(world)
    assert world.complaints() == []
    assert world.upload(forge.wheel("demo", "2.0")) == before + 3


def test_rebuilding_spares_what_others_publish_meanwhile(world: World) -> None:
    world.store.put_page("pages/main/simple/stray/index.json", Page.of(b"{}", serial=1, last_serial=1))
    drift.owe_everything(store=world.store)
    steps = drift.rebuild(store=world.store, cdn=world.cdn)
    next(steps)
    Dirty.objects.all().delete()
    for _ in pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=world.cdn):
        pass
    first = next(iter(world.store.keys("pages/main/simple/other/")))
    assert all(steps)
    assert world.complaints() == []
    assert world.store.read_page(first) is not None


def test_strange_files_in_the_store_are_left_alone(world: World) -> None:
    strange = stored(world, SIMPLE).parents[4] / "packages" / "README"
    strange.write_text("whoever put it there had a reason")
    assert not any(collect(store=world.store, now=timezone.now() + 2 * GRACE))
    assert strange.exists()
