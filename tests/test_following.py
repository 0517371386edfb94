"""Followers of the journal are handed every change, in order, at least once, whatever goes wrong."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from django.db import DataError, IntegrityError, OperationalError
from psycopg.errors import ProgramLimitExceeded

from archives import forge
from entrepot.followers import following
from entrepot.journal import log, workers
from entrepot.journal.models import Position
from entrepot.refusal import Unavailable
from world import World, follow, new_world

pytestmark = pytest.mark.django_db(transaction=True)


class Diary:
    """Writes down what it is handed, unless it cannot."""

    def __init__(self, name: str = "diary") -> None:
        self.name = name
        self.seen: list[list[int]] = []
        self.refuses: dict[int, Exception] = {}

    def follow(self, projects: Sequence[int]) -> None:
        for project in projects:
            if project in self.refuses:
                raise self.refuses[project]
        self.seen.append(list(projects))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def ids(world: World, *names: str) -> list[int]:
    return [world.project(each).pk for each in names]


def test_each_change_is_handed_on_once_when_nothing_goes_wrong(world: World) -> None:
    diary = Diary()
    follow(diary)
    assert diary.seen == []
    for name in ("one", "two"):
        world.upload(forge.wheel(name))
    assert following.pause([diary]) == workers.SHORTEST
    follow(diary)
    assert diary.seen == [ids(world, "one", "two")]
    assert following.pause([diary]) == workers.LONGEST
    world.upload(forge.wheel("one", "2.0"))
    follow(diary)
    assert diary.seen[1:] == [ids(world, "one")]


def test_nobody_waits_for_a_document_that_is_not_published(world: World) -> None:
    diary = Diary()
    world.upload(forge.wheel("one"), shown=False)
    follow(diary)
    assert diary.seen == [ids(world, "one")]


def test_many_changes_come_in_portions_and_one_may_stop_between_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        world.upload(forge.wheel(name))
    monkeypatch.setattr(following, "AT_ONCE", log.committed() // 3)
    diary = Diary()
    next(following.steps([diary]))
    assert len(diary.seen) == 1
    follow(diary)
    assert sorted({each for some in diary.seen for each in some}) == sorted(ids(world, "one", "two", "three"))


def test_who_is_far_behind_takes_up_each_project_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1.0", "2.0", "3.0"):
        world.upload(forge.wheel("one", version))
    monkeypatch.setattr(following, "AT_ONCE", 2)
    diary = Diary()
    follow(diary)
    assert diary.seen == [ids(world, "one")]


def test_what_is_wrong_with_one_project_keeps_no_other_one_back(world: World) -> None:
    for name in ("one", "two", "three"):
        world.upload(forge.wheel(name))
    one, two, three = ids(world, "one", "two", "three")
    diary = Diary()
    diary.refuses[two] = ValueError("cannot be read")
    follow(diary)
    assert diary.seen == [[one], [three]]
    assert following.pause([diary]) == workers.LONGEST


@pytest.mark.parametrize(
    "trouble", [OperationalError("gone"), OSError("gone"), Unavailable("search-unavailable", "Gone.")]
)
def test_while_somebody_is_away_nothing_is_passed_over(
    world: World, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who can goes on; the other one is tried again after a rest."""
    world.upload(forge.wheel("one"))
    (one,) = ids(world, "one")
    away, diary = Diary(f"away {trouble}"), Diary()
    away.refuses[one] = trouble
    follow(away, diary)
    assert (away.seen, diary.seen) == ([], [[one]])
    away.refuses.clear()
    assert following.pause([away, diary]) == workers.LONGEST
    follow(away, diary)
    assert away.seen == []
    monkeypatch.setattr(following, "_resting", {})
    assert following.pause([away, diary]) == workers.SHORTEST
    follow(away, diary)
    assert (away.seen, diary.seen) == ([[one]], [[one]])


def test_what_a_database_does_not_take_is_about_the_project(world: World) -> None:
    for name in ("one", "two"):
        world.upload(forge.wheel(name))
    one, two = ids(world, "one", "two")
    for refused in (DataError("too long"), IntegrityError("twice"), too_much()):
        diary = Diary(f"diary {refused}")
        diary.refuses[one] = refused
        follow(diary)
        assert diary.seen == [[two]]


def too_much() -> OperationalError:
    """PostgreSQL's word for what is beyond one of its limits."""
    error = OperationalError("string is too long for tsvector")
    error.__cause__ = ProgramLimitExceeded()
    return error


def test_under_another_name_one_begins_anew(world: World) -> None:
    world.upload(forge.wheel("one"))
    for name in ("diary 1", "diary 2"):
        diary = Diary(name)
        follow(diary)
        assert diary.seen == [ids(world, "one")]
    assert set(Position.objects.values_list("serial", flat=True)) == {log.committed()}
