"""Removing what nothing refers to: bytes of uploads that were never recorded, and of files that were deleted."""

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from entrepot.followers.drift import store_is_ahead
from entrepot.ports.store import FileStore
from entrepot.projects.models import File, Index

logger = logging.getLogger(__name__)

_PACKAGE = re.compile(r"packages/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/([^/]+)")

GRACE = timedelta(days=1)  # longer than any upload takes from its first stored byte to its record


def collect(*, store: FileStore, now: datetime) -> Iterator[str]:
    """Remove distribution files that no project has and that nobody stored within GRACE; gives the keys removed.

    An upload that finds its bytes present renews their time, so they are not taken from under it.
    """
    if any(store_is_ahead(store=store, index=index) for index in Index.objects.all()):
        logger.error("the store is ahead of the database, so nothing is taken for an orphan")
        return
    store.sweep(older_than=GRACE.total_seconds(), now=now.timestamp())
    for key in store.keys("packages/"):
        if not (package := _PACKAGE.fullmatch(key)):
            continue  # whoever put it there may have had a reason
        blake2, filename = "".join(package.groups()[:3]), package[4]
        names = {filename, filename.removesuffix(".metadata")}
        if File.objects.filter(blake2=blake2, filename__in=names).exists():
            continue
        if store.remove_unwanted(key, before=(now - GRACE).timestamp()):
            yield key
