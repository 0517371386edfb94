"""How often a project was fetched: for everybody, without a token, and kept by caches for a while."""

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema

from entrepot.api.manage.access import Name
from entrepot.names import ProjectName
from entrepot.stats import queries
from entrepot.stats.keeping import KEPT
from entrepot.stats.queries import Count

router = Router()

FRESH = "public, max-age=300"
KEPT_IN_FRONT = "max-age=3600, stale-while-revalidate=86400, stale-if-error=86400"

Days = Annotated[int, Query(ge=1, le=KEPT.days, description="today, in UTC, is the last of them")]


class CountShown(Schema):
    """Downloads by installers; by mirrors; by browsers, crawlers and what nobody knows."""

    installers: int
    mirrors: int
    others: int


class RecentShown(Schema):
    """Downloads by installers, today's among them: of 1, 7 and 30 days."""

    last_day: int
    last_week: int
    last_month: int


class DayShown(CountShown):
    """A day, in UTC, without which nothing was fetched."""

    day: date


class MonthShown(CountShown):
    """A month, by its first day."""

    month: date


class VersionShown(CountShown):
    """A release."""

    version: str


class FileDownloads(VersionShown):
    """A distribution file."""

    filename: str


class DownloadsShown(Schema):
    """What was fetched of a project in the last `days`; `ever` and `by_month` are of all time before and since.

    What installers said of themselves: themselves, their version, the Python they install for, the system. An empty
    name stands for those that did not say.
    """

    name: str
    days: int
    recent: RecentShown
    total: CountShown
    ever: CountShown
    by_day: list[DayShown]
    by_month: list[MonthShown]
    by_version: list[VersionShown]
    by_file: list[FileDownloads]
    by_installer: dict[str, int]
    by_installer_version: dict[str, int]
    by_python: dict[str, int]
    by_system: dict[str, int]


@router.get("/projects/{name}/downloads", auth=None, response=DownloadsShown, url_name="project_downloads")
def downloads(request: HttpRequest, response: HttpResponse, name: Name, days: Days = 30) -> DownloadsShown:  # noqa: ARG001 - ninja's signature
    """How often a project was fetched, and by what. Needs no token."""
    found = queries.downloads_of(queries.project_shown(name), days=days, today=timezone.now().date())
    response["Cache-Control"] = FRESH
    response["Surrogate-Control"] = KEPT_IN_FRONT
    response["Surrogate-Key"] = f"project/{ProjectName(name)}"
    return DownloadsShown(
        name=found.name,
        days=found.days,
        recent=RecentShown(last_day=found.recent.day, last_week=found.recent.week, last_month=found.recent.month),
        total=_count(found.total),
        ever=_count(found.ever),
        by_day=[DayShown(day=day, **_numbers(count)) for day, count in found.by_day],
        by_month=[MonthShown(month=month, **_numbers(count)) for month, count in found.by_month],
        by_version=[VersionShown(version=version, **_numbers(count)) for version, count in found.by_version],
        by_file=[
            FileDownloads(filename=each.filename, version=each.version, **_numbers(each.count))
            for each in found.by_file
        ],
        by_installer=dict(found.uses["installer"]),
        by_installer_version=dict(found.uses["version"]),
        by_python=dict(found.uses["python"]),
        by_system=dict(found.uses["system"]),
    )


def _count(count: Count) -> CountShown:
    return CountShown(**_numbers(count))


def _numbers(count: Count) -> dict[str, int]:
    return {"installers": count.installers, "mirrors": count.mirrors, "others": count.others}
