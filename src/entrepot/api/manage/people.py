"""Who works on a project: roles and invitations, the tokens that act on it, and its record."""

from datetime import datetime
from typing import Literal

from django.utils import timezone
from ninja import Router, Schema, Status

from entrepot.accounts.tokens import Permission
from entrepot.api.manage.access import (
    MANAGE,
    READ,
    Asked,
    Before,
    Done,
    EventShown,
    Limit,
    Name,
    User,
    UserName,
    done,
)
from entrepot.projects import collaboration, people, queries, rights

router = Router()

Role = Literal["Owner", "Maintainer"]


class Ranked(Schema):
    """A role to give."""

    role: Role


class Invite(Ranked):
    """Whom to invite, by user name, and to which role."""

    user: UserName


class Successor(Schema):
    """A maintainer, by user name."""

    user: UserName


class Keys(Schema):
    """Whether only people with a security key may change the project."""

    needed: bool


class CollaboratorShown(Schema):
    """Who has which role, and since when."""

    user: str
    role: str
    since: datetime


class InvitationShown(Schema):
    """An open invitation; `by` is empty when the operator offers it."""

    project: str
    user: str
    role: str
    by: str
    at: datetime
    expires_at: datetime


class ProjectTokenShown(Schema):
    """A token that acts on the project. `last_used_from` is told of one's own tokens only."""

    user: str
    description: str
    permissions: list[str]
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_for: str
    last_used_from: str | None


@router.get("/projects/{name}/roles", auth=READ, response=list[CollaboratorShown])
def list_roles(request: Asked, name: Name) -> list[CollaboratorShown]:
    """Who works on the project, owners first."""
    project = queries.project_named(queries.index_at_root(), name)
    rights.check(request.auth, project, Permission.READ, timezone.now())
    return [CollaboratorShown.model_validate(each) for each in people.collaborators(project)]


@router.put("/projects/{name}/roles/{user}", auth=MANAGE, response=Done)
def change_role(request: Asked, name: Name, user: User, body: Ranked) -> Done:
    """Give a collaborator another role."""
    project = queries.project_named(queries.index_at_root(), name)
    return done(collaboration.change_role(project, user, body.role, by=request.auth))


@router.delete("/projects/{name}/roles/{user}", auth=MANAGE, response=Done)
def remove_role(request: Asked, name: Name, user: User) -> Done:
    """Let somebody no longer take part."""
    project = queries.project_named(queries.index_at_root(), name)
    return done(collaboration.remove_role(project, user, by=request.auth))


@router.delete("/projects/{name}/roles", auth=MANAGE, response=Done)
def leave(request: Asked, name: Name) -> Done:
    """Take part no longer."""
    return done(collaboration.leave(queries.project_named(queries.index_at_root(), name), by=request.auth))


@router.post("/projects/{name}/transfer", auth=MANAGE, response=Done)
def transfer(request: Asked, name: Name, body: Successor) -> Done:
    """Make a maintainer the owner in one's own place, and oneself a maintainer."""
    project = queries.project_named(queries.index_at_root(), name)
    return done(collaboration.transfer(project, body.user, by=request.auth))


@router.get("/projects/{name}/invitations", auth=READ, response=list[InvitationShown])
def list_invitations(request: Asked, name: Name) -> list[InvitationShown]:
    """Whom the owners have invited, the latest last."""
    project = queries.project_named(queries.index_at_root(), name)
    rights.check_overseer(request.auth, project, timezone.now())
    return [InvitationShown.model_validate(each) for each in people.invitations_of(project)]


@router.post("/projects/{name}/invitations", auth=MANAGE, response={204: None})
def invite(request: Asked, name: Name, body: Invite) -> Status[None]:
    """Offer a user a role, for seven days."""
    project = queries.project_named(queries.index_at_root(), name)
    collaboration.invite(project, body.user, body.role, by=request.auth)
    return Status(204, None)


@router.delete("/projects/{name}/invitations/{user}", auth=MANAGE, response={204: None})
def revoke_invitation(request: Asked, name: Name, user: User) -> Status[None]:
    """Take an invitation back."""
    project = queries.project_named(queries.index_at_root(), name)
    collaboration.revoke_invitation(project, user, by=request.auth)
    return Status(204, None)


@router.get("/invitations", auth=READ, response=list[InvitationShown])
def list_own_invitations(request: Asked) -> list[InvitationShown]:
    """What the user was invited to, the latest last."""
    user = rights.account_of(request.auth, Permission.READ, timezone.now())
    return [InvitationShown.model_validate(each) for each in people.invitations_for(user)]


@router.post("/invitations/{name}/accept", auth=MANAGE, response=Done)
def accept(request: Asked, name: Name) -> Done:
    """Take the role in a project that the user was invited to."""
    return done(collaboration.accept(queries.project_named(queries.index_at_root(), name), by=request.auth))


@router.post("/invitations/{name}/decline", auth=MANAGE, response={204: None})
def decline(request: Asked, name: Name) -> Status[None]:
    """Do without the role."""
    collaboration.decline(queries.project_named(queries.index_at_root(), name), by=request.auth)
    return Status(204, None)


@router.put("/projects/{name}/security-keys", auth=MANAGE, response={204: None})
def set_needs_keys(request: Asked, name: Name, body: Keys) -> Status[None]:
    """Let only people with a security key change the project, or all who may."""
    project = queries.project_named(queries.index_at_root(), name)
    collaboration.set_needs_keys(project, body.needed, by=request.auth)
    return Status(204, None)


@router.get("/projects/{name}/events", auth=READ, response=list[EventShown])
def list_project_events(request: Asked, name: Name, before: Before = None, limit: Limit = 100) -> list[EventShown]:
    """What happened to the project and to who may do what with it, the newest first: for its owners."""
    project, now = queries.project_named(queries.index_at_root(), name), timezone.now()
    rights.check_overseer(request.auth, project, now)
    found = people.events_of(project, seen_by=request.auth, before=before or now, limit=limit)
    return [EventShown.model_validate(each) for each in found]


@router.get("/projects/{name}/tokens", auth=READ, response=list[ProjectTokenShown])
def list_project_tokens(request: Asked, name: Name) -> list[ProjectTokenShown]:
    """The tokens of all collaborators that act on the project, oldest first: for its owners."""
    project = queries.project_named(queries.index_at_root(), name)
    rights.check_overseer(request.auth, project, timezone.now())
    return [ProjectTokenShown.model_validate(each) for each in people.tokens_of(project, seen_by=request.auth)]
