"""What is to be done for mirrors, and what was done: rows, which whoever follows an index claims and finishes."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from entrepot.mirror.models import Followed, Mirror
from entrepot.mirror.rules import Rules
from entrepot.names import ProjectName
from entrepot.upstream.page import UpstreamListed

AT_ONCE = 16  # projects that are claimed together
LEASE = timedelta(minutes=1)
NEVER = -1  # the serial of what was not known before
MOST_NOTED = 500  # rows at once
LONGEST_ERROR = 2000  # characters


def rules_of(mirror: Mirror) -> Rules:
    """The rules, as they were given."""
    return Rules(**{key: _as_given(value) for key, value in mirror.rules.items()})


def _as_given(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def note(mirror: Mirror, projects: Iterable[UpstreamListed], rules: Rules, *, listed: bool) -> None:
    """Have what is new be taken up: projects that changed, or may have, and those that are missing.

    `listed` says whether these are all that the other index has, by its list.
    """
    now, noted = timezone.now(), secrets.randbits(62)
    known = dict(Followed.objects.filter(mirror=mirror).values_list("name", "serial"))
    changed: list[Followed] = []
    for each in projects:
        name = ProjectName(each.name)
        before = known.pop(name, NEVER)
        if rules.wants(name) and (each.serial is None or before != each.serial):
            changed.append(
                Followed(mirror=mirror, name=name, serial=each.serial, listed=listed, due_at=now, noted=noted)
            )
    for start in range(0, len(changed), MOST_NOTED):
        Followed.objects.bulk_create(
            changed[start : start + MOST_NOTED],
            update_conflicts=True,
            update_fields=["serial", "listed", "due_at", "noted"],
            unique_fields=["mirror", "name"],
        )
    gone = list(known)
    for start in range(0, len(gone), MOST_NOTED):
        some = Followed.objects.filter(mirror=mirror, name__in=gone[start : start + MOST_NOTED])
        some.update(serial=None, listed=False, due_at=now, noted=noted, etag="")


@transaction.atomic
def claim(mirror: Mirror) -> list[Followed]:
    """Some projects that are due, the longest waiting ones first. Nobody else takes them up for LEASE."""
    now = timezone.now()
    due = Followed.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    claimed = list(due.filter(free, mirror=mirror, due_at__lte=now).order_by("due_at")[:AT_ONCE])
    Followed.objects.filter(pk__in=[each.pk for each in claimed]).update(claimed_until=now + LEASE)
    return claimed


def finish(followed: Followed, *, etag: str, refused: str, later: datetime | None = None) -> None:
    """All of it is taken up, as of this `etag`; it is looked at again `later`, or when it has changed."""
    # With files that have to become older, all of the page has not been taken up. Nor has what was noted meanwhile.
    mine = Followed.objects.filter(pk=followed.pk)
    mine.filter(noted=followed.noted).update(due_at=later, etag="" if later else etag)
    mine.update(claimed_until=None, attempts=0, error=refused[:LONGEST_ERROR])


def due_mirrors(now: datetime) -> list[Mirror]:
    """The mirrors for which something is to be done."""
    waiting = Followed.objects.filter(mirror=OuterRef("pk"), due_at__lte=now)
    return list(Mirror.objects.filter(Q(due_at__lte=now) | Exists(waiting)))
