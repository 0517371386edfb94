"""What can be done to projects. Each action is one transaction with its journal entries, and returns its last serial.

Whoever calls one publishes what it left owed: `followers.pages.publish_own`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot import metadata
from entrepot.accounts import flags
from entrepot.accounts.actor import Actor
from entrepot.accounts.flags import Switch
from entrepot.accounts.tokens import Permission
from entrepot.archives import Distribution
from entrepot.digests import Digests
from entrepot.journal import log
from entrepot.journal.log import Event
from entrepot.names import ProjectName, canonical_version
from entrepot.projects.admission import Standing, admit, skeleton_in
from entrepot.projects.changing import event_of, held_file, held_project, held_release, hold, one_line
from entrepot.projects.models import Deletion, File, Index, Project, Release, Role, Status, UsedName, Yank
from entrepot.projects.queries import last_serial, project_named
from entrepot.projects.telling import announce, tell
from entrepot.refusal import Forbidden, Refused, Unavailable


@transaction.atomic(durable=True)
def add_file(
    index: Index,
    dist: Distribution,
    digests: Digests,
    *,
    by: Actor,
    metadata_sha256: str,
    comment: str,
    is_stored: Callable[[], bool],
) -> int:
    """Record a file whose bytes are stored already, with its project and release where they are new.

    When the very file was recorded meanwhile, the serial is that of the project's last change. Raises what `admit`
    raises, and Unavailable("try-later") when `is_stored` says that `discard` was faster.
    """
    now = timezone.now()
    index = hold(index.pk)  # and so no name can be taken twice at once
    filename, display_name = dist.filename, dist.metadata.name
    if admit(index, display_name, filename, digests, by, now) is Standing.SAME:
        return last_serial(project_named(index, filename.project))
    if not is_stored():
        raise Unavailable(
            "try-later",
            _("What was left of an earlier upload of '%(filename)s' was just removed.")
            % {"filename": filename.filename},
        )
    project, first = _found_project(index, display_name, filename.project, by, now)
    file, second = recorded(project, dist, digests, by=by, metadata_sha256=metadata_sha256, comment=comment, at=now)
    return log.append([*first, *second, added(file)], by=by.origin, at=now)


def recorded(
    project: Project,
    dist: Distribution,
    digests: Digests,
    *,
    by: Actor,
    metadata_sha256: str,
    comment: str = "",
    at: datetime,
) -> tuple[File, list[Event]]:
    """The row of a file that was uploaded `at` that time; and its release, where that is new, as an event."""
    filename = dist.filename
    release, events = _found_release(project, str(filename.version), canonical_version(filename.version), at)
    UsedName.objects.create(index=project.index, filename=filename.filename, blake2=digests.blake2)
    file = File.objects.create(
        release=release,
        filename=filename.filename,
        kind=filename.kind,
        python_tag=filename.python_tag,
        size=digests.size,
        sha256=digests.sha256,
        blake2=digests.blake2,
        md5=digests.md5,
        metadata=metadata.to_json(dist.metadata),
        metadata_sha256=metadata_sha256,
        requires_python=dist.metadata.requires_python,
        comment=comment,
        uploaded_at=at,
        uploaded_by=by.user,
        uploaded_with=None if by.credential is None else by.credential.token_id,
    )
    return file, events


def added(file: File, *, shown: Iterable[File] = ()) -> Event:
    """The event of a new file; `shown` are those that were withheld until now."""
    action = f"add {file.python_tag} file {file.filename}"
    return event_of(file.release.project, action, release=file.release, files=shown)


def _found_project(
    index: Index, display_name: str, name: ProjectName, by: Actor, now: datetime
) -> tuple[Project, list[Event]]:
    project, created = Project.objects.get_or_create(
        index=index,
        name=name,
        defaults={"display_name": display_name, "skeleton": skeleton_in(index, name), "created_at": now},
    )
    if not created:
        return project, []
    events = [event_of(project, "create")]
    if by.user is not None:
        Role.objects.create(project=project, user=by.user, name=Role.Name.OWNER, by=by.user, at=now)
        events.append(event_of(project, f"add Owner {by.user.username}"))
    return project, events


def _found_release(project: Project, version: str, canonical: str, now: datetime) -> tuple[Release, list[Event]]:
    release, created = Release.objects.get_or_create(
        project=project, canonical=canonical, defaults={"version": version, "created_at": now}
    )
    return release, [event_of(project, "new release", release=release)] if created else []


@transaction.atomic(durable=True)
def yank_release(release: Release, *, by: Actor, reason: str = "") -> int:
    """Take a release back, files to come included. Raises Refused("already-yanked")."""
    release = held_release(release, by, Permission.YANK)
    if release.yanks.filter(file=None).exists():
        raise Refused(
            "already-yanked", _("Release %(version)s is yanked already.") % {"version": release.version}, "version"
        )
    return _yank(release, None, "yank release", by, reason)


@transaction.atomic(durable=True)
def yank_file(file: File, *, by: Actor, reason: str = "") -> int:
    """Take a single file back. Raises Refused("already-yanked")."""
    file = held_file(file, by, Permission.YANK)
    if Yank.objects.filter(file=file).exists():
        raise Refused(
            "already-yanked", _("File %(filename)s is yanked already.") % {"filename": file.filename}, "filename"
        )
    return _yank(file.release, file, f"yank file {file.filename}", by, reason)


def _yank(release: Release, file: File | None, action: str, by: Actor, reason: str) -> int:
    now, reason = timezone.now(), one_line(reason)
    Yank.objects.create(release=release, file=file, by=by.user, at=now, reason=reason)
    event = event_of(release.project, action, release=release, reason=reason)
    return announce([event], by=by, at=now)


@transaction.atomic(durable=True)
def unyank_release(release: Release, *, by: Actor, reason: str = "") -> int:
    """Offer the release again, with all its files. Raises Refused("not-yanked")."""
    release = held_release(release, by, Permission.YANK)
    if not release.yanks.all().delete()[0]:
        raise Refused("not-yanked", _("Release %(version)s is not yanked.") % {"version": release.version}, "version")
    event = event_of(release.project, "unyank release", release=release, reason=one_line(reason))
    return announce([event], by=by, at=timezone.now())


@transaction.atomic(durable=True)
def unyank_file(file: File, *, by: Actor, reason: str = "") -> int:
    """Offer a single file again. Raises Refused("not-yanked"), also when its release as a whole is yanked."""
    file = held_file(file, by, Permission.YANK)
    if not Yank.objects.filter(file=file).delete()[0]:
        raise Refused(
            "not-yanked", _("File %(filename)s is not yanked by itself.") % {"filename": file.filename}, "filename"
        )
    action = f"unyank file {file.filename}"
    event = event_of(file.release.project, action, release=file.release, reason=one_line(reason))
    return announce([event], by=by, at=timezone.now())


@transaction.atomic(durable=True)
def delete_file(file: File, *, by: Actor, reason: str = "") -> int:
    """Remove a file for good. Its name is never free again. A release stays, even without files."""
    flags.check_for(by, Switch.NO_DELETIONS)
    file = held_file(file, by, Permission.MANAGE)
    event = event_of(
        file.release.project,
        f"remove file {file.filename}",
        release=file.release,
        reason=one_line(reason),
        files=[file],
    )
    file.delete()
    return announce([event], by=by, at=timezone.now())


@transaction.atomic(durable=True)
def delete_release(release: Release, *, by: Actor, reason: str = "") -> int:
    """Remove a release with all its files for good."""
    flags.check_for(by, Switch.NO_DELETIONS)
    release = held_release(release, by, Permission.MANAGE)
    files = release.files.all()
    event = event_of(release.project, "remove release", release=release, reason=one_line(reason), files=files)
    release.delete()
    return announce([event], by=by, at=timezone.now())


@transaction.atomic(durable=True)
def delete_project(project: Project, *, by: Actor, reason: str = "") -> int:
    """Remove a project with all it has, for good. Its name is never free again."""
    flags.check_for(by, Switch.NO_DELETIONS)
    project, now = held_project(project, by, Permission.MANAGE), timezone.now()
    event = event_of(project, "remove project", reason=one_line(reason), files=_files_of(project))
    tell(event, by=by, at=now)
    Deletion.objects.create(project=project, by=by.user, at=now)
    project.releases.all().delete()
    project.roles.all().delete()
    project.invitations.all().delete()
    return log.append([event], by=by.origin, at=now)


@transaction.atomic(durable=True)
def set_status(project: Project, status: str, *, by: Actor, reason: str = "") -> int:
    """Set the status marker (PEP 792). Raises Refused("status-unchanged")."""
    project = held_project(project, by, Permission.MANAGE)
    reason = one_line(reason)
    if not by.operates and status == Status.QUARANTINED:
        raise Forbidden("project-quarantined", _("Only the operator of the index quarantines projects."), "status")
    if (project.status, project.status_reason) == (status, reason):
        raise Refused(
            "status-unchanged",
            _("%(project)s is %(status)s already.") % {"project": project.display_name, "status": _(status)},
            "status",
        )
    return _set_status(project, status, by=by, reason=reason)


def _set_status(project: Project, status: str, *, by: Actor, reason: str) -> int:
    return announce([marked(project, status, one_line(reason))], by=by, at=timezone.now())


def marked(project: Project, status: str, reason: str) -> Event:
    """Give the project its status marker: the event of that. Within the transaction of whoever records it."""
    hides_or_shows = Status.QUARANTINED in {project.status, status}
    project.status, project.status_reason = status, reason
    project.save(update_fields=["status", "status_reason"])
    return event_of(project, f"project {status}", reason=reason, files=_files_of(project) if hides_or_shows else ())


@transaction.atomic(durable=True)
def lift_quarantine(project: Project, *, by: Actor, reason: str) -> int:
    """Offer a quarantined project again. Raises Refused("status-unchanged"), or Forbidden."""
    held = held_project(project, by, Permission.MANAGE)
    if held.status != Status.QUARANTINED:
        raise Refused("status-unchanged", f"{held.display_name} is not quarantined.", "status")
    return _set_status(held, Status.ACTIVE, by=by, reason=reason)


@transaction.atomic(durable=True)
def set_profile(index: Index, profile: str) -> None:
    """Choose the policy of an index. What has been published stays."""
    Index.objects.filter(pk=index.pk).update(profile=profile)


@transaction.atomic(durable=True)
def overtake(index: Index, serial: int) -> None:
    """Go on with serials after `serial`, which readers have seen: the database is an older one than theirs."""
    log.skip(index.pk, serial, at=timezone.now())


@transaction.atomic(durable=True)
def use_up(index: Index, filename: str, blake2: str) -> None:
    """Note that a distribution file of this name was published once, so that nothing else ever is."""
    UsedName.objects.get_or_create(index=index, filename=filename, defaults={"blake2": blake2})


@transaction.atomic(durable=True)
def set_url(index: Index, url: str) -> None:
    """Note the public URL that documents are to name. Whoever calls this owes every document anew."""
    Index.objects.filter(pk=index.pk).update(url=url)


@transaction.atomic(durable=True)
def discard(blake2: str, filenames: Iterable[str], *, remove: Callable[[], bool]) -> bool:
    """Call `remove` for stored bytes, unless a file of such a name consists of them; nobody records one meanwhile.

    Whether they were removed.
    """
    list(Index.objects.select_for_update().order_by("pk"))
    recorded = File.objects.filter(blake2=blake2, filename__in=filenames).exists()
    return not recorded and remove()


def _files_of(project: Project) -> Iterable[File]:
    return File.objects.filter(release__project=project).only("blake2", "filename")
