"""Fill an empty index to a given size: `ENTREPOT_DATA=DIR python -m bench.fill --projects 1000 --releases 7000`.

It takes the settings in force, so ENTREPOT_DATABASE_URL and ENTREPOT_STORE_URL say where to. The same arguments always
give the same index. Give ENTREPOT_PUBLIC_URL, and give it to `entrepot serve` as well: documents name it, and a server
that finds another one writes them all anew.

The list of projects is published first, at the last serial: until the last row is there, the store is ahead of its
database, and every command refuses the two. So what is cut short can only be thrown away.
"""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import click
from rich.console import Console
from rich.progress import Progress

import entrepot.boot  # noqa: F401 - Django must be ready before its models are imported
from bench import rows
from bench.made import Maker, Plan, Rows, Start
from entrepot.cli.installation import prepare
from entrepot.config import Config
from entrepot.journal import log
from entrepot.page import Page
from entrepot.ports.files import FileStore
from entrepot.ports.store import Store
from entrepot.projects import actions

CHUNK = 1000  # releases, or a little more, that one process makes at a time
WAITING = 4  # chunks made ahead for each process
SAMPLE = 100  # projects whose files are stored with `--bytes sample`; they depend on each other only


@dataclass(frozen=True)
class Task:
    """Some projects in a row, by number, with their sizes and starts; the first `stored` projects get their files."""

    plan: Plan
    first: int
    sizes: tuple[int, ...]
    starts: tuple[Start, ...]
    index: int
    last: int
    stored: int


class Unsynced(FileStore):
    """An empty store that nobody else uses yet: nothing to lock, to compare or to save but at the end, for all."""

    def put_page(self, key: str, page: Page) -> None:
        """Write the page."""
        self._write(key, page.pack())

    def create(self, key: str, source: BinaryIO) -> bool:
        """Write the package."""
        self._write(key, source.read())
        return True

    def _write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@click.command()
@click.option("--projects", default=1_000, show_default=True)
@click.option(
    "--releases", default=7_000, show_default=True, help="Of all projects; each release has two files on average."
)
@click.option("--seed", default=1, show_default=True)
@click.option("--bytes", "stored", type=click.Choice(["all", "sample", "none"]), default="all", show_default=True)
@click.option("--processes", default=len(os.sched_getaffinity(0)), show_default=True)
def main(projects: int, releases: int, seed: int, stored: str, processes: int) -> None:
    """Fill the empty index that the environment names. `sample` stores the files of the first hundred projects."""
    plan = Plan(projects, releases, seed, Config.current().public_url)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("filling", total=releases)
        for done in fill(plan, {"all": projects, "sample": SAMPLE, "none": 0}[stored], processes):
            progress.advance(task, done)
    click.echo(f"{projects} projects, {releases} releases, {plan.starts()[-1].file} files, serial {log.committed()}")


def fill(plan: Plan, stored: int, processes: int) -> Iterator[int]:
    """Fill the index, with the files of the first `stored` projects; at each step how many releases were added.

    Raises click.ClickException when the index is not empty.
    """
    index, store = prepare(), fast_store()
    if log.committed():
        raise click.ClickException("The index is not empty.")
    starts, sizes = plan.starts(), plan.sizes()
    actions.set_url(index, plan.url)
    for place, page in plan.list_pages(starts):
        store.put_page(place.key, page)
    rows.make_haste()
    rows.add_users(plan)
    tasks = [
        Task(plan, first, tuple(sizes[first:end]), tuple(starts[first:end]), index.pk, starts[-1].serial, stored)
        for first, end in _chunks(sizes)
    ]
    made = _in_order(tasks, processes)
    for task, some in zip(tasks, made, strict=True):
        if task is tasks[-1]:
            os.sync()  # before the row that makes the index whole
        rows.add(some)
        yield sum(task.sizes)
    rows.finish()


def fast_store() -> Store:
    """The store in force, without syncs where it is made of files."""
    config = Config.current()
    store = config.store()
    return Unsynced(Path(unquote(urlsplit(config.store_url).path))) if isinstance(store, FileStore) else store


def make(task: Task) -> Rows:
    """Publish the projects of the task, and give their rows."""
    store, whole = fast_store(), Rows()
    for offset, (size, start) in enumerate(zip(task.sizes, task.starts, strict=True)):
        number = task.first + offset
        made = Maker(task.plan, number, size, start, task.index)
        for place, page in made.pages(task.last):
            store.put_page(place.key, page)
        for each in made.stored if number < task.stored else ():
            store.create(each.place.key, each.open())
        for kind in fields(whole):
            getattr(whole, kind.name).extend(getattr(made.rows, kind.name))
    return whole


def _chunks(sizes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first, held, end = 0, 0, 0
    for end, size in enumerate(sizes, 1):
        held += size
        if held >= CHUNK:
            yield first, end
            first, held = end, 0
    if held:
        yield first, end


def _in_order(tasks: Iterable[Task], processes: int) -> Iterator[Rows]:
    """What the tasks give, in their order, made by so many processes; no more of it at a time than fits into memory."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Rows]] = deque()
        for task in tasks:
            waiting.append(pool.submit(make, task))
            if len(waiting) > processes * WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


if __name__ == "__main__":
    sys.exit(main())
