"""kill -9 at every step of an upload: afterwards there is nothing of it, or all of it, and trying again succeeds."""

import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from archives import forge
from entrepot.followers import drift, pages
from entrepot.followers.collect import GRACE, collect
from entrepot.journal import log
from entrepot.journal.models import Dirty, Entry
from entrepot.layout import package, sidecar
from entrepot.projects.models import File
from world import World, new_world

# What the process asks of the operating system about files; statements to the database are counted apart.
STEPS = {"open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.truncate"}


@pytest.mark.django_db(transaction=True)
def test_kill_at_every_step_of_an_upload(tmp_path: Path) -> None:
    world = new_world(tmp_path / "store")
    outcomes = []
    for step in range(1, 500):
        built = forge.wheel(f"crash{step}")
        finished = dies_at(step, lambda built=built: world.upload(built), tmp_path)  # type: ignore[misc]
        outcomes.append(check_nothing_or_all(world, built))
        if step % 25 == 0 or finished:
            assert world.complaints() == []
        if finished:
            break
    else:
        pytest.fail("the upload never ran to its end")
    assert outcomes[0] == "nothing"
    assert outcomes[-1] == "all"
    assert len(outcomes) > 60, "there are that many steps, or they are not counted"
    serials = list(Entry.objects.order_by("serial").values_list("serial", flat=True))
    assert serials == list(range(1, len(serials) + 1))


def dies_at(step: int, action: Callable[[], object], folder: Path) -> bool:
    """Run `action` in a copy of this process that is killed at its `step`-th step; whether it ended before."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event == "statement" or (event in STEPS and str(folder) in str(arguments[0])):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        def statement(execute: Callable[..., object], *arguments: Any) -> object:
            count("statement", ())
            return execute(*arguments)

        sys.addaudithook(count)
        with connection.execute_wrapper(statement):
            action()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}
    return status == 0


def check_nothing_or_all(world: World, built: forge.Built) -> str:
    """What readers see after the worker has swept up, checked; then that trying again makes it all."""
    name = built.filename.partition("-")[0]
    for _ in pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=world.cdn):
        pass
    assert not Dirty.objects.exists()
    recorded = File.objects.filter(filename=built.filename).exists()
    present = [page is not None for page in (world.simple(name), world.json(name), world.release_json(name, "1"))]
    assert present == [recorded] * 3
    before = log.committed()
    world.upload(built)
    assert (log.committed() == before) == recorded
    return "all" if recorded else "nothing"


@pytest.mark.django_db(transaction=True)
def test_what_a_crash_leaves_in_the_store_is_collected_after_a_day(tmp_path: Path) -> None:
    world = new_world(tmp_path / "store")
    kept = forge.wheel("kept")
    world.upload(kept)
    file = world.file(kept.filename)
    orphan = package("ab" * 32, "orphan-1.0-py3-none-any.whl").key
    for key in (orphan, f"{orphan}.metadata"):
        world.store.create(key, io.BytesIO(kept.data))
    now = timezone.now()
    assert not any(collect(store=world.store, now=now))
    assert [key for keys in collect(store=world.store, now=now + 2 * GRACE) for key in keys] == [
        orphan,
        f"{orphan}.metadata",
    ]
    assert world.store.find(orphan) is None
    assert world.store.find(sidecar(file.blake2, file.filename).key) is not None
    assert world.complaints() == []
