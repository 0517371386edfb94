"""Reads for the pages on which people look after their projects: also what readers are not shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.db.models import Count, Exists, Max, OuterRef, Sum
from django.utils import timezone
from packaging.version import Version

from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.accounts.tokens import Permission
from entrepot.journal.models import Entry
from entrepot.names import parse_version
from entrepot.projects import history, rights
from entrepot.projects.models import File, Invitation, Project, Release, Role, Yank
from entrepot.projects.queries import index_at_root, no_such_file, project_named, release_of
from entrepot.refusal import Forbidden

AT_ONCE = 50  # projects on a page


@dataclass(frozen=True, slots=True)
class OwnProject:
    """A project as somebody who has a role in it sees it in the list of theirs.

    `latest` is the version that stands for it, empty when it has no files; `invited` counts open invitations, which
    only those with the right to manage the project are told of.
    """

    name: str
    display_name: str
    status: str
    role: str
    latest: str
    changed_at: datetime
    invited: int


@dataclass(frozen=True, slots=True)
class OwnProjects:
    """A page of somebody's projects, in the order of their names: page `number` of `pages`, `total` on all of them."""

    rows: tuple[OwnProject, ...]
    number: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A project in the hands of somebody who has a role in it.

    `hindrance` is the code of the refusal that every change would meet as things are, or empty.
    """

    project: Project
    by: Actor
    role: str
    hindrance: str

    @property
    def oversees(self) -> bool:
        """Whether they are told of what concerns all who work on it."""
        return rights.oversees(self.role)


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release in the list; `size` is in bytes, `yanked` tells of it as a whole, `yanked_files` of single ones."""

    version: str
    created_at: datetime
    files: int
    size: int
    yanked: bool
    reason: str
    yanked_files: int


@dataclass(frozen=True, slots=True)
class YankShown:
    """That something was yanked, by whom (empty: the operator, or somebody who has left), and why."""

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a release; `size` is in bytes, `yank` is its own."""

    filename: str
    size: int
    uploaded_at: datetime
    uploaded_by: str
    yank: YankShown | None


@dataclass(frozen=True, slots=True)
class OneRelease:
    """A release with its files in the order of their names; `yank` is that of the release as a whole."""

    release: Release
    version: str
    created_at: datetime
    yank: YankShown | None
    files: tuple[FileRow, ...]

    def file(self, filename: str) -> FileRow:
        """The file of that name. Raises Missing("no-such-file")."""
        for each in self.files:
            if each.filename == filename:
                return each
        raise no_such_file(self.release, filename)


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes when a project is deleted; `size` is in bytes."""

    releases: int
    files: int
    size: int
    people: int
    invitations: int


def own_projects(user: User, *, containing: str = "", page: str = "1") -> OwnProjects:
    """The projects in which the user has a role, those whose names contain a text; a page that is none is the nearest.

    Five queries, however many projects there are.
    """
    roles = Role.objects.filter(user=user).select_related("project").order_by("project__name")
    found = Paginator(roles.filter(project__display_name__icontains=containing.replace("\0", "")), AT_ONCE)
    shown = found.get_page(page)
    projects = [each.project_id for each in shown]
    latest, changed, invited = _latest(projects), _changed(projects), _invited(projects)
    rows = tuple(
        OwnProject(
            name=each.project.name,
            display_name=each.project.display_name,
            status=each.project.status,
            role=each.name,
            latest=latest.get(each.project_id, ""),
            changed_at=changed[each.project_id],
            invited=invited.get(each.project_id, 0) if rights.oversees(each.name) else 0,
        )
        for each in shown
    )
    return OwnProjects(rows, shown.number, found.num_pages, found.count)


def _latest(projects: Iterable[int]) -> dict[int, str]:
    """The version that stands for each project."""
    whole = Exists(Yank.objects.filter(release=OuterRef("pk"), file=None))
    found = (
        Release.objects.filter(project__in=projects)
        .annotate(file_count=Count("files"), yanked_files=Count("files__yank"), yanked=whole)
        .filter(file_count__gt=0)
    )
    best: dict[int, tuple[tuple[bool, bool, Version], str]] = {}
    for each in found:
        yanked = each.yanked or each.yanked_files == each.file_count
        rank = history.rank(parse_version(each.version), yanked=yanked)
        best[each.project_id] = max(best.get(each.project_id, (rank, each.version)), (rank, each.version))
    return {project: version for project, (_rank, version) in best.items()}


def _changed(projects: Iterable[int]) -> dict[int, datetime]:
    rows = Entry.objects.filter(project__in=projects).order_by().values("project").annotate(last=Max("at"))
    return {each["project"]: each["last"] for each in rows}


def _invited(projects: Iterable[int]) -> dict[int, int]:
    waiting = Invitation.objects.filter(project__in=projects, expires_at__gt=timezone.now())
    return {each["project"]: each["count"] for each in waiting.values("project").annotate(count=Count("pk"))}


def counts_for(user: User) -> tuple[int, int]:
    """In how many projects the user has a role, and how many invitations wait for an answer."""
    return user.roles.count(), user.invitations.filter(expires_at__gt=timezone.now()).count()


def opened(name: str, *, by: Actor) -> Opened:
    """The project, for somebody who has a role in it. Raises what `project_named` raises, and Forbidden."""
    project = project_named(index_at_root(), name)
    role = rights.check(by, project, Permission.READ, timezone.now())
    try:
        rights.check(by, project, Permission.MANAGE, timezone.now())
    except Forbidden as refusal:
        return Opened(project, by, role, refusal.code)
    return Opened(project, by, role, "")


def releases_of(project: Project) -> list[ReleaseRow]:
    """All releases, the newest version first; also those of a quarantined project."""
    reasons = dict(Yank.objects.filter(release__project=project, file=None).values_list("release", "reason"))
    found = project.releases.annotate(
        file_count=Count("files"), size=Sum("files__size", default=0), yanked_files=Count("files__yank")
    )
    rows = [
        ReleaseRow(
            version=version,
            created_at=created_at,
            files=files,
            size=size,
            yanked=pk in reasons,
            reason=reasons.get(pk, ""),
            yanked_files=yanked_files,
        )
        for pk, version, created_at, files, size, yanked_files in found.values_list(
            "pk", "version", "created_at", "file_count", "size", "yanked_files"
        )
    ]
    return sorted(rows, key=lambda each: history.parsed(each.version), reverse=True)


def one_release(project: Project, version: str) -> OneRelease:
    """A release with its files. Raises what `release_of` raises."""
    release = release_of(project, version)
    yanks = {each.file_id: each for each in release.yanks.select_related("by")}
    files = release.files.defer("metadata").select_related("uploaded_by")
    return OneRelease(
        release=release,
        version=release.version,
        created_at=release.created_at,
        yank=_yank_shown(yanks.get(None)),
        files=tuple(
            FileRow(
                filename=each.filename,
                size=each.size,
                uploaded_at=each.uploaded_at,
                uploaded_by="" if each.uploaded_by is None else each.uploaded_by.username,
                yank=_yank_shown(yanks.get(each.pk)),
            )
            for each in sorted(files, key=lambda each: each.filename)
        ),
    )


def _yank_shown(yank: Yank | None) -> YankShown | None:
    return None if yank is None else YankShown(yank.reason, "" if yank.by is None else yank.by.username, yank.at)


def contents_of(project: Project) -> Contents:
    """What the project consists of."""
    files = File.objects.filter(release__project=project).aggregate(count=Count("pk"), size=Sum("size", default=0))
    return Contents(
        releases=project.releases.count(),
        files=files["count"],
        size=files["size"],
        people=project.roles.count(),
        invitations=project.invitations.filter(expires_at__gt=timezone.now()).count(),
    )
