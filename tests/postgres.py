"""A PostgreSQL cluster of the tests' own, and servers that keep their rows in it.

The programs are those of Debian's package `postgresql`. The cluster is reached by a socket in its own directory, so it
takes no port and nobody else can meet it, and it never waits for a disk.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import LiteralString, TypeVar
from urllib.parse import quote

import psycopg
import pytest

from breakable import Breakable
from inside import eventually
from serving import DATABASE, Server, serving

T = TypeVar("T")
Connection = psycopg.Connection[tuple[object, ...]]

INSTALLED = Path("/usr/lib/postgresql")  # one directory for each major version, where Debian keeps them
APPLICATION = "entrepot-under-test"  # what the cluster is told of who connects
OWNER = "postgres"  # whom Debian's package makes; the programs refuse to be run by root
WAITING: LiteralString = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
SETTINGS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=200")


@dataclass
class Cluster(Breakable):
    """A running cluster below `directory`, where its socket is too."""

    directory: Path
    programs: Path
    numbers: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # The sockets come in by `-k`: an option of the options, so no path may hold a blank.
        options = " ".join([f"-k {self.directory}", *(f"-c {setting}" for setting in SETTINGS)])
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options)

    def stop(self) -> None:
        """Stop it as if it had crashed: it writes nothing more, and mends itself when it is started again."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", "immediate")

    def pid(self) -> int:
        """The postmaster."""
        return int((self.directory / "data/postmaster.pid").read_text().split()[0])

    def new_database(self) -> "Database":
        """An empty database."""
        database = Database(self, f"entrepot{next(self.numbers)}")
        with Database(self, "postgres").connect() as connection:
            connection.execute(f"CREATE DATABASE {database.name}")
        return database

    def _run(self, program: str, *arguments: str) -> None:
        # Not through a pipe: the server inherits it and holds it open.
        with (self.directory / "output").open("w+") as output:
            done = subprocess.run(
                [*_as_owner(), str(self.programs / program), *arguments],
                cwd=self.directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, output.read()


@dataclass(frozen=True)
class Database:
    """One database of a cluster."""

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        """What `ENTREPOT_DATABASE_URL` says of it, with an option of the PostgreSQL library."""
        host = quote(str(self.cluster.directory), safe="")
        return f"postgres://{OWNER}@{host}/{self.name}?application_name={APPLICATION}"

    def connect(self) -> Connection:
        """A connection that commits each statement by itself; use it in `with`."""
        return psycopg.connect(host=str(self.cluster.directory), user=OWNER, dbname=self.name, autocommit=True)

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """The rows that a statement gives."""
        with self.connect() as connection:
            return connection.execute(sql.encode(), parameters).fetchall()

    def meet(self, *acts: Callable[[], T]) -> list[T]:
        """Begin all the acts, each when the one before it has come as far as it can while nobody can write into the
        journal; then let them go on, and give what they return.

        So changes meet that would hardly ever do so by themselves.
        """
        with ThreadPoolExecutor(len(acts)) as threads, self.connect() as watching:
            eventually(lambda: _rows(watching, "SELECT 1 FROM journal_dirty") == 0)  # the server has come to rest
            with self.connect() as holding, holding.transaction():
                holding.execute("LOCK TABLE journal_entry IN EXCLUSIVE MODE")
                begun = []
                for act in acts:
                    begun.append(threads.submit(act))
                    eventually(lambda: _rows(watching, WAITING) >= len(begun))
            return [each.result() for each in begun]


def _rows(connection: Connection, sql: LiteralString) -> int:
    return len(connection.execute(sql).fetchall())


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A new cluster, stopped and removed at the end; skips the test where PostgreSQL is not installed."""
    found = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is missing: install Debian's package postgresql")
    directory = Path(tempfile.mkdtemp(prefix="entrepot-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, OWNER)
        cluster = Cluster(directory, found[-1].parent)
        options = ("--no-sync", f"--username={OWNER}", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        cluster._run("initdb", "-D", "data", *options)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(directory)


@contextmanager
def serving_on(database: Database, data: Path) -> Iterator[Server]:
    """A server whose rows are in the database. So is every command that the tests start until the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE, database.url)
        with serving(data) as server:
            yield server


def _as_owner() -> Sequence[str]:
    return ("setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups") if os.geteuid() == 0 else ()
