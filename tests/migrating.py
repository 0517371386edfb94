"""What a migration may do while servers of this version and of the one before are using the database.

CONTRIBUTING.md tells the rules to people. Some can be seen in Django's operations, some in the SQL for PostgreSQL,
which squawk reads, and one only in what becomes of the tables.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dj_database_url
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import AddField, Migration, RemoveField, RunPython, SeparateDatabaseAndState
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import AlterModelTable, DeleteModel, RenameField, RenameModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, AutoField, Field
from django.db.utils import ConnectionHandler
from packaging.version import Version

from entrepot import __version__
from postgres import Database

SQUAWK = Path(sys.executable).with_name("squawk")
ALIAS = "migrating"
CONTRACTING = (RemoveField, DeleteModel)
RENAMING = (RenameField, RenameModel, AlterModelTable)
ROWS = re.compile(r"\s*(UPDATE|DELETE|INSERT|MERGE)\b", re.IGNORECASE)

# Said of the whole session (cli/migrations.py), harmless, a matter of taste, or judged better by what is rewritten.
LET_THROUGH = (
    *("require-lock-timeout", "require-statement-timeout", "adding-foreign-key-constraint", "ban-drop-not-null"),
    *("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity", "prefer-robust-stmts"),
    *("prefer-text-field", "prefer-timestamp-tz", "ban-char-field", "changing-column-type"),
    "adding-field-with-default",
)
CONTRACTS = ("ban-drop-column", "ban-drop-table")


@contextmanager
def connected(database: Database) -> Iterator[BaseDatabaseWrapper]:
    """Django's own connection to a database of a cluster."""
    connections.databases[ALIAS] = ConnectionHandler({"default": dict(dj_database_url.parse(database.url))}).databases[
        "default"
    ]
    try:
        yield connections[ALIAS]
    finally:
        connections[ALIAS].close()
        del connections[ALIAS], connections.databases[ALIAS]


def migrate(connection: BaseDatabaseWrapper, allowed: Sequence[tuple[str, str]]) -> tuple[ProjectState, list[str]]:
    """Apply every migration there is to an empty database; all but those `allowed`, and Django's, are looked at.

    Gives the models in the end, and what is wrong.
    """
    executor = MigrationExecutor(connection)
    state = executor.loader.project_state([])
    wrong = []
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
        ours = type(migration).__module__.startswith("entrepot.")
        looked_at = ours and (migration.app_label, migration.name) not in allowed
        state, complaints = apply(connection, migration, state)
        wrong += complaints if looked_at else []
    return state, wrong


def apply(connection: BaseDatabaseWrapper, migration: Migration, state: ProjectState) -> tuple[ProjectState, list[str]]:
    """Apply one migration; gives the models after it, and what is wrong with it."""
    operations = list(_flat(migration.operations))
    sql = _sql(connection, migration, state)
    wrong = [
        *(rule for each in operations for rule in _of_operation(each, migration)),
        *_of_contracts(operations, migration),
        *_of_sql(sql, migration, "contract" if any(isinstance(each, CONTRACTING) for each in operations) else "expand"),
    ]
    before = _places(connection)
    with connection.schema_editor(atomic=migration.atomic) as editor:
        state = migration.apply(state.clone(), editor)
    after = _places(connection)
    wrong += ["rewrites-table" for table in before if after.get(table, before[table]) != before[table]]
    name = f"{migration.app_label}.{migration.name}"
    return state, [f"{name}: {each}" for each in wrong]


def _flat(operations: Sequence[Operation]) -> Iterator[Operation]:
    for each in operations:
        if isinstance(each, SeparateDatabaseAndState):
            yield from _flat(each.database_operations)
        else:
            yield each


def _of_operation(operation: Operation, migration: Migration) -> Iterator[str]:
    if isinstance(operation, RENAMING):
        yield "renames"  # code of one version or the other finds nothing: add, copy, and remove a release later
    if isinstance(operation, RunPython) and migration.atomic:
        yield "rows-in-one-transaction"
    if isinstance(operation, AddField) and _is_required(operation.field):
        yield "required-column"  # what the version before inserts has no value for it


def _is_required(field: Field) -> bool:  # type: ignore[type-arg]
    given = field.db_default is not NOT_PROVIDED or isinstance(field, AutoField) or field.many_to_many
    return not (field.null or field.generated or given)


def _of_contracts(operations: Sequence[Operation], migration: Migration) -> Iterator[str]:
    """Removing waits for the release after the one that first did without: `unused_since`, with a docstring that says
    what took its place."""
    since: str = getattr(migration, "unused_since", "")
    if not any(isinstance(each, CONTRACTING) for each in operations):
        return
    if not since or not type(migration).__doc__:
        yield "contract-not-marked"
    elif Version(since) >= Version(__version__):
        yield "contract-too-early"


def _of_sql(sql: Sequence[str], migration: Migration, step: str) -> Iterator[str]:
    if migration.atomic and any(ROWS.match(each) for each in sql):
        yield "rows-in-one-transaction"
    text = "\n".join(["BEGIN;", *sql, "COMMIT;"] if migration.atomic else sql)
    excluded = ",".join(LET_THROUGH + (CONTRACTS if step == "contract" else ()))
    done = subprocess.run(
        [SQUAWK, "--reporter", "json", "--pg-version", "15.0", "--exclude", excluded, "--stdin-filepath", "x.sql"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    yield from (each["rule_name"] for each in json.loads(done.stdout))


def _sql(connection: BaseDatabaseWrapper, migration: Migration, state: ProjectState) -> list[str]:
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state.clone(), editor, collect_sql=True)
    return [each for each in editor.collected_sql if not each.startswith("--")]


def _places(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Where each table's rows lie: another place means that all of them were written anew, under a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid::text, relfilenode FROM pg_class WHERE relkind = 'r'")
        return dict(cursor.fetchall())
