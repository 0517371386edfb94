"""The releases of a project as people see them: which there are, which were, and which one stands for the project."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from packaging.version import Version

from entrepot.journal.models import Entry
from entrepot.names import canonical_version, parse_version
from entrepot.projects.models import File, Release, Yank


@dataclass(frozen=True, slots=True)
class Line:
    """A release in the history of a project; `at` is when its first file came, or when it was `deleted`.

    `files` counts those that are there. It is `yanked` when every one of them is, whichever way that was done;
    `yanked_files` counts those that were yanked by themselves.
    """

    pk: int
    version: str
    at: datetime
    files: int = 0
    yanked: bool = False
    reason: str = ""
    yanked_files: int = 0
    deleted: bool = False

    @property
    def parsed(self) -> Version:
        """The version, which compares as versions do."""
        return parse_version(self.version)

    @property
    def prerelease(self) -> bool:
        """Whether it is a pre-release, or one for developers (PEP 440)."""
        return self.parsed.is_prerelease


def lines_of(project: int) -> list[Line]:
    """All releases of the project with this id, the highest version first. Three queries, however many there are."""
    counted = File.objects.filter(release__project=project).values("release").annotate(files=Count("pk"))
    files: dict[int, int] = dict(counted.values_list("release", "files"))
    yanks = list(Yank.objects.filter(release__project=project).values_list("release", "file", "reason"))
    whole = {release: reason for release, file, reason in yanks if file is None}
    single = Counter(release for release, file, _reason in yanks if file is not None)
    releases = Release.objects.filter(project=project)
    lines = [
        Line(
            pk=pk,
            version=version,
            at=at,
            files=files.get(pk, 0),
            yanked=pk in whole or 0 < files.get(pk, 0) == single[pk],
            reason=whole.get(pk, ""),
            yanked_files=single[pk],
        )
        for pk, version, at in releases.values_list("pk", "version", "created_at")
    ]
    return sorted(lines, key=lambda each: each.parsed, reverse=True)


def shown(lines: Iterable[Line]) -> Line | None:
    """The one that stands for the project: the newest, rather not yanked, then rather not a pre-release."""
    with_files = [each for each in lines if each.files]
    return max(with_files, key=lambda each: (not each.yanked, not each.prerelease, each.parsed), default=None)


def deleted_of(project: int, present: Iterable[Line]) -> list[Line]:
    """The releases that were deleted and did not come back, the last deleted first."""
    versions = {canonical_version(each.parsed) for each in present}
    entries = Entry.objects.filter(project=project, action="remove release").order_by("-serial")
    return [
        Line(pk=0, version=version, at=at, deleted=True)
        for version, at in entries.values_list("version", "at")
        if canonical_version(parse_version(version)) not in versions
    ]


def with_deleted(present: Sequence[Line], deleted: Iterable[Line]) -> list[Line]:
    """All of them, the highest version first; what was deleted more than once is told once."""
    last = {each.version: each for each in reversed(list(deleted))}
    return sorted([*present, *last.values()], key=lambda each: each.parsed, reverse=True)
