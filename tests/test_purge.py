"""What the caches are told and asked, and what stays owed when they do not send it."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from django.utils import timezone

from archives import forge
from entrepot import layout
from entrepot.accounts.actor import OPERATOR
from entrepot.followers import drift, pages, purge
from entrepot.journal import documents as owed
from entrepot.journal import log
from entrepot.journal.models import Dirty
from entrepot.layout import Form
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.cdn import NotShown, PurgeFailed, Sent
from entrepot.projects import actions
from entrepot.projects.models import Status
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

DEMO = ProjectName("demo")


@dataclass
class Ledger:
    """Caches that send what `send` says, and note what they were told."""

    send: Callable[[str, str, str], list[Sent]]
    purged: list[set[str]] = field(default_factory=list)
    removed: list[set[str]] = field(default_factory=list)
    looks: list[tuple[str, str, str]] = field(default_factory=list)

    def purge(self, tags: Collection[str]) -> None:
        self.purged.append(set(tags))

    def remove(self, tags: Collection[str]) -> None:
        self.removed.append(set(tags))

    def look(self, path: str, *, accept: str, coding: str) -> list[Sent]:
        self.looks.append((path, accept, coding))
        return self.send(path, accept, coding)


class Deaf(Ledger):
    """Caches that take no purge."""

    def purge(self, tags: Collection[str]) -> None:  # noqa: ARG002 - the protocol's signature
        raise PurgeFailed("a cache is deaf")


def sends_the_store(world: World) -> Ledger:
    """Caches that send what the store has at that moment."""

    def send(path: str, accept: str, coding: str) -> list[Sent]:
        if path.startswith("/packages/"):
            *_, first, second, rest, filename = unquote(path.removesuffix(".metadata")).split("/")
            note = world.store.read_page(layout.withheld(first + second + rest, filename).key)
            return [Sent("one", 404 if note and note.variants else 200, "")]
        page = world.store.read_page(key_of(path, accept))
        if page is None or not page.variants:
            return [Sent("one", 404, "")]
        return [Sent("one", 200, layout.entity_tag(page.variants[coding].etag, accept))]

    return Ledger(send)


def key_of(path: str, accept: str) -> str:
    """The key of the page that a path shows."""
    form = Form.JSON if accept == layout.SIMPLE_JSON else Form.HTML
    match path.strip("/").split("/"):
        case ["simple"]:
            return layout.project_list(form).key
        case ["simple", name]:
            return layout.project_page(ProjectName(name), form).key
        case ["pypi", name, "json"]:
            return layout.project_json(ProjectName(name)).key
        case ["pypi", name, version, "json"]:
            return layout.release_json(ProjectName(name), version).key
    raise AssertionError(path)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(purge, "PATIENCE", 0.05)
    return new_world(tmp_path / "store")


def test_an_upload_purges_all_that_it_changed_and_asks_for_each_coding(world: World) -> None:
    world.cdn = ledger = sends_the_store(world)
    world.upload(forge.wheel("demo", "1.0"))
    assert ledger.purged == [{"project/demo"}, {"projects"}]
    assert ledger.removed == [set(), set()]
    assert {path for path, _, _ in ledger.looks} == {
        "/simple/demo/",
        "/pypi/demo/json",
        "/pypi/demo/1/json",
        "/simple/",
    }
    for path in ("/simple/demo/", "/simple/"):
        for accept in (layout.SIMPLE_JSON, layout.SIMPLE_HTML, "text/html"):
            asked = {coding for asked, form, coding in ledger.looks if (asked, form) == (path, accept)}
            assert asked == {"identity", "gzip", "br", "zstd"}
    assert Dirty.objects.count() == 0


def test_bytes_that_are_the_same_are_purged_all_the_same(world: World) -> None:
    world.upload(forge.wheel("demo", "1.0"))
    world.cdn = ledger = sends_the_store(world)
    log.owe_anew([owed.project(world.project("demo").pk)], at=timezone.now())
    assert len([*pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=ledger)]) == 1
    assert ledger.purged == [{"project/demo"}]


def test_a_purge_that_fails_leaves_everything_owed_until_it_succeeds(world: World) -> None:
    serial = world.upload(forge.wheel("demo", "1.0"), shown=False)
    assert serial is not None
    assert not pages.publish_own(serial, store=world.store, cdn=Deaf(lambda *_: []))
    assert world.simple("demo") is not None
    assert {row.error for row in Dirty.objects.all()} == {"PurgeFailed: a cache is deaf"}
    assert log.published() < serial
    first = {row.pk: row.due_at for row in Dirty.objects.all()}
    [*pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=Deaf(lambda *_: []))]
    assert all(row.due_at > first[row.pk] and row.attempts >= 2 for row in Dirty.objects.all())
    [*pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=sends_the_store(world))]
    assert Dirty.objects.count() == 0
    assert log.published() == log.committed()


def test_a_cache_that_goes_on_with_the_old_page_is_purged_again_until_it_does_not(world: World) -> None:
    truth = sends_the_store(world)
    old = iter([[Sent("one", 200, '"old"')]] * 2)
    world.cdn = ledger = Ledger(lambda *asked: next(old, None) or truth.send(*asked))
    world.upload(forge.wheel("demo", "1.0"))
    assert ledger.purged.count({"project/demo"}) >= 2
    assert Dirty.objects.count() == 0


def test_what_a_cache_does_not_send_in_time_stays_owed_and_the_rest_does_not(world: World) -> None:
    truth = sends_the_store(world)

    def send(path: str, accept: str, coding: str) -> list[Sent]:
        stuck = path == "/simple/demo/" and coding == "br"
        return [*truth.send(path, accept, coding), *([Sent("two", 200, '"old"')] if stuck else [])]

    serial = world.upload(forge.wheel("demo", "1.0"), shown=False)
    assert serial is not None
    assert not pages.publish_own(serial, store=world.store, cdn=Ledger(send))
    row = Dirty.objects.exclude(kind=owed.Kind.LIST).get()
    assert row.document == owed.project(world.project("demo").pk)
    assert row.error == 'NotShown: two sends 200 "old" for /simple/demo/ (br)'


def test_a_cache_that_is_silent_is_not_asked_for_the_rest(world: World) -> None:
    def send(_path: str, _accept: str, _coding: str) -> list[Sent]:
        raise NotShown("a cache is silent")

    serial = world.upload(forge.wheel("demo", "1.0"), shown=False)
    assert serial is not None
    ledger = Ledger(send)
    assert not pages.publish_own(serial, store=world.store, cdn=ledger)
    assert len(ledger.looks) == len(ledger.purged)
    assert {row.error for row in Dirty.objects.all()} == {"NotShown: a cache is silent"}


def test_a_newer_page_of_somebody_else_is_as_good(world: World) -> None:
    serial = world.upload(forge.wheel("demo", "1.0"), shown=False)
    assert serial is not None
    truth = sends_the_store(world)
    newer = Page.of(b"newer", serial=serial + 9, last_serial=serial + 9)

    def send(path: str, accept: str, coding: str) -> list[Sent]:
        pages.put(world.store, layout.project_page(DEMO, Form.JSON).key, newer)  # it comes between purge and look
        return truth.send(path, accept, coding)

    assert pages.publish_own(serial, store=world.store, cdn=Ledger(send))


def test_a_newer_page_that_cannot_be_read_stays_owed(world: World) -> None:
    serial = world.upload(forge.wheel("demo", "1.0"), shown=False)
    assert serial is not None
    damaged = layout.project_page(DEMO, Form.JSON)

    def send(_path: str, _accept: str, _coding: str) -> list[Sent]:
        found = world.store.find(damaged.key)
        assert found is not None
        assert found.path is not None
        found.path.write_bytes(b"rubbish")
        return [Sent("one", 200, '"other"')]

    assert not pages.publish_own(serial, store=world.store, cdn=Ledger(send))
    assert "NotShown" in Dirty.objects.get(kind=owed.Kind.PROJECT).error


def test_what_is_taken_down_is_removed_and_must_be_missing(world: World) -> None:
    world.upload(forge.wheel("demo", "1.0"))
    file = world.file("demo-1.0-py3-none-any.whl")
    world.cdn = ledger = sends_the_store(world)
    world.show(actions.set_status(world.project("demo"), Status.QUARANTINED, by=OPERATOR))
    assert f"package/{file.blake2}" in ledger.removed[0]
    path = layout.package(file.blake2, file.filename).path
    assert (path, layout.JSON, "identity") in ledger.looks
    world.cdn = ledger = sends_the_store(world)
    world.show(actions.set_status(world.project("demo"), Status.ACTIVE, by=OPERATOR))
    assert f"package/{file.blake2}" in ledger.purged[0]
    world.cdn = ledger = sends_the_store(world)
    world.show(actions.delete_project(world.project("demo"), by=OPERATOR))
    assert ledger.removed[0] == {"project/demo", f"package/{file.blake2}"}
    assert ledger.purged[0] == set()


def test_a_file_that_is_still_served_stays_owed(world: World) -> None:
    world.upload(forge.wheel("demo", "1.0"))
    serial = actions.set_status(world.project("demo"), Status.QUARANTINED, by=OPERATOR)
    truth = sends_the_store(world)

    def send(path: str, accept: str, coding: str) -> list[Sent]:
        return [Sent("one", 200, "")] if path.startswith("/packages/") else truth.send(path, accept, coding)

    assert not pages.publish_own(serial, store=world.store, cdn=Ledger(send))
    assert Dirty.objects.get().kind == owed.Kind.FILE


@pytest.mark.parametrize("end", [".metadata", "as pip asks", ".metadata as pip asks"])
def test_a_sidecar_or_a_spelling_that_is_still_served_stays_owed(world: World, end: str) -> None:
    world.upload(forge.wheel("demo", "1!1.0"))
    file = world.file("demo-1!1.0-py3-none-any.whl")
    whole = layout.package(file.blake2, file.filename).path
    path = whole + ".metadata" * (".metadata" in end)
    kept = quote(path) if "pip" in end else path
    truth = sends_the_store(world)
    ledger = Ledger(lambda *asked: [Sent("one", 200, "")] if asked[0] == kept else truth.send(*asked))
    serial = actions.set_status(world.project("demo"), Status.QUARANTINED, by=OPERATOR)
    assert not pages.publish_own(serial, store=world.store, cdn=ledger)
    assert Dirty.objects.get().error == f"NotShown: one sends 200  for {kept} (identity)"
    world.cdn = ledger = sends_the_store(world)
    world.show(actions.set_status(world.project("demo"), Status.ACTIVE, by=OPERATOR))
    assert {path for path, _, _ in ledger.looks if path.startswith("/packages/")} == {whole}  # an sdist has no other


def test_pages_that_nothing_accounts_for_are_removed_from_the_caches(world: World) -> None:
    world.upload(forge.wheel("demo", "1.0"))
    page = Page.of(json.dumps({}).encode(), serial=0, last_serial=0)
    stray = ProjectName("stray")
    for place in (layout.project_page(stray, Form.JSON), layout.release_json(stray, "1.0")):
        world.store.put_page(place.key, page)
        assert set(layout.tags_at(place.key)) == set(place.tags)
    world.store.put_page("pages/rubbish", page)
    world.cdn = ledger = sends_the_store(world)
    drift.owe_everything(store=world.store)
    assert all(drift.rebuild(store=world.store, cdn=ledger))
    assert {"project/stray"} in ledger.removed
    assert world.complaints() == []


def test_the_paths_are_those_that_readers_ask_for(world: World) -> None:
    assert layout.project_list(Form.JSON).path == "/simple/"
    assert layout.package("ab" * 32, "a.whl").path == f"/packages/ab/ab/{'ab' * 30}/a.whl"
    assert layout.sidecar("ab" * 32, "a.whl").path == f"/packages/ab/ab/{'ab' * 30}/a.whl.metadata"
    assert layout.withheld("ab" * 32, "a.whl").path == layout.package("ab" * 32, "a.whl").path
