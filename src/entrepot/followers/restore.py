"""From a backup to an installation. What `backup` wrote is read as a whole before anything is touched."""

from collections.abc import Container, Iterator
from pathlib import Path

from django.db import connection

from entrepot import layout
from entrepot.accounts.actor import OPERATOR
from entrepot.followers import drift
from entrepot.followers.backup import Generation, generations, recorded, sha256_of
from entrepot.followers.dump import check_empty, load
from entrepot.journal import log
from entrepot.ports.store import Store, is_whole
from entrepot.projects import actions, queries
from entrepot.projects.models import Index, Project, Status
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


def check_backup(generation: Generation, directory: Path) -> Iterator[tuple[str, str]]:
    """Read all of the backup; at each step the key of one file, and what is wrong with it, if anything.

    Raises Refused("backup-damaged") when the database, or the list of files, is not what it was.
    """
    database = generation.database
    if not database.exists() or sha256_of(database) != generation.manifest.database_sha256:
        raise Refused("backup-damaged", f"{database} is not what it was when the backup was made.")
    for key, sha256 in generation.objects():
        path = directory / "files" / key
        if not path.exists():
            yield key, "missing"
        else:
            yield key, "" if sha256_of(path) == sha256 else "its bytes are wrong"


def put_files(generation: Generation, directory: Path, *, without: Container[str], store: Store) -> Iterator[bool]:
    """Give the store what it lacks, or has in another size; at each step whether it was given one object.

    `without` are the keys of files that the backup itself has lost.
    """
    for key, _ in generation.objects():
        path = directory / "files" / key
        lacking = key not in without and not is_whole(key, path.stat().st_size, store=store)
        if lacking:
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
            actions.delete_file(file, by=OPERATOR)


def go_on(index: Index, *, store: Store) -> Iterator[str]:
    """Go on from a database that is older than what readers have seen, before anything of it is published.

    Gives a sentence for each project that is shut until people have looked at it.
    """
    actions.overtake(index, unseen_serial(drift.highest_serial(store=store)))
    for name in keep_down(index, store=store):
        yield f"{name} is quarantined: {TAKEN_DOWN}."


def keep_down(index: Index, *, store: Store) -> Iterator[str]:
    """Quarantine the projects of which the store says that a file was taken down, and the database that it was not.

    That was after the backup, so who did it, and why, is lost. Taking such a file for good again is for people to say.
    Gives their names. A file that was published after the backup, too, is unknown here; its name stays used.
    """
    for blake2, filename in drift.noted_as_withheld(store):
        if not drift.shows_something(layout.withheld(blake2, filename).key, store):
            continue
        actions.use_up(index, filename, blake2)
        if not queries.is_offered(blake2, filename):
            continue
        for project in Project.objects.filter(releases__files__blake2=blake2, releases__files__filename=filename):
            actions.set_status(project, Status.QUARANTINED, by=OPERATOR, reason=TAKEN_DOWN)
            yield project.display_name
