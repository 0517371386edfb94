"""Removing what nothing refers to: bytes of uploads that were never recorded, and of files that were deleted."""

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from entrepot.followers.drift import store_is_ahead
from entrepot.ports.store import Store
from entrepot.projects import actions
from entrepot.projects.models import File, Index

logger = logging.getLogger(__name__)

_PACKAGE = re.compile(r"packages/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/([^/]+)")

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
    stored = (package for key in store.keys("packages/") if (package := _PACKAGE.fullmatch(key)))
    while some := list(islice(stored, AT_ONCE)):
        yield [package.string for package in _unrecorded(some) if _remove(package, store, now - GRACE)]


def _unrecorded(packages: Sequence[re.Match[str]]) -> Iterator[re.Match[str]]:
    rows = File.objects.filter(blake2__in={_blake2(package) for package in packages})
    recorded = set(rows.values_list("blake2", "filename"))
    for package in packages:
        if not recorded.intersection((_blake2(package), name) for name in _names(package)):
            yield package


def _remove(package: re.Match[str], store: Store, before: datetime) -> bool:
    remove = partial(store.remove_unwanted, package.string, before=before.timestamp())
    return actions.discard(_blake2(package), _names(package), remove=remove)


def _blake2(package: re.Match[str]) -> str:
    return package[1] + package[2] + package[3]


def _names(package: re.Match[str]) -> set[str]:
    """The file that it is, or whose sidecar it is."""
    return {package[4], package[4].removesuffix(".metadata")}
