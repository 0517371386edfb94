"""The management API, at /api/v1/: what programs do in the name of a user, with a token that has the permission.

Answers are JSON, refusals problem documents (RFC 9457); `/api/v1/openapi.json` describes all of it (OpenAPI 3.1).
"""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query, Schema
from ninja.errors import HttpError, ValidationError
from ninja.security.base import AuthBase
from pydantic import Field

from entrepot.accounts import actions as accounts
from entrepot.accounts.actor import Actor
from entrepot.accounts.queries import events_of, tokens_of
from entrepot.accounts.tokens import Permission
from entrepot.api import problems
from entrepot.api.credentials import actor_of
from entrepot.api.described import DescribedAPI
from entrepot.api.upload import is_shown
from entrepot.config import Config
from entrepot.projects import actions, queries, rights
from entrepot.refusal import Refused, Unavailable

api = DescribedAPI(
    title="Entrepot",
    version="1",
    description="Look after projects, releases, files and tokens. Send an API token as `Authorization: Bearer`.",
    docs_url=None,
    urls_namespace="api",
)


class Holder(AuthBase):
    """Whoever holds an API token; `permission` is what it is used for."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, permission: Permission) -> None:
        super().__init__()
        self.permission = permission

    def __call__(self, request: HttpRequest) -> Actor:
        """Who sends the request. Raises Forbidden."""
        return actor_of(request, self.permission)


class Asked(HttpRequest):
    """A request with a valid token."""

    auth: Actor


YANK, MANAGE, READ = Holder(Permission.YANK), Holder(Permission.MANAGE), Holder(Permission.READ)

Name = Annotated[str, Path(max_length=100, description="the project's name, in any spelling")]
Version = Annotated[str, Path(max_length=200)]
Filename = Annotated[str, Path(max_length=200)]
Why = Annotated[str, Field(max_length=1000, description="why; readers see it")]


class Reason(Schema):
    """Why something is done."""

    reason: Why = ""


class Marked(Reason):
    """A status marker (PEP 792); the operator alone quarantines."""

    status: Literal["active", "archived", "deprecated", "quarantined"]


class Done(Schema):
    """The serial of the change, and whether readers see it already; if not, they will."""

    serial: int
    published: bool


class OwnProject(Schema):
    """A project of the user's."""

    name: str
    role: str


class FileShown(Schema):
    """A distribution file; the size is in bytes."""

    filename: str
    size: int
    sha256: str
    uploaded_at: datetime
    yanked: bool
    yanked_reason: str


class ReleaseShown(Schema):
    """A release; `yanked` tells of the release as a whole."""

    version: str
    yanked: bool
    yanked_reason: str
    files: list[FileShown]


class RoleShown(Schema):
    """Who has which role."""

    role: str
    user: str


class ProjectShown(Schema):
    """A project with its releases, oldest version first."""

    name: str
    status: str
    status_reason: str
    last_serial: int
    roles: list[RoleShown]
    releases: list[ReleaseShown]


class TokenShown(Schema):
    """An API token, as far as the index remembers it; null where it was made before that was kept."""

    id: uuid.UUID
    description: str
    created_at: datetime
    expires_at: datetime | None
    projects: list[int] | None
    permissions: list[str] | None
    last_used_at: datetime | None
    last_used_from: str | None
    last_used_for: str


class EventShown(Schema):
    """Something that was done; see the guide for the fields, of which changes and events have not the same."""

    at: str  # ISO 8601, to the microsecond: it can be given as `before`
    action: str
    serial: int | None = None
    project: str | int | None = None
    version: str = ""
    reason: str = ""
    by: int | None
    credential: str
    address: str | None
    details: dict[str, object] = {}


@api.get("/projects", auth=READ, response=list[OwnProject])
def list_projects(request: Asked) -> list[OwnProject]:
    """The projects in which the user has a role."""
    user = rights.account_of(request.auth, Permission.READ, timezone.now())
    return [OwnProject(name=name, role=role) for name, role in queries.projects_of(user)]


@api.get("/projects/{name}", auth=READ, response=ProjectShown)
def show_project(request: Asked, name: Name) -> ProjectShown:
    """A project with its releases and files."""
    project = queries.project_named(queries.index_at_root(), name)
    rights.check(request.auth, project, Permission.READ, timezone.now())
    detail = queries.project_detail(project)
    return ProjectShown(
        name=detail.display_name,
        status=detail.status,
        status_reason=detail.status_reason,
        last_serial=detail.last_serial,
        roles=[RoleShown(role=role, user=user) for role, user in detail.roles],
        releases=[ReleaseShown.model_validate(each) for each in detail.releases],
    )


@api.put("/projects/{name}/status", auth=MANAGE, response=Done)
def set_status(request: Asked, name: Name, body: Marked) -> Done:
    """Mark a project."""
    project = queries.project_named(queries.index_at_root(), name)
    return _done(actions.set_status(project, body.status, by=request.auth, reason=body.reason))


@api.delete("/projects/{name}", auth=MANAGE, response=Done)
def delete_project(request: Asked, name: Name) -> Done:
    """Delete a project with all it has, for good. Its name is never free again."""
    return _done(actions.delete_project(queries.project_named(queries.index_at_root(), name), by=request.auth))


@api.delete("/projects/{name}/releases/{version}", auth=MANAGE, response=Done)
def delete_release(request: Asked, name: Name, version: Version) -> Done:
    """Delete a release with all its files, for good."""
    return _done(actions.delete_release(queries.release_named(name, version), by=request.auth))


@api.put("/projects/{name}/releases/{version}/yank", auth=YANK, response=Done)
def yank_release(request: Asked, name: Name, version: Version, body: Reason) -> Done:
    """Take a release back: installers pass it by unless it is pinned."""
    return _done(actions.yank_release(queries.release_named(name, version), by=request.auth, reason=body.reason))


@api.delete("/projects/{name}/releases/{version}/yank", auth=YANK, response=Done)
def unyank_release(request: Asked, name: Name, version: Version) -> Done:
    """Offer a release again, with all its files."""
    return _done(actions.unyank_release(queries.release_named(name, version), by=request.auth))


@api.delete("/projects/{name}/releases/{version}/files/{filename}", auth=MANAGE, response=Done)
def delete_file(request: Asked, name: Name, version: Version, filename: Filename) -> Done:
    """Delete a file for good."""
    file = queries.file_of(queries.release_named(name, version), filename)
    return _done(actions.delete_file(file, by=request.auth))


@api.put("/projects/{name}/releases/{version}/files/{filename}/yank", auth=YANK, response=Done)
def yank_file(request: Asked, name: Name, version: Version, filename: Filename, body: Reason) -> Done:
    """Take a single file back."""
    file = queries.file_of(queries.release_named(name, version), filename)
    return _done(actions.yank_file(file, by=request.auth, reason=body.reason))


@api.delete("/projects/{name}/releases/{version}/files/{filename}/yank", auth=YANK, response=Done)
def unyank_file(request: Asked, name: Name, version: Version, filename: Filename) -> Done:
    """Offer a single file again."""
    file = queries.file_of(queries.release_named(name, version), filename)
    return _done(actions.unyank_file(file, by=request.auth))


@api.get("/tokens", auth=READ, response=list[TokenShown])
def list_tokens(request: Asked) -> list[TokenShown]:
    """The user's tokens, oldest first. Not the tokens themselves, which are stored nowhere."""
    user = rights.account_of(request.auth, Permission.READ, timezone.now())
    return [TokenShown.model_validate(token, from_attributes=True) for token in tokens_of(user)]


@api.delete("/tokens/{identifier}", auth=MANAGE, response={204: None})
def revoke_token(request: Asked, identifier: uuid.UUID) -> tuple[int, None]:
    """Make a token of the user's invalid, at once."""
    user = rights.account_of(request.auth, Permission.MANAGE, timezone.now())
    accounts.revoke_token(identifier, of=user, by=request.auth)
    return 204, None


@api.get("/events", auth=READ, response=list[EventShown])
def list_events(
    request: Asked,
    before: Annotated[datetime | None, Query(description="only what happened before this time")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[EventShown]:
    """What the user did, and what happened to the account, the newest first."""
    user = rights.account_of(request.auth, Permission.READ, timezone.now())
    found = events_of(user, before=before or timezone.now(), limit=limit)
    return [EventShown.model_validate(each) for each in found]


def _done(serial: int) -> Done:
    config = Config.current()
    return Done(serial=serial, published=is_shown(serial, config.store(), config.cdn()))


@api.exception_handler(Refused)
def _refuse(_request: HttpRequest, refusal: Refused) -> HttpResponse:
    return problems.answer(problems.PROBLEM, refusal)


@api.exception_handler(ValidationError)
def _refuse_form(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    where = ".".join(str(each) for each in first["loc"])
    return problems.answer(problems.PROBLEM, Refused("invalid-request", f"{where}: {first['msg']}.", where))


@api.exception_handler(HttpError)
def _refuse_body(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problems.answer(problems.PROBLEM, Refused("invalid-request", f"{error.message}.", "body"))


@api.exception_handler(OperationalError)
def _try_later(_request: HttpRequest, _error: OperationalError) -> HttpResponse:
    again = Unavailable("try-later", "The index cannot do this at this moment. Please try again.")
    return problems.answer(problems.PROBLEM, again)
