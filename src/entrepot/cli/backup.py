"""Commands that keep a copy of an installation elsewhere, and bring it back."""

import sqlite3  # the sound one that entrepot.settings put in its place
from datetime import UTC, datetime
from pathlib import Path

import click
from django.db import DatabaseError

from entrepot.cli.installation import open_index
from entrepot.cli.progress import with_progress
from entrepot.cli.upkeep import rebuild, verify
from entrepot.config import Config
from entrepot.followers import backup, restore
from entrepot.followers.backup import Draft, Generation
from entrepot.ports.store import Store
from entrepot.refusal import Refused

directory_argument = click.argument("directory", type=click.Path(file_okay=False, path_type=Path))


@click.command("backup")
@directory_argument
@click.option("--keep", type=click.IntRange(min=1), help="Remove older backups, all but so many.")
@click.pass_context
def backup_command(context: click.Context, directory: Path, keep: int | None) -> None:
    """Copy the database and all distribution files into a directory, beside a running server.

    Files that the directory has already are not copied again. Exit code 1 when the store itself lacks one.
    """
    config = Config.current()
    with backup.held(directory):
        removed = 0 if keep is None else backup.prune(directory, keep=keep)  # first: the disk may be full of them
        try:
            draft = backup.copy_database(directory, now=datetime.now(UTC))
        except (DatabaseError, sqlite3.Error) as error:
            raise Refused("database-unusable", f"The database cannot be copied: {error}.") from error
        for noted in with_progress(backup.copy_files(draft, directory, store=config.store()), draft.files, "Files"):
            if noted:
                click.echo(noted)
        made = backup.finish(draft)
        _tell(draft, made, config)
        if keep is not None:
            removed += backup.prune(directory, keep=keep)
            click.echo(f"Removed {removed} files that no backup needs any more.")
    context.exit(1 if draft.lost else 0)


def _tell(draft: Draft, made: Generation, config: Config) -> None:
    click.echo(f"Backed up serial {draft.serial} into {made.path}: {draft.files} files, {draft.copied} of them new.")
    if draft.lost:
        click.echo(f"{len(draft.lost)} files are not in it, which the store does not have as they were uploaded.")
    click.echo(
        f"Not in it, on purpose: {config.data / 'secret'}. Keep a copy of that in another place; with it, whoever "
        "gets the backup could make valid tokens, and without it no token is valid after restoring."
    )


@click.command("restore")
@directory_argument
@click.option("--serial", type=int, help="Not the last backup, but the one of this serial.")
@click.option("--skip-damaged", is_flag=True, help="Do without the files of the backup that are damaged.")
@click.pass_context
def restore_command(context: click.Context, directory: Path, serial: int | None, skip_damaged: bool) -> None:
    """Bring back an installation whose database is lost, or make another one like it.

    The backup is read as a whole first; when any of it is damaged, nothing is touched.
    """
    generation, store = restore.chosen(directory, serial), Config.current().store()
    restore.check_target(generation)
    files = generation.manifest.files
    checked = with_progress(restore.check_backup(generation, directory), files, "Checking")
    damaged = {key: what for key, what in checked if what}
    for key, what in damaged.items():
        click.echo(f"{directory / 'files' / key}: {what}")
    if damaged and not skip_damaged:
        raise Refused(
            "backup-damaged",
            f"{len(damaged)} files of the backup are damaged. Nothing was changed. Another copy of the backup may have "
            "them; to restore all the rest: --skip-damaged",
        )
    store.prepare()
    given = restore.put_files(generation, directory, without=damaged, store=store)
    put = sum(with_progress(given, files, "Files"))
    restore.load_database(generation)
    click.echo(f"Restored serial {generation.manifest.serial}; the store lacked {put} of {files} files.")
    _go_on(generation, store)
    failed = rebuild(store, Config.current().cdn())
    context.exit(1 if verify(store) or failed else 0)


def _go_on(generation: Generation, store: Store) -> None:
    for sentence in restore.go_on(open_index(), store=store):
        click.echo(sentence)
    restore.repeat_deletions(generation)
