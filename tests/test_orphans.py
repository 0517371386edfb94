"""Stored bytes that no file has, or that a file has lost: what may be removed, and what an upload mends."""

import hashlib
import io
import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from django.utils import timezone

from archives import forge
from archives.forge import Built
from entrepot.followers.collect import collect
from entrepot.journal import log
from entrepot.journal.models import Entry
from entrepot.layout import Form, Place, package, project_page, sidecar
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from entrepot.projects import actions
from entrepot.projects.models import File
from entrepot.refusal import Unavailable
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


def blake2(built: Built) -> str:
    return hashlib.blake2b(built.data, digest_size=32).hexdigest()


class HastyStore(FileStore):
    """A store without locks, and a collector that removes what it finds at the worst moment."""

    def create(self, key: str, source: BinaryIO) -> bool:
        new = super().create(key, source)
        if not new:
            self.remove_unwanted(key, before=math.inf)
        return new


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def test_an_upload_whose_bytes_are_removed_under_it_is_told_to_come_again(world: World, tmp_path: Path) -> None:
    built = forge.wheel("demo")
    key = package(blake2(built), built.filename).key
    world.store.create(key, io.BytesIO(built.data))
    world.store = HastyStore(tmp_path / "store")
    with pytest.raises(Unavailable, match="just removed") as refused:
        world.upload(built)
    assert refused.value.code == "try-later"
    assert not Entry.objects.exists()
    world.store = FileStore(tmp_path / "store")
    world.upload(built)
    assert world.complaints() == []


def test_what_a_file_consists_of_is_never_removed(world: World) -> None:
    """Also when the file was recorded after somebody took its bytes for nobody's."""
    built = forge.wheel("demo")
    world.upload(built)
    removed: list[str] = []

    def remove() -> bool:
        removed.append(built.filename)
        return True

    assert not actions.discard(blake2(built), [built.filename], remove=remove)
    assert removed == []
    assert actions.discard(blake2(built), ["another.whl"], remove=remove)


def test_what_readers_are_shown_is_never_removed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Should the database have gone back to before it was published, without anybody noticing."""
    shown, hidden, torn = forge.wheel("demo"), forge.wheel("hidden"), forge.wheel("torn")
    unnamed = "packages/aa/bb/" + "c" * 60 + "/no-name"
    for built in (shown, hidden, torn):
        world.upload(built)
    world.store._path(project_page(ProjectName("torn"), Form.JSON).key).write_bytes(b"no page")
    world.store.create(unnamed, io.BytesIO(b"x"))
    world.store.put_page(project_page(ProjectName("hidden"), Form.JSON).key, Page.gone(serial=log.committed()))
    File.objects.all().delete()
    later = timezone.now() + timedelta(days=2)
    removed = sorted(key for keys in collect(store=world.store, now=later) for key in keys)
    unseen = [place(blake2(each), each.filename).key for each in (hidden, torn) for place in (package, sidecar)]
    assert removed == sorted([unnamed, *unseen])
    assert caplog.text.count("is shown to readers") == 2


def test_an_upload_of_the_very_file_mends_it(world: World) -> None:
    wheel, sdist = forge.wheel("demo"), forge.sdist("demo")
    for built in (wheel, sdist):
        world.upload(built)
    entries = Entry.objects.count()
    stored = stored_in(world, wheel, package)
    damages: list[Callable[[], object]] = [
        stored.unlink,
        lambda: stored.write_bytes(wheel.data[:-1]),
        stored_in(world, wheel, sidecar).unlink,
        stored_in(world, sdist, package).unlink,
    ]
    for damage in damages:
        damage()
        assert world.complaints() != []
        assert [world.upload(built) for built in (wheel, sdist)] == [log.committed()] * 2
        assert world.complaints() == []
    assert Entry.objects.count() == entries


def stored_in(world: World, built: Built, place: Callable[[str, str], Place]) -> Path:
    return world.store._path(place(blake2(built), built.filename).key)
