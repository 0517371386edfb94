"""Removing what nothing refers to: bytes of uploads that were never recorded, and of files that were deleted."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from entrepot import layout
from entrepot.followers.drift import store_is_ahead
from entrepot.names import ProjectName, possible_projects
from entrepot.page import Damaged
from entrepot.ports.store import Store
from entrepot.projects import actions
from entrepot.projects.models import File, Index

logger = logging.getLogger(__name__)

Package = tuple[str, str]  # its BLAKE2b-256 and its filename, or that of its metadata

GRACE = timedelta(days=1)  # longer than any upload takes from its first stored byte to its record
AT_ONCE = 500  # keys that are looked up together


def collect(*, store: Store, now: datetime) -> Iterator[list[str]]:
    """Remove distribution files that no project has and that nobody stored within GRACE.

    Each step looks at some of what is stored, and gives the keys that it removed. An upload that finds its bytes
    present renews their time. Where that comes too late it is told so before it is recorded: both look once more when
    they hold the index, one after the other.
    """
    if any(store_is_ahead(store=store, index=index) for index in Index.objects.all()):
        logger.error("the store is ahead of the database, so nothing is taken for an orphan")
        return
    store.sweep(older_than=GRACE.total_seconds(), now=now.timestamp())
    # Whoever put something else there may have had a reason.
    stored = (package for key in store.keys("packages/") if (package := layout.package_at(key)))
    while some := list(islice(stored, AT_ONCE)):
        yield [key for package in _unrecorded(some) if (key := _remove(package, store, now - GRACE))]


def _unrecorded(packages: Sequence[Package]) -> Iterator[Package]:
    rows = File.objects.filter(blake2__in={blake2 for blake2, _ in packages})
    recorded = set(rows.values_list("blake2", "filename"))
    for blake2, filename in packages:
        if not recorded.intersection((blake2, name) for name in _names(filename)):
            yield blake2, filename


def _remove(package: Package, store: Store, before: datetime) -> str:
    """The key that was removed, if any."""
    blake2, filename = package
    key = layout.package(blake2, filename).key
    if _is_shown(key, filename, store):
        logger.error("%s is shown to readers, and the database does not know of it; it is left alone", key)
        return ""
    remove = partial(store.remove_unwanted, key, before=before.timestamp())
    return key if actions.discard(blake2, _names(filename), remove=remove) else ""


def _is_shown(key: str, filename: str, store: Store) -> bool:
    """Whether a project's page points there. The last line of defence, should the database have gone back in time."""
    file = key.removesuffix(".metadata").encode()
    return any(file in _page_of(project, store) for project in possible_projects(filename))


def _page_of(project: ProjectName, store: Store) -> bytes:
    try:
        page = store.read_page(layout.project_page(project, layout.Form.JSON).key)
    except Damaged:
        return b""
    return b"" if page is None or not page.variants else page.body


def _names(filename: str) -> set[str]:
    """The file that it is, or whose sidecar it is."""
    return {filename, filename.removesuffix(".metadata")}
