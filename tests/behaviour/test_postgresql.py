"""The same index with its rows in PostgreSQL: what is true on SQLite is true there, also when many write at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TypeAlias

import pytest

from archives import forge
from archives.forge import Built
from inside import eventually, parts
from postgres import APPLICATION, Cluster, Database, running_cluster, serving_on
from serving import ENTREPOT, Answer, Server, environment
from uploading import upload

INSIDE = (
    *("test_histories.py", "test_journal.py", "test_workers.py", "test_published.py", "test_drift.py"),
    *("test_orphans.py", "test_counting.py", "test_at_once.py"),
)
SERIALS = "SELECT serial FROM journal_entry ORDER BY serial"
SOON = 10.0  # seconds
STANDSTILL = 14.0  # seconds: an answer is waited for, and then a new connection

Completed: TypeAlias = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Database:
    return cluster.new_database()


@contextmanager
def in_order(database: Database, data: Path) -> Iterator[Server]:
    """A server that in the end owes nothing, and shows what the database says."""
    with serving_on(database, data) as running:
        yield running
        check_nothing_is_owed(database)
        running.command("verify")


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with in_order(database, tmp_path_factory.mktemp("postgresql")) as running:
        yield running


@pytest.fixture
def own_server(cluster: Cluster, tmp_path: Path) -> Iterator[Server]:
    """For a test that kills: no killed process says which lines it had run for others."""
    with in_order(cluster.new_database(), tmp_path / "own") as running:
        yield running


def publish(server: Server, built: Built, comment: str = "") -> Answer:
    name, version = built.filename.removesuffix(".tar.gz").split("-")[:2]
    return upload(server, built.filename, built.data, name=name, version=version, comment=comment)


def publishing(server: Server, built: Built) -> Callable[[], Answer]:
    return lambda: publish(server, built)


def commanding(server: Server, *arguments: str) -> Callable[[], Completed]:
    return lambda: server.command(*arguments, check=False)


def importing(server: Server, folder: Path, *files: Built) -> Callable[[], Completed]:
    folder.mkdir()
    for each in files:
        (folder / each.filename).write_bytes(each.data)
    return commanding(server, "import", str(folder), "--by", "alice")


def check_nothing_is_owed(database: Database) -> None:
    """All changes have been published, and their serials have no gaps."""
    eventually(lambda: database.query("SELECT 1 FROM journal_dirty") == [])
    serials = [serial for (serial,) in database.query(SERIALS)]
    assert serials == list(range(1, len(serials) + 1))


def filenames(server: Server, project: str) -> list[str]:
    return [file["filename"] for file in server.page(project)["files"]]


def test_a_release_from_its_upload_to_its_end(server: Server, database: Database) -> None:
    wheel, sdist = forge.wheel("life"), forge.sdist("life")
    assert [publish(server, each).status for each in (wheel, sdist, wheel)] == [200, 200, 200]
    assert filenames(server, "life") == [wheel.filename, sdist.filename]
    place = server.page("life")["files"][0]["url"].removeprefix("../..")
    assert server.get(place).body == wheel.data

    server.command("yank", "life", "1.0", "--reason", "broken", "--by", "alice")
    assert [file["yanked"] for file in server.page("life")["files"]] == ["broken", "broken"]
    server.command("unyank", "life", "1.0")
    server.command("status", "life", "quarantined")
    assert (filenames(server, "life"), server.get(place).status) == ([], 404)
    server.command("status", "life", "active")
    assert server.get(place).status == 200

    before = server.page("life")
    server.command("rebuild")
    assert server.page("life") == before
    server.command("delete", "life")
    assert (server.get("/simple/life/").status, server.get(place).status) == (404, 404)
    check_nothing_is_owed(database)


def test_the_url_may_carry_options_of_the_library(server: Server, database: Database) -> None:
    assert server.get("/").status == 200
    assert database.query("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", APPLICATION)


def test_what_is_long_or_odd_finds_room_in_the_columns(server: Server) -> None:
    supported = ",".join(f"!=3.{minor}" for minor in range(200))
    metadata = forge.core_metadata("requires", more=f"Requires-Python: {supported}\n")
    assert publish(server, forge.wheel("requires", metadata=metadata)).status == 200
    tag = ".".join(f"py3{minor}" for minor in range(10, 38))
    assert publish(server, forge.wheel("tags", tag=f"{tag}-none-any")).status == 200
    assert publish(server, forge.wheel("comment"), comment="no\0thing").status == 200
    assert server.new_token("alice", "--description", "x" * 1000)


def test_many_write_at_once(server: Server, database: Database, tmp_path: Path) -> None:
    """Six processes and two connections add to the same three projects, while others yank, rebuild and read."""
    names, writers = ["ants", "bees", "cats"], range(8)
    for name in names:
        assert publish(server, forge.wheel(name, "0")).status == 200

    def files(writer: int) -> list[Built]:
        return [forge.wheel(name, f"{writer}.{minor}") for name in names for minor in (1, 2)]

    def publish_all(writer: int) -> list[int]:
        return [publish(server, each).status for each in files(writer)]

    with reading_all_the_time(database) as reads, ThreadPoolExecutor(20) as threads:
        commands = [importing(server, tmp_path / str(writer), *files(writer)) for writer in writers[:6]]
        commands += [commanding(server, "yank", name, "0") for name in names]
        rebuilt = threads.submit(commanding(server, "rebuild"))
        run = [threads.submit(each) for each in commands]
        sent = [threads.submit(publish_all, writer) for writer in writers[6:]]
        done = [each.result() for each in run]
        assert [each.returncode for each in done] == [0] * len(done), done
        assert [each.result() for each in sent] == [[200] * 6] * 2
        assert rebuilt.result().stdout.startswith("Wrote"), rebuilt.result()
    assert len(reads) > 10
    check_nothing_is_owed(database)
    for name in names:
        shown = {file["filename"]: bool(file["yanked"]) for file in server.page(name)["files"]}
        published = [file.filename for writer in writers for file in files(writer) if file.filename.startswith(name)]
        assert shown == {**dict.fromkeys(published, False), forge.wheel(name, "0").filename: True}


@contextmanager
def reading_all_the_time(database: Database) -> Iterator[list[int]]:
    """Look at the journal again and again: no serial may ever be seen before the one in front of it.

    Gives how many there were at each look.
    """
    enough, counts = Event(), [0]

    def read() -> None:
        with database.connect() as connection:
            while not enough.is_set():
                serials = [serial for (serial,) in connection.execute(SERIALS)]
                assert serials == list(range(1, len(serials) + 1))
                assert len(serials) >= counts[-1]
                counts.append(len(serials))

    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(read)
        try:
            yield counts
        finally:
            enough.set()
        reader.result()


def test_one_of_two_gets_a_new_name(server: Server, database: Database, tmp_path: Path) -> None:
    """Two processes, the same new project and filename, different bytes: whoever comes second is told so."""
    early, late = forge.wheel("contested"), forge.wheel("contested", files={"contested/late.py": b""})
    command = importing(server, tmp_path / "late", late)
    answer, done = database.meet(lambda: publish(server, early), command)
    assert isinstance(answer, Answer)
    assert isinstance(done, subprocess.CompletedProcess)
    assert answer.status == 200
    assert (done.returncode, "File already exists" in done.stdout) == (1, True), done
    command = importing(server, tmp_path / "similar", forge.wheel("c0ntested"))
    assert "too similar" in command().stdout
    check_nothing_is_owed(database)
    assert filenames(server, "contested") == [early.filename]


def test_the_same_file_twice_at_once(server: Server, database: Database) -> None:
    built = forge.wheel("twin")
    answers = database.meet(publishing(server, built), publishing(server, built))
    assert [each.status for each in answers] == [200, 200]
    check_nothing_is_owed(database)
    assert filenames(server, "twin") == [built.filename]


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        (("status", "{}", "quarantined"), 403, "is quarantined"),
        (("delete", "{}"), 400, "has since been deleted"),
        (("delete", "{}", "1.0"), 200, ""),
    ],
    ids=["quarantine", "delete", "delete-release"],
)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_an_upload_while_its_project_changes(
    server: Server, database: Database, change: tuple[str, ...], status: int, sentence: str, version: str
) -> None:
    name = f"changed{len(change)}{change[0]}{version[0]}"
    assert publish(server, forge.wheel(name)).status == 200
    sdist = forge.sdist(name, version)
    arguments = [each.format(name) for each in change]
    done, answer = database.meet(commanding(server, *arguments), lambda: publish(server, sdist))
    assert isinstance(answer, Answer)
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 0, done
    assert (answer.status, sentence in answer.text) == (status, True), answer
    check_nothing_is_owed(database)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("yank", "{}", "1.0"), ("yank", "{}", "1.0"), "is yanked already"),
        (("delete", "{}", "1.0"), ("yank", "{}", "1.0"), "has no release 1.0"),
        (("delete", "{}"), ("delete", "{}"), "There is no project"),
    ],
    ids=["yanks", "yank-deleted", "deletes"],
)
def test_two_commands_at_once(
    server: Server, database: Database, first: tuple[str, ...], second: tuple[str, ...], told: str
) -> None:
    name = f"commands{len(first)}{first[0]}"
    assert publish(server, forge.wheel(name)).status == 200
    commands = [commanding(server, *(each.format(name) for each in arguments)) for arguments in (first, second)]
    one, other = database.meet(*commands)
    assert one.returncode == 0, one
    assert (other.returncode, other.stderr.startswith("Error: "), told in other.stderr) == (1, True, True), other
    check_nothing_is_owed(database)


def test_all_that_holds_inside(cluster: Cluster) -> None:
    """The random histories, and whatever else is tried without a server."""
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider"),
            *(tests / each for each in INSIDE),
        ],
        cwd=tests.parent,
        env=environment(ENTREPOT_DATABASE_URL=cluster.new_database().url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_database_stops_and_comes_back(own_server: Server, cluster: Cluster) -> None:
    wheel = forge.wheel("outage")
    assert publish(own_server, wheel).status == 200
    place = own_server.page("outage")["files"][0]["url"].removeprefix("../..")
    paths = ["/simple/", "/simple/outage/", "/pypi/outage/json", place, f"{place}.metadata"]
    before = [own_server.get(path).body for path in paths]

    with cluster.stopped():
        begun = time.monotonic()
        with ThreadPoolExecutor(12) as threads:
            answers = threads.map(lambda number: publish(own_server, forge.wheel(f"refused{number}")), range(12))
            assert [(each.status, each.headers["retry-after"]) for each in answers] == [(503, "30")] * 12
        assert time.monotonic() - begun < SOON
        killed, *others = parts(own_server, "web")
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: set(parts(own_server, "web")) - {killed, *others} != set())
        assert [own_server.get(path).body for path in paths] == before

    begun = time.monotonic()
    assert [publish(own_server, forge.wheel(f"accepted{number}")).status for number in range(4)] == [200] * 4
    assert time.monotonic() - begun < SOON
    assert own_server.get("/simple/refused0/").status == 404


def test_connections_that_died_with_the_database_are_not_used(server: Server, database: Database) -> None:
    assert publish(server, forge.wheel("beforehand")).status == 200
    with database.cluster.stopped():
        pass
    eventually(lambda: publish(server, forge.wheel("afterwards")).status == 200)
    assert [publish(server, forge.wheel(f"afterwards{number}")).status for number in range(4)] == [200] * 4


def test_the_database_stands_still_and_goes_on(server: Server, database: Database) -> None:
    """It neither answers nor refuses: connections stay open, and new ones are taken by the system."""
    wheel = forge.wheel("standstill")
    assert publish(server, wheel).status == 200
    place = server.page("standstill")["files"][0]["url"].removeprefix("../..")
    paths = ["/simple/", "/simple/standstill/", "/pypi/standstill/json", place]
    before = [server.get(path).body for path in paths]

    with database.cluster.paused():
        begun = time.monotonic()
        with ThreadPoolExecutor(6) as threads:
            answers = threads.map(lambda number: publish(server, forge.wheel(f"lost{number}")), range(6))
            assert [server.get(path).body for path in paths] == before
            assert [(each.status, each.headers["retry-after"]) for each in answers] == [(503, "30")] * 6
        assert time.monotonic() - begun < STANDSTILL

    assert [publish(server, forge.wheel(f"lost{number}")).status for number in range(6)] == [200] * 6
    check_nothing_is_owed(database)


LISTENING = "SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN entrepot'"
OWE_ALL = """
    INSERT INTO journal_dirty (kind, key, since, serial, due_at, attempts, error)
    SELECT 3, project.id::text, last, last, now(), 0, ''
    FROM projects_project AS project, (SELECT max(serial) AS last FROM journal_entry) AS journal
    RETURNING 1
"""


@contextmanager
def working(server: Server, told: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """One more worker, which tells its log to a file."""
    with told.open("w") as log:
        process = subprocess.Popen(
            [*ENTREPOT, "work", "--data", str(server.data)], env=environment(ENTREPOT_LOG="text"), stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_tells_once_that_the_database_is_away(server: Server, database: Database, tmp_path: Path) -> None:
    told = tmp_path / "log"
    with working(server, told) as worker:
        eventually(lambda: len(database.query(LISTENING)) == 2)
        with database.cluster.stopped():
            for _ in range(2):  # each takes as long as a round of the worker, or longer
                assert publish(server, forge.wheel("away")).status == 503
            eventually(lambda: "does not answer" in told.read_text())
        eventually(lambda: "answer again" in told.read_text())
        eventually(lambda: len(database.query(LISTENING)) == 2)
        begun = time.monotonic()
        worker.terminate()
        assert worker.wait(SOON) == 0
        assert time.monotonic() - begun < SOON / 2
    text = told.read_text()
    assert [text.count(each) for each in ("does not answer", "answer again", "Traceback")] == [1, 1, 0], text


def test_a_worker_is_killed_in_the_middle_of_much_to_do(server: Server, database: Database, tmp_path: Path) -> None:
    """What it had claimed is taken over when the claim lapses."""
    assert (
        importing(server, tmp_path / "many", *(forge.sdist(f"many{number}x") for number in range(60)))().returncode == 0
    )
    check_nothing_is_owed(database)
    with working(server, tmp_path / "log") as worker:
        eventually(lambda: len(database.query(LISTENING)) == 2)
        owed = len(database.query(OWE_ALL))
        database.query("SELECT pg_notify('entrepot', '')")
        eventually(lambda: len(database.query("SELECT 1 FROM journal_dirty")) < owed - 10)
        worker.kill()
    eventually(lambda: database.query("SELECT 1 FROM journal_dirty") == [], within=60)
    check_nothing_is_owed(database)
