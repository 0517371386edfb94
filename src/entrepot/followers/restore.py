"""From a backup to an installation. What `backup` wrote is read as a whole before anything is touched."""

import math
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from entrepot.followers import drift
from entrepot.followers.backup import Generation, generations, recorded, sha256_of
from entrepot.followers.dump import check_empty, load
from entrepot.journal import log
from entrepot.ports.store import Store
from entrepot.projects import actions, queries
from entrepot.projects.models import Project, Status
from entrepot.refusal import Refused

TAKEN_DOWN = "taken down after the backup that was restored"


def chosen(directory: Path, serial: int | None) -> Generation:
    """The last backup in the directory, or the last with that serial. Raises Refused: "no-backup", "backup-damaged"."""
    found = generations(directory)
    wanted = [each for each in found if serial in {None, each.manifest.serial}]
    if not wanted:
        serials = ", ".join(str(each.manifest.serial) for each in found) or "none"
        raise Refused("no-backup", f"{directory} has no such complete backup. Serials of those it has: {serials}.")
    return wanted[-1]


def check_target(generation: Generation) -> None:
    """The installation can take it. Raises Refused: "other-engine", "database-not-empty", "database-unusable"."""
    engine = generation.manifest.engine
    if engine != connection.vendor:
        raise Refused("other-engine", f"The backup is of {engine}; the database here is {connection.vendor}.")
    check_empty()


def check_backup(generation: Generation, directory: Path) -> Iterator[str]:
    """Read all of the backup; at each step what is wrong with one file of it. Raises Refused("backup-damaged")."""
    database = generation.database
    if not database.exists() or sha256_of(database) != generation.manifest.database_sha256:
        raise Refused("backup-damaged", f"{database} is not what it was when the backup was made.")
    for key, sha256 in generation.objects():
        path = directory / "files" / key
        if not path.exists():
            yield f"{path}: missing"
        else:
            yield "" if sha256_of(path) == sha256 else f"{path}: its bytes are wrong"


def put_files(generation: Generation, directory: Path, *, store: Store) -> Iterator[bool]:
    """Give the store what it lacks, or has in another size; at each step whether it lacked one object."""
    for key, _ in generation.objects():
        path = directory / "files" / key
        found = store.find(key)
        lacking = found is None or found.size != path.stat().st_size
        if lacking:
            store.remove_unwanted(key, before=math.inf)
            with path.open("rb") as file:
                store.create(key, file)
        yield lacking


def load_database(generation: Generation) -> None:
    """Make the database what the backup says. Raises Refused: "pg-dump-missing", "pg-dump-failed"."""
    load(generation.database)


def unseen_serial(highest: int) -> int:
    """A serial beyond all that readers may have seen: `highest`, in the store, and those of a lost one.

    How far that one went nobody knows: a tenth of all that ever happened, and a hundred, is more than what happens
    between two backups.
    """
    return max(highest, log.committed() * 11 // 10 + 100)


def repeat_deletions(generation: Generation) -> None:
    """Delete what was deleted while the backup was made, and whose bytes were gone before they could be copied."""
    for key in generation.manifest.deleted:
        for file in recorded(key):
            actions.delete_file(file, by=None)


def keep_down(*, store: Store) -> Iterator[str]:
    """Quarantine the projects of which the store says that a file was taken down, and the database that it was not.

    That was after the backup, so who did it, and why, is lost. Taking such a file for good again is for people to say.
    Gives their names.
    """
    for key in store.keys("pages/withheld/"):
        *_, first, second, rest, filename = key.split("/")
        blake2 = first + second + rest
        if not (queries.is_offered(blake2, filename) and drift.shows_something(key, store)):
            continue
        for project in Project.objects.filter(releases__files__blake2=blake2, releases__files__filename=filename):
            actions.set_status(project, Status.QUARANTINED, by=None, reason=TAKEN_DOWN)
            yield project.display_name
