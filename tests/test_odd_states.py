"""Pages in states that few are in: all releases yanked, files deleted, the project deleted, a short record."""

import re
from functools import partial
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from archives import forge
from entrepot.accounts.queries import everything
from entrepot.projects import actions, inside
from entrepot.web.telling import earlier_than
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

CHARDET = "Provides-Extra: {0}\nRequires-Dist: {1}\nRequires-Dist: chardet<6,>=3.0.2; extra == '{0}'\n"
SPELLED = CHARDET.format("use_chardet_on_py3", "idna <4,>=2.5")
NORMALIZED = CHARDET.format("use-chardet-on-py3", "idna>=2.5,<4")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def wheel(version: str, more: str = "") -> forge.Built:
    return forge.wheel("demo", version, metadata=forge.core_metadata("demo", version, more))


def saw(path: str, *, status: int = 200) -> str:
    """What people read on the page."""
    answer = Client().get(path)
    assert answer.status_code == status, path
    return " ".join(unescape(re.sub("<[^>]*>", " ", answer.content.decode().partition("<main")[2])).split())


def test_what_is_yanked_is_asked_for_by_its_version(world: World) -> None:
    world.upload(wheel("1.0"))
    assert re.search(r"pip install \S+ \S+ demo uv", saw("/project/demo/").replace("With uv", "uv"))
    actions.yank_release(world.release("demo", "1.0"), by=world.actor)
    told = saw("/project/demo/")
    assert "only when it is asked for by its exact version" in told
    assert "/simple/ demo==1.0" in told


def test_a_release_without_files_has_nothing_to_install_and_nothing_to_say(world: World) -> None:
    for version in ("1.0", "2.0"):
        world.upload(wheel(version))
    actions.delete_file(world.file("demo-1.0-py3-none-any.whl"), by=world.actor)
    there = ("pip install", "Description", "This release needs no other project.")
    told = saw("/project/demo/1.0/")
    assert "All files of this release were deleted." in told
    assert not [each for each in there if each in told]
    assert all(each in saw("/project/demo/2.0/") for each in there)


def test_a_release_is_compared_with_the_one_before_that_has_files(world: World) -> None:
    for version in ("1.0", "2.0", "3.0"):
        world.upload(wheel(version, "Summary: the same\n"))
    actions.delete_file(world.file("demo-2.0-py3-none-any.whl"), by=world.actor)
    sides = inside.sides("demo", "3.0", "")
    assert sides.old is not None
    assert (sides.old.version, sides.empty) == ("1.0", None)
    gone = "All files of release 2.0 were deleted: there is nothing to compare."
    for path in ("3.0/changes/?since=2.0", "2.0/changes/"):
        told = saw(f"/project/demo/{path}")
        assert gone in told
        assert "Summary" not in told


def test_a_deleted_project_is_gone_at_each_of_its_addresses(world: World) -> None:
    world.upload(wheel("1.0"))
    actions.delete_project(world.project("demo"), by=world.actor)
    file = "/project/demo/1.0/files/demo-1.0-py3-none-any.whl/"
    for path in ("/project/demo/", "/project/demo/1.0/changes/", file, f"{file}a.py", "/rss/project/demo/releases.xml"):
        assert "demo was deleted" in saw(path, status=410), path
    assert "There is no project named" in saw("/project/other/1.0/changes/", status=404)


def test_only_a_newer_pre_release_is_newer(world: World) -> None:
    for version in ("1.0", "2.0.dev1", "2.0.dev3"):
        world.upload(wheel(version))
    for version in ("1.0", "2.0.dev1"):
        assert "A newer pre-release exists: 2.0.dev3" in saw(f"/project/demo/{version}/")
    assert "A newer pre-release exists" not in saw("/project/demo/2.0.dev3/")


def test_requirements_are_the_same_however_they_are_spelled(world: World) -> None:
    world.upload(wheel("1.0", SPELLED))
    world.upload(forge.sdist("demo", "1.0", pkg_info=forge.core_metadata("demo", "1.0", NORMALIZED)))
    assert "do not all require the same" not in saw("/project/demo/")
    world.upload(forge.wheel("demo", "1.0", tag="py2-none-any", metadata=forge.core_metadata("demo", "1.0", "")))
    assert "do not all require the same" in saw("/project/demo/")
    world.upload(wheel("2.0", NORMALIZED))
    sides = inside.sides("demo", "2.0", "1.0")
    assert sides.old is not None
    assert inside.changes(sides.old, sides.new, store=world.store).fields == ()


def test_what_was_earlier_is_offered_where_there_is_any(world: World) -> None:
    world.upload(wheel("1.0"))
    world.upload(wheel("2.0"))
    ask = partial(everything, user=None, project=None)
    last, whole = (ask(before=timezone.now(), limit=limit) for limit in (1, 50))
    assert earlier_than(last, ask) == last[-1]["at"]
    assert (earlier_than(whole, ask), earlier_than([], ask)) == (None, None)
