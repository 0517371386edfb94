"""Who works on a project: invitations, roles, and what a project asks of the people who have them.

Each action is one transaction with its journal entries or its record. Those that return a serial change what readers
see: whoever calls one publishes what it left owed, as with `actions`.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import factors, limits, record
from entrepot.accounts.actor import Actor
from entrepot.accounts.addresses import verified_of
from entrepot.accounts.models import User
from entrepot.accounts.queries import user_named
from entrepot.accounts.tokens import Permission
from entrepot.journal.log import Event
from entrepot.projects import rights
from entrepot.projects.changing import event_of, held_project, hold, one_line
from entrepot.projects.models import Invitation, Project, Role
from entrepot.projects.queries import project_named
from entrepot.projects.telling import announce
from entrepot.refusal import Forbidden, Missing, Refused, TooMany

OPEN_FOR = timedelta(days=7)
INVITATIONS = limits.Limit("invitations", 20)  # of one inviter
SETTLED = timedelta(hours=72)  # as an owner, before one may remove others: time for them to notice an intruder


def invite(project: Project, name: str, role: str, *, by: Actor) -> Invitation:
    """Offer the user with this name a role, for `OPEN_FOR`.

    Raises Refused "user-cannot-join", "already-collaborator" or "already-invited"; Missing("no-such-user"); Forbidden;
    TooMany("too-many-invitations").
    """
    _check_how_often(by)  # before the transaction, which must not wait for whoever counts
    return _invite(project, name, role, by=by)


def _check_how_often(by: Actor) -> None:
    if by.presented is None:
        return
    room = limits.COUNTING.spend(INVITATIONS, f"user {by.presented.user.pk}")
    if not room.admitted:
        raise TooMany(
            "too-many-invitations",
            _("Too many invitations: a user may send %(amount)s in an hour. Try again later.")
            % {"amount": INVITATIONS.amount},
            room.wait,
        )


@transaction.atomic(durable=True)
def _invite(project: Project, name: str, role: str, *, by: Actor) -> Invitation:
    project, user, now = held_project(project, by, Permission.MANAGE), user_named(name), timezone.now()
    _check_can_join(user)
    if project.roles.filter(user=user).exists():
        raise Refused(
            "already-collaborator",
            _("%(user)s has a role in %(project)s already.") % {"user": user.username, "project": project.display_name},
            "user",
        )
    project.invitations.filter(expires_at__lte=now).delete()
    if project.invitations.filter(user=user).exists():
        raise Refused(
            "already-invited",
            _("%(user)s is invited to %(project)s already.") % {"user": user.username, "project": project.display_name},
            "user",
        )
    invitation = Invitation.objects.create(
        project=project,
        user=user,
        role=role,
        by=None if by.presented is None else by.presented.user.pk,
        at=now,
        expires_at=now + OPEN_FOR,
    )
    _note("invitation:create", invitation, by=by, at=now)
    return invitation


@transaction.atomic(durable=True)
def revoke_invitation(project: Project, name: str, *, by: Actor) -> None:
    """Take back the invitation of the user with this name. Raises Missing("no-such-invitation"), or Forbidden."""
    project = held_project(project, by, Permission.MANAGE)
    _end("invitation:revoke", _invitation_of(project, user_named(name)), by=by)


@transaction.atomic(durable=True)
def decline(project: Project, *, by: Actor) -> None:
    """Do without a role that one was invited to. Raises Missing("no-such-invitation"), or Forbidden."""
    project, user = _held_by_one_self(project, by)
    _end("invitation:decline", _invitation_of(project, user), by=by)


@transaction.atomic(durable=True)
def accept(project: Project, *, by: Actor) -> int:
    """Take the role that one was invited to.

    Raises Refused "invitation-expired", "inviter-left" or "user-cannot-join"; Missing("no-such-invitation");
    Forbidden, also "second-factor-needed" where the index asks for one.
    """
    (project, user), now = _held_by_one_self(project, by), timezone.now()
    invitation = _invitation_of(project, user)
    rights.check_open(by, project)
    if invitation.expires_at <= now:
        raise Refused(
            "invitation-expired",
            _("The invitation to %(project)s has expired. Ask for a new one.") % {"project": project.display_name},
        )
    if invitation.by is not None and not _able_owners(project).filter(user=invitation.by).exists():
        raise Refused(
            "inviter-left",
            _("Who invited you to %(project)s is not among its owners any more.") % {"project": project.display_name},
        )
    _check_can_join(user)
    if project.index.policy.needs_second_factor and not (rights.is_operators(by) or factors.has_factor(user)):
        raise Forbidden("second-factor-needed", _("Set up a second factor first: here, whoever has a role has one."))
    role = Role.objects.create(project=project, user=user, name=invitation.role, by_id=invitation.by, at=now)
    invitation.delete()
    return announce([event_of(project, f"add {role.name} {user.username}")], by=by, at=now)


@transaction.atomic(durable=True)
def add_role(project: Project, name: str, role: str, *, by: Actor, reason: str = "") -> int:
    """Give somebody a role without asking: the operator may, for a project that nobody is left to look after.

    Raises Refused "already-collaborator" or "user-cannot-join"; Missing("no-such-user"); Forbidden, also
    "invitation-needed".
    """
    project, user, now = held_project(project, by, Permission.MANAGE), user_named(name), timezone.now()
    if not by.operates:
        raise Forbidden(
            "invitation-needed", f"{user.username} has to be invited to {project.display_name}, and accept."
        )
    _check_can_join(user)
    if project.roles.filter(user=user).exists():
        raise Refused("already-collaborator", f"{user.username} has a role in {project.display_name} already.", "user")
    project.invitations.filter(user=user).delete()
    held = Role.objects.create(project=project, user=user, name=role, by=by.user, at=now)
    _tell("role:add", held, by=by, at=now)
    event = event_of(project, f"add {role} {user.username}", reason=one_line(reason))
    return announce([event], by=by, at=now)


@transaction.atomic(durable=True)
def change_role(project: Project, name: str, role: str, *, by: Actor) -> int:
    """Give a collaborator another role.

    Raises Refused "role-unchanged", "last-owner" or "user-cannot-join"; Missing, "no-such-user" or "no-such-role";
    Forbidden, also "owner-too-new".
    """
    project, now = held_project(project, by, Permission.MANAGE), timezone.now()
    held = _role_of(project, user_named(name))
    return announce([_change(held, role, by=by, at=now)], by=by, at=now)


@transaction.atomic(durable=True)
def remove_role(project: Project, name: str, *, by: Actor, reason: str = "") -> int:
    """Let somebody, who may be oneself, no longer take part.

    Raises Refused("last-owner"); Missing, "no-such-user" or "no-such-role"; Forbidden, also "owner-too-new".
    """
    project, now = held_project(project, by, Permission.MANAGE), timezone.now()
    held = _role_of(project, user_named(name))
    return announce([_remove(held, by=by, at=now, reason=reason)], by=by, at=now)


@transaction.atomic(durable=True)
def leave(project: Project, *, by: Actor) -> int:
    """Take part no longer. Raises Refused("last-owner"), Missing("no-such-role"), or Forbidden."""
    (project, user), now = _held_by_one_self(project, by), timezone.now()
    held = _role_of(project, user)
    rights.check_open(by, project)
    return announce([_remove(held, by=by, at=now)], by=by, at=now)


@transaction.atomic(durable=True)
def transfer(project: Project, name: str, *, by: Actor) -> int:
    """Make a maintainer the owner in one's own place, and oneself a maintainer, who may `leave`.

    Raises Refused "role-unchanged" or "user-cannot-join"; Missing, "no-such-user" or "no-such-role"; Forbidden.
    """
    project, now = held_project(project, by, Permission.MANAGE), timezone.now()
    own, other = _role_of(project, _one_self(by)), _role_of(project, user_named(name))
    events = [
        _change(other, Role.Name.OWNER, by=by, at=now),
        _change(own, Role.Name.MAINTAINER, by=by, at=now),
    ]
    return announce(events, by=by, at=now)


@transaction.atomic(durable=True)
def set_needs_keys(project: Project, needed: bool, *, by: Actor) -> None:
    """Whether only people with a security key may change the project, as whoever asks for it must be one.

    Raises Refused("keys-unchanged"), or Forbidden.
    """
    project, now = held_project(project, by, Permission.MANAGE), timezone.now()
    if project.needs_keys == needed:
        raise Refused(
            "keys-unchanged",
            _("That is what holds for %(project)s already.") % {"project": project.display_name},
            "needed",
        )
    if needed:
        _check_settled(project, by, now)  # or a new owner could shut the others out
    project.needs_keys = needed
    rights.check_open(by, project)  # or they would shut themselves out
    project.save(update_fields=["needs_keys"])
    record.note("project:keys", by=by, at=now, project=project.pk, details={"needed": needed})


def _held_by_one_self(project: Project, by: Actor) -> tuple[Project, User]:
    """The project as it is now, and who decides what to be in it, whatever the role. Raises Forbidden."""
    held = project_named(hold(project.index_id), project.name)
    rights.check_token(by, Permission.MANAGE, project=held.pk, name=held.name, at=timezone.now())
    return held, _one_self(by)


def _one_self(by: Actor) -> User:
    """Who acts, as the database has it now: the request may have waited."""
    if by.user is None:
        raise Missing("no-such-user", _("Say in whose name: this is something that people do for themselves."))
    return User.objects.get(pk=by.user.pk)


def _check_can_join(user: User) -> None:
    if not user.is_active or user.deleted_at is not None or not verified_of(user):
        raise Refused(
            "user-cannot-join",
            _("%(user)s can be given no role: the account is shut, or has no verified address.")
            % {"user": user.username},
            "user",
        )


def _check_may_lose(held: Role, by: Actor, at: datetime) -> None:
    """Whether somebody may lose this role, now and by the hand of who asks: owners are not easily got rid of."""
    project, user = held.project, held.user
    if held.name != Role.Name.OWNER:
        return
    if not _able_owners(project).exclude(user=user).exists():
        raise Refused(
            "last-owner",
            _("%(user)s is the last owner of %(project)s, which needs one.")
            % {"user": user.username, "project": project.display_name},
        )
    if by.credential is not None and by.credential.user != user:
        _check_settled(project, by, at)


def _check_settled(project: Project, by: Actor, at: datetime) -> None:
    if by.presented is None:
        return
    since = _role_of(project, by.presented.user).at
    others = _able_owners(project).exclude(user=by.presented.user).exists()
    if others and at - since < SETTLED:
        raise Forbidden(
            "owner-too-new",
            _(
                "You have been an owner of %(project)s since %(since)s UTC, and may take the role from other owners "
                "after three days."
            )
            % {"project": project.display_name, "since": f"{since:%Y-%m-%d %H:%M}"},
        )


def _able_owners(project: Project) -> QuerySet[Role]:
    """The owners who can act: those whose account is neither frozen nor deleted."""
    return project.roles.filter(name=Role.Name.OWNER, user__is_active=True, user__deleted_at=None)


def _role_of(project: Project, user: User) -> Role:
    held = project.roles.select_related("user", "project").filter(user=user).first()
    if held is None:
        raise Missing(
            "no-such-role",
            _("%(user)s has no role in %(project)s.") % {"user": user.username, "project": project.display_name},
            "user",
        )
    return held


def _invitation_of(project: Project, user: User) -> Invitation:
    found = project.invitations.select_related("user", "project").filter(user=user).first()
    if found is None:
        raise Missing(
            "no-such-invitation",
            _("%(user)s is not invited to %(project)s.") % {"user": user.username, "project": project.display_name},
            "user",
        )
    return found


def _change(held: Role, role: str, *, by: Actor, at: datetime) -> Event:
    user, before = held.user, held.name
    if before == role:
        raise Refused(
            "role-unchanged",
            _("%(user)s is %(role)s of %(project)s already.")
            % {"user": user.username, "role": Role.Name(role).label, "project": held.project.display_name},
            "role",
        )
    _check_may_lose(held, by, at)
    if role == Role.Name.OWNER:
        _check_can_join(user)
    held.name, held.by, held.at = role, by.user, at
    held.save(update_fields=["name", "by", "at"])
    _tell("role:change", held, by=by, at=at)
    return event_of(held.project, f"change {before} {user.username} to {role}")


def _remove(held: Role, *, by: Actor, at: datetime, reason: str = "") -> Event:
    _check_may_lose(held, by, at)
    _tell("role:remove", held, by=by, at=at)
    held.delete()
    return event_of(held.project, f"remove {held.name} {held.user.username}", reason=one_line(reason))


def _tell(action: str, held: Role, *, by: Actor, at: datetime) -> None:
    """Record it for whom it happened to: the project's owners and readers have it from the journal."""
    if held.user != by.user:
        details = {"project": held.project.display_name, "role": held.name}
        record.note(action, by=by, at=at, user=held.user, details=details)


def _end(action: str, invitation: Invitation, *, by: Actor) -> None:
    _note(action, invitation, by=by, at=timezone.now())
    invitation.delete()


def _note(action: str, invitation: Invitation, *, by: Actor, at: datetime) -> None:
    details = {"project": invitation.project.display_name, "role": invitation.role}
    record.note(action, by=by, at=at, user=invitation.user, project=invitation.project.pk, details=details)
