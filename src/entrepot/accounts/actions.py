"""What can be done to users and tokens."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from entrepot.accounts.macaroons import Macaroon
from entrepot.accounts.models import Token, User
from entrepot.accounts.tokens import key_of, restrictions
from entrepot.refusal import Missing, Refused


@transaction.atomic(durable=True)
def create_user(name: str, *, email: str, password: str, superuser: bool = False) -> User:
    """A user whose address counts as verified, because the operator says so. Raises Refused("invalid-user")."""
    user = User(
        username=name, email=email, is_superuser=superuser, is_staff=superuser, email_verified_at=timezone.now()
    )
    user.set_password(password)
    try:
        validate_password(password, user)
        user.full_clean()
    except ValidationError as error:
        raise Refused("invalid-user", f"No user was made: {' '.join(error.messages)}") from error
    user.save(force_insert=True)
    return user


@transaction.atomic(durable=True)
def create_token(
    user: User, *, secret: str, projects: Sequence[int] = (), description: str = "", expires_at: datetime | None = None
) -> str:
    """A new upload token's text, which is stored nowhere. `projects` are ids; none means every project of the user."""
    now = timezone.now()
    token = Token.objects.create(user=user, description=description, salt=secrets.token_bytes(32), created_at=now)
    key = key_of(secret, bytes(token.salt))
    return Macaroon.mint(key, token.pk.bytes, restrictions(projects, now, expires_at)).dump()


@transaction.atomic(durable=True)
def revoke_token(identifier: uuid.UUID) -> None:
    """Make a token invalid, from this moment on. Raises Missing("no-such-token")."""
    deleted, _ = Token.objects.filter(pk=identifier).delete()
    if not deleted:
        raise Missing("no-such-token", f"There is no token {identifier}.")


def note_use(token: Token, *, at: datetime) -> None:
    """Remember, to the minute, when the token was last used: one write a minute at the most."""
    Token.objects.filter(pk=token.pk).exclude(last_used_at__gte=at.replace(second=0, microsecond=0)).update(
        last_used_at=at
    )
