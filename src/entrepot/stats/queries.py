"""What is known of downloads. How many queries each answer takes does not depend on sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Model, QuerySet, Sum
from django.utils.translation import gettext as _

from entrepot.layout import INDEX
from entrepot.names import ProjectName
from entrepot.projects.models import File, Project, Release
from entrepot.projects.queries import visible_projects
from entrepot.refusal import Missing
from entrepot.stats.keeping import PERIODS
from entrepot.stats.models import FileDay, Month, ProjectDay, Standing, Use

FILES = 500  # that are told one by one, those fetched most
NUMBERS = ("direct", "mirrors", "others")


@dataclass(frozen=True, slots=True)
class Count:
    """Downloads by installers, by mirrors, and by all others: browsers, crawlers, and what nobody knows."""

    installers: int = 0
    mirrors: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Recent:
    """Downloads by installers; today, which is not over, is one of the days."""

    day: int
    week: int
    month: int


@dataclass(frozen=True, slots=True)
class OfFile:
    """The downloads of a file."""

    filename: str
    version: str
    count: Count


@dataclass(frozen=True, slots=True)
class Downloads:
    """The downloads of a project in the last `days`; `ever` are those of all time.

    `months` are before the days that are kept, by their first day. What installers said is by dimension, then value.
    """

    name: str
    days: int
    recent: Recent
    total: Count
    ever: Count
    by_day: Sequence[tuple[date, Count]]
    by_month: Sequence[tuple[date, Count]]
    by_version: Sequence[tuple[str, Count]]
    by_file: Sequence[OfFile]
    uses: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """A project in a list, with what it is there for: downloads, or bytes."""

    name: str
    display_name: str
    amount: int


@dataclass(frozen=True, slots=True)
class Top:
    """The first projects of a list, and the sum over all of them and the rest."""

    whole: int
    places: Sequence[Place]


def project_shown(name: str) -> Project:
    """The project, if readers see it. Raises Missing("no-such-project") or Refused("invalid-name")."""
    normalized = ProjectName(name)
    found = visible_projects().filter(index__slug=INDEX, name=normalized).first()
    if found is None:
        told = _("There is no project named '%(name)s'.") % {"name": normalized}
        raise Missing("no-such-project", told, "name")
    return found


def recent(project: int, *, today: date) -> Recent:
    """The numbers of the project with this id."""
    first = today - timedelta(days=max(PERIODS.values()) - 1)
    rows = dict(ProjectDay.objects.filter(project=project, day__gte=first).values_list("day", "direct"))
    return Recent(*(_since(rows, today, days) for days in PERIODS.values()))


def downloads_of(project: Project, *, days: int, today: date) -> Downloads:
    """All that is told of a project."""
    first = today - timedelta(days=days - 1)
    of_days = {day: Count(*numbers) for day, *numbers in _rows(ProjectDay, project).values_list("day", *NUMBERS)}
    months = {month: Count(*numbers) for month, *numbers in _summed(_rows(Month, project), "month")}
    shown = {day: count for day, count in of_days.items() if day >= first}
    since = _rows(FileDay, project).filter(day__gte=first)
    versions = dict(Release.objects.filter(project=project).values_list("pk", "version"))
    by_release = [(versions[pk], Count(*numbers)) for pk, *numbers in _summed(since, "release") if pk in versions]
    return Downloads(
        name=project.display_name,
        days=days,
        recent=recent(project.pk, today=today),
        total=_together(shown.values()),
        ever=_together([*of_days.values(), *months.values()]),
        by_day=sorted(shown.items()),
        by_month=sorted(months.items()),
        by_version=_most_first(by_release),
        by_file=_files(since),
        uses=_uses(_rows(Use, project).filter(day__gte=first)),
    )


def top() -> Mapping[str, Top]:
    """The lists, as they were worked out last: "day", "week", "month" by downloads, "size" by bytes."""
    rows = list(Standing.objects.order_by("list", "rank").values_list("list", "rank", "project", "amount"))
    pks = [project for _list, _rank, project, _amount in rows if project is not None]
    names = {pk: (name, shown) for pk, name, shown in _named(pks)}
    found: dict[str, Top] = {}
    for each in Standing.List:
        mine = [(project, amount) for listed, _rank, project, amount in rows if listed == each]
        places = [Place(*names[project], amount) for project, amount in mine if project in names]
        whole = sum(amount for project, amount in mine if project is None)
        found[each.value] = Top(whole, places)
    return found


def _named(pks: Iterable[int]) -> Iterable[tuple[int, str, str]]:
    return visible_projects().filter(pk__in=pks).values_list("pk", "name", "display_name")


def _since(rows: Mapping[date, int], today: date, days: int) -> int:
    return sum(count for day, count in rows.items() if day > today - timedelta(days=days))


def _rows(model: type[Model], project: Project) -> QuerySet[Any]:
    return model._default_manager.filter(project=project.pk)  # noqa: SLF001 - Django's own name for it


def _summed(rows: QuerySet[Any], by: str) -> Iterable[tuple[Any, ...]]:
    sums = {f"all_{each}": Sum(each) for each in NUMBERS}
    summed: Iterable[tuple[Any, ...]] = rows.values(by).annotate(**sums).values_list(by, *sums)
    return summed


def _together(counts: Iterable[Count]) -> Count:
    all_of_them = list(counts)
    return Count(
        sum(each.installers for each in all_of_them),
        sum(each.mirrors for each in all_of_them),
        sum(each.others for each in all_of_them),
    )


def _most_first(named: Iterable[tuple[str, Count]]) -> Sequence[tuple[str, Count]]:
    return sorted(named, key=lambda each: (-each[1].installers, each[0]))


def _files(since: QuerySet[Any]) -> Sequence[OfFile]:
    """Those that are still there, of the ones fetched most."""
    sums = {f"all_{each}": Sum(each) for each in NUMBERS}
    found = since.values("file").annotate(**sums).order_by("-all_direct", "file").values_list("file", *sums)[:FILES]
    counts = {pk: Count(*numbers) for pk, *numbers in found}
    rows = File.objects.filter(pk__in=counts).values_list("pk", "filename", "release__version")
    named = {pk: (filename, version) for pk, filename, version in rows}
    return [OfFile(*named[pk], count) for pk, count in counts.items() if pk in named]


def _uses(rows: QuerySet[Any]) -> Mapping[str, Mapping[str, int]]:
    counted = rows.values("dimension", "value").annotate(all=Sum("count")).order_by("-all", "value")
    found: dict[str, dict[str, int]] = {each.value: {} for each in Use.Dimension}
    for dimension, value, count in counted.values_list("dimension", "value", "all"):
        found[dimension][value] = count
    return found
