"""What people see of the projects that they look after, and several changes that are one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.journal.models import Entry
from entrepot.projects import actions, managing, yanking
from entrepot.projects.models import Yank
from entrepot.refusal import Missing, Refused
from test_roles import MAINTAINER, join, person, signed_in
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An index with two projects of alice's: one small, one with many releases."""
    made = new_world(tmp_path / "store")
    actions.set_profile(made.index, "private")
    made.index.refresh_from_db()
    made.upload(forge.wheel("small", "1.0"))
    for number in range(12):
        made.upload(forge.wheel("large", f"1.{number}"))
    return made


def test_the_list_costs_the_same_however_much_there_is(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for containing, there in (("small", ["1.0"]), ("", ["1.11", "1.0"]), ("L", ["1.11", "1.0"])):
        with django_assert_num_queries(5):
            rows = managing.own_projects(world.user, containing=containing).rows
        assert [each.latest for each in rows] == there
        assert [each.role for each in rows] == ["Owner"] * len(there)


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_page_costs_the_same_however_much_there_is(
    world: World, django_assert_num_queries: DjangoAssertNumQueries, name: str
) -> None:
    with django_assert_num_queries(10):
        own = managing.opened(name, by=signed_in(world.user))
        managing.releases_of(own.project)
        managing.contents_of(own.project)


def test_the_version_that_stands_for_a_project(world: World) -> None:
    world.upload(forge.wheel("large", "2.0rc1"))
    assert latest(world) == "1.11"
    actions.yank_file(world.file("large-1.11-py3-none-any.whl"), by=OPERATOR)
    assert latest(world) == "1.10"
    yanking.yank_releases(world.project("large"), [f"1.{number}" for number in range(11)], by=OPERATOR)
    assert latest(world) == "2.0rc1"
    actions.yank_release(world.release("large", "2.0rc1"), by=OPERATOR)
    assert latest(world) == "1.11"


def latest(world: World) -> str:
    (row,) = managing.own_projects(world.user, containing="large").rows
    return row.latest


def test_invitations_are_the_owners_to_know(world: World) -> None:
    bob, _carol = person("bob"), person("carol")
    join(world.project("small"), "bob")
    from_alice = managing.own_projects(world.user).rows[1]
    assert (from_alice.name, from_alice.invited) == ("small", 0)
    (of_bob,) = managing.own_projects(bob).rows
    assert (of_bob.role, of_bob.invited) == (MAINTAINER, 0)


Act = Callable[..., yanking.Done]


@pytest.mark.parametrize(
    ("yank", "unyank", "chosen", "gone"),
    [
        (yanking.yank_releases, yanking.unyank_releases, ["1.0", "1.00", "1.1"], "9.9"),
        (yanking.yank_files, yanking.unyank_files, ["large-1.0-py3-none-any.whl"] * 2, "large-9.9.tar.gz"),
    ],
    ids=["releases", "files"],
)
def test_all_of_it_or_nothing(world: World, yank: Act, unyank: Act, chosen: list[str], gone: str) -> None:
    """Named twice is done once; and readers see what the rows say."""
    of = world.project("large") if yank is yanking.yank_releases else world.release("large", "1.0")
    before = Entry.objects.count()
    for act in (yank, unyank):
        with pytest.raises(Missing):
            act(of, [*chosen, gone], by=OPERATOR)
        assert (Entry.objects.count(), Yank.objects.count()) == (before, 0)
    done = yank(of, chosen, by=OPERATOR, reason="a\nb")
    world.show(done.serial)
    assert done.count == len({each.rstrip("0") for each in chosen})
    assert done.serial == before + done.count
    assert [each.reason for each in Yank.objects.all()] == ["a b"] * done.count
    with pytest.raises(Refused, match="yanked already"):
        yank(of, chosen, by=OPERATOR)
    world.show(unyank(of, chosen, by=OPERATOR).serial)
    assert not Yank.objects.exists()
    with pytest.raises(Refused, match="is yanked"):
        unyank(of, chosen, by=OPERATOR)
    assert world.complaints() == []
