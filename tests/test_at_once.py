"""Two who upload the same file: whenever the other one does, both are told that it is there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.db import connection

from archives import forge
from entrepot.journal.models import Entry
from entrepot.ports.files import FileStore
from entrepot.projects.sizes import set_limit
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


class Meanwhile:
    """Something that happens once: just before the query of that number, of those outside of transactions."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.left, self.act = number, act

    def __call__(self, execute: Callable[..., object], *query: Any) -> object:
        if not connection.in_atomic_block:
            self.left -= 1
            if self.left == 0:
                self.act()
        return execute(*query)


class BusyStore(FileStore):
    """A store that takes so long for its first object that something else happens meanwhile."""

    def __init__(self, root: Path, act: Callable[[], object]) -> None:
        super().__init__(root)
        self.acts = [act]

    def create(self, key: str, source: BinaryIO) -> bool:
        new = super().create(key, source)
        while self.acts:
            self.acts.pop()()
        return new


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def elsewhere(world: World, built: forge.Built) -> int:
    """Upload the file over a connection of its own."""

    def upload() -> int:
        try:
            return world.upload(built)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(upload).result()


def new_project(_world: World, name: str) -> forge.Built:
    """The first file of a project."""
    return forge.wheel(name)


def last_that_may(world: World, name: str) -> forge.Built:
    """The sdist of a release that has a wheel, in a project that has room for it and no more."""
    wheel, sdist = forge.wheel(name), forge.sdist(name)
    world.upload(wheel)
    total = len(wheel.data) + len(sdist.data)
    set_limit(world.project(name), by=world.actor, reason="small", file_size=None, total_size=total)
    return sdist


@pytest.mark.parametrize("prepare", [new_project, last_that_may])
def test_at_each_question(world: World, prepare: Callable[[World, str], forge.Built]) -> None:
    """No question that is asked of the one who came later takes the file for another one."""
    for number in count(1):
        built, faster = prepare(world, "demo" + "x" * number), list[int]()
        with connection.execute_wrapper(Meanwhile(number, lambda: faster.append(elsewhere(world, built)))):  # noqa: B023
            serial = world.upload(built)
        if not faster:
            break
        assert faster == [serial]
    assert number > 10
    assert world.complaints() == []


def test_while_it_is_stored(world: World, tmp_path: Path) -> None:
    built, other, faster = forge.wheel(), World(world.index, world.store, world.user), list[int]()
    world.store = BusyStore(tmp_path / "store", lambda: faster.append(elsewhere(other, built)))
    assert [world.upload(built)] == faster
    assert Entry.objects.filter(action__startswith="add py3 file").count() == 1
    assert world.complaints() == []
