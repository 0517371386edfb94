"""What is new, for feeds and the front page, and what there is, for search engines.

Rows are taken from the end of a table by its key, so the newest hundred cost the same among millions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT

from entrepot.journal.models import Entry
from entrepot.projects.models import File, Project, Release, Status
from entrepot.projects.queries import index_at_root, project_named, visible_projects

BUCKET = 10_000  # projects, by id, of which a sitemap tells together


@dataclass(frozen=True, slots=True)
class News:
    """A project, or a release of it, that is new since `at`; `version` is empty for a project as a whole.

    `name` is normalized, `title` as its people write it; `summary` is what the metadata of a file says, or empty.
    """

    name: str
    title: str
    version: str
    summary: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """A project in a sitemap, and when it was last changed."""

    name: str
    changed_at: datetime


def newest_projects(limit: int) -> Sequence[News]:
    """The projects that were made last, the newest first, with the summary of their first file."""
    rows = _listed().order_by("-pk").annotate(summary=first_summary(release__project=OuterRef("pk")))
    found = rows.values_list("name", "display_name", "summary", "created_at")[:limit]
    return [News(name, title, "", summary or "", at) for name, title, summary, at in found]


def newest_releases(limit: int) -> Sequence[News]:
    """The releases of all projects that were made last, the newest first."""
    listed = Exists(_listed().filter(pk=OuterRef("project")))
    return _told(_with_files().filter(listed).order_by("-pk"), limit)


def releases_of(name: str, limit: int) -> tuple[str, Sequence[News]]:
    """How a project is written, and its newest releases; none while it is quarantined.

    Raises what `project_named` raises.
    """
    project = project_named(index_at_root(), name)
    found = _with_files().filter(project=project).exclude(project__status=Status.QUARANTINED)
    return project.display_name, _told(found.order_by("-created_at", "-pk"), limit)


def _listed() -> QuerySet[Project]:
    return visible_projects().filter(index=index_at_root())


def _with_files() -> QuerySet[Release]:
    return Release.objects.filter(Exists(File.objects.filter(release=OuterRef("pk"))))


def first_summary(**of: OuterRef) -> Subquery:
    """The summary in the metadata of the file that was uploaded first; null where there is none."""
    return Subquery(File.objects.filter(**of).order_by("pk").values(said=KT("metadata__summary"))[:1])


def _told(releases: QuerySet[Release], limit: int) -> Sequence[News]:
    rows = releases.annotate(summary=first_summary(release=OuterRef("pk"))).values_list(
        "project__name", "project__display_name", "version", "summary", "created_at"
    )
    return [News(name, title, version, summary or "", at) for name, title, version, summary, at in rows[:limit]]


def buckets() -> int:
    """How many buckets of BUCKET ids there are; a project stays in its own for ever."""
    last = _listed().order_by("-pk").values_list("pk", flat=True).first() or 0
    return -(-last // BUCKET)


def bucket(number: int) -> Sequence[Listed]:
    """The projects of a bucket, counted from 1, in the order of their ids."""
    last = Entry.objects.filter(project=OuterRef("pk")).order_by("-serial").values("at")[:1]
    ids = (number - 1) * BUCKET + 1, number * BUCKET
    rows = _listed().filter(pk__range=ids).order_by("pk").annotate(changed=Subquery(last))
    return [Listed(*row) for row in rows.values_list("name", "changed")]
