"""Taking several releases or files back at once, and offering them again: one transaction, and one mail to each.

What is as wanted already keeps the reason that it was given. As with `actions`, whoever calls one publishes what it
left owed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts.actor import Actor
from entrepot.accounts.tokens import Permission
from entrepot.journal import log
from entrepot.journal.log import Event
from entrepot.projects.changing import event_of, held_project, held_release, one_line
from entrepot.projects.models import File, Project, Release, Yank
from entrepot.projects.queries import file_of, release_of
from entrepot.projects.telling import tell
from entrepot.refusal import Refused


@dataclass(frozen=True, slots=True)
class Done:
    """How many releases or files were changed, and the serial of the last of these changes."""

    count: int
    serial: int


@transaction.atomic(durable=True)
def yank_releases(project: Project, versions: Iterable[str], *, by: Actor, reason: str = "") -> Done:
    """Take releases back, files to come included.

    Raises Missing("no-such-release"), Forbidden, and Refused("already-yanked") when all of them are.
    """
    chosen = _releases(held_project(project, by, Permission.YANK), versions)
    todo = [each for each in chosen if not each.yanks.filter(file=None).exists()]
    if not todo:
        raise Refused("already-yanked", _("What was chosen is yanked already."), "selected")
    reason, now = one_line(reason), timezone.now()
    Yank.objects.bulk_create(Yank(release=each, by=by.user, at=now, reason=reason) for each in todo)
    return _record_releases("yank release", todo, by, reason)


@transaction.atomic(durable=True)
def unyank_releases(project: Project, versions: Iterable[str], *, by: Actor, reason: str = "") -> Done:
    """Offer releases again, with all their files.

    Raises Missing("no-such-release"), Forbidden, and Refused("not-yanked") when nothing of them is yanked.
    """
    chosen = _releases(held_project(project, by, Permission.YANK), versions)
    todo = [each for each in chosen if each.yanks.all().delete()[0]]
    if not todo:
        raise Refused("not-yanked", _("Nothing of what was chosen is yanked."), "selected")
    return _record_releases("unyank release", todo, by, one_line(reason))


@transaction.atomic(durable=True)
def yank_files(release: Release, filenames: Iterable[str], *, by: Actor, reason: str = "") -> Done:
    """Take single files of a release back.

    Raises Missing("no-such-file"), Forbidden, and Refused("already-yanked") when all of them are, by themselves.
    """
    release = held_release(release, by, Permission.YANK)
    todo = [each for each in _files(release, filenames) if not Yank.objects.filter(file=each).exists()]
    if not todo:
        raise Refused("already-yanked", _("What was chosen is yanked already."), "selected")
    reason, now = one_line(reason), timezone.now()
    Yank.objects.bulk_create(Yank(release=release, file=each, by=by.user, at=now, reason=reason) for each in todo)
    return _record_files("yank file", release, todo, by, reason)


@transaction.atomic(durable=True)
def unyank_files(release: Release, filenames: Iterable[str], *, by: Actor, reason: str = "") -> Done:
    """Offer single files of a release again.

    Raises Missing("no-such-file"), Forbidden, and Refused("not-yanked") when none of them is yanked by itself.
    """
    release = held_release(release, by, Permission.YANK)
    todo = [each for each in _files(release, filenames) if Yank.objects.filter(file=each).delete()[0]]
    if not todo:
        raise Refused("not-yanked", _("None of the files that were chosen is yanked by itself."), "selected")
    return _record_files("unyank file", release, todo, by, one_line(reason))


def _releases(project: Project, versions: Iterable[str]) -> Iterable[Release]:
    return dict.fromkeys(release_of(project, each) for each in versions)


def _files(release: Release, filenames: Iterable[str]) -> Iterable[File]:
    return dict.fromkeys(file_of(release, each) for each in filenames)


def _record_releases(action: str, releases: Sequence[Release], by: Actor, reason: str) -> Done:
    events = [event_of(each.project, action, release=each, reason=reason) for each in releases]
    several = replace(events[0], action=f"{action}s", version=", ".join(each.version for each in releases))
    return _record(events, several, by)


def _record_files(action: str, release: Release, files: Sequence[File], by: Actor, reason: str) -> Done:
    events = [event_of(release.project, f"{action} {each.filename}", release=release, reason=reason) for each in files]
    several = replace(events[0], action=f"{action}s {', '.join(each.filename for each in files)}")
    return _record(events, several, by)


def _record(events: Sequence[Event], several: Event, by: Actor) -> Done:
    """Record the events; where there is more than one, a single mail tells of all."""
    now = timezone.now()
    tell(events[0] if len(events) == 1 else several, by=by, at=now)
    return Done(len(events), log.append(events, by=by.origin, at=now))
