"""Who may do what with a project: one table, and one gate that every action goes through."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts import factors
from entrepot.accounts.actor import Actor, Presented, Session
from entrepot.accounts.models import User
from entrepot.accounts.tokens import Credential, Permission
from entrepot.projects.models import Project, Role, Status
from entrepot.refusal import Forbidden

RIGHTS: Mapping[str, frozenset[Permission]] = {
    Role.Name.OWNER: frozenset(Permission),
    Role.Name.MAINTAINER: frozenset({Permission.UPLOAD, Permission.READ}),
}

# What tokens may not do only programs hear, in English.
_VERBS = {
    Permission.UPLOAD: "upload to",
    Permission.YANK: "yank releases of",
    Permission.MANAGE: "manage",
    Permission.READ: "see the records of",
}
_NOT_ALLOWED = {
    Permission.UPLOAD: _("The user '%(user)s' isn't allowed to upload to project '%(project)s'."),
    Permission.YANK: _("The user '%(user)s' isn't allowed to yank releases of project '%(project)s'."),
    Permission.MANAGE: _("The user '%(user)s' isn't allowed to manage project '%(project)s'."),
    Permission.READ: _("The user '%(user)s' isn't allowed to see the records of project '%(project)s'."),
}
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def check(by: Actor, project: Project, permission: Permission, at: datetime) -> str:
    """The role that admits it; empty for the operator, who needs none. Raises Forbidden where role or token does not.

    A quarantined project can be read by those it belongs to, and changed by the operator alone.
    """
    if by.presented is None:
        return ""
    check_token(by, permission, project=project.pk, name=project.name, at=at)
    role = check_role(by.presented.user, project, permission)
    if permission is not Permission.READ:
        check_open(by, project)
    return role


def check_overseer(by: Actor, project: Project, at: datetime) -> None:
    """Whether somebody may read what concerns all who work on the project: the operator, and its owners.

    Raises Forbidden.
    """
    if by.presented is not None:
        check_token(by, Permission.READ, project=project.pk, name=project.name, at=at)
        check_role(by.presented.user, project, Permission.MANAGE)


def oversees(role: str) -> bool:
    """Whether the role admits to all that concerns the people who work on a project."""
    return Permission.MANAGE in RIGHTS[role]


def check_role(user: User, project: Project, permission: Permission) -> str:
    """The role that admits it. Raises Forbidden unless the user has such a one in the project."""
    role = project.roles.filter(user=user).first()
    sentence = _NOT_ALLOWED[permission] % {"user": user.username, "project": project.display_name}
    if role is None:
        raise Forbidden("not-a-maintainer", sentence)
    if permission not in RIGHTS[role.name]:
        raise Forbidden("not-an-owner", sentence)
    return role.name


def check_open(by: Actor, project: Project) -> None:
    """Whether the project can be changed as it stands, by somebody who is as sure to be who they are as it asks for.

    Raises Forbidden.
    """
    if by.presented is None:
        return
    if project.status == Status.QUARANTINED:
        sentence = gettext("Project '%(project)s' is quarantined.") % {"project": project.display_name}
        raise Forbidden("project-quarantined", sentence)
    if project.needs_keys and not _has_key(by.presented):
        raise Forbidden(
            "security-key-needed",
            gettext(
                "Project '%(project)s' is changed only by people who have a security key, and who signed in with it."
            )
            % {"project": project.display_name},
        )


def _has_key(credential: Presented) -> bool:
    if isinstance(credential, Credential):
        return credential.token.by_operator or factors.has_key(credential.user)
    return isinstance(credential, Session) and credential.with_key and factors.has_key(credential.user)


def is_operators(by: Actor) -> bool:
    """Whether the operator acts, or somebody with a token that the operator made."""
    return by.operates or (isinstance(by.credential, Credential) and by.credential.token.by_operator)


def check_token(by: Actor, permission: Permission, *, project: int | None, name: str, at: datetime) -> None:
    """Raises Forbidden when the token does not admit it for the project with this id (None: not yet created)."""
    if by.credential is not None and not by.credential.allows(permission, project=project, name=name, at=at):
        raise Forbidden(
            "token-not-for-project", f"The given token isn't allowed to {_VERBS[permission]} project '{name}'."
        )


def account_of(by: Actor, permission: Permission, at: datetime) -> User:
    """Whose account it is about as a whole. Raises Forbidden when the token does not admit it."""
    return _for_account(by, permission, at).user


def _for_account(by: Actor, permission: Permission, at: datetime) -> Presented:
    if by.credential is None or not by.credential.allows(permission, project=None, name="", at=at):
        raise Forbidden(
            "token-not-for-account", f"The given token may not {permission} what is about all of an account."
        )
    return by.credential


def check_new_token(by: Actor, permissions: Sequence[Permission], expires_at: datetime | None, at: datetime) -> User:
    """Whose token somebody may make by means of another one, which may do all of it, and for as long.

    It is asked of the given token as it was presented: who holds it may have narrowed it. Raises Forbidden.
    """
    given = _for_account(by, Permission.MANAGE, at)
    last = _FOR_EVER if expires_at is None else expires_at - timedelta(seconds=1)
    lacking = [each for each in permissions if not given.allows(each, project=None, name="", at=at)]
    if lacking:
        raise Forbidden("token-too-powerful", f"The given token may not {lacking[0]}, so it makes none that may.")
    if not given.allows(Permission.MANAGE, project=None, name="", at=last):
        raise Forbidden("token-too-powerful", "The given token expires before the new one would.", "expires_at")
    return given.user
