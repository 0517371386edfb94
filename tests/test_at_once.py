"""What meets: somebody else does something between two questions of an upload or of a page, at each of them in turn."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pytest
from django.db import connection
from django.test import Client

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.journal.models import Entry
from entrepot.ports.files import FileStore
from entrepot.projects import actions, managing
from entrepot.projects.models import Role
from entrepot.projects.sizes import set_limit
from test_roles import code_of, signed_in
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


class Meanwhile:
    """Something that happens once: just before the query of that number, of those outside of transactions.

    Then `left` is not above 0 any more, and `returned` is what it gave.
    """

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.left, self.act = number, act
        self.returned: object = None

    def __call__(self, execute: Callable[..., object], *query: Any) -> object:
        if not connection.in_atomic_block:
            self.left -= 1
            if self.left == 0:
                self.returned = elsewhere(self.act)
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


def elsewhere(act: Callable[[], T]) -> T:
    """Do it over a connection of its own."""

    def do() -> T:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(do).result()


def at_each_query(
    do: Callable[[str], T], other: Callable[[str], object], *, before: Callable[[str], object]
) -> Iterator[tuple[T, object]]:
    """Do something with one project after the other, while somebody else does another thing: each time one query later.

    Gives what both returned.
    """
    for number in count(1):
        name = "demo" + "x" * number
        before(name)
        meanwhile = Meanwhile(number, partial(other, name))
        with connection.execute_wrapper(meanwhile):
            done = do(name)
        if meanwhile.left > 0:
            return
        yield done, meanwhile.returned


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def prepare_for_one_more(world: World, name: str) -> None:
    """A release that has a wheel, in a project with room for its sdist and no more."""
    wheel, sdist = forge.wheel(name), forge.sdist(name)
    world.upload(wheel)
    total = len(wheel.data) + len(sdist.data)
    set_limit(world.project(name), by=world.actor, reason="small", file_size=None, total_size=total)


@pytest.mark.parametrize(
    ("make", "before"), [(forge.wheel, lambda _world, _name: None), (forge.sdist, prepare_for_one_more)]
)
def test_the_same_file(
    world: World, make: Callable[[str], forge.Built], before: Callable[[World, str], object]
) -> None:
    """No question that is asked of the one who came later takes the file for another one."""

    def upload(name: str) -> int:
        return world.upload(make(name))

    serials = list(at_each_query(upload, upload, before=partial(before, world)))
    assert len(serials) > 10
    assert all(mine == others for mine, others in serials)
    assert world.complaints() == []


def test_the_same_file_while_it_is_stored(world: World, tmp_path: Path) -> None:
    built, other, faster = forge.wheel(), World(world.index, world.store, world.user), list[int]()
    world.store = BusyStore(tmp_path / "store", lambda: faster.append(elsewhere(partial(other.upload, built))))
    assert [world.upload(built)] == faster
    assert Entry.objects.filter(action__startswith="add py3 file").count() == 1
    assert world.complaints() == []


@pytest.mark.parametrize("path", ["/project/{}/", "/project/{}/1.0/"])
def test_a_page_of_a_project_that_is_deleted(world: World, path: str) -> None:
    met = at_each_query(
        lambda name: Client().get(path.format(name)).status_code,
        lambda name: actions.delete_project(world.project(name), by=OPERATOR),
        before=lambda name: world.upload(forge.wheel(name)),
    )
    assert {200, 410} <= {status for status, _serial in met} <= {200, 404, 410}


def test_a_page_of_somebodys_own_project_whose_role_is_taken(world: World) -> None:
    met = at_each_query(
        lambda name: code_of(lambda: managing.opened(name, by=signed_in(world.user))),
        lambda name: Role.objects.filter(project__name=name).delete(),
        before=lambda name: world.upload(forge.wheel(name)),
    )
    assert {code for code, _deleted in met} == {"", "not-a-maintainer"}
