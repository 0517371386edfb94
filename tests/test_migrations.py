"""Migrations keep servers of two versions working: the lint itself, every migration there is, and how they are run."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.core.management import call_command
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now
from pytest_django import DjangoDbBlocker

from inside import eventually
from migrating import apply, connected, migrate
from postgres import Cluster, Database, running_cluster
from serving import environment

# They make the first tables, before there was anybody to lock out.
BASELINE = [("accounts", "0001_initial"), ("journal", "0001_initial"), ("projects", "0001_initial")]

BIGGER = models.CharField(max_length=300)
EVEN = models.CheckConstraint(condition=models.Q(size__gte=0), name="even")
INDEX = models.Index(fields=["sha256"], name="by_sha256")
COUNT = "UPDATE projects_file SET comment = 'x'"
NEW_TABLE = migrations.CreateModel(
    name="Note",
    fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("file", models.ForeignKey("projects.File", models.CASCADE)),
        ("text", models.TextField()),
    ],
    options={
        "constraints": [models.UniqueConstraint(fields=["file", "text"], name="one_note")],
        "indexes": [models.Index(fields=["text"], name="note_text")],
    },
)


def nothing(_apps: object, _editor: object) -> None:
    """Change no row."""


def file(operation: type[Operation], *arguments: object, **named: object) -> Operation:
    return operation("file", *arguments, **named)


GOOD: dict[str, list[Operation]] = {
    "new-table": [NEW_TABLE],
    "nullable-column": [file(migrations.AddField, "x", models.TextField(null=True))],
    "column-with-default": [file(migrations.AddField, "x", models.IntegerField(db_default=0))],
    "column-with-a-time": [file(migrations.AddField, "x", models.DateTimeField(db_default=Now()))],
    "nullable-reference": [
        file(migrations.AddField, "x", models.ForeignKey("projects.Index", models.CASCADE, null=True, db_index=False))
    ],
    "wider-column": [file(migrations.AlterField, "filename", BIGGER)],
    "no-longer-required": [file(migrations.AlterField, "comment", models.TextField(null=True))],
    "constraint-not-valid": [AddConstraintNotValid("file", EVEN)],
    "only-in-the-models": [
        migrations.SeparateDatabaseAndState(state_operations=[file(migrations.RemoveField, "comment")])
    ],
}
GOOD_ALONE: dict[str, list[Operation]] = {
    "index-concurrently": [AddIndexConcurrently("file", INDEX)],
    "constraint-validated-later": [AddConstraintNotValid("file", EVEN), ValidateConstraint("file", "even")],
    "rows-in-batches": [migrations.RunPython(nothing)],
}
BAD: dict[str, tuple[Operation, str]] = {
    "required-column": (
        file(migrations.AddField, "x", models.IntegerField(default=0)),
        "required-column ban-drop-default",
    ),
    "now-required": (
        file(migrations.AlterField, "uploaded_with", models.UUIDField()),
        "adding-not-nullable-field",
    ),
    "narrower": (file(migrations.AlterField, "filename", models.CharField(max_length=100)), "rewrites-table"),
    "another-value-in-each-row": (
        file(migrations.AddField, "x", models.UUIDField(db_default=RandomUUID())),
        "rewrites-table",
    ),
    "another-type": (file(migrations.AlterField, "size", models.TextField()), "rewrites-table"),
    "index": (file(migrations.AddIndex, INDEX), "require-concurrent-index-creation"),
    "reference-with-index": (
        file(migrations.AddField, "x", models.ForeignKey("projects.Index", models.CASCADE, null=True)),
        "require-concurrent-index-creation",
    ),
    "check": (file(migrations.AddConstraint, EVEN), "constraint-missing-not-valid"),
    "unique": (
        file(migrations.AddConstraint, models.UniqueConstraint(fields=["sha256", "filename"], name="once")),
        "disallowed-unique-constraint",
    ),
    "index-dropped": (file(migrations.RemoveIndex, "file_content"), "require-concurrent-index-deletion"),
    "column-renamed": (file(migrations.RenameField, "comment", "remark"), "renames"),
    "table-renamed": (migrations.RenameModel("File", "Thing"), "renames"),
    "table-renamed-below": (file(migrations.AlterModelTable, "things"), "renames"),
    "column-dropped": (file(migrations.RemoveField, "comment"), "contract-not-marked"),
    "table-dropped": (migrations.DeleteModel("Yank"), "contract-not-marked"),
    "column-dropped-by-sql": (migrations.RunSQL("ALTER TABLE projects_file DROP COLUMN comment"), "ban-drop-column"),
    "rows": (migrations.RunPython(nothing), "rows-in-one-transaction"),
    "rows-by-sql": (migrations.RunSQL(COUNT), "rows-in-one-transaction"),
    "check-validated-at-once": (
        migrations.SeparateDatabaseAndState([AddConstraintNotValid("file", EVEN), ValidateConstraint("file", "even")]),
        "constraint-missing-not-valid",
    ),
    "inside-another": (
        migrations.SeparateDatabaseAndState(database_operations=[file(migrations.RemoveField, "comment")]),
        "contract-not-marked",
    ),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="module")
def migrated(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> tuple[Database, ProjectState, list[str]]:
    """A database with all tables, the models, and what is wrong with the migrations that made them."""
    database = cluster.new_database()
    with django_db_blocker.unblock(), connected(database) as connection:
        return database, *migrate(connection, BASELINE)


def test_no_migration_locks_anybody_out(migrated: tuple[Database, ProjectState, list[str]]) -> None:
    *_, wrong = migrated
    assert wrong == []


@pytest.mark.django_db
def test_the_models_have_their_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.fixture
def complaints(
    cluster: Cluster, migrated: tuple[Database, ProjectState, list[str]], django_db_blocker: DjangoDbBlocker
) -> Iterator["Complaints"]:
    template, state, _ = migrated
    copy = Database(cluster, f"copy{next(cluster.numbers)}")
    with Database(cluster, "postgres").connect() as connection, django_db_blocker.unblock():
        connection.execute(f"CREATE DATABASE {copy.name} TEMPLATE {template.name}".encode())
        yield Complaints(copy, state)
        connection.execute(f"DROP DATABASE {copy.name}".encode())


class Complaints:
    """What the lint has to say of a migration that is applied after all others."""

    def __init__(self, database: Database, state: ProjectState) -> None:
        self._database = database
        self._state = state

    def of(self, operations: list[Operation], **attributes: object) -> str:
        kind = type("Migration", (Migration,), {"operations": operations, **attributes})
        with connected(self._database) as connection:
            _, wrong = apply(connection, kind("next", "projects"), self._state)
        return " ".join(each.removeprefix("projects.next: ") for each in wrong)


@pytest.mark.parametrize("name", GOOD)
def test_what_may_be_done_in_a_transaction(complaints: Complaints, name: str) -> None:
    assert complaints.of(GOOD[name]) == ""


@pytest.mark.parametrize("name", GOOD_ALONE)
def test_what_may_be_done_outside_one(complaints: Complaints, name: str) -> None:
    assert complaints.of(GOOD_ALONE[name], atomic=False) == ""


@pytest.mark.parametrize("name", BAD)
def test_what_may_not_be_done(complaints: Complaints, name: str) -> None:
    operation, rules = BAD[name]
    assert rules in complaints.of([operation])


@pytest.mark.parametrize(
    ("attributes", "rule"),
    [
        ({"unused_since": "0.0.9", "__doc__": "Uploads say it in `metadata`."}, ""),
        ({"unused_since": "0.0.9"}, "contract-not-marked"),
        ({"unused_since": "99.0", "__doc__": "Uploads say it in `metadata`."}, "contract-too-early"),
    ],
)
def test_when_something_may_be_removed(complaints: Complaints, attributes: dict[str, object], rule: str) -> None:
    assert complaints.of([file(migrations.RemoveField, "comment")], **attributes) == rule


# Runs `entrepot` with one more migration of the journal, which builds an index, and with less patience.
WITH_ONE_MORE = """
import entrepot.boot
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from entrepot.cli import main, migrations
load = MigrationLoader.load_disk
def load_more(loader):
    load(loader)
    last = max(name for app, name in loader.disk_migrations if app == "journal")
    more = type("Migration", (Migration,), {
        "atomic": False,
        "dependencies": [("journal", last)],
        "operations": [AddIndexConcurrently("entry", models.Index(fields=["at"], name="entry_at"))],
    })
    loader.disk_migrations["journal", "9999_more"] = more("9999_more", "journal")
MigrationLoader.load_disk = load_more
migrations.LOCK_TIMEOUT, migrations.PAUSE, migrations.ATTEMPTS = 0.2, 0.1, 3
main()
"""
BOOK = """CREATE TABLE django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL)"""
WAITING = """SELECT 1 FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND now() - query_start > interval '1 s' AND query LIKE %s"""


class Migrating:
    """`entrepot migrate` in a process of its own."""

    def __init__(self, data: Path, database: Database, *, options: str = "", code: str = WITH_ONE_MORE) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, "--data", str(data), "migrate"],
            env=environment(ENTREPOT_DATABASE_URL=database.url + options, ENTREPOT_DATA=str(data)),
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def ended(self) -> tuple[int, str]:
        """Exit code and errors."""
        _, errors = self._process.communicate(timeout=60)
        return self._process.returncode, errors


def test_a_migration_does_not_wait_for_ever(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.new_database()
    with database.connect() as holding:
        holding.execute(BOOK)
    with database.connect() as holding, holding.transaction():
        holding.execute("LOCK TABLE django_migrations IN EXCLUSIVE MODE")
        code, errors = Migrating(tmp_path, database).ended()
        assert (code, "Error: A migration got no hold of a table" in errors) == (1, True), errors
        assert errors.count("is tried again") == 3
        code, errors = Migrating(tmp_path, database, options="&options=-c statement_timeout=100").ended()
        assert (code, "Error: The database cannot be used" in errors) == (1, True), errors
    assert Migrating(tmp_path, database).ended() == (0, "")


def test_an_index_waits_as_long_as_it_takes(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.new_database()
    assert Migrating(tmp_path, database, code="from entrepot.cli import main; main()").ended() == (0, "")
    with database.connect() as using, using.transaction():
        using.execute("LOCK TABLE journal_entry IN ROW EXCLUSIVE MODE")
        migrating = Migrating(tmp_path, database)
        eventually(lambda: database.query(WAITING, "CREATE INDEX CONCURRENTLY%") != [])
        assert migrating.runs
    assert migrating.ended() == (0, "")
    assert database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'entry_at'::regclass") == [(True,)]


def test_one_migrates_at_a_time(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.new_database()
    with database.connect() as holding:
        holding.execute("SELECT pg_advisory_lock(1701736563)")
        two = [Migrating(tmp_path, database) for _ in range(2)]
        asking = "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s"
        eventually(lambda: len(database.query(asking, "SELECT pg_try_advisory_lock%")) == 2)
        assert database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
        holding.execute("SELECT pg_advisory_unlock(1701736563)")
        assert [each.ended() for each in two] == [(0, "")] * 2
