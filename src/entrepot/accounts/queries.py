"""Who is who."""

from collections.abc import Iterable

from entrepot.accounts.models import Token, User
from entrepot.refusal import Missing


def user_named(name: str) -> User:
    """The user with this name, in any case. Raises Missing("no-such-user")."""
    try:
        return User.objects.get(username__iexact=name)
    except User.DoesNotExist:
        raise Missing("no-such-user", f"There is no user named {name!r}.") from None


def tokens_of(user: User) -> Iterable[Token]:
    """The user's tokens, oldest first."""
    return user.tokens.order_by("created_at")
