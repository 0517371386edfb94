"""How many projects, releases, files and people there are, told at once however many they are.

Counting millions of rows takes seconds. So `followers` has each project that was changed counted anew, and the sum is
kept beside. People change without the journal: they are counted now and then, by each process.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import transaction
from django.db.models import Count

from entrepot.accounts.models import User
from entrepot.projects.models import Counted, Total
from entrepot.projects.queries import visible_projects

ONLY = 1  # the row of `Total`
FRESH = 5 * 60  # seconds for which a number of people counts


@dataclass(frozen=True, slots=True)
class Totals:
    """What readers see, as of the last change that was counted; `people` are accounts that are open."""

    projects: int
    releases: int
    files: int
    people: int


def totals() -> Totals:
    """How much there is."""
    total = Total.objects.filter(pk=ONLY).first() or Total()
    return Totals(total.projects, total.releases, total.files, _people(int(time.monotonic() / FRESH)))


@lru_cache(maxsize=1)
def _people(_while: int) -> int:
    return User.objects.filter(is_active=True).count()


@transaction.atomic
def recount(projects: Sequence[int]) -> None:
    """Count what readers see of the projects with these ids. Doing so twice, or two at a time, changes nothing."""
    Total.objects.get_or_create(pk=ONLY)
    total = Total.objects.select_for_update().get(pk=ONLY)  # before anything is counted: the next one sees this
    before = Counted.objects.filter(project__in=projects)
    now = [
        Counted(project_id=project, releases=releases, files=files)
        for project, releases, files in visible_projects()
        .filter(pk__in=projects)
        .annotate(all_releases=Count("releases", distinct=True), all_files=Count("releases__files"))
        .values_list("pk", "all_releases", "all_files")
    ]
    for sign, rows in ((-1, list(before)), (1, now)):
        total.projects += sign * len(rows)
        total.releases += sign * sum(each.releases for each in rows)
        total.files += sign * sum(each.files for each in rows)
    before.delete()
    Counted.objects.bulk_create(now)
    total.save()
