"""The only writer of serials, and the book of what is owed.

Why a crash loses nothing: an entry and the documents that it leaves owed are rows of the same transaction as the
change itself. Why no reader can skip an entry: the serial is taken last, under a lock that is held until the commit,
so serials become visible in their order, without gaps. Why a slow builder does no harm: a debt is settled only for
the serial that was built.

Who builds what is agreed by `due_at` alone, and only to spare work. Whoever makes a change has a head start of a few
seconds to publish its documents; workers claim a few at a time by moving the time on. Who dies is overtaken when that
time comes; who builds what another builds, too, is late but never wrong.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from entrepot.journal import workers
from entrepot.journal.documents import Document, Kind
from entrepot.journal.models import Dirty, Entry

LARGE = 2_000  # changes; from then on the list of projects is rebuilt at most once in MERGE
MERGE = timedelta(minutes=1)
SHORTEST_BACKOFF = timedelta(seconds=1)
HEAD_START = timedelta(seconds=2)  # of whoever makes a change, before workers take up what it leaves owed
LEASE = timedelta(seconds=15)  # for a worker to build the few documents that it claimed

# SQLite's write lock is taken when a transaction begins (transaction_mode IMMEDIATE), so there is nothing left to lock.
_LOCK = {"sqlite": "SELECT 1", "postgresql": "SELECT pg_advisory_xact_lock(1701736562)"}
_BEGIN = {"sqlite": "BEGIN DEFERRED", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"}


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a project: `action` is what mirrors read in the changelog, `documents` are owed because of it."""

    index: int
    project: int
    name: str
    action: str
    documents: tuple[Document, ...]
    version: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from: the id of the user (None: the operator), what proved who it was, and the IP address.

    The credential is "command", or a kind and an id: never a secret.
    """

    user: int | None = None
    credential: str = "command"
    address: str | None = None


def append(events: Sequence[Event], *, by: Origin, at: datetime) -> int:
    """Record the events, in their order, and what they leave owed. Returns the last serial.

    Must be the last thing that a transaction does, and only `*.actions` call it.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a journal entry belongs into the transaction of the change that it tells")
    _lock()
    first = committed() + 1
    Entry.objects.bulk_create(
        Entry(
            serial=first + position,
            index=event.index,
            project=event.project,
            name=event.name,
            version=event.version,
            action=event.action,
            reason=event.reason,
            at=at,
            by_id=by.user,
            credential=by.credential,
            address=by.address,
        )
        for position, event in enumerate(events)
    )
    last = first + len(events) - 1
    documents = {document for event in events for document in event.documents}
    owe(documents, since=first, serial=last, at=timezone.now() + HEAD_START)  # now: it may have waited for the lock
    return last


def skip(index: int, serial: int, *, at: datetime) -> None:
    """Go on after `serial`, which readers have seen, when the database was restored from before it."""
    _lock()
    if serial > committed():
        Entry.objects.create(serial=serial, index=index, project=0, name="", action="restored from a backup", at=at)


def _lock() -> None:
    """Let nobody else write debts, or take a serial, until the commit.

    Whoever writes several debts needs it: in different orders two would wait for each other for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK[connection.vendor])


@transaction.atomic(durable=True)
def owe_anew(documents: Iterable[Document], *, at: datetime) -> None:
    """Note that the documents must be built once more, as of the last serial."""
    owe_along(documents, at=at)


def owe_along(documents: Iterable[Document], *, at: datetime) -> None:
    """The same, as the last thing in the transaction of a change that they tell and the journal does not."""
    _lock()
    serial = committed()
    owe(documents, since=serial, serial=serial, at=at)


def owe(documents: Iterable[Document], *, since: int, serial: int, at: datetime) -> None:
    """Note that the documents must be built as of `serial` or later; what was owed before stays owed since then.

    Workers take them up from `at` on.
    """
    waiting = at + MERGE if serial > LARGE else at
    rows = [
        Dirty(
            kind=each.kind,
            key=each.key,
            since=since,
            serial=serial,
            due_at=waiting if each.kind is Kind.LIST else at,
            debt=secrets.randbits(63),
        )
        for each in documents
    ]
    merged = [row for row in rows if row.due_at > at]
    prompt = [row for row in rows if row.due_at <= at]
    # A merged document keeps the time at which it falls due; a prompt one is due now, whatever failed before.
    for batch, fields in ((merged, ["serial", "debt"]), (prompt, ["serial", "due_at", "attempts", "debt"])):
        Dirty.objects.bulk_create(
            batch, batch_size=500, update_conflicts=True, update_fields=fields, unique_fields=["kind", "key"]
        )
    workers.ring()


@transaction.atomic
def settle(built: Iterable[tuple[Document, int, int]]) -> None:
    """The store shows each document as of the serial beside it, with all that its `debt` was owed for.

    What came later leaves it owed: a change, which has a higher serial, or another reason to build it anew.
    """
    _lock()
    for document, serial, debt in built:
        row = Dirty.objects.filter(kind=document.kind, key=document.key)
        settled, _ = row.filter(serial__lte=serial, debt=debt).delete()
        if not settled:
            row.filter(since__lte=serial).update(since=serial + 1)


def debt(document: Document) -> int:
    """What is owed of the document, as a number that is another one each time that it is owed; 0 when nothing is."""
    found = Dirty.objects.filter(kind=document.kind, key=document.key).values_list("debt", flat=True).first()
    return found or 0


def postpone(document: Document, *, error: str, at: datetime, longest: timedelta) -> None:
    """Building the document failed: try again later, each time a little later, `longest` at most. Others go on."""
    for row in Dirty.objects.filter(kind=document.kind, key=document.key):
        pause = min(SHORTEST_BACKOFF * 2 ** min(row.attempts, 16), longest)
        Dirty.objects.filter(pk=row.pk).update(due_at=at + pause, attempts=row.attempts + 1, error=error[:2000])


def owed(*, due: datetime) -> list[int]:
    """The debts that fall due by then, those for documents that others point to first: their numbers."""
    return list(_in_order(Dirty.objects.filter(due_at__lte=due)).values_list("pk", flat=True))


@transaction.atomic
def claim(debts: Sequence[int], *, due: datetime, at: datetime) -> list[Document]:
    """The documents of those debts that still fall due by then. Other workers leave them alone for LEASE."""
    _lock()
    mine = list(_in_order(Dirty.objects.filter(pk__in=debts, due_at__lte=due)))
    Dirty.objects.filter(pk__in=[row.pk for row in mine]).update(due_at=at + LEASE)
    return [row.document for row in mine]


def next_due() -> datetime | None:
    """When the next debt falls due, which may have been already; None when nothing is owed."""
    due: datetime | None = Dirty.objects.aggregate(next=Min("due_at"))["next"]
    return due


def owed_for(serial: int, *, due: datetime) -> list[Document]:
    """The documents that the change with this serial left owed, in the same order: lists only when due by then.

    A worker may have claimed some meanwhile. Whoever wants to see them now does not wait for it.
    """
    wanted = _because_of(serial).filter(Q(due_at__lte=due) | ~Q(kind=Kind.LIST))
    return [row.document for row in _in_order(wanted)]


def is_shown(documents: Iterable[Document], serial: int) -> bool:
    """Whether the store shows the documents, lists of projects aside, as of this serial or later."""
    wanted = {each for each in documents if each.kind is not Kind.LIST}
    owing = Dirty.objects.filter(since__lte=serial, key__in={each.key for each in wanted})
    return wanted.isdisjoint(row.document for row in owing)


def _because_of(serial: int) -> QuerySet[Dirty]:
    return Dirty.objects.filter(since__lte=serial, serial__gte=serial)


def others_at_work() -> bool:
    """Whether some project's pages are about to be published; those that failed before are not waited for."""
    return Dirty.objects.filter(kind=Kind.PROJECT, attempts=0).exists()


def _in_order(rows: QuerySet[Dirty]) -> QuerySet[Dirty]:
    return rows.order_by("kind", "since")


def committed() -> int:
    """The last serial in the database; 0 when nothing ever happened."""
    return Entry.objects.aggregate(last=Max("serial"))["last"] or 0


def published() -> int:
    """The serial up to which the store shows everything. Lists of projects do not count: they say how far they go."""
    oldest = Dirty.objects.exclude(kind=Kind.LIST).aggregate(oldest=Min("since"))["oldest"]
    return committed() if oldest is None else oldest - 1


@contextmanager
def snapshot() -> Iterator[int]:
    """One consistent view of the database, for reading only; gives the serial that it was taken at."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN[connection.vendor])
        try:
            yield committed()
        finally:
            cursor.execute("ROLLBACK")
