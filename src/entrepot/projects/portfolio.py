"""The projects of a person, as everybody may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef

from entrepot.accounts.models import User
from entrepot.projects import history
from entrepot.projects.models import Release, Role, Status
from entrepot.projects.news import first_summary


@dataclass(frozen=True, slots=True)
class Held:
    """A project in which somebody has a role, by the release that stands for it; there is none where it has no files.

    `name` is normalized, `title` as its people write it.
    """

    name: str
    title: str
    role: str
    status: str
    version: str
    summary: str
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Some of the projects of a person, by name, and how many there are in all."""

    held: Sequence[Held]
    total: int


def portfolio_of(user: User, *, start: int, limit: int) -> Portfolio:
    """So many of the user's projects, but for quarantined ones, from the one numbered `start` (from 0) on."""
    roles = Role.objects.filter(user=user).exclude(project__status=Status.QUARANTINED)
    found = list(roles.select_related("project").order_by("project__name")[start : start + limit])
    lines = history.lines_by_project(each.project_id for each in found).values()
    releases = Release.objects.filter(pk__in=[each.pk for each in map(history.shown, lines) if each is not None])
    rows = releases.annotate(summary=first_summary(release=OuterRef("pk")))
    shown = {pk: about for pk, *about in rows.values_list("project", "version", "summary", "created_at")}
    return Portfolio([_held(each, *shown.get(each.project_id, ())) for each in found], roles.count())


def _held(role: Role, version: str = "", summary: str | None = None, at: datetime | None = None) -> Held:
    project = role.project
    return Held(project.name, project.display_name, role.name, project.status, version, summary or "", at)
