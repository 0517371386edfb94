"""What can be done to users and tokens."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import record, usernames
from entrepot.accounts.actor import Actor
from entrepot.accounts.addresses import canonical, check_unused
from entrepot.accounts.macaroons import Macaroon
from entrepot.accounts.models import Token, User
from entrepot.accounts.passwords import OPERATORS_RULES
from entrepot.accounts.sessions import end_all
from entrepot.accounts.tokens import Permission, key_of, restrictions
from entrepot.refusal import Missing, Refused


@transaction.atomic(durable=True)
def create_user(name: str, *, by: Actor, email: str, password: str, superuser: bool = False) -> User:
    """A user whose address counts as verified, because the operator says so. Raises Refused("invalid-user")."""
    user = User(username=name, email=email, is_superuser=superuser, is_staff=superuser)
    user.set_password(password)
    try:
        user.email = canonical(email)
        validate_password(password, user, OPERATORS_RULES)
        user.full_clean()
        usernames.check(name)
        check_unused(user.email)
    except ValidationError as error:
        raise Refused("invalid-user", _("No user was made: %(names)s") % {"names": " ".join(error.messages)}) from error
    user.save(force_insert=True)
    usernames.take(name, user)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    record.note("account:create", by=by, at=timezone.now(), user=user)
    return user


@transaction.atomic(durable=True)
def create_token(
    user: User,
    *,
    by: Actor,
    by_operator: bool,
    secret: str,
    projects: Sequence[int] = (),
    permissions: Sequence[Permission] = (Permission.UPLOAD,),
    description: str = "",
    expires_at: datetime | None = None,
) -> str:
    """A new token's text, which is stored nowhere. `projects` are ids; none means every project of the user.

    One that is `by_operator`, or made with such a one, needs no second factor of its user.
    """
    now, may = timezone.now(), sorted(set(permissions))
    token = Token.objects.create(
        user=user,
        description=description,
        salt=secrets.token_bytes(32),
        created_at=now,
        expires_at=expires_at,
        projects=list(projects),
        permissions=may,
        by_operator=by_operator,
    )
    _note("token:create", token, by=by, at=now)
    key = key_of(secret, bytes(token.salt))
    return Macaroon.mint(key, token.pk.bytes, restrictions(projects, may, now, expires_at)).dump()


@transaction.atomic(durable=True)
def revoke_token(identifier: uuid.UUID, *, by: Actor, of: User | None = None) -> None:
    """Make a token invalid, from this moment on; `of`: only if it is this user's. Raises Missing("no-such-token")."""
    token = Token.objects.select_related("user").select_for_update(of=["self"]).filter(pk=identifier).first()
    if token is None or of not in {None, token.user}:
        raise Missing("no-such-token", _("There is no token %(id)s.") % {"id": identifier})
    _note("token:revoke", token, by=by, at=timezone.now())
    token.delete()


@transaction.atomic
def revoke_all(user: User, *, by: Actor, reason: str) -> None:
    """Make all tokens of the user's invalid, from this moment on, but for those that the operator made."""
    now = timezone.now()
    for token in user.tokens.select_for_update().filter(by_operator=False):
        _note("token:revoke", token, by=by, at=now, reason=reason)
        token.delete()


@transaction.atomic(durable=True)
def revoke_leaked(token: Token, *, by: Actor, url: str, source: str) -> None:
    """Make a token invalid that was found at `url`, in what the finder calls `source`; both may be empty.

    Once: when somebody else was faster, nothing happens.
    """
    gone, _ = Token.objects.filter(pk=token.pk).delete()
    if gone:
        _note("token:leaked", token, by=by, at=timezone.now(), url=url, source=source)


def note_use(token: Token, *, at: datetime, by: Actor, permission: Permission) -> None:
    """Remember when the token was last used, from where and for what: one write a minute at the most."""
    Token.objects.filter(pk=token.pk).exclude(last_used_at__gte=at.replace(second=0, microsecond=0)).update(
        last_used_at=at, last_used_from=by.address, last_used_for=permission
    )


@transaction.atomic(durable=True)
def freeze(user: User, *, by: Actor, reason: str) -> None:
    """Shut an account: from this moment on none of its tokens is valid, its sessions end, and nobody can sign in.

    What it owns stays. Raises Refused("account-frozen").
    """
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        raise Refused("account-frozen", _("The account %(user)s is frozen already.") % {"user": user.username})
    end_all(user)
    record.note("account:freeze", by=by, at=timezone.now(), user=user, details={"reason": reason})


@transaction.atomic(durable=True)
def thaw(user: User, *, by: Actor, reason: str) -> None:
    """Open a frozen account again, with the tokens that it has. Raises Refused("account-not-frozen")."""
    if not User.objects.filter(pk=user.pk, is_active=False, deleted_at=None).update(is_active=True):
        raise Refused("account-not-frozen", _("The account %(user)s is not frozen.") % {"user": user.username})
    record.note("account:thaw", by=by, at=timezone.now(), user=user, details={"reason": reason})


def _note(action: str, token: Token, *, by: Actor, at: datetime, **more: str) -> None:
    """Record it for the user, or for each project that the token is for."""
    details = {
        **more,
        "token": str(token.pk),
        "description": token.description,
        "permissions": token.permissions,
        "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
    }
    concerned: list[int | None] = token.projects or [None]
    for project in concerned:
        record.note(action, by=by, at=at, user=token.user, project=project, details=details)
