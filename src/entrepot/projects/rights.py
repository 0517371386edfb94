"""Who may do what with a project: one table, and one gate that every action goes through."""

from collections.abc import Mapping
from datetime import datetime

from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.accounts.tokens import Permission
from entrepot.projects.models import Project, Role, Status
from entrepot.refusal import Forbidden

RIGHTS: Mapping[str, frozenset[Permission]] = {
    Role.Name.OWNER: frozenset(Permission),
    Role.Name.MAINTAINER: frozenset({Permission.UPLOAD, Permission.READ}),
}

_VERBS = {
    Permission.UPLOAD: "upload to",
    Permission.YANK: "yank releases of",
    Permission.MANAGE: "manage",
    Permission.READ: "see the records of",
}


def check(by: Actor, project: Project, permission: Permission, at: datetime) -> None:
    """Raises Forbidden unless the operator asks, or somebody whose token and whose role both admit it.

    A quarantined project can be read by those it belongs to, and changed by the operator alone.
    """
    if by.credential is None:
        return
    check_token(by, permission, project=project.pk, name=project.name, at=at)
    role = project.roles.filter(user=by.credential.user).first()
    sentence = f"The user '{by.credential.user.username}' isn't allowed to {_VERBS[permission]} project"
    if role is None:
        raise Forbidden("not-a-maintainer", f"{sentence} '{project.display_name}'.")
    if permission not in RIGHTS[role.name]:
        raise Forbidden("not-an-owner", f"{sentence} '{project.display_name}'.")
    if project.status == Status.QUARANTINED and permission is not Permission.READ:
        raise Forbidden("project-quarantined", f"Project '{project.display_name}' is quarantined.")


def check_token(by: Actor, permission: Permission, *, project: int | None, name: str, at: datetime) -> None:
    """Raises Forbidden when the token does not admit it for the project with this id (None: not yet created)."""
    if by.credential is not None and not by.credential.allows(permission, project=project, name=name, at=at):
        raise Forbidden(
            "token-not-for-project", f"The given token isn't allowed to {_VERBS[permission]} project '{name}'."
        )


def account_of(by: Actor, permission: Permission, at: datetime) -> User:
    """Whose account it is about as a whole. Raises Forbidden when the token does not admit it."""
    if by.credential is None or not by.credential.allows(permission, project=None, name="", at=at):
        raise Forbidden(
            "token-not-for-account", f"The given token may not {permission} what is about all of an account."
        )
    return by.credential.user
