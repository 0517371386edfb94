"""Random histories: whatever happens, in whatever order and with whatever delays, the store ends up saying what the
database says, byte for byte as if all had been written anew."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
from django.db import connection
from hypothesis import given, settings
from hypothesis.extra.django import TransactionTestCase

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.followers import drift, pages
from entrepot.journal import log
from entrepot.journal.models import Dirty, Entry
from entrepot.layout import Place
from entrepot.page import Page
from entrepot.ports.cdn import NoCdn
from entrepot.ports.files import FileStore
from entrepot.ports.store import Superseded
from entrepot.projects import actions, queries
from entrepot.projects.models import Status
from entrepot.refusal import Refused
from world import World, new_world, shown_pages

NAMES = st.sampled_from(["alpha", "beta_tool"])
VERSIONS = st.sampled_from(["1.0", "2.0", "2.0rc1", "3!1"])
REASONS = st.sampled_from(["", "broken <b>build</b>", "größer\nals sonst"])


def upload(world: World, name: str, version: str, reason: str) -> int | None:
    built = forge.sdist(name, version) if reason else forge.wheel(name, version)
    return world.upload(built, shown=False)


def yank_release(world: World, name: str, version: str, reason: str) -> int:
    return actions.yank_release(world.release(name, version), by=world.actor, reason=reason)


def unyank_release(world: World, name: str, version: str, reason: str) -> int:
    return actions.unyank_release(world.release(name, version), by=OPERATOR, reason=reason)


def yank_file(world: World, name: str, version: str, reason: str) -> int:
    return actions.yank_file(world.release(name, version).files.all()[0], by=world.actor, reason=reason)


def unyank_file(world: World, name: str, version: str, reason: str) -> int:
    return actions.unyank_file(world.release(name, version).files.all()[0], by=world.actor, reason=reason)


def delete_file(world: World, name: str, version: str, _reason: str) -> int:
    return actions.delete_file(world.release(name, version).files.all()[0], by=world.actor)


def delete_release(world: World, name: str, version: str, _reason: str) -> int:
    return actions.delete_release(world.release(name, version), by=OPERATOR)


def delete_project(world: World, name: str, _version: str, _reason: str) -> int:
    return actions.delete_project(world.project(name), by=world.actor)


def set_status(status: Status) -> Callable[[World, str, str, str], int]:
    def change(world: World, name: str, _version: str, reason: str) -> int:
        return actions.set_status(world.project(name), status, by=world.actor, reason=reason)

    return change


ACTIONS = st.one_of(
    st.just(upload),
    st.sampled_from([yank_release, unyank_release, yank_file, unyank_file, delete_file, delete_release]),
    st.sampled_from([set_status(status) for status in Status]),
    st.just(delete_project),
)
# What becomes of the documents that an action leaves owed.
FATES = st.sampled_from(["published at once", "left to the worker", "held by a slow builder", "all swept up"])
STEPS = st.lists(st.tuples(ACTIONS, NAMES, VERSIONS, REASONS, FATES), min_size=1, max_size=14)


class HistoriesTest(TransactionTestCase):
    """Each example begins with an empty database."""

    @settings(max_examples=60 if connection.vendor == "sqlite" else 15)
    @given(STEPS)
    def test_incremental_equals_rebuild(
        self, steps: list[tuple[Callable[..., int | None], str, str, str, str]]
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            world = new_world(Path(folder) / "store")
            held: list[tuple[Place, Page]] = []
            for action, name, version, reason, fate in steps:
                serial = None
                with suppress(Refused, IndexError):
                    serial = action(world, name, version, reason)
                if serial is not None:
                    self.meet(fate, serial, world, held)
            for place, page in held:
                with suppress(Superseded):
                    world.store.put_page(place.key, page)
            sweep(world.store)

            self.check_journal()
            assert world.complaints() == []
            anew = FileStore(Path(folder) / "anew")
            anew.prepare()
            assert world.published() == written_anew(anew)

    def meet(self, fate: str, serial: int, world: World, held: list[tuple[Place, Page]]) -> None:
        if fate == "published at once":
            assert pages.publish_own(serial, store=world.store, cdn=world.cdn)
        elif fate == "held by a slow builder":
            with log.snapshot() as at:
                held.extend(
                    pair
                    for each in log.owed_for(serial, due=drift.END_OF_TIME)
                    for pair in pages.build(each, serial=at)
                )
        elif fate == "all swept up":
            sweep(world.store)
            assert log.published() == log.committed()

    def check_journal(self) -> None:
        serials = list(Entry.objects.order_by("serial").values_list("serial", flat=True))
        assert serials == list(range(1, len(serials) + 1))
        assert not Dirty.objects.exists()


def sweep(store: FileStore) -> None:
    for _ in pages.publish_owed(due=drift.END_OF_TIME, store=store, cdn=NoCdn()):
        pass


def written_anew(store: FileStore) -> object:
    """What an empty store shows after every document has been built into it."""
    for document in queries.every_document():
        pages.publish(document, store=store, cdn=NoCdn())
    return shown_pages(store)
