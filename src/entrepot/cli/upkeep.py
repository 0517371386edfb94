"""Commands that look after an installation as a whole."""

import os
import sys

import click

from entrepot.cli.installation import check_not_ahead, open_index, prepare
from entrepot.cli.progress import with_progress
from entrepot.config import Config
from entrepot.followers import drift, following, loop, pages, restore
from entrepot.journal import documents as owed
from entrepot.journal import log
from entrepot.ports.cdn import Cdn, PurgeFailed
from entrepot.ports.store import Store
from entrepot.projects import actions, queries
from entrepot.refusal import Refused


@click.command("migrate")
@click.option("--after-restore", is_flag=True, help="Go on from an older backup of the database; publish it anew.")
@click.option("--for-serving", is_flag=True, hidden=True, help="Take over the public URL of the server that starts.")
def migrate_command(after_restore: bool, for_serving: bool) -> None:
    """Bring the database up to date, and take over ENTREPOT_PUBLIC_URL if it is given. `serve` does this first."""
    config = Config.current()
    store, url = config.store(), config.public_url
    if after_restore:
        for sentence in restore.go_on(open_index(), store=store):
            click.echo(sentence)
        drift.owe_everything(store=store)
    index = prepare()
    takes_url = for_serving or not index.url or bool(os.environ.get("ENTREPOT_PUBLIC_URL"))
    if takes_url and index.url != url:
        drift.owe_everything(store=store)  # before: whoever dies half-way leaves it owed
        actions.set_url(index, url)
        drift.owe_everything(store=store)  # and after: workers may have built some with the old address meanwhile
        # So that a new index is there at once.
        pages.publish(owed.project_list(index.pk), store=store, cdn=config.cdn())


@click.command("verify")
def verify_command() -> None:
    """Check that the published documents say what the database says, and that every file is whole.

    Exit code 1 when something is wrong; each line says what.
    """
    prepare()
    sys.exit(1 if verify(Config.current().store()) else 0)


def verify(store: Store) -> int:
    """Tell what is wrong, and how much that is."""
    documents = sum(1 for _ in queries.every_document())
    wrong = 0
    for steps, total, what in (
        (drift.check_pages(store=store), documents, "Pages"),
        (drift.check_files(store=store), queries.files().count(), "Files"),
    ):
        for complaints in with_progress(steps, total, what):
            for complaint in complaints:
                click.echo(complaint)
            wrong += len(complaints)
    click.echo(f"Published up to serial {log.published()} of {log.committed()}; {wrong} found wrong.")
    return wrong


@click.command("rebuild")
def rebuild_command() -> None:
    """Write all published documents anew, into a new store, too.

    When it is interrupted, the running server goes on with it. What is derived from the documents, like the search
    index, is made anew by the worker of a running server.
    """
    config = Config.current()
    config.store().prepare()
    check_not_ahead(open_index(), config.store())
    sys.exit(1 if rebuild(config.store(), config.cdn()) else 0)


def rebuild(store: Store, cdn: Cdn) -> int:
    """Write all published documents anew, and tell how many failed. Raises Refused("purge-failed")."""
    total = drift.owe_everything(store=store)
    try:
        outcomes = list(with_progress(drift.rebuild(store=store, cdn=cdn), total, "Documents"))
    except PurgeFailed as error:
        raise Refused("purge-failed", f"Removed pages may stay in a cache for a day: {error}.") from error
    following.begin_anew(loop.FOLLOWERS)  # not before: it wakes a worker, which may have another store
    failed = outcomes.count(False)
    click.echo(f"Wrote {len(outcomes) - failed} documents; {failed} failed and stay owed.")
    return failed
