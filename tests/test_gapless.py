"""Serials under many processes that write at once, of which some die: whoever reads sees 1, 2, 3 …, never a gap, and
what was seen once never changes."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TypeAlias

import pytest

from archives import forge
from inside import eventually, parts, query
from postgres import running_cluster, serving_on
from serving import Server, environment, serving
from uploading import upload
from writing import PROJECT

TESTS = Path(__file__).parent
AFTER = "SELECT serial, name, version, action FROM journal_entry WHERE serial > ? ORDER BY serial"
CHANGES_OF_A_ROUND = 4  # the first one makes a release, too

Entry: TypeAlias = tuple[object, ...]
Process: TypeAlias = "subprocess.Popen[bytes]"


@pytest.fixture(params=[("sqlite", 3, 4), ("postgresql", 6, 10)], ids=["sqlite", "postgresql"])
def busy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, int, int]]:
    """A server, how many processes are to write beside it, and how many rounds each."""
    kind, writers, rounds = request.param
    with ExitStack() as until_the_end:
        if kind == "sqlite":
            server = until_the_end.enter_context(serving(tmp_path / "data"))
        else:
            cluster = until_the_end.enter_context(running_cluster())
            server = until_the_end.enter_context(serving_on(cluster.new_database(), tmp_path / "data"))
        yield server, writers, rounds


def test_no_reader_ever_sees_a_gap(busy: tuple[Server, int, int]) -> None:
    server, writers, rounds = busy
    first = forge.wheel(PROJECT, "0")
    assert upload(server, first.filename, first.data, name=PROJECT, version="0").status == 200
    with reading(server) as seen, ThreadPoolExecutor(3) as threads, ExitStack() as until_the_end:
        processes = [until_the_end.enter_context(writer(server, f"1.{number}", rounds)) for number in range(writers)]
        doomed = [until_the_end.enter_context(writer(server, f"2.{number}", 1000)) for number in range(2)]
        uploads = [threads.submit(upload_all, server, number, rounds) for number in range(2)]
        command = threads.submit(server.command, "status", PROJECT, "deprecated")
        for each in doomed:  # as soon as it has done something, at whatever moment
            eventually(lambda each=each: wrote(seen[0], doomed.index(each)), within=60)  # type: ignore[misc]
            each.kill()
        killed = random.choice(parts(server, "web"))  # noqa: S311
        subprocess.run(["kill", "-9", str(killed)], check=True)
        assert [each.wait(120) for each in processes] == [0] * writers
        assert command.result().returncode == 0
        assert {each.result() for each in uploads} == {rounds}
    assert seen[0] == seen[1] == query(server, AFTER, 0)
    assert len(seen[0]) > writers * rounds * CHANGES_OF_A_ROUND
    eventually(lambda: query(server, "SELECT 1 FROM journal_dirty") == [], within=60)
    server.command("verify")


@contextmanager
def writer(server: Server, name: str, rounds: int) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-m", "writing", name, str(rounds)],
        cwd=TESTS,
        env=environment(ENTREPOT_DATA=str(server.data)),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wrote(entries: list[Entry], doomed: int) -> bool:
    return any(str(version).startswith(f"2.{doomed}.") for _, _, version, _ in entries)


def upload_all(server: Server, number: int, rounds: int) -> int:
    """Upload files one after the other, each until it is taken; a process may be killed under it."""
    for each in range(rounds):
        built = forge.wheel(PROJECT, f"3.{number}.{each}")
        send: Callable[[], bool] = lambda built=built: taken(server, built)  # type: ignore[misc]  # noqa: E731
        eventually(send, within=60)
    return rounds


def taken(server: Server, built: forge.Built) -> bool:
    try:
        version = built.filename.split("-")[1]
        return upload(server, built.filename, built.data, name=PROJECT, version=version).status == 200
    except OSError:
        return False


@contextmanager
def reading(server: Server) -> Iterator[list[list[Entry]]]:
    """Two readers that look at what is new in the journal all the time; gives what each has seen."""
    enough, seen = Event(), [list[Entry](), list[Entry]()]

    def look(mine: list[Entry]) -> None:
        new = query(server, AFTER, len(mine))
        assert [serial for serial, *_ in new] == list(range(len(mine) + 1, len(mine) + len(new) + 1))
        mine.extend(new)

    def read(mine: list[Entry]) -> None:
        while not enough.is_set():
            look(mine)
        look(mine)

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read, mine) for mine in seen]
        try:
            yield seen
        finally:
            enough.set()
        for each in readers:
            each.result()
