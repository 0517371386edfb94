"""What changes of projects when those whom they belong to take another name, or leave.

Each action is one transaction with its journal entries, and returns its last serial, 0 when no project was concerned.
Whoever calls one publishes what it left owed: `followers.pages.publish_own`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import people
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.journal.log import Event
from entrepot.projects.changing import event_of
from entrepot.projects.models import Index, Role, Status
from entrepot.projects.telling import announce
from entrepot.refusal import Refused


@dataclass(frozen=True, slots=True)
class Membership:
    """A project of somebody's; `listed` says whether everybody may see it."""

    project: str
    role: str
    status: str
    listed: bool


def memberships_of(user: User) -> Sequence[Membership]:
    """The projects in which the user has a role."""
    roles = Role.objects.filter(user=user).select_related("project").order_by("project__name")
    return [
        Membership(each.project.display_name, each.name, each.project.status, each.project.status != Status.QUARANTINED)
        for each in roles
    ]


@transaction.atomic(durable=True)
def rename(user: User, name: str, *, by: Actor, reason: str = "") -> int:
    """Give the user another name, in all that is published. Raises what `people.change_name` raises."""
    _hold_all()
    before = people.change_name(user, name, by=by, reason=reason)
    projects = [each.project for each in _roles_of(user)]
    return _append([event_of(each, f"rename user {before} {name}") for each in projects], by)


@transaction.atomic(durable=True)
def delete_account(user: User, *, by: Actor, reason: str = "") -> int:
    """Remove the account with all its roles: see `people.erase`. What it published stays.

    Raises Refused: "sole-owner" when nobody else could look after a project, "account-deleted".
    """
    _hold_all()
    held = people.hold(user)
    alone = _owned_alone_by(held)
    if alone:
        raise Refused(
            "sole-owner",
            _(
                "%(user)s is the only owner of %(names)s. Somebody else has to own it, or it has to be deleted, before "
                "the account can be."
            )
            % {"user": held.username, "names": ", ".join(alone)},
        )
    roles = list(_roles_of(held))
    Role.objects.filter(user=held).delete()
    held.invitations.all().delete()
    people.erase(held, by=by, reason=reason)
    return _append([event_of(each.project, f"remove {each.name} {held.username}") for each in roles], by)


def _owned_alone_by(user: User) -> Sequence[str]:
    """The projects that no other user owns whose account is open."""
    others = Role.objects.filter(project=OuterRef("project"), name=Role.Name.OWNER, user__is_active=True)
    owned = Role.objects.filter(user=user, name=Role.Name.OWNER).exclude(Exists(others.exclude(user=user)))
    return list(owned.order_by("project__name").values_list("project__display_name", flat=True))


def _roles_of(user: User) -> Iterable[Role]:
    return Role.objects.filter(user=user).select_related("project").order_by("project__name")


def _hold_all() -> None:
    """Nobody changes a project, and so no role, until the commit."""
    list(Index.objects.select_for_update().order_by("pk"))


def _append(events: Sequence[Event], by: Actor) -> int:
    return announce(events, by=by, at=timezone.now()) if events else 0
