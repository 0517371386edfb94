"""The releases of a project as people see them: which there are, which were, and which one stands for the project."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from django.db.models import Count
from packaging.version import Version

from entrepot.journal.models import Entry
from entrepot.names import parse_version
from entrepot.projects.models import Project, Release, Status, Yank


@dataclass(frozen=True, slots=True)
class Line:
    """A release in the history of a project; `at` is when its first file came, which only `dated` asks for, or when it
    was `deleted`.

    `files` counts those that are there. It is `yanked` when every one of them is, whichever way that was done;
    `yanked_files` counts those that were yanked by themselves.
    """

    pk: int
    version: str
    parsed: Version
    at: datetime | None = None
    files: int = 0
    yanked: bool = False
    reason: str = ""
    yanked_files: int = 0
    deleted: bool = False

    @property
    def prerelease(self) -> bool:
        """Whether it is a pre-release, or one for developers (PEP 440)."""
        return self.parsed.is_prerelease


# A page of a project looks at all its versions, each time the same.
parsed = lru_cache(1 << 14)(parse_version)


def lines_of(project: int) -> list[Line]:
    """All releases of the project with this id, the highest version first. Two queries, however many there are."""
    return lines_by_project([project])[project]


def lines_by_project(projects: Iterable[int]) -> Mapping[int, list[Line]]:
    """The same of several, in the same two queries; an empty list for one that has no releases."""
    projects = list(projects)
    yanks = list(Yank.objects.filter(release__project__in=projects).values_list("release", "file", "reason"))
    whole = {release: reason for release, file, reason in yanks if file is None}
    single = Counter(release for release, file, _reason in yanks if file is not None)
    releases = Release.objects.filter(project__in=projects).annotate(count=Count("files"))
    found: defaultdict[int, list[Line]] = defaultdict(list)
    for project, pk, version, files in releases.values_list("project", "pk", "version", "count"):
        line = Line(
            pk=pk,
            version=version,
            parsed=parsed(version),
            files=files,
            yanked=pk in whole or 0 < files == single[pk],
            reason=whole.get(pk, ""),
            yanked_files=single[pk],
        )
        found[project].append(line)
    for lines in found.values():
        lines.sort(key=attrgetter("parsed"), reverse=True)
    return found


def dated(lines: Iterable[Line]) -> list[Line]:
    """The lines, each with the time of its release."""
    lines = list(lines)
    moments = dict(Release.objects.filter(pk__in=[each.pk for each in lines]).values_list("pk", "created_at"))
    return [replace(each, at=moments.get(each.pk, each.at)) for each in lines]


def rank(version: Version, *, yanked: bool) -> tuple[bool, bool, Version]:
    """Of the releases of a project that have files, the one of the highest rank stands for it: the newest, but rather
    one that is not wholly `yanked`, then rather no pre-release."""
    return not yanked, not version.is_prerelease, version


def shown(lines: Iterable[Line]) -> Line | None:
    """The one that stands for the project; None when no release has files."""
    with_files = [each for each in lines if each.files]
    return max(with_files, key=lambda each: rank(each.parsed, yanked=each.yanked), default=None)


def shown_of(project: Project) -> Line | None:
    """The release that stands for the project, in two queries; none does while it is quarantined."""
    return None if project.status == Status.QUARANTINED else shown(lines_of(project.pk))


def deleted_of(project: int, present: Iterable[Line]) -> list[Line]:
    """The releases that were deleted and did not come back, the last deleted first."""
    versions = {each.parsed for each in present}
    entries = Entry.objects.filter(project=project, action="remove release").order_by("-serial")
    return [
        Line(pk=0, version=version, parsed=parsed(version), at=at, deleted=True)
        for version, at in entries.values_list("version", "at")
        if parsed(version) not in versions
    ]


def with_deleted(present: Sequence[Line], deleted: Iterable[Line]) -> list[Line]:
    """All of them, the highest version first; what was deleted more than once is told once."""
    last = {each.version: each for each in reversed(list(deleted))}
    return sorted([*present, *last.values()], key=attrgetter("parsed"), reverse=True)
