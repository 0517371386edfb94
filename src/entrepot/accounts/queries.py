"""Who is who."""

from entrepot.accounts.models import User
from entrepot.refusal import Missing


def user_named(name: str) -> User:
    """The user with this name, in any case. Raises Missing("no-such-user")."""
    try:
        return User.objects.get(username__iexact=name)
    except User.DoesNotExist:
        raise Missing("no-such-user", f"There is no user named {name!r}.") from None
