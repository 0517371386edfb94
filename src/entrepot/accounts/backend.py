"""How a password is checked: once, whether or not there is such a user, so that the time it takes tells nothing."""

from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest

from entrepot.accounts.models import User
from entrepot.accounts.queries import user_of_login


class OnePassword(AuthenticationBackend):
    """People are known by their name or by any of their verified addresses."""

    def _authenticate(self, request: HttpRequest | None, **credentials: str) -> User | None:  # noqa: ARG002 - allauth's
        login = credentials.get("username") or credentials.get("email", "")
        found: User | None = self._check_password(user_of_login(login), credentials["password"])
        return found
