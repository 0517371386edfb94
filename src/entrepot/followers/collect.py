"""Removing what nothing refers to: bytes of uploads that were never recorded, and of files that were deleted."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from entrepot.ports.store import FileStore
from entrepot.projects.models import File

GRACE = timedelta(days=1)  # longer than any upload takes from its first stored byte to its record


def collect(*, store: FileStore, now: datetime) -> Iterator[str]:
    """Remove distribution files that no project has and that nobody stored within GRACE; gives the keys removed.

    An upload that finds its bytes present renews their time, so they are not taken from under it.
    """
    store.sweep(older_than=GRACE.total_seconds(), now=now.timestamp())
    for key in store.keys("packages/"):
        _, first, second, rest, filename = key.split("/")
        blake2 = first + second + rest
        names = {filename, filename.removesuffix(".metadata")}
        if File.objects.filter(blake2=blake2, filename__in=names).exists():
            continue
        if store.remove_unwanted(key, before=(now - GRACE).timestamp()):
            yield key
