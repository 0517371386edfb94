"""The database as one file, and back.

SQLite's own copying gives one file that is a database; PostgreSQL's own programs give an archive (`pg_dump`, custom
format). Each is what the engine's manual recommends, so it can be restored without Entrepot, too.
"""

import os
import shutil
import sqlite3  # the sound one that entrepot.settings put in its place
import subprocess
from contextlib import closing
from pathlib import Path
from typing import cast

from django.conf import settings
from django.db import DatabaseError, connection

from entrepot.refusal import Refused


def dump(target: Path) -> None:
    """Write the whole database into the new file `target`, as of the snapshot (`log.snapshot`) that is being read.

    Writers are not held up. Raises Refused: "pg-dump-missing", "pg-dump-failed".
    """
    _DUMP[connection.vendor](target)


def load(source: Path) -> None:
    """Make the database what the file says that `dump` wrote: all of it, or nothing.

    Raises Refused: "pg-dump-missing", "pg-dump-failed".
    """
    _LOAD[connection.vendor](source)


def check_empty() -> None:
    """Raises Refused: "database-not-empty", "database-unusable"."""
    found = _FOUND[connection.vendor]()
    if found:
        raise Refused(
            "database-not-empty",
            f"The database is not empty: {found}. Restoring is for a new installation, or for one whose database is "
            "lost. Nothing was changed.",
        )


def _dump_sqlite(target: Path) -> None:
    with closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy)  # in the transaction that this connection reads in
        copy.execute("PRAGMA journal_mode=DELETE")  # a single file, without a log beside it


def _load_sqlite(source: Path) -> None:
    file = cast("Path", settings.DATABASE_FILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.restored")
    shutil.copyfile(source, draft)
    with draft.open("rb") as copied:
        os.fsync(copied.fileno())
    draft.rename(file)


def _found_by_sqlite() -> str:
    file = cast("Path", settings.DATABASE_FILE)
    # A log that was left behind would be taken for the restored database's own.
    return ", ".join(str(each) for each in (file, Path(f"{file}-wal"), Path(f"{file}-shm")) if each.exists())


def _dump_postgresql(target: Path) -> None:
    with connection.cursor() as cursor:
        # This connection has nothing to say while the other program reads, however long that takes.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
    _run("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={target}")


def _load_postgresql(source: Path) -> None:
    # A comment on an extension belongs to whoever made it, who may be another.
    lasting = ("--no-owner", "--no-privileges", "--no-comments")
    _run("pg_restore", "--single-transaction", "--exit-on-error", *lasting, str(source))


def _found_by_postgresql() -> str:
    try:
        return ", ".join(connection.introspection.table_names())
    except DatabaseError as error:
        raise Refused("database-unusable", f"The database cannot be used: {error}.") from error


def _run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's on our database. Its password goes by the environment, which others cannot see."""
    (_, *target), environ = connection.client.settings_to_cmd_args_env(connection.settings_dict, ["--dbname"])
    try:
        done = subprocess.run(
            [program, "--no-password", *target, *arguments],
            env={**os.environ, **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise Refused(
            "pg-dump-missing",
            f"The program {program} is missing. It comes with PostgreSQL's clients; on Debian: "
            "apt-get install postgresql-client",
        ) from error
    if done.returncode:
        raise Refused("pg-dump-failed", f"{program} failed, and nothing was changed: {done.stderr.strip()}")


_DUMP = {"sqlite": _dump_sqlite, "postgresql": _dump_postgresql}
_LOAD = {"sqlite": _load_sqlite, "postgresql": _load_postgresql}
_FOUND = {"sqlite": _found_by_sqlite, "postgresql": _found_by_postgresql}
