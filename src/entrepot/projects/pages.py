"""Reads for the pages about projects that everybody may see. How many queries each takes does not depend on sizes.

The metadata of a file is large: it is read for the file that speaks for a release, and of the others only what they
require, once for each metadata that differs.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from entrepot import layout
from entrepot.comparing import meaning
from entrepot.documents import Vulnerability
from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName, parse_version
from entrepot.projects import dependents, history
from entrepot.projects.descriptions import ShownDescription, description_of
from entrepot.projects.history import Line
from entrepot.projects.models import File, Project, Role, Status, Yank
from entrepot.projects.queries import metadata_of, visible_projects
from entrepot.projects.requirements import SHOWN, Group, grouped
from entrepot.projects.vulnerabilities import vulnerabilities_of

RECENT = 10  # releases that the page of a project, or of a release, lists
FILES = 100  # of a release, on one page
DIFFERENT = 20  # metadata of one release that are compared


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A distribution file as people see it: `by` is a user name, empty when nobody is to be named.

    `size` is in bytes, `path` that of its URL. `by_token` says that a program uploaded it; `metadata_path` is empty
    when there is no sidecar. `differs` when it does not require what the first file of the release does.
    """

    filename: str
    kind: str
    size: int
    sha256: str
    blake2: str
    md5: str
    requires_python: str
    comment: str
    uploaded_at: datetime
    by: str
    by_token: bool
    yanked: bool
    reason: str
    path: str
    metadata_path: str
    requires_dist: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Files:
    """Some of the files of a release, by name; `page` of `pages`, counted from 1."""

    shown: tuple[ShownFile, ...]
    page: int
    pages: int

    @property
    def differ(self) -> bool:
        """Whether some of them require something else than the file that speaks for the release."""
        return any(each.differs for each in self.shown)


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a project as a whole; `deleted_at` is None while it is there, `mirror` where it follows none."""

    pk: int
    name: str
    display_name: str
    status: str
    status_reason: str
    deleted_at: datetime | None
    mirror: str | None

    @property
    def is_quarantined(self) -> bool:
        """Whether nothing of it is to be shown."""
        return self.status == Status.QUARANTINED


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """A release of a project, with what is known of both. `lines` are all releases, the highest version first; only
    those in `recent`, the first ten, and `line` itself say when they came.

    `latest` stands for the project; `newest` is a pre-release that is newer than both. `known` are the names, of those
    that it depends on, which this index has.
    """

    project: Head
    lines: Sequence[Line]
    recent: Sequence[Line]
    line: Line
    latest: Line
    newest: Line | None
    metadata: CoreMetadata
    description: ShownDescription
    files: Files
    people: tuple[tuple[str, str], ...]  # role, user name
    groups: tuple[Group, ...]
    known: frozenset[str]
    dependents: int
    vulnerabilities: tuple[Vulnerability, ...]

    @property
    def before(self) -> Line | None:
        """The release before this one."""
        return next((each for each in self.lines if each.files and each.parsed < self.line.parsed), None)

    @property
    def is_latest(self) -> bool:
        """Whether it is the release that stands for the project."""
        return self.line.pk == self.latest.pk


def head_of(name: ProjectName) -> Head | None:
    """The project, even when it is quarantined or was deleted; None when there never was one."""
    columns = ("pk", "name", "display_name", "status", "status_reason", "deletion__at", "mirrored__mirror")
    row = Project.objects.filter(index__slug=layout.INDEX, name=name).values_list(*columns).first()
    return None if row is None else Head(*row)


def people_of(project: int) -> tuple[tuple[str, str], ...]:
    """Roles and user names, owners first."""
    roles = Role.objects.filter(project=project).order_by("-name", "user__username")
    return tuple(roles.values_list("name", "user__username"))


def line_of(lines: Iterable[Line], version: str) -> Line | None:
    """The release of an equal version. Raises Refused("invalid-version")."""
    wanted = parse_version(version)
    return next((each for each in lines if each.parsed == wanted), None)


def release_page(project: Head, lines: Sequence[Line], line: Line, *, page: int) -> ReleasePage:
    """Everything about one release, and the `page` of its files that was asked for."""
    latest = history.shown(lines) or line
    higher = max(latest.parsed, line.parsed)
    newer = (each for each in lines if each.files and not each.yanked and each.parsed > higher)
    about = metadata_of(File.objects.filter(release=line.pk))
    dated, *recent = history.dated([line, *lines[:RECENT]])
    groups = grouped(about.requires_dist, about.provides_extra)
    names = {each.name for group in groups for each in group.needed}
    return ReleasePage(
        project=project,
        lines=lines,
        recent=recent,
        line=dated,
        latest=latest,
        newest=next(newer, None),
        metadata=about,
        description=description_of(line.pk) if line.files else ShownDescription(),
        files=_files(line, about, page),
        people=people_of(project.pk),
        groups=groups,
        known=_known(names),
        dependents=dependents.count(project.pk, project.name),
        vulnerabilities=vulnerabilities_of(project.name, line.version),
    )


def near(name: str) -> list[str]:
    """The display names of a few projects whose names are nearly this one, which no project has."""
    candidates = {*_one_edit_from(name), f"python-{name}", f"py{name}", name.removeprefix("python-")} - {name}
    found = _visible(candidates).order_by("name")
    return list(found.values_list("display_name", flat=True)[:5])


def _one_edit_from(name: str) -> Iterable[str]:
    """All names that come of one wrong, missing, superfluous or swapped letter in the first thirty."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
    for at in range(min(len(name), 30) + 1):
        start, rest = name[:at], name[at:]
        yield start + rest[1:]
        yield start + rest[1:2] + rest[:1] + rest[2:]
        for letter in letters:
            yield start + letter + rest
            yield start + letter + rest[1:]


def _known(names: Iterable[str]) -> frozenset[str]:
    return frozenset(_visible(names).values_list("name", flat=True))


def _visible(names: Iterable[str]) -> QuerySet[Project]:
    return visible_projects().filter(index__slug=layout.INDEX, name__in=names)


def _files(line: Line, first: CoreMetadata, page: int) -> Files:
    pages = max(1, -(-line.files // FILES))
    page = min(max(page, 1), pages)
    found = File.objects.filter(release=line.pk).defer("metadata").select_related("uploaded_by").order_by("filename")
    rows = list(found[(page - 1) * FILES : page * FILES])
    yanks = dict(Yank.objects.filter(release=line.pk, file__in=rows).values_list("file", "reason"))
    required = _required(rows)
    spelled = {key: lines for key, lines in required.items() if lines != first.requires_dist}
    others = {key for key, lines in spelled.items() if _needs(lines) != _needs(first.requires_dist)}
    shown = (_file(row, line, yanks, required.get(_said_by(row)), first, others) for row in rows)
    return Files(tuple(shown), page, pages)


def _said_by(file: File) -> str:
    """The same for files that say the same: the digest of the metadata; an sdist has none, and says its own."""
    return file.metadata_sha256 or file.filename


def _required(files: Iterable[File]) -> dict[str, tuple[str, ...]]:
    """What is required, by what `_said_by` gives, of a few that differ."""
    keys = {_said_by(each): each.pk for each in files}
    by_pk = {pk: key for key, pk in list(keys.items())[:DIFFERENT]}
    rows = File.objects.filter(pk__in=by_pk).values_list("pk", "metadata__requires_dist")
    return {by_pk[pk]: tuple(lines or ()) for pk, lines in rows}


def _needs(requirements: Sequence[str]) -> set[Hashable]:
    """What those of them ask for that are told."""
    return set(map(meaning, requirements[:SHOWN]))


def _file(
    row: File,
    line: Line,
    yanks: dict[int, str],
    required: tuple[str, ...] | None,
    first: CoreMetadata,
    others: Collection[str],
) -> ShownFile:
    wanted = first.requires_dist if required is None else required
    user = row.uploaded_by
    return ShownFile(
        filename=row.filename,
        kind=row.kind,
        size=row.size,
        sha256=row.sha256,
        blake2=row.blake2,
        md5=row.md5,
        requires_python=row.requires_python,
        comment=row.comment,
        uploaded_at=row.uploaded_at,
        by=user.username if user is not None and user.is_active else "",
        by_token=row.uploaded_with is not None,
        yanked=row.pk in yanks or line.yanked,
        reason=yanks.get(row.pk, line.reason),
        path=layout.package(row.blake2, row.filename).path,
        metadata_path=layout.sidecar(row.blake2, row.filename).path if row.metadata_sha256 else "",
        requires_dist=wanted,
        differs=row.requires_python != first.requires_python or _said_by(row) in others,
    )
