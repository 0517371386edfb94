"""Names that no new project or user may take, or only one user may. Who has such a name already keeps it."""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from entrepot import names
from entrepot.accounts import record
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import ProhibitedName, User
from entrepot.refusal import Missing, Refused

Kind = ProhibitedName.Kind


def check_project(name: names.ProjectName, *, alike: Q, by: Actor) -> None:
    """Raises Refused, "prohibited-name" or "name-reserved", when no new project of theirs may have the name.

    `alike` says which rows mean it: see `same` and `similar`.
    """
    if by.operates:
        return
    held_for = _held_for(alike, Kind.PROJECT)
    if not held_for or by.origin.user in held_for - {None}:
        return
    if None in held_for:
        raise Refused("prohibited-name", f"The name {str(name)!r} isn't allowed: no project may have it here.", "name")
    raise Refused("name-reserved", f"The name {str(name)!r} isn't allowed: it is kept for somebody else.", "name")


def is_for_nobody(name: names.ProjectName) -> bool:
    """Whether the operator lets no project have this name, or one of a single user's only."""
    return bool(_held_for(same(name), Kind.PROJECT))


def is_for_others(name: str, *, of: User | None) -> bool:
    """Whether no user may take the name, or only somebody else than `of`."""
    held_for = _held_for(similar(names.ProjectName(name)), Kind.USER)
    return bool(held_for) and (of is None or of.pk not in held_for)


def _held_for(alike: Q, kind: str) -> set[int | None]:
    """For whom a name is kept; None stands for nobody. Empty when everybody may have it."""
    return set(ProhibitedName.objects.filter(alike, kind=kind).values_list("reserved_for", flat=True))


def same(name: names.ProjectName) -> Q:
    """The very name."""
    return Q(name=name)


def similar(name: names.ProjectName) -> Q:
    """The name, and all that look like it."""
    return Q(skeleton=names.skeleton(name))


@transaction.atomic(durable=True)
def prohibit(name: str, kind: str, *, by: Actor, reason: str, reserved_for: User | None = None) -> None:
    """Let nobody, or nobody but one user, take the name from now on.

    Raises Refused, "invalid-name" or "already-prohibited".
    """
    normalized, now = names.ProjectName(name), timezone.now()
    _, created = ProhibitedName.objects.get_or_create(
        kind=kind,
        name=normalized,
        defaults={
            "skeleton": names.skeleton(normalized),
            "reserved_for": None if reserved_for is None else reserved_for.pk,
            "reason": reason,
            "by": by.origin.user,
            "at": now,
        },
    )
    if not created:
        raise Refused(
            "already-prohibited", gettext("The name '%(name)s' is on the list already.") % {"name": normalized}, "name"
        )
    details = {"name": normalized, "kind": kind, "reason": reason}
    record.note("name:prohibit", by=by, at=now, user=None, details=details | _reserved(reserved_for))


@transaction.atomic(durable=True)
def allow(name: str, kind: str, *, by: Actor, reason: str) -> None:
    """Take the name from the list. Raises Refused("invalid-name") or Missing("no-such-name")."""
    normalized = names.ProjectName(name)
    if not ProhibitedName.objects.filter(kind=kind, name=normalized).delete()[0]:
        raise Missing("no-such-name", gettext("The name '%(name)s' is not on the list.") % {"name": normalized}, "name")
    details = {"name": normalized, "kind": kind, "reason": reason}
    record.note("name:allow", by=by, at=timezone.now(), details=details)


def _reserved(user: User | None) -> dict[str, str]:
    return {} if user is None else {"reserved_for": user.username}
