"""Rows by the thousand, past the ORM: COPY on PostgreSQL, one statement for many rows on SQLite."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction

from bench.made import BEGIN, Plan, Row, Rows
from entrepot.accounts.models import User
from entrepot.journal.models import Entry
from entrepot.projects.models import File, Project, Release, Role, UsedName, Yank

COLUMNS: Mapping[str, tuple[type[models.Model], str]] = {
    "projects": (Project, "id index_id name display_name skeleton status status_reason created_at"),
    "roles": (Role, "id project_id user_id name by_id at"),
    "releases": (Release, "id project_id version canonical created_at"),
    "used_names": (UsedName, "id index_id filename blake2"),
    "files": (
        File,
        """id release_id filename kind python_tag size sha256 blake2 md5 metadata metadata_sha256
        requires_python comment uploaded_at uploaded_by_id uploaded_with""",
    ),
    "yanks": (Yank, "id release_id file_id reason by_id at"),
    "entries": (Entry, "serial index project name version action reason at by_id"),
}
USERS = "id username email password date_joined is_superuser is_staff is_active"

_HASTE = {"sqlite": "PRAGMA synchronous=OFF; PRAGMA cache_size=-500000", "postgresql": "SET synchronous_commit TO off"}
_DONE = {"sqlite": "PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)", "postgresql": "CHECKPOINT; ANALYZE"}


def make_haste() -> None:
    """Do without a sync for each transaction: what is cut short is thrown away as a whole."""
    _run(_HASTE[connection.vendor])


def finish() -> None:
    """Let new rows get ids that are free, and everything reach the disk."""
    filled: list[type[models.Model]] = [User, *(model for model, _ in COLUMNS.values())]
    for statement in connection.ops.sequence_reset_sql(no_style(), filled):
        _run(statement)
    _run(_DONE[connection.vendor])


@transaction.atomic(durable=True)
def add_users(plan: Plan) -> None:
    """The owners of the projects; none of them can log in."""
    at = f"{BEGIN:%Y-%m-%d %H:%M:%S}"
    names = (plan.user(number) for number in range(plan.users))
    users = ((n, name, f"{name}@example.org", "!", at, False, False, True) for n, name in enumerate(names, 1))
    _add(User, USERS.split(), users)


@transaction.atomic(durable=True)
def add(rows: Rows) -> None:
    """All rows of some projects."""
    for each in fields(rows):
        model, columns = COLUMNS[each.name]
        _add(model, columns.split(), getattr(rows, each.name))


def _add(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Columns that are not given have their defaults; the database knows some by itself."""
    options = model._meta  # noqa: SLF001 - public, whatever its name
    unnamed = [each for each in options.concrete_fields if each.column not in columns]
    others = [each for each in unnamed if each.db_default is models.NOT_PROVIDED]
    rest = tuple(each.get_db_prep_save(each.get_default(), connection) for each in others)
    named = [connection.ops.quote_name(column) for column in (*columns, *(str(each.column) for each in others))]
    table = connection.ops.quote_name(options.db_table)
    whole = (row + rest for row in rows)
    with connection.cursor() as cursor:
        _ADD[connection.vendor](cursor, table, named, whole)


def _insert(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    marks = ", ".join(["%s"] * len(columns))
    cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def _copy(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


_ADD = {"sqlite": _insert, "postgresql": _copy}


def _run(statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements.split("; "):
            cursor.execute(statement)
