"""What the caches in front promise: to drop by tag, and to say what they send.

`tests/test_cdn.py` holds every implementation against this. `NoCdn` is for an installation without caches.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

AT_ONCE = 50  # tags in one request: a header of six kilobytes at most
CONNECT = 1.0  # seconds
ANSWER = 2.0  # seconds


class CacheTrouble(Exception):
    """Some cache may go on sending what is no longer so. The message names the cache, never a token."""


class PurgeFailed(CacheTrouble):
    """A cache did not take a purge."""


class NotShown(CacheTrouble):
    """A cache was purged, but does not send what is published."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the cache called `cache` sends: the status, and the ETag ("" for none)."""

    cache: str
    status: int
    etag: str


class Cdn(Protocol):
    """The caches in front of an installation, all of them. Safe to use from several threads."""

    def purge(self, tags: Collection[str]) -> None:
        """Ask the origin for whatever has one of the tags before it is sent again; when the origin fails, the old may
        be sent. Raises PurgeFailed."""

    def remove(self, tags: Collection[str]) -> None:
        """Never again send what has one of the tags now, whatever happens to the origin. Raises PurgeFailed."""

    def look(self, path: str, *, accept: str, coding: str) -> list[Sent]:
        """What each cache sends for a path of the site, in a form and a coding. Raises NotShown when one is silent."""


class NoCdn:
    """Nothing stands in front."""

    def purge(self, tags: Collection[str]) -> None:
        """Nobody has anything."""

    def remove(self, tags: Collection[str]) -> None:
        """Nobody has anything."""

    def look(self, path: str, *, accept: str, coding: str) -> list[Sent]:  # noqa: ARG002 - the protocol's signature
        """Nobody sends anything."""
        return []


def batches(tags: Collection[str]) -> Iterator[str]:
    """The tags as header values, sorted, so many in each that no cache refuses it."""
    ordered = iter(sorted(set(tags)))
    while some := list(islice(ordered, AT_ONCE)):
        yield " ".join(some)
