"""May this upload come in? Asked twice: early, to spare work, and inside the transaction that records it, to be
sure."""

from datetime import datetime, timedelta
from enum import Enum

from django.db.models import QuerySet, Sum

from entrepot import policy
from entrepot.accounts import flags, prohibiting
from entrepot.accounts.actor import Actor
from entrepot.accounts.flags import Switch
from entrepot.accounts.tokens import Permission
from entrepot.archives import Filename
from entrepot.digests import Digests
from entrepot.names import ProjectName, canonical_version, skeleton
from entrepot.policy import Policy
from entrepot.projects import rights
from entrepot.projects.models import Deletion, File, Index, Mirrored, Project, UsedName
from entrepot.projects.sizes import Sizes, sizes_of
from entrepot.refusal import Forbidden, Refused, TooLarge


class Standing(Enum):
    """What became of the question."""

    FIRST = "first"  # a file that would make a new project
    RELEASE = "release"  # … a new release of a project that is there
    NEW = "new"
    SAME = "same"  # these bytes are there already, under this name


def admit(
    index: Index,
    display_name: str,
    filename: Filename,
    digests: Digests,
    by: Actor,
    at: datetime,
) -> Standing:
    """Whether the file may be recorded. Raises Refused, or Forbidden, with the reason."""
    flags.check_for(by, Switch.NO_UPLOADS, Switch.READ_ONLY)
    project = index.projects.filter(name=filename.project).first()
    if project is None:
        _check_new_project(index, display_name, filename.project, by)
    if project is not None:
        _check_not_deleted(project)
        _check_not_mirrored(project)
    _check_right(project, filename.project, by, at)
    if project is not None and not project.takes_uploads:
        raise Forbidden(f"project-{project.status}", f"Project '{project.display_name}' is {project.status}.")
    if check_filename(index, filename, digests) is Standing.SAME:
        return Standing.SAME
    _check_content(index, filename, digests)
    if project is None:
        return Standing.FIRST
    standing = _check_release(project, filename, index.policy, at)
    _check_room(project, filename, digests, sizes_of(index, filename.project))
    return standing


def skeleton_in(index: Index, name: ProjectName) -> str:
    """What must be unique about a project's name in this index."""
    return skeleton(name) if index.policy.refuses_similar_names else name


def _check_new_project(index: Index, display_name: str, name: ProjectName, by: Actor) -> None:
    flags.check_for(by, Switch.NO_NEW_PROJECTS)
    alike = prohibiting.similar if index.policy.refuses_similar_names else prohibiting.same
    prohibiting.check_project(name, alike=alike(name), by=by)
    policy.check_project_name(name, index.policy)
    # Not its own name, which somebody may have taken a moment ago: then it is no new project any more.
    other = index.projects.filter(skeleton=skeleton_in(index, name)).exclude(name=name).first()
    if other is not None:
        raise Refused(
            "similar-name",
            f"The name '{display_name}' is too similar to an existing project: {other.display_name}.",
            "name",
        )


def _check_right(project: Project | None, name: ProjectName, by: Actor, at: datetime) -> None:
    if project is None:
        rights.check_token(by, Permission.UPLOAD, project=None, name=name, at=at)
    else:
        rights.check(by, project, Permission.UPLOAD, at)


def _check_not_deleted(project: Project) -> None:
    if Deletion.objects.filter(project=project).exists():
        raise Refused(
            "project-deleted",
            f"The name '{project.display_name}' was used by a project that has since been deleted. "
            "Use a different name.",
            "name",
        )


def _check_not_mirrored(project: Project) -> None:
    mirrored = Mirrored.objects.filter(project=project).first()
    if mirrored is not None:
        raise Forbidden(
            "project-mirrored",
            f"Project '{project.display_name}' follows another index (the mirror '{mirrored.mirror}'), "
            "and takes no uploads here.",
            "name",
        )


def check_filename(index: Index, filename: Filename, digests: Digests) -> Standing:
    """Whether the name is free (NEW), or these very bytes have it already (SAME).

    Raises Refused, "file-exists" or "filename-used".
    """
    files = File.objects.filter(release__project__index=index)
    used = UsedName.objects.filter(index=index, filename=filename.filename).first()
    present = files.filter(blake2=used.blake2, filename=used.filename).first() if used else None
    if present is not None and present.blake2 == digests.blake2:
        return Standing.SAME
    if present is not None:
        raise Refused(
            "file-exists",
            f"File already exists ('{filename.filename}', with blake2_256 hash '{present.blake2}').",
            "content",
        )
    if used:
        raise Refused(
            "filename-used",
            "This filename was previously used by a file that has since been deleted. Use a different version.",
            "content",
        )
    return Standing.NEW


def _besides(filename: Filename) -> QuerySet[File]:
    """All files but the one of this name. If there is one now, somebody has recorded it since its name was free; they
    may have uploaded the same file, and whoever asks in the transaction is told.
    """
    return File.objects.exclude(filename=filename.filename)


def _check_content(index: Index, filename: Filename, digests: Digests) -> None:
    if not index.policy.refuses_same_content:
        return
    twin = _besides(filename).filter(release__project__index=index, blake2=digests.blake2).first()
    if twin is not None:
        raise Refused(
            "file-exists",
            f"File already exists ('{twin.filename}', with blake2_256 hash '{digests.blake2}').",
            "content",
        )


def _check_release(project: Project, filename: Filename, rules: Policy, at: datetime) -> Standing:
    release = project.releases.filter(canonical=canonical_version(filename.version)).first()
    if release is None:
        return Standing.RELEASE
    if rules.release_open_days is not None and at - release.created_at > timedelta(days=rules.release_open_days):
        raise Refused(
            "release-closed",
            f"Uploading new files to releases older than {rules.release_open_days} days is not allowed.",
            "version",
        )
    if filename.kind == "sdist" and _besides(filename).filter(release=release, kind="sdist").exists():
        raise Refused("second-sdist", "Only one sdist may be uploaded per release.", "content")
    return Standing.NEW


def _check_room(project: Project, filename: Filename, digests: Digests, most: Sizes) -> None:
    if most.total is None:
        return
    present = _besides(filename).filter(release__project=project).aggregate(total=Sum("size"))["total"] or 0
    if present + digests.size > most.total:
        raise TooLarge(
            "project-too-large",
            f"Project size too large. Limit for project '{project.display_name}' total size is "
            f"{most.total / 2**30:g} GB.",
            "content",
        )
