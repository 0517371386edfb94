"""What mirrors of an older time follow: changes as the journal has them, up to the serial that is published."""

from collections.abc import Mapping, Sequence

from django.db.models import OuterRef, QuerySet, Subquery

from entrepot.journal import log
from entrepot.journal.models import Entry
from entrepot.projects.models import Project, Role
from entrepot.projects.queries import index_at_root, visible_projects

AT_ONCE = 50_000  # changes

Change = tuple[str, str | None, int, str, int]


def last_serial() -> int:
    """The serial up to which everything is published."""
    return log.published()


def changes(since: int) -> Sequence[Change]:
    """The first changes after that serial: project, version if any, seconds since 1970, what was done, and the serial.

    What concerns no project is left out, and so is what caches and the store may not show yet. Who has got AT_ONCE
    asks for more.
    """
    rows = Entry.objects.filter(serial__gt=since, serial__lte=log.published()).exclude(project=0).order_by("serial")
    told = rows.values_list("name", "version", "at", "action", "serial")[:AT_ONCE]
    return [(name, version or None, int(at.timestamp()), action, serial) for name, version, at, action, serial in told]


def serials() -> Mapping[str, int]:
    """The projects that readers see, by display name, each with the serial of its last change that is published."""
    shown = Entry.objects.filter(project=OuterRef("pk"), serial__lte=log.published())
    last = Subquery(shown.order_by("-serial").values("serial")[:1])
    return dict(_projects().annotate(last=last).exclude(last=None).values_list("display_name", "last"))


def roles_in(name: str) -> Sequence[tuple[str, str]]:
    """Who looks after the project with this normalized name: role and user, owners first."""
    mine = Role.objects.filter(project__in=_projects().filter(name=name)).order_by("-name", "user__username")
    return list(mine.values_list("name", "user__username"))


def roles_of(user: str) -> Sequence[tuple[str, str]]:
    """What the user with this name looks after: role and display name of each project."""
    mine = Role.objects.filter(user__username__iexact=user, project__in=_projects()).order_by("project__name")
    return list(mine.values_list("name", "project__display_name"))


def _projects() -> QuerySet[Project]:
    return visible_projects().filter(index=index_at_root())
