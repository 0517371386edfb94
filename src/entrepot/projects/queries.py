"""Reads: what the documents are built from, and the gate that finds what a name means."""

from collections.abc import Collection, Iterable, Iterator

from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _
from packaging.version import Version

from entrepot import documents, metadata
from entrepot.accounts.models import User
from entrepot.journal import documents as owed
from entrepot.journal.documents import Document
from entrepot.journal.models import Entry
from entrepot.layout import INDEX
from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName, canonical_version, parse_version
from entrepot.projects import history
from entrepot.projects.models import File, Index, Project, Provenance, Release, Role, Status, UsedName, Yank
from entrepot.projects.vulnerabilities import vulnerabilities_of
from entrepot.refusal import Missing


def index_at_root() -> Index:
    """The index that is served at the root of the site."""
    return Index.objects.get(slug=INDEX)


def project_named(index: Index, name: str) -> Project:
    """The project, deleted ones aside. Raises Missing("no-such-project") or Refused("invalid-name")."""
    normalized = ProjectName(name)
    try:
        return index.projects.get(name=normalized, deletion=None)
    except Project.DoesNotExist:
        raise Missing(
            "no-such-project", _("There is no project named '%(name)s'.") % {"name": normalized}, "name"
        ) from None


def visible_projects() -> QuerySet[Project]:
    """The projects that readers see, of every index: all but the deleted and the quarantined."""
    return Project.objects.filter(deletion=None).exclude(status=Status.QUARANTINED)


def release_of(project: Project, version: str) -> Release:
    """The release with an equal version. Raises Missing("no-such-release") or Refused("invalid-version")."""
    canonical = canonical_version(parse_version(version))
    try:
        return project.releases.get(canonical=canonical)
    except Release.DoesNotExist:
        raise no_such_release(project, version) from None


def no_such_release(project: Project, version: str) -> Missing:
    """The refusal where the project has no such release."""
    told = _("%(project)s has no release %(version)s.") % {"project": project.display_name, "version": version}
    return Missing("no-such-release", told, "version")


def release_named(name: str, version: str) -> Release:
    """A release of the index at the root. Raises what `project_named` and `release_of` raise."""
    return release_of(project_named(index_at_root(), name), version)


def projects_of(user: User) -> Iterable[tuple[str, str]]:
    """The display names of the projects in which the user has a role, and the role."""
    return Role.objects.filter(user=user).order_by("project__name").values_list("project__display_name", "name")


def projects_with_role(user: User) -> Iterable[tuple[int, str]]:
    """The ids and display names of the projects in which the user has a role."""
    return Role.objects.filter(user=user).order_by("project__name").values_list("project", "project__display_name")


def role_in(user: User, name: str) -> str | None:
    """What the user is in the project with this normalized name, if anything: "Owner" or "Maintainer"."""
    mine = Role.objects.filter(user=user, project__name=name, project__index__slug=INDEX, project__deletion=None)
    return mine.values_list("name", flat=True).first()


def file_of(release: Release, filename: str) -> File:
    """The file of that name. Raises Missing("no-such-file")."""
    try:
        return release.files.get(filename=filename)
    except File.DoesNotExist:
        raise no_such_file(release, filename) from None


def no_such_file(release: Release, filename: str) -> Missing:
    """The refusal where the release has no such file."""
    told = _("Release %(version)s has no file '%(filename)s'.") % {"version": release.version, "filename": filename}
    return Missing("no-such-file", told, "filename")


def project_detail(project: Project) -> documents.ProjectDetail:
    """The project as readers see it: nothing of it when it is quarantined."""
    releases: Iterable[Release] = []
    if project.status != Status.QUARANTINED:
        releases = sorted(project.releases.all(), key=lambda each: parse_version(each.version))
    files: dict[int, list[File]] = {}
    found = File.objects.filter(release__project=project).defer("metadata")
    for file in sorted(found, key=lambda each: each.filename):  # databases differ in how they order text
        files.setdefault(file.release_id, []).append(file)
    yanks: dict[tuple[int, int | None], Yank] = {
        (yank.release_id, yank.file_id): yank for yank in Yank.objects.filter(release__project=project)
    }
    proven = set(Provenance.objects.filter(project=project).values_list("filename", flat=True))
    return documents.ProjectDetail(
        name=project.normalized,
        display_name=project.display_name,
        status=project.status,
        status_reason=project.status_reason,
        last_serial=last_serial(project),
        roles=tuple(project.roles.order_by("-name", "user__username").values_list("name", "user__username")),
        releases=tuple(_release_detail(release, files.get(release.pk, []), yanks, proven) for release in releases),
    )


def last_serial(project: Project) -> int:
    """The serial of the last change of this project."""
    serial: int = Entry.objects.filter(project=project.pk).aggregate(last=Max("serial"))["last"]
    return serial


def release_serial(project: Project, version: str) -> int:
    """The serial of the last change of this release, or of the project as a whole."""
    entries = Entry.objects.filter(project=project.pk, version__in=["", version])
    serial: int = entries.aggregate(last=Max("serial"))["last"]
    return serial


def _release_detail(
    release: Release, files: Iterable[File], yanks: dict[tuple[int, int | None], Yank], proven: Collection[str]
) -> documents.ReleaseDetail:
    whole = yanks.get((release.pk, None))
    return documents.ReleaseDetail(
        version=release.version,
        canonical=release.canonical,
        yanked=whole is not None,
        yanked_reason=whole.reason if whole else "",
        files=tuple(
            _file_detail(file, whole or yanks.get((release.pk, file.pk)), proven=file.filename in proven)
            for file in files
        ),
    )


def _file_detail(file: File, yank: Yank | None, *, proven: bool) -> documents.FileDetail:
    return documents.FileDetail(
        filename=file.filename,
        kind=file.kind,
        python_tag=file.python_tag,
        size=file.size,
        sha256=file.sha256,
        blake2=file.blake2,
        md5=file.md5,
        metadata_sha256=file.metadata_sha256,
        requires_python=file.requires_python,
        comment=file.comment,
        uploaded_at=file.uploaded_at,
        yanked=yank is not None,
        yanked_reason=yank.reason if yank else "",
        has_provenance=proven,
    )


def provenances(project: Project, canonical: str) -> Iterable[tuple[str, str]]:
    """The files of a release that ever had a provenance object (PEP 740), with it; those that are gone, too."""
    found = Provenance.objects.filter(project=project, version=canonical)
    return found.order_by("pk").values_list("filename", "document")


def release_info(project: Project, release: documents.ReleaseDetail) -> documents.ReleaseInfo:
    """The release with its core metadata and its known vulnerabilities."""
    files = File.objects.filter(release__project=project, release__canonical=release.canonical)
    known = vulnerabilities_of(project.name, release.version)
    return documents.ReleaseInfo(release, metadata_of(files), known)


def metadata_of(files: QuerySet[File]) -> CoreMetadata:
    """What a release with these files says: what the one that was uploaded first does; nothing, where there is none."""
    said = files.order_by("pk").values_list("metadata", flat=True).first()
    return metadata.from_json(said or {"metadata_version": "", "name": "", "version": ""})


def shown_release(detail: documents.ProjectDetail) -> documents.ReleaseDetail | None:
    """The release that stands for the project."""

    def rank(release: documents.ReleaseDetail) -> tuple[bool, bool, Version]:
        return history.rank(parse_version(release.version), yanked=all(file.yanked for file in release.files))

    return max((release for release in detail.releases if release.files), key=rank, default=None)


def project_list(index: Index, *, serial: int) -> documents.ProjectList:
    """All projects of the index that readers see, as of `serial`."""
    last = Entry.objects.filter(project=OuterRef("pk")).order_by("-serial").values("serial")[:1]
    found = visible_projects().filter(index=index).annotate(last_serial=Subquery(last))
    rows = found.values_list("name", "display_name", "last_serial")
    listed = (documents.ListedProject(ProjectName(name), display, last) for name, display, last in sorted(rows))
    return documents.ProjectList(projects=tuple(listed), last_serial=serial)


def is_offered(blake2: str, filename: str) -> bool:
    """Whether some project shows this distribution file."""
    shown = File.objects.filter(blake2=blake2, filename=filename)
    return shown.exclude(release__project__status=Status.QUARANTINED).exists()


def sha256_of_files(index: Index, name: str) -> dict[str, str]:
    """The SHA-256 of each file of a project that may not be there, by filename. Raises Refused("invalid-name")."""
    found = File.objects.filter(release__project__index=index, release__project__name=ProjectName(name))
    return dict(found.values_list("filename", "sha256"))


def files() -> QuerySet[File]:
    """Every distribution file, without its metadata, in the order of upload."""
    return File.objects.defer("metadata").order_by("pk")


def every_document() -> Iterator[Document]:
    """All documents that the database can say anything about, for rebuilding and verifying."""
    for project in Project.objects.order_by("pk").iterator():
        yield owed.project(project.pk)
    for project_id, canonical in Release.objects.order_by("pk").values_list("project_id", "canonical").iterator():
        yield owed.release(project_id, canonical)
    for blake2, filename in _taken_down():
        yield owed.file(blake2, filename)
    for index in Index.objects.order_by("pk"):
        yield owed.project_list(index.pk)


def _taken_down() -> Iterator[tuple[str, str]]:
    offered = File.objects.exclude(release__project__status=Status.QUARANTINED).filter(
        blake2=OuterRef("blake2"), filename=OuterRef("filename")
    )
    rows = UsedName.objects.annotate(held=Subquery(offered.values("pk")[:1])).filter(held=None)
    return rows.order_by("pk").values_list("blake2", "filename").iterator()
