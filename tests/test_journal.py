"""The journal: serials, debts, and what happens when publishing fails."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from archives import forge
from entrepot import layout
from entrepot.accounts.actor import OPERATOR
from entrepot.followers import drift, following, loop, pages
from entrepot.journal import documents as owed
from entrepot.journal import log
from entrepot.journal.log import Origin
from entrepot.journal.models import Dirty, Entry
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.projects import actions
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


def never(_seconds: float) -> bool:
    return False


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def test_an_upload_is_told_in_the_words_that_mirrors_parse(world: World) -> None:
    world.upload(forge.wheel("demo", "1.0"))
    world.upload(forge.sdist("demo", "1.0"))
    told = list(Entry.objects.order_by("serial").values_list("serial", "name", "version", "action", "by__username"))
    assert told == [
        (1, "demo", "", "create", "alice"),
        (2, "demo", "", "add Owner alice", "alice"),
        (3, "demo", "1.0", "new release", "alice"),
        (4, "demo", "1.0", "add py3 file demo-1.0-py3-none-any.whl", "alice"),
        (5, "demo", "1.0", "add source file demo-1.0.tar.gz", "alice"),
    ]


def test_an_entry_outside_of_a_transaction_is_a_mistake(world: World) -> None:
    with pytest.raises(RuntimeError):
        log.append([], by=Origin(), at=timezone.now())
    assert log.committed() == 0


def test_a_transaction_that_fails_leaves_no_entry_and_no_gap(world: World) -> None:
    event = log.Event(world.index.pk, 1, "demo", "create", (owed.project(1),))
    with suppress(ZeroDivisionError), transaction.atomic():
        log.append([event], by=Origin(), at=timezone.now())
        raise ZeroDivisionError
    assert (log.committed(), Dirty.objects.count()) == (0, 0)
    with transaction.atomic():
        assert log.append([event, event], by=Origin(), at=timezone.now()) == 2


def test_what_is_touched_again_while_it_is_built_stays_owed(world: World) -> None:
    now, document = timezone.now(), owed.project(7)
    log.owe([document], since=3, serial=3, at=now)
    seen = log.debt(document)
    log.owe([document], since=5, serial=5, at=now)
    log.settle([(document, 4, seen)])
    row = Dirty.objects.get()
    assert (row.since, row.serial) == (5, 5)
    log.settle([(document, 5, log.debt(document))])
    assert not Dirty.objects.exists()


def test_what_is_owed_anew_while_it_is_built_stays_owed(world: World) -> None:
    """Without a change: because of another public URL, say, which has no serial."""
    world.upload(forge.wheel("demo"))
    document = owed.project(world.project("demo").pk)
    log.owe_anew([document], at=timezone.now())
    seen = log.debt(document)
    log.owe_anew([document], at=timezone.now())
    log.settle([(document, log.committed(), seen)])
    assert Dirty.objects.filter(kind=document.kind, key=document.key).exists()
    assert pages.publish(document, store=world.store, cdn=world.cdn)
    assert not Dirty.objects.filter(kind=document.kind, key=document.key).exists()


def test_the_published_serial_waits_for_the_oldest_debt(world: World) -> None:
    first = world.upload(forge.wheel("one"), shown=False)
    second = world.upload(forge.wheel("two"), shown=False)
    assert first is not None
    assert second is not None
    assert log.published() == 0
    world.show(second)
    assert log.published() == 0
    world.show(first)
    assert log.published() == log.committed() == second


def test_the_list_is_left_to_whoever_finishes_last(world: World) -> None:
    first = world.upload(forge.wheel("one"), shown=False)
    second = world.upload(forge.wheel("two"), shown=False)
    assert first is not None
    assert second is not None
    world.show(first)
    listed = world.listed()
    assert listed is not None
    assert b'"one"' not in listed.body
    world.show(second)
    listed = world.listed()
    assert listed is not None
    assert b'"one"' in listed.body
    assert b'"two"' in listed.body


def test_the_list_of_a_large_index_is_merged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGE", 0)
    world.upload(forge.wheel("one"))
    due = Dirty.objects.get().due_at
    assert timedelta(0) < due - timezone.now() <= log.MERGE + log.HEAD_START
    world.upload(forge.wheel("two"))
    assert Dirty.objects.get().due_at == due
    assert world.simple("two") is not None
    for _ in pages.publish_owed(due=due, store=world.store, cdn=world.cdn):
        pass
    assert world.complaints() == []


def test_a_document_that_fails_backs_off_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = world.upload(forge.wheel("broken"), shown=False)
    put, fault = world.store.put_page, [""]

    def refuse_some(key: str, page: Page) -> None:
        if "/simple/broken/" in key:
            raise ValueError(fault[-1]) if fault[-1] else OSError("the disk has a hole here")
        put(key, page)

    monkeypatch.setattr(world.store, "put_page", refuse_some)
    assert broken is not None
    assert not pages.publish_own(broken, store=world.store, cdn=world.cdn)
    world.upload(forge.wheel("sound"))
    row = Dirty.objects.get()
    assert (row.document.kind, row.attempts) == (owed.Kind.PROJECT, 1)
    assert "the disk has a hole here" in row.error
    now = row.due_at
    for attempt in range(2, 5):
        assert list(pages.publish_owed(due=now, store=world.store, cdn=world.cdn)) == [[]]
        row.refresh_from_db()
        assert row.attempts == attempt
        assert row.due_at - timezone.now() > log.SHORTEST_BACKOFF * 2 ** (attempt - 2)
        now = row.due_at
    for wrong, longest in (("", pages.OUTAGE), ("a fault of ours", pages.FAILURE)):
        fault.append(wrong)
        Dirty.objects.update(attempts=20, due_at=now)
        assert list(pages.publish_owed(due=now, store=world.store, cdn=world.cdn)) == [[]]
        row.refresh_from_db()
        assert longest / 2 < row.due_at - timezone.now() <= longest
        now = row.due_at
    monkeypatch.undo()
    loop.step(store=world.store, cdn=world.cdn, now=now + log.HEAD_START, tidied=now, stopped=never)
    assert world.complaints() == []
    assert log.published() == log.committed()


def test_what_the_database_has_not_lived_through_is_not_taken_for_published(world: World) -> None:
    """The store shows a later state: the database was replaced by an older one while everything ran."""
    serial = world.upload(forge.wheel("demo"), shown=False)
    assert serial is not None
    key = layout.project_page(ProjectName("demo"), layout.Form.JSON).key
    world.store.put_page(key, Page.of(b"of another history", serial=serial + 1, last_serial=serial + 1))
    assert not pages.publish_own(serial, store=world.store, cdn=world.cdn)
    assert "has not lived through" in Dirty.objects.get(kind=owed.Kind.PROJECT).error


def test_an_action_waits_a_bounded_time_for_its_documents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PATIENCE", -1.0)
    serial = world.upload(forge.wheel("slow"), shown=False)
    assert serial is not None
    assert not pages.publish_own(serial, store=world.store, cdn=world.cdn)
    assert world.simple("slow") is None
    assert list(pages.publish_owed(due=timezone.now(), store=world.store, cdn=world.cdn)) == []
    assert len(list(pages.publish_owed(due=timezone.now() + log.HEAD_START, store=world.store, cdn=world.cdn))) == 3
    assert world.complaints() == []


def test_a_late_builder_cannot_bring_back_what_is_gone(world: World) -> None:
    serial = world.upload(forge.wheel("demo"))
    assert serial is not None
    with log.snapshot() as before:
        late = list(pages.build(owed.project(world.project("demo").pk), serial=before))
    world.show(actions.delete_project(world.project("demo"), by=OPERATOR))
    for place, page in late:
        pages.put(world.store, place.key, page)
    assert world.complaints() == []
    gone = world.simple("demo")
    assert gone is not None
    assert not gone.variants


def test_the_worker_stops_in_the_middle_of_much_to_do(world: World) -> None:
    world.upload(forge.wheel("one"), shown=False)
    now = timezone.now() + log.HEAD_START
    tidied = now - loop.TIDY
    assert loop.step(store=world.store, cdn=world.cdn, now=now, tidied=tidied, stopped=lambda _seconds: True) == tidied
    assert Dirty.objects.count() == 2


def test_the_worker_stops_in_the_middle_of_tidying_up(world: World) -> None:
    world.upload(forge.wheel("one"))
    following.catch_up(loop.FOLLOWERS, stopped=never)
    now, stopped = timezone.now(), iter([False, True])
    tidied = now - loop.TIDY
    step = loop.step(store=world.store, cdn=world.cdn, now=now, tidied=tidied, stopped=lambda _seconds: next(stopped))
    assert step == tidied


def test_the_worker_tidies_up_now_and_then(world: World) -> None:
    now = timezone.now()
    assert loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now - loop.TIDY, stopped=never) == now
    assert loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now, stopped=never) == now
    assert list(pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=world.cdn)) == []
