"""What follows the journal beside the published documents: each change is handed on, in order, at least once.

A follower works out for itself what of a project has changed, from the state as it is then, so once too often does no
harm. It is handed what readers can see: changes up to the published watermark. Its position is kept in the database,
under a name that says what it makes: under another name it begins anew, from the first entry.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from django.db import DatabaseError

from entrepot.journal import log
from entrepot.journal.models import Entry, Position

logger = logging.getLogger(__name__)

AT_ONCE = 200  # entries


class Follower(Protocol):
    """Somebody who derives something from changes."""

    name: str

    def follow(self, projects: Sequence[int]) -> None:
        """Take up the projects with these ids, which may be deleted, and each of which was changed."""


def steps(followers: Sequence[Follower]) -> Iterator[None]:
    """Hand each follower what it has not seen, all of them in turns, until nothing is left; stops after each time."""
    behind = list(followers)
    while behind:
        for follower in tuple(behind):
            if _advance(follower):
                yield
            else:
                behind.remove(follower)


def catch_up(followers: Sequence[Follower], *, stopped: Callable[[float], bool]) -> None:
    """All steps at once, until somebody says to stop."""
    for _ in steps(followers):
        if stopped(0):
            break


def is_behind(followers: Sequence[Follower]) -> bool:
    """Whether some change waits to be handed on, or to be published before."""
    seen = dict(Position.objects.filter(follower__in=[each.name for each in followers]).values_list())
    return any(seen.get(each.name, 0) < log.committed() for each in followers)


def begin_anew(followers: Sequence[Follower]) -> None:
    """Let each of them take up every project once more."""
    Position.objects.filter(follower__in=[each.name for each in followers]).delete()


def _advance(follower: Follower) -> bool:
    """Hand on the next changes; whether there were any."""
    position, _new = Position.objects.get_or_create(follower=follower.name, defaults={"serial": 0})
    waiting = Entry.objects.filter(serial__gt=position.serial, serial__lte=log.published()).order_by("serial")
    entries = list(waiting.values_list("serial", "project")[:AT_ONCE])
    if not entries:
        return False
    _hand_on(follower, sorted({project for _serial, project in entries}))
    # Whoever was overtaken by another worker leaves its position alone.
    Position.objects.filter(follower=follower.name, serial=position.serial).update(serial=entries[-1][0])
    return True


def _hand_on(follower: Follower, projects: Sequence[int]) -> None:
    """All at once; when that fails one by one, so that what is wrong with one project keeps no other one back."""
    try:
        follower.follow(projects)
    except (DatabaseError, OSError):
        raise  # it is tried again
    except Exception:
        if len(projects) == 1:
            logger.exception("%s cannot follow project %d", follower.name, projects[0])
            return
        for project in projects:
            _hand_on(follower, [project])
