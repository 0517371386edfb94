"""Reads about those who work on projects: roles, invitations, the tokens that act on a project, and its record."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from entrepot.accounts.actor import Actor
from entrepot.accounts.models import Event, Token, User
from entrepot.accounts.queries import as_seen_by, newest, token_names_among
from entrepot.accounts.tokens import Permission
from entrepot.journal.models import Entry
from entrepot.projects.models import Invitation, Project, Role


@dataclass(frozen=True, slots=True)
class Collaborator:
    """A user with a role in a project, and since when."""

    user: str
    role: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """An open invitation; `by` is empty when the operator offers it. `project` is a display name."""

    project: str
    user: str
    role: str
    by: str
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectToken:
    """A token that acts on a project. `last_used_from` is told of one's own tokens only."""

    user: str
    description: str
    permissions: tuple[str, ...]
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_for: str
    last_used_from: str | None


def collaborators(project: Project) -> list[Collaborator]:
    """Owners first, then by name."""
    rows = project.roles.order_by("-name", "user__username").values_list("user__username", "name", "at")
    return [Collaborator(*row) for row in rows]


def invitations_of(project: Project) -> list[Invited]:
    """Whom the owners have invited, the latest last."""
    return _open(project.invitations.all())


def invitations_for(user: User) -> list[Invited]:
    """What the user was invited to, the latest last."""
    return _open(user.invitations.all())


def _open(invitations: QuerySet[Invitation]) -> list[Invited]:
    found = invitations.filter(expires_at__gt=timezone.now()).select_related("project", "user").order_by("at")
    inviters = User.objects.in_bulk([each.by for each in found if each.by is not None])
    return [
        Invited(
            project=each.project.display_name,
            user=each.user.username,
            role=each.role,
            by="" if each.by is None else inviters[each.by].username,
            at=each.at,
            expires_at=each.expires_at,
        )
        for each in found
    ]


def events_of(project: Project, *, seen_by: Actor, before: datetime, limit: int) -> list[dict[str, object]]:
    """What happened to the project and to who may do what with it, the newest first: see `accounts.queries.newest`.

    The operator sees addresses; everybody else their own.
    """
    found = newest(
        Entry.objects.filter(project=project.pk), Event.objects.filter(project=project.pk), before=before, limit=limit
    )
    return found if seen_by.credential is None else as_seen_by(seen_by.credential.user, found)


def token_names(project: Project, events: Iterable[dict[str, object]]) -> dict[str, str]:
    """What those who have a role in the project call the tokens that these events were done with, by their ids."""
    theirs = Token.objects.filter(user__in=Role.objects.filter(project=project).values("user"))
    return token_names_among(theirs, events)


def tokens_of(project: Project, *, seen_by: Actor) -> list[ProjectToken]:
    """The valid tokens of collaborators that are for the project, or for all that its user has, oldest first."""
    valid = Token.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user__is_active=True)
    theirs = valid.filter(user__in=Role.objects.filter(project=project).values("user")).select_related("user")
    return [
        ProjectToken(
            user=each.user.username,
            description=each.description,
            permissions=tuple(each.permissions or [Permission.UPLOAD]),
            expires_at=each.expires_at,
            last_used_at=each.last_used_at,
            last_used_for=each.last_used_for,
            last_used_from=each.last_used_from if each.user == seen_by.user else None,
        )
        for each in theirs.order_by("created_at")
        if not each.projects or project.pk in each.projects
    ]


def names_of(projects: Iterable[int]) -> dict[int, str]:
    """The display names of the projects with these ids, deleted ones too."""
    return dict(Project.objects.filter(pk__in=projects).values_list("pk", "display_name"))
