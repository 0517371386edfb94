"""One's own account: tokens, and the record."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated

from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import Field

from entrepot.accounts import actions, limits
from entrepot.accounts.queries import events_of, tokens_of
from entrepot.accounts.tokens import Permission
from entrepot.api.manage.access import MANAGE, READ, TEXT, Asked, Before, EventShown, Limit, Moment
from entrepot.config import Config
from entrepot.projects import people, queries, rights
from entrepot.refusal import Refused, TooMany

router = Router()

TOKENS = limits.Limit("tokens", 30)  # of one user
LONGEST = timedelta(days=36500)


class NewToken(Schema):
    """A token to make: for these projects, or for all of the user's, and to be used for these `permissions`."""

    description: Annotated[str, Field(max_length=200, pattern=TEXT)] = ""
    projects: Annotated[list[str], Field(max_length=100)] = []
    permissions: Annotated[list[Permission], Field(min_length=1)] = [Permission.UPLOAD]
    expires_at: Moment | None = None


class TokenMade(Schema):
    """A new token's text, which is told this once."""

    token: str


class TokenShown(Schema):
    """An API token, as far as the index remembers it; null where it was made before that was kept.

    `projects` are names; it is empty when the token is for all of the user's.
    """

    id: uuid.UUID
    description: str
    created_at: datetime
    expires_at: datetime | None
    projects: list[str] | None
    permissions: list[str] | None
    last_used_at: datetime | None
    last_used_from: str | None
    last_used_for: str


@router.get("/tokens", auth=READ, response=list[TokenShown])
def list_tokens(request: Asked) -> list[TokenShown]:
    """The user's tokens, oldest first. Not the tokens themselves, which are stored nowhere."""
    found = list(tokens_of(rights.account_of(request.auth, Permission.READ, timezone.now())))
    names = people.names_of({project for token in found for project in token.projects or []})
    return [
        TokenShown(
            id=token.pk,
            description=token.description,
            created_at=token.created_at,
            expires_at=token.expires_at,
            projects=None if token.projects is None else [names[each] for each in token.projects],
            permissions=token.permissions,
            last_used_at=token.last_used_at,
            last_used_from=token.last_used_from,
            last_used_for=token.last_used_for,
        )
        for token in found
    ]


@router.post("/tokens", auth=MANAGE, response={201: TokenMade})
def create_token(request: Asked, body: NewToken) -> Status[TokenMade]:
    """Make a token that may do no more than the one that is presented, and for no longer."""
    now = timezone.now()
    if body.expires_at is not None and not now < body.expires_at < now + LONGEST:
        raise Refused("invalid-request", "expires_at: is not in the next hundred years.", "expires_at")
    user = rights.check_new_token(request.auth, body.permissions, body.expires_at, now)
    index = queries.index_at_root()
    projects = [queries.project_named(index, each) for each in body.projects]
    for project in projects:
        rights.check_role(user, project, Permission.READ)
    room = limits.COUNTING.spend(TOKENS, f"user {user.pk}")
    if not room.admitted:
        message = f"Too many tokens: a user may make {TOKENS.amount} in an hour. Try again later."
        raise TooMany("too-many-tokens", message, room.wait)
    text = actions.create_token(
        user,
        by=request.auth,
        by_operator=rights.is_operators(request.auth),
        secret=Config.current().secret(),
        projects=[each.pk for each in projects],
        permissions=body.permissions,
        description=body.description,
        expires_at=body.expires_at,
    )
    return Status(201, TokenMade(token=text))


@router.delete("/tokens/{identifier}", auth=MANAGE, response={204: None})
def revoke_token(request: Asked, identifier: uuid.UUID) -> Status[None]:
    """Make a token of the user's invalid, at once."""
    user = rights.account_of(request.auth, Permission.MANAGE, timezone.now())
    actions.revoke_token(identifier, of=user, by=request.auth)
    return Status(204, None)


@router.get("/events", auth=READ, response=list[EventShown])
def list_events(request: Asked, before: Before = None, limit: Limit = 100) -> list[EventShown]:
    """What the user did, and what happened to the account, the newest first."""
    user = rights.account_of(request.auth, Permission.READ, timezone.now())
    found = events_of(user, before=before or timezone.now(), limit=limit)
    return [EventShown.model_validate(each) for each in found]
