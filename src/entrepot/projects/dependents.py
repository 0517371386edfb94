"""Who depends on what: kept for the release that stands for each project, and asked in the other direction."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import Truncator

from entrepot.layout import INDEX
from entrepot.names import NAME_LIMIT
from entrepot.projects import history
from entrepot.projects.models import Dependency, File, Project
from entrepot.projects.requirements import Needed, needed

AT_ONCE = 50  # dependents on a page
LINES = 3  # of the metadata of one dependent, which strangers write
LINE_LIMIT = 200  # characters of one


@dataclass(frozen=True, slots=True)
class Dependent:
    """A project that depends on another one, and how: some of the lines of its metadata that say so."""

    name: str
    display_name: str
    requirements: tuple[str, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class Dependents:
    """Some of the dependents of a project, by name, of `total`; `page` of `pages`, counted from 1."""

    total: int
    shown: tuple[Dependent, ...]
    page: int
    pages: int


def count(project: int, name: str) -> int:
    """How many other projects depend on the one with this id and normalized name."""
    return _on(project, name).count()


def dependents(project: int, name: str, *, page: int) -> Dependents:
    """The dependents of a project, 50 at a time; a page that does not exist is the nearest that does."""
    columns = ("project__name", "project__display_name", "requirements", "optional")
    found = Paginator(_on(project, name).order_by("project__name").values_list(*columns), AT_ONCE)
    rows = found.get_page(page)
    shown = tuple(Dependent(name, display, tuple(lines), optional) for name, display, lines, optional in rows)
    return Dependents(found.count, shown, rows.number, found.num_pages)


def _on(project: int, name: str) -> QuerySet[Dependency]:
    """A project that names an extra of its own depends on itself, which is no news."""
    return Dependency.objects.filter(name=name, project__index__slug=INDEX).exclude(project=project)


def note(project_id: int) -> None:
    """Keep what the project depends on now: nothing, when it is quarantined or deleted.

    The project is locked, so that nobody who has read an older state writes it afterwards.
    """
    with transaction.atomic():
        project = Project.objects.select_for_update().filter(pk=project_id).first()
        if project is None:
            return
        wanted = _wanted(project)
        present = {each.name: each for each in project.dependencies.all()}
        if {name: (each.requirements, each.optional) for name, each in present.items()} == wanted:
            return
        project.dependencies.all().delete()
        Dependency.objects.bulk_create(
            Dependency(project=project, name=name, requirements=lines, optional=optional)
            for name, (lines, optional) in wanted.items()
        )


def _wanted(project: Project) -> dict[str, tuple[list[str], bool]]:
    release = history.shown_of(project)
    if release is None:
        return {}
    first = File.objects.filter(release=release.pk).order_by("pk")[:1]
    (lines,) = first.values_list("metadata__requires_dist", flat=True)
    by_name: dict[str, list[tuple[str, Needed]]] = {}
    for line in lines or ():
        each = needed(line)
        if len(each.name) <= NAME_LIMIT:  # no project has a longer one
            by_name.setdefault(each.name, []).append((line, each))
    return {name: _summed(told) for name, told in by_name.items()}


def _summed(told: Sequence[tuple[str, Needed]]) -> tuple[list[str], bool]:
    lines = [Truncator(line).chars(LINE_LIMIT) for line, _needed in told[:LINES]]
    return lines, all(each.extras for _line, each in told)
