"""Who a request of the site is from."""

from collections.abc import Mapping
from typing import TypeAlias

from allauth.account.internal.flows.login import get_authentication_records
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session as Row
from django.http import HttpRequest

from entrepot.accounts.actor import Actor, Session
from entrepot.accounts.address import address_of
from entrepot.accounts.models import User

Person: TypeAlias = User  # as pages, which know no models, call them


class Member(HttpRequest):
    """A request of somebody who has signed in."""

    user: User


def actor_of(request: HttpRequest, user: User) -> Actor:
    """The user, acting by the session of this request, which may not be signed in yet."""
    session = Session(user, request.session.session_key or "", used_key(request, user))
    return Actor(user, session, address_of(request))


def used_key(request: HttpRequest, user: User) -> bool:
    """Whether a security key or a passkey was used in this session."""
    return key_shown_at(request, user) is not None


def key_shown_at(request: HttpRequest, user: User | AnonymousUser) -> float | None:
    """When a security key or a passkey was last used in this session, in seconds since 1970."""
    shown = [each["at"] for each in get_authentication_records(request, user) if _is_key(each)]
    return max(shown, default=None)


def _is_key(shown: Mapping[str, object]) -> bool:
    return (shown["method"], shown.get("type")) == ("mfa", "webauthn")


def forget() -> None:
    """Remove the rows of sessions that have expired."""
    SessionStore.clear_expired()
    UserSession.objects.exclude(session_key__in=Row.objects.values("session_key")).delete()


def end_all(user: User, *, but: str | None = None) -> None:
    """End every session of the user, but the one with this key."""
    for each in UserSession.objects.filter(user=user).exclude(session_key=but or ""):
        each.end()
