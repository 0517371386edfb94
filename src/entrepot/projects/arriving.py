"""What comes in from another index, by hand or from a mirror: as it is there. Nobody is told by mail.

As with `actions`, each function is one transaction with its journal entries, and what it leaves owed is published by
whoever calls it, or by the worker.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from entrepot.accounts import prohibiting
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.archives import Distribution, Filename
from entrepot.digests import Digests
from entrepot.journal import log
from entrepot.journal.log import Event, Origin
from entrepot.names import ProjectName
from entrepot.projects.actions import added, marked, recorded
from entrepot.projects.admission import Standing, check_filename, skeleton_in
from entrepot.projects.changing import event_of, hold, one_line
from entrepot.projects.models import Deletion, File, Index, Mirrored, Project, Provenance, Role, Status, UsedName, Yank
from entrepot.refusal import Forbidden, Refused, Unavailable


@dataclass(frozen=True, slots=True)
class Sender:
    """Who brings something: the operator, for `by`, or the `mirror` of that name, which `by` set up."""

    by: Actor
    mirror: str = ""

    @property
    def origin(self) -> Origin:
        """As the journal has it."""
        return Origin(None, f"mirror {self.mirror}") if self.mirror else self.by.origin


def check(index: Index, name: ProjectName, sender: Sender) -> Project | None:
    """The project that a file is for; None where it would be a new one.

    Raises Refused: "prohibited-name", "project-deleted", "project-local"; Forbidden("project-mirrored").
    """
    project = index.projects.filter(name=name).select_related("mirrored", "deletion").first()
    if project is None:
        if sender.mirror and prohibiting.is_for_nobody(name):
            raise Refused("prohibited-name", f"The name '{name}' isn't allowed: no mirror may bring it here.", "name")
        return None
    mirrored = getattr(project, "mirrored", None)
    if mirrored is not None and mirrored.mirror != sender.mirror:
        raise Forbidden(
            "project-mirrored", f"Project '{name}' follows another index (the mirror '{mirrored.mirror}').", "name"
        )
    if hasattr(project, "deletion") and not (mirrored is not None and mirrored.gone):
        raise Refused("project-deleted", f"Project '{name}' was deleted here.", "name")
    if sender.mirror and mirrored is None:
        raise Refused("project-local", f"Project '{name}' is this index's own: no mirror touches it.", "name")
    return project


@transaction.atomic(durable=True)
def take_in(
    index: Index,
    display_name: str,
    dist: Distribution,
    digests: Digests,
    *,
    sender: Sender,
    metadata_sha256: str,
    uploaded_at: datetime | None,
    provenance: str,
    is_stored: Callable[[], bool],
) -> int | None:
    """Record a file whose bytes are stored already, with its project and release where they are new: its serial.

    None where it is there already. Raises what `check` raises, Refused("file-exists"), Refused("filename-used"), and
    Unavailable("try-later") when the bytes were collected a moment ago.
    """
    index, now = hold(index.pk), timezone.now()
    at = min(uploaded_at or now, now)
    project = check(index, dist.filename.project, sender)
    comes_back = _comes_back(project, dist.filename, digests)
    if not comes_back and check_filename(index, dist.filename, digests) is Standing.SAME:
        return None
    if not is_stored():
        raise Unavailable("try-later", f"What was left of '{dist.filename.filename}' was just removed. Try again.")
    project, first = _opened(index, project, display_name, dist.filename.project, sender, at)
    file, second = recorded(project, dist, digests, by=sender.by, metadata_sha256=metadata_sha256, at=at)
    if provenance:
        # A file that comes back, which is the same one, has left its own.
        told = {"version": file.release.canonical, "document": provenance}
        Provenance.objects.update_or_create(project=project, filename=file.filename, defaults=told)
    return log.append([*first, *second, added(file, shown=[file] if comes_back else [])], by=sender.origin, at=now)


def _comes_back(project: Project | None, filename: Filename, digests: Digests) -> bool:
    """Whether the file was removed because the mirror had lost it, and is the same one."""
    mirrored = getattr(project, "mirrored", None)
    if project is None or mirrored is None or filename.filename not in mirrored.dropped:
        return False
    used = UsedName.objects.filter(index=project.index, filename=filename.filename, blake2=digests.blake2)
    if not used.delete()[0]:
        return False
    mirrored.dropped.remove(filename.filename)
    mirrored.save(update_fields=["dropped"])
    return True


def _opened(
    index: Index, project: Project | None, display_name: str, name: ProjectName, sender: Sender, at: datetime
) -> tuple[Project, list[Event]]:
    """The project to put a file into, and what is told of its beginning."""
    if project is None:
        project = Project.objects.create(
            index=index, name=name, display_name=display_name, skeleton=_own_skeleton(index, name), created_at=at
        )
        if sender.mirror:
            Mirrored.objects.create(project=project, mirror=sender.mirror)
    elif not Deletion.objects.filter(project=project).delete()[0]:
        return project, []
    else:
        Mirrored.objects.filter(project=project).update(gone=False)
    return project, [event_of(project, "create"), *_owned(project, sender)]


def _owned(project: Project, sender: Sender) -> Iterator[Event]:
    if sender.by.user is not None and not sender.mirror:
        yield _role(project, sender.by.user, Role.Name.OWNER, sender)


def _role(project: Project, user: User, role: str, sender: Sender) -> Event:
    Role.objects.create(project=project, user=user, name=role, by=sender.by.user, at=timezone.now())
    return event_of(project, f"add {role} {user.username}")


def _own_skeleton(index: Index, name: ProjectName) -> str:
    """What is unique about the name, even where another index has let two look alike."""
    skeleton = skeleton_in(index, name)
    if not index.projects.filter(skeleton=skeleton).exists():
        return skeleton
    return f"={hashlib.sha256(name.encode()).hexdigest()}"


@transaction.atomic(durable=True)
def give_role(project: Project, user: User, role: str, *, sender: Sender) -> int | None:
    """Let the user be what they were elsewhere; None where they have a role already."""
    hold(project.index_id)
    if Role.objects.filter(project=project, user=user).exists():
        return None
    return log.append([_role(project, user, role, sender)], by=sender.origin, at=timezone.now())


@transaction.atomic(durable=True)
def settle(project: Project, *, yanked: Mapping[str, str], status: str, reason: str = "", sender: Sender) -> int | None:
    """Have the project's files be yanked, and its status be set, as they are elsewhere: the serial, None for no change.

    `yanked` has filenames with reasons, which may be empty. What has not changed there since the last time stays as it
    is here; without a mirror, nothing that is yanked here is offered again.
    """
    hold(project.index_id)
    mirrored = Mirrored.objects.select_for_update().filter(project=project).first()
    files = {file.filename: file for file in _files_of(project).filter(filename__in={*yanked, *_seen(mirrored)})}
    wanted = {filename: one_line(reason) for filename, reason in yanked.items() if filename in files}
    events = [*_yanks(files, wanted, mirrored, sender), *_status(project, status, one_line(reason), mirrored)]
    if mirrored is not None and (mirrored.status, mirrored.yanked) != (status, wanted):
        Mirrored.objects.filter(project=project).update(status=status, yanked=wanted)
    return log.append(events, by=sender.origin, at=timezone.now()) if events else None


def _seen(mirrored: Mirrored | None) -> dict[str, str]:
    seen: dict[str, str] = {} if mirrored is None else mirrored.yanked
    return seen


def _yanks(
    files: Mapping[str, File], wanted: Mapping[str, str], mirrored: Mirrored | None, sender: Sender
) -> Iterator[Event]:
    seen, now = _seen(mirrored), timezone.now()
    for filename, reason in wanted.items():
        file = files[filename]
        present = Yank.objects.filter(file=file).first()
        if seen.get(filename) == reason or (present is not None and (mirrored is None or present.reason == reason)):
            continue
        Yank.objects.update_or_create(
            file=file, defaults={"release": file.release, "by": sender.by.user, "at": now, "reason": reason}
        )
        yield event_of(file.release.project, f"yank file {filename}", release=file.release, reason=reason)
    for filename in seen.keys() - wanted.keys() & files.keys():
        file = files[filename]
        if Yank.objects.filter(file=file).delete()[0]:
            yield event_of(file.release.project, f"unyank file {filename}", release=file.release)


def _status(project: Project, status: str, reason: str, mirrored: Mirrored | None) -> Iterator[Event]:
    """The status is taken over where it is another one there than the last time, and none was set here."""
    project.refresh_from_db()
    seen = Status.ACTIVE if mirrored is None else mirrored.status
    if project.status != seen or (project.status, project.status_reason) == (status, reason):
        return
    yield marked(project, status, reason)


@transaction.atomic(durable=True)
def drop(project: Project, present: Collection[str], *, sender: Sender) -> int:
    """Remove the files that are no longer `present` where a project is followed: how many.

    Should one be there again, so it will be here.
    """
    hold(project.index_id)
    gone = [file for file in _files_of(project) if file.filename not in present]
    events = [event_of(project, f"remove file {file.filename}", release=file.release, files=[file]) for file in gone]
    if gone:
        _let_come_back(project, gone)
        log.append(events, by=sender.origin, at=timezone.now())
    return len(gone)


def _let_come_back(project: Project, files: Iterable[File]) -> None:
    """Remove files whose names are kept for their bytes."""
    mirrored = Mirrored.objects.get(project=project)
    mirrored.dropped = sorted({*mirrored.dropped, *(file.filename for file in files)})
    mirrored.save(update_fields=["dropped"])
    File.objects.filter(pk__in=[file.pk for file in files]).delete()


@transaction.atomic(durable=True)
def close(project: Project, *, sender: Sender) -> int | None:
    """Remove a project that is no longer there where it is followed: the serial, None where it was removed already.

    Should it be there again, so it will be here.
    """
    hold(project.index_id)
    if Deletion.objects.filter(project=project).exists():
        return None
    now = timezone.now()
    files = list(_files_of(project))
    event = event_of(project, "remove project", files=files)
    _let_come_back(project, files)
    Deletion.objects.create(project=project, by=None, at=now)
    Mirrored.objects.filter(project=project).update(gone=True, yanked={}, status=Status.ACTIVE)
    Project.objects.filter(pk=project.pk).exclude(status=Status.QUARANTINED).update(
        status=Status.ACTIVE, status_reason=""
    )
    project.releases.all().delete()
    return log.append([event], by=sender.origin, at=now)


@transaction.atomic(durable=True)
def release_from(mirror: str) -> int:
    """Let the projects that followed a mirror be this index's own from now on. How many they were."""
    return Mirrored.objects.filter(mirror=mirror).delete()[0]


def knows(index: Index, filename: str, hashes: Mapping[str, str]) -> bool:
    """Whether the file is there under this name, with all of the hashes that can be compared; there may be none."""
    found = File.objects.filter(release__project__index=index, filename=filename)
    return found.filter(**{name: digest for name, digest in hashes.items() if name in {"sha256", "md5"}}).exists()


def _files_of(project: Project) -> QuerySet[File]:
    return File.objects.filter(release__project=project).defer("metadata").select_related("release__project")
