"""What follows the journal beside the published documents: each change is handed on, in order, at least once.

A follower works out for itself what of a project has changed, from the state as it is then, so once too often does no
harm. It does not wait until a change is published: pages for people are made from the database as well, and one
document that cannot be published must keep nobody back. Its position is kept in the database, under a name that says
what it makes: under another name it begins anew, from the first entry. One worker at a time hands on.

Nor does a follower keep another one back, or the worker: one that fails rests for a while.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from django.db import DatabaseError, DataError, IntegrityError, ProgrammingError

from entrepot.journal import log, workers
from entrepot.journal.models import Entry, Position
from entrepot.refusal import Unavailable

logger = logging.getLogger(__name__)

AT_ONCE = 50  # entries
REST = 5.0  # seconds for which a follower that failed is left alone

_resting: dict[str, float] = {}  # until when, as `time.monotonic` has it, by name


class Follower(Protocol):
    """Somebody who derives something from changes."""

    name: str

    def follow(self, projects: Sequence[int]) -> None:
        """Take up the projects with these ids, which may be deleted, and each of which was changed."""


def steps(followers: Sequence[Follower]) -> Iterator[None]:
    """Hand each follower what it has not seen, all of them in turns, until nothing is left; stops after each time."""
    if not (behind := _behind(followers)):
        return
    with workers.turn_to_follow() as mine:
        while mine and behind:
            for follower in tuple(behind):
                if _attempt(follower):
                    yield
                else:
                    behind.remove(follower)


def pause(followers: Sequence[Follower]) -> float:
    """Seconds until it is time to look again."""
    return workers.SHORTEST if _behind(followers) else workers.LONGEST


def begin_anew(followers: Sequence[Follower]) -> None:
    """Let each of them take up every project once more."""
    Position.objects.filter(follower__in=[each.name for each in followers]).delete()
    workers.ring()


def _behind(followers: Sequence[Follower]) -> list[Follower]:
    """Who has not seen every change, and does not rest."""
    awake = [each for each in followers if not _rests(each)]
    seen = dict(Position.objects.filter(follower__in=[each.name for each in awake]).values_list())
    last = log.committed()
    return [each for each in awake if seen.get(each.name, 0) < last]


def _rests(follower: Follower) -> bool:
    return _resting.get(follower.name, 0) > time.monotonic()


def _attempt(follower: Follower) -> bool:
    """Whether something was handed on."""
    try:
        return _advance(follower)
    except Exception:
        # Whatever keeps this one from going on must not keep the others from it.
        logger.exception("%s is interrupted", follower.name)
        _resting[follower.name] = time.monotonic() + REST
        return False


def _advance(follower: Follower) -> bool:
    """Hand on the next changes; whether there were any."""
    position, _new = Position.objects.get_or_create(follower=follower.name, defaults={"serial": 0})
    waiting = Entry.objects.filter(serial__gt=position.serial).order_by("serial")
    entries = list(waiting.values_list("serial", "project")[:AT_ONCE])
    if not entries:
        return False
    last = entries[-1][0]
    changed = {project for _serial, project in entries}
    # Who has come far behind takes up each project once, not once for each of its changes.
    later = Entry.objects.filter(project__in=changed, serial__gt=last).values_list("project", flat=True).distinct()
    if now := sorted(changed.difference(later)):
        _hand_on(follower, now)
    # Whoever begins anew meanwhile is not taken further.
    Position.objects.filter(follower=follower.name, serial=position.serial).update(serial=last)
    return True


def _hand_on(follower: Follower, projects: Sequence[int]) -> None:
    """All at once; when that fails one by one, so that what is wrong with one project keeps no other one back."""
    try:
        follower.follow(projects)
    except Exception as error:
        if _is_away(error):
            raise  # it is tried again
        if len(projects) == 1:
            logger.exception("%s cannot follow project %d", follower.name, projects[0])
            return
        for project in projects:
            _hand_on(follower, [project])


def _is_away(error: Exception) -> bool:
    """Whether it says nothing about the projects: the database, or an engine, does not answer."""
    if isinstance(error, DataError | IntegrityError | ProgrammingError):
        return False
    limit_exceeded = str(getattr(error.__cause__, "sqlstate", "")).startswith("54")
    return isinstance(error, DatabaseError | OSError | Unavailable) and not limit_exceeded
