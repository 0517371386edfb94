"""What every command finds: a database with today's tables, a store, the index at the root; and who acts."""

from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from entrepot import layout
from entrepot.accounts.actor import OPERATOR, Actor
from entrepot.accounts.leaks import scanner_keys
from entrepot.accounts.queries import user_named
from entrepot.cli.migrations import migrate
from entrepot.config import Config
from entrepot.followers import drift, pages
from entrepot.layout import INDEX
from entrepot.page import Page
from entrepot.ports.store import Store
from entrepot.projects.models import Index
from entrepot.refusal import Refused

NOT_ITS_DATABASE = (
    "The store holds published pages that the database knows nothing of. It is another index's database, or an older "
    "backup of this one. Nothing was changed. If it is the backup that you restored: entrepot migrate --after-restore"
)
NOT_FILLED = (
    "The store holds no page of this index. Nothing was changed. If a restore was interrupted: empty the database, and "
    "restore again. If the store is a new one, and has all files in packages/: entrepot rebuild"
)


def prepare() -> Index:
    """Make the directories, the tables and the index where they are missing or out of date.

    Raises Refused: "database-unusable", "store-ahead", "store-empty", "store-unusable", "migration-blocked",
    "invalid-setting".
    """
    index = open_index()
    store = Config.current().store()
    try:
        check_not_ahead(index, store)
        if drift.store_is_empty(store=store, index=index):
            raise Refused("store-empty", NOT_FILLED)
    except OSError as error:
        raise Refused("store-unusable", f"The store cannot be read: {error}. Nothing was changed.") from error
    return index


def check_not_ahead(index: Index, store: Store) -> None:
    """Raises Refused("store-ahead")."""
    if drift.store_is_ahead(store=store, index=index):
        raise Refused("store-ahead", NOT_ITS_DATABASE)


def open_index() -> Index:
    """The same, whether or not the store is ahead of the database."""
    config = Config.current()
    scanner_keys(config.scanner_keys)
    store = config.store()
    config.uploads.mkdir(parents=True, exist_ok=True)
    file: Path | None = settings.DATABASE_FILE
    if file is not None and not file.exists():
        _make_database(file, store)
    try:
        migrate()
        if not Index.objects.filter(slug=INDEX).exists():
            store.prepare()  # once: later, a store that is missing is not an empty one
            pages.put(store, layout.watermark(), Page.gone(serial=0))  # nor one that is empty a new one
        return Index.objects.get_or_create(slug=INDEX)[0]
    except DatabaseError as error:
        raise Refused("database-unusable", f"The database cannot be used: {error}.") from error


def _make_database(file: Path, store: Store) -> None:
    store.prepare()
    if next(store.keys("pages/"), None) is not None:
        raise Refused("store-ahead", f"{file} is missing, but the store is not empty. Nothing was changed.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def acting_for(name: str | None) -> Actor:
    """The operator, in the name of a user or of nobody. Raises Missing("no-such-user")."""
    return OPERATOR if name is None else Actor(user_named(name))
