"""What is old becomes less, and what is asked often is worked out beforehand."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from django.db import connection, transaction
from django.db.models import Sum

from entrepot.projects.models import File
from entrepot.projects.queries import visible_projects
from entrepot.stats import adding
from entrepot.stats.models import FileDay, ProjectDay, Standing, Taken, Use

KEPT = timedelta(days=180)  # for which days are told one by one; after that it is months, for ever
PLACES = 100  # of each list
PERIODS = {Standing.List.DAY: 1, Standing.List.WEEK: 7, Standing.List.MONTH: 30}  # days, today being one of them


def fold(*, today: date) -> Iterator[date]:
    """Add the days that are too old to their months, each in one transaction; and forget logs that were taken then."""
    Taken.objects.filter(forgotten_on__lt=today).delete()
    too_old = FileDay.objects.filter(day__lt=today - KEPT).order_by("day").values_list("day", flat=True)
    while (day := too_old.first()) is not None:
        _fold_day(day)
        yield day


@transaction.atomic
def _fold_day(day: date) -> None:
    adapt = connection.ops.adapt_datefield_value
    month = adapt(day.replace(day=1))
    with connection.cursor() as cursor:
        cursor.execute(adding.FROM_FILES, [adapt(day)])
        rows = sorted((project, month, release, *numbers) for project, release, *numbers in cursor.fetchall())
        cursor.executemany(adding.TO_MONTHS, rows)
    for model in (ProjectDay, Use):
        model.objects.filter(day=day).delete()


def rank(*, today: date) -> None:
    """Work out which projects are at the top. What is not to be seen is in no list."""
    places: list[Standing] = []
    for named, days in PERIODS.items():
        since = ProjectDay.objects.filter(day__gt=today - timedelta(days=days), direct__gt=0)
        since = since.filter(project__in=visible_projects().values("pk"))
        whole = since.aggregate(whole=Sum("direct"))["whole"] or 0
        top = since.values("project").annotate(amount=Sum("direct")).order_by("-amount", "project")
        places += _places(named, whole, top.values_list("project", "amount")[:PLACES])
    files = File.objects.filter(release__project__in=visible_projects().values("pk"))
    whole = files.aggregate(whole=Sum("size"))["whole"] or 0
    largest = files.values("release__project").annotate(amount=Sum("size")).order_by("-amount", "release__project")
    places += _places(Standing.List.SIZE, whole, largest.values_list("release__project", "amount")[:PLACES])
    with transaction.atomic():
        Standing.objects.all().delete()
        Standing.objects.bulk_create(places)


def _places(named: Standing.List, whole: int, top: Iterable[tuple[int, int]]) -> Iterator[Standing]:
    yield Standing(list=named, rank=0, project=None, amount=whole)
    for number, (project, amount) in enumerate(top, 1):
        yield Standing(list=named, rank=number, project=project, amount=amount)
