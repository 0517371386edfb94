"""A PostgreSQL cluster of the tests' own, and servers that keep their rows in it.

The programs are those of Debian's package `postgresql`. The cluster is reached by a socket in its own directory, so it
takes no port and nobody else can meet it, and it never waits for a disk.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from inside import eventually
from serving import Server, serving

INSTALLED = Path("/usr/lib/postgresql")  # one directory for each major version, where Debian keeps them
OWNER = "postgres"  # whom Debian's package makes; the programs refuse to be run by root
WRITES = 1701736562  # the advisory lock under which serials are taken
SETTINGS = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@dataclass
class Cluster:
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
        """Break off whatever is going on, and stop."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", "fast")

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
        """What `ENTREPOT_DATABASE_URL` says of it."""
        return f"postgres://{OWNER}@{quote(str(self.cluster.directory), safe='')}/{self.name}"

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection that commits each statement by itself; use it in `with`."""
        return psycopg.connect(host=str(self.cluster.directory), user=OWNER, dbname=self.name, autocommit=True)

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """The rows that a statement gives."""
        with self.connect() as connection:
            return connection.execute(sql.encode(), parameters).fetchall()

    @contextmanager
    def holding(self, sql: str, *, waiting: int) -> Iterator[None]:
        """Hold the locks that the statement takes; at the end let go, once so many others wait for some lock.

        So things happen at once that would hardly ever meet by themselves.
        """
        with self.connect() as connection, connection.transaction():
            connection.execute(sql.encode())
            yield
            eventually(lambda: self.waiting() >= waiting)

    def waiting(self) -> int:
        """How many sessions wait for a lock in this database."""
        ((found,),) = self.query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(str(found))


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A new cluster, stopped and removed at the end; skips the test where PostgreSQL is not installed."""
    found = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is missing: install Debian's package postgresql")
    directory = Path(tempfile.mkdtemp(prefix="entrepot-pg-", dir="/dev/shm"))
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
        patch.setenv("ENTREPOT_DATABASE_URL", database.url)
        with serving(data) as server:
            yield server


def _as_owner() -> Sequence[str]:
    return ("setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups") if os.geteuid() == 0 else ()
