"""Several workers: they share what there is to do, wake each other, and tidy up one at a time."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection, connections, transaction
from django.utils import timezone

from archives import forge
from entrepot import layout
from entrepot.accounts import usernames
from entrepot.accounts.models import Counter as Uses
from entrepot.accounts.models import Event, User
from entrepot.followers import drift, loop, pages
from entrepot.followers.collect import GRACE
from entrepot.journal import log, workers
from entrepot.journal.models import Dirty
from entrepot.layout import watermark
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from entrepot.projects.models import Role
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)
with_bells = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has bells")

T = TypeVar("T")
MANY = 60
LONG = 100.0  # seconds that nobody waits for


def never(_seconds: float) -> bool:
    return False


class CountingStore(FileStore):
    """Counts how often each page is written."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.written: Counter[str] = Counter()

    def put_page(self, key: str, page: Page) -> None:
        self.written[key] += 1
        super().put_page(key, page)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


@contextmanager
def elsewhere(*acts: Callable[[], T]) -> Iterator[list[Callable[[], T]]]:
    """Do all of it at once, each on a connection of its own; gives what waits for the outcome of each."""

    def act(one: Callable[[], T]) -> T:
        try:
            return one()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        begun = [threads.submit(act, each) for each in acts]
        yield [lambda each=each: each.result(30) for each in begun]  # type: ignore[misc]


def test_two_workers_share_what_there_is_to_do(world: World, tmp_path: Path) -> None:
    for number in range(MANY):
        world.upload(forge.sdist(f"project{number}x"), shown=False)
    store = CountingStore(tmp_path / "store")
    due = timezone.now() + log.HEAD_START

    def work() -> int:
        return sum(1 for _ in pages.publish_owed(due=due, store=store, cdn=world.cdn))

    with elsewhere(work, work) as outcomes:
        shares = [each() for each in outcomes]
    assert sum(shares) == 2 * MANY + 1
    assert min(shares) > 0
    assert {times for key, times in store.written.items() if key != watermark()} == {1}
    assert world.complaints() == []


def test_what_a_dead_worker_had_claimed_is_taken_over(world: World) -> None:
    world.upload(forge.wheel("claimed"), shown=False)
    due = timezone.now() + log.HEAD_START
    with closing(pages.publish_owed(due=due, store=world.store, cdn=world.cdn)) as dying:
        next(dying)
    assert list(pages.publish_owed(due=due, store=world.store, cdn=world.cdn)) == []
    assert len(list(pages.publish_owed(due=due + log.LEASE, store=world.store, cdn=world.cdn))) == 2
    assert world.complaints() == []


def test_who_makes_a_change_does_not_wait_for_a_worker(world: World) -> None:
    serial = world.upload(forge.wheel("claimed"), shown=False)
    assert serial is not None
    due = timezone.now() + log.HEAD_START
    assert len(log.claim(log.owed(due=due), due=due, at=timezone.now())) == 3
    assert pages.publish_own(serial, store=world.store, cdn=world.cdn)
    assert world.simple("claimed") is not None


def test_the_debts_of_others_are_none_of_an_action(world: World, tmp_path: Path) -> None:
    """Another release was touched before and after, and is not shown yet: its debt spans this serial."""
    world.upload(forge.wheel("demo", "1.0"), shown=False)
    serial = world.upload(forge.wheel("demo", "2.0"), shown=False)
    assert serial is not None

    class Meanwhile(FileStore):
        def put_page(self, key: str, page: Page) -> None:
            if key.endswith("/2.json") and not Dirty.objects.filter(since__gt=serial).exists():
                document = next(each for each in log.owed_for(1, due=drift.END_OF_TIME) if each.key.endswith("/1"))
                log.owe_anew([document], at=timezone.now())
            super().put_page(key, page)

    assert pages.publish_own(serial, store=Meanwhile(tmp_path / "store"), cdn=world.cdn)


def test_who_is_overtaken_while_it_writes_has_done_its_part(world: World, tmp_path: Path) -> None:
    serial = world.upload(forge.wheel("demo", "1.0"), shown=False)
    page = layout.project_page(ProjectName("demo"), layout.Form.JSON).key
    overtaking = iter([forge.wheel("demo", "2.0")])

    class Slow(FileStore):
        def put_page(self, key: str, page_of_then: Page) -> None:
            if key == page and (built := next(overtaking, None)):
                world.upload(built)
                connections.close_all()
            super().put_page(key, page_of_then)

    assert pages.publish_own(serial, store=Slow(tmp_path / "store"), cdn=world.cdn)
    assert world.complaints() == []


def test_one_worker_tidies_at_a_time(world: World, tmp_path: Path) -> None:
    orphan = world.store._path(f"packages/aa/bb/{'c' * 60}/left-1.0.tar.gz")
    orphan.parent.mkdir(parents=True)
    orphan.touch()
    old = (timezone.now() - 2 * GRACE).timestamp()
    os.utime(orphan, (old, old))
    now = timezone.now()

    def tidy() -> object:
        return loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now - loop.TIDY, stopped=never)

    with workers.turn_to_tidy() as mine, elsewhere(tidy) as (outcome,):
        assert mine
        assert outcome() == now
        assert orphan.exists() is (connection.vendor == "postgresql")
    tidy()
    assert not orphan.exists()


@pytest.mark.parametrize("after", range(8))
def test_whoever_is_told_to_stop_while_tidying_does(world: World, after: int) -> None:
    """And begins anew the next time."""
    for number in range(2):
        orphan = world.store._path(f"packages/aa/b{number}/{'c' * 60}/left-1.0.tar.gz")
        orphan.parent.mkdir(parents=True)
        orphan.touch()
        old = (timezone.now() - 2 * GRACE).timestamp()
        os.utime(orphan, (old, old))
    asked = count()
    now = timezone.now()
    before = now - loop.TIDY
    done = loop.step(
        store=world.store, cdn=world.cdn, now=now, tidied=before, stopped=lambda _seconds: next(asked) >= after
    )
    assert done in {before, now}
    assert loop.step(store=world.store, cdn=world.cdn, now=now, tidied=before, stopped=never) == now


def test_tidying_forgets_what_has_expired(world: World) -> None:
    """Counters that count nothing any more, and sessions."""
    now = timezone.now()
    Uses.objects.create(name="old", until=now.timestamp() - 1)
    Uses.objects.create(name="new", until=now.timestamp() + 60)
    session = SessionStore()
    session.set_expiry(-1)
    session.save()
    user = world.user
    UserSession.objects.create(user=user, ip="::", session_key=session.session_key, user_agent="")
    loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now - loop.TIDY, stopped=never)
    assert list(Uses.objects.values_list("name", flat=True)) == ["new"]
    assert not Session.objects.exists()
    assert not UserSession.objects.exists()


def test_a_name_is_free_again_when_its_address_was_never_confirmed(world: World) -> None:
    """After a week; not one that the operator gave, or gave a role, nor one that was confirmed once."""
    world.upload(forge.wheel("one"))
    now = timezone.now()
    long_ago = now - timedelta(days=8)
    for name, joined, by_itself, confirmed in (
        ("waiting", now, True, False),
        ("never-came", long_ago, True, False),
        ("confirmed", long_ago, True, True),
        ("operators", long_ago, False, False),
        ("works", long_ago, True, False),
    ):
        user = User.objects.create(username=name, date_joined=joined)
        usernames.take(name, user)
        Event.objects.create(at=joined, action="account:create", user=user.pk, by=user.pk if by_itself else None)
        if name == "works":
            Role.objects.create(project=world.project("one"), user=user, name=Role.Name.MAINTAINER, at=now)
        if confirmed:
            Event.objects.create(at=joined, action="email:verify", user=user.pk, by=user.pk)
    before = User.objects.count()
    loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now - loop.TIDY, stopped=never)
    assert User.objects.count() == before - 1
    assert not User.objects.filter(username="never-came").exists()
    usernames.check("never-came")


def test_when_the_next_debt_falls_due(world: World) -> None:
    assert log.next_due() is None
    assert loop._until(None) == workers.LONGEST
    world.upload(forge.wheel("one"), shown=False)
    due = log.next_due()
    assert due is not None
    assert 0 < loop._until(due) <= log.HEAD_START.total_seconds()
    assert loop._until(due - timedelta(hours=1)) == 0
    assert loop._until(due + timedelta(hours=1)) == workers.LONGEST


@with_bells
def test_a_ring_is_heard_when_its_change_is_made() -> None:
    bell = workers.Listener()
    assert bell.wait(LONG, never) is False  # at once: it has just begun to listen
    with closing(bell), elsewhere(lambda: bell.wait(LONG, never)) as (outcome,):
        with transaction.atomic():
            workers.ring()
        assert outcome() is False


@with_bells
def test_a_ring_between_looking_and_waiting_is_not_lost() -> None:
    with closing(workers.Listener()) as bell:
        bell.wait(LONG, never)
        workers.ring()
        workers.ring()
        assert bell.wait(LONG, never) is False


@with_bells
def test_who_listens_hears_that_it_is_to_stop() -> None:
    asked = iter([False, False, True, True])
    with closing(workers.Listener()) as bell:
        bell.wait(LONG, never)
        assert bell.wait(LONG, lambda _seconds: next(asked)) is True


@with_bells
def test_who_cannot_listen_looks_now_and_then() -> None:
    """And listens again as soon as that can be."""
    pauses: list[float] = []

    def stopped(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    with closing(workers.Listener()) as bell:
        bell.wait(LONG, stopped)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN entrepot'")
        bell.wait(LONG, stopped)
        pauses.clear()
        bell.wait(LONG, stopped)
        workers.ring()
        bell.wait(LONG, never)
    assert pauses == [0]


@with_bells
def test_the_attempts_to_listen_become_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def stopped(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    with monkeypatch.context() as patch, closing(workers.Listener()) as bell:
        patch.setitem(connection.settings_dict, "HOST", "/nowhere")
        for _ in range(6):
            bell.wait(LONG, stopped)
        patch.undo()
        bell.wait(LONG, stopped)
    assert pauses == [0.5, 1, 2, 4, 5, 5, 0]
