"""Bringing the tables up to date while other servers, of this version or the one before, go on using them.

CONTRIBUTING.md says what a migration may do. What is left to do here: one process at a time, and no queue. A statement
that changes a table waits for those who use it, and whoever comes later waits behind the statement; so it is given up
after a moment, and tried again.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from entrepot.config import Config
from entrepot.refusal import Refused

logger = logging.getLogger(__name__)

LOCK_TIMEOUT = 3.0  # seconds that a statement, and all who come after it, wait for those who use a table
ATTEMPTS = 20
PAUSE = 1.0  # seconds between two attempts, in which all who waited get their turn

_LOCKED = "55P03"  # lock_not_available, in PostgreSQL's table of error codes
_SET = "SELECT set_config('lock_timeout', %s, false)"
_TRY = "SELECT pg_try_advisory_lock(1701736563)"  # the number beside it is the journal's lock


def migrate() -> None:
    """Apply the migrations that the database lacks. Those of a newer version are left alone.

    Raises Refused("migration-blocked") when others hold a table for too long; what was done stays done.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        _MIGRATE[connection.vendor]()


def _apply() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def _migrate_sqlite() -> None:
    descriptor = os.open(
        Config.current().uploads, os.O_RDONLY
    )  # not the database: closing it would lift SQLite's locks
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _apply()
    finally:
        os.close(descriptor)


def _migrate_postgresql() -> None:
    with _only_migrator(), _lock_timeout(LOCK_TIMEOUT), connection.execute_wrapper(_patient_with_indexes):
        for _ in range(ATTEMPTS):
            try:
                _apply()
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) != _LOCKED:
                    raise
                logger.warning("a migration waits for a table that others use, and is tried again: %s", error)
                time.sleep(PAUSE)
            else:
                return
    raise Refused(
        "migration-blocked",
        "A migration got no hold of a table, because a transaction uses it for too long (see pg_stat_activity). "
        "What was done stays done: try again when that one has ended.",
    )


@contextmanager
def _only_migrator() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(_TRY)
        # Asked again and again: an index that is built concurrently would wait for whoever waits in a statement.
        while not cursor.fetchone()[0]:
            time.sleep(PAUSE)
            cursor.execute(_TRY)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(1701736563)")


@contextmanager
def _lock_timeout(seconds: float) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute(_SET, [f"{seconds * 1000:.0f}ms"])
        try:
            yield
        finally:
            cursor.execute(_SET, [before])


def _patient_with_indexes(execute: Callable[..., Any], sql: str, params: object, many: object, context: object) -> Any:
    """An index that is built concurrently waits as long as it takes.

    Nobody queues behind it, and one that was given up half-way would stay behind, invalid.
    """
    if "CONCURRENTLY" not in sql:
        return execute(sql, params, many, context)
    with _lock_timeout(0):
        return execute(sql, params, many, context)


_MIGRATE = {"sqlite": _migrate_sqlite, "postgresql": _migrate_postgresql}
