"""Projects, releases and files: what the commands `yank`, `delete` and `status` do."""

from datetime import datetime
from typing import Annotated, Literal

from django.utils import timezone
from ninja import Path, Router, Schema
from pydantic import Field

from entrepot.accounts.tokens import Permission
from entrepot.api.manage.access import MANAGE, READ, TEXT, YANK, Asked, Done, Name, done
from entrepot.projects import actions, queries, rights
from entrepot.projects.changing import LONGEST_REASON

router = Router()

Version = Annotated[str, Path(max_length=200)]
Filename = Annotated[str, Path(max_length=200, pattern=TEXT)]
Why = Annotated[str, Field(max_length=LONGEST_REASON, pattern=TEXT, description="why; readers see it")]


class Reason(Schema):
    """Why something is done."""

    reason: Why = ""


class Marked(Reason):
    """A status marker (PEP 792); the operator alone quarantines."""

    status: Literal["active", "archived", "deprecated", "quarantined"]


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
    needs_keys: bool
    last_serial: int
    roles: list[RoleShown]
    releases: list[ReleaseShown]


@router.get("/projects", auth=READ, response=list[OwnProject])
def list_projects(request: Asked) -> list[OwnProject]:
    """The projects in which the user has a role."""
    user = rights.account_of(request.auth, Permission.READ, timezone.now())
    return [OwnProject(name=name, role=role) for name, role in queries.projects_of(user)]


@router.get("/projects/{name}", auth=READ, response=ProjectShown)
def show_project(request: Asked, name: Name) -> ProjectShown:
    """A project with its releases and files."""
    project = queries.project_named(queries.index_at_root(), name)
    rights.check(request.auth, project, Permission.READ, timezone.now())
    detail = queries.project_detail(project)
    return ProjectShown(
        name=detail.display_name,
        status=detail.status,
        status_reason=detail.status_reason,
        needs_keys=project.needs_keys,
        last_serial=detail.last_serial,
        roles=[RoleShown(role=role, user=user) for role, user in detail.roles],
        releases=[ReleaseShown.model_validate(each) for each in detail.releases],
    )


@router.put("/projects/{name}/status", auth=MANAGE, response=Done)
def set_status(request: Asked, name: Name, body: Marked) -> Done:
    """Mark a project."""
    project = queries.project_named(queries.index_at_root(), name)
    return done(actions.set_status(project, body.status, by=request.auth, reason=body.reason))


@router.delete("/projects/{name}", auth=MANAGE, response=Done)
def delete_project(request: Asked, name: Name) -> Done:
    """Delete a project with all it has, for good. Its name is never free again."""
    return done(actions.delete_project(queries.project_named(queries.index_at_root(), name), by=request.auth))


@router.delete("/projects/{name}/releases/{version}", auth=MANAGE, response=Done)
def delete_release(request: Asked, name: Name, version: Version) -> Done:
    """Delete a release with all its files, for good."""
    return done(actions.delete_release(queries.release_named(name, version), by=request.auth))


@router.put("/projects/{name}/releases/{version}/yank", auth=YANK, response=Done)
def yank_release(request: Asked, name: Name, version: Version, body: Reason) -> Done:
    """Take a release back: installers pass it by unless it is pinned."""
    return done(actions.yank_release(queries.release_named(name, version), by=request.auth, reason=body.reason))


@router.delete("/projects/{name}/releases/{version}/yank", auth=YANK, response=Done)
def unyank_release(request: Asked, name: Name, version: Version) -> Done:
    """Offer a release again, with all its files."""
    return done(actions.unyank_release(queries.release_named(name, version), by=request.auth))


@router.delete("/projects/{name}/releases/{version}/files/{filename}", auth=MANAGE, response=Done)
def delete_file(request: Asked, name: Name, version: Version, filename: Filename) -> Done:
    """Delete a file for good."""
    file = queries.file_of(queries.release_named(name, version), filename)
    return done(actions.delete_file(file, by=request.auth))


@router.put("/projects/{name}/releases/{version}/files/{filename}/yank", auth=YANK, response=Done)
def yank_file(request: Asked, name: Name, version: Version, filename: Filename, body: Reason) -> Done:
    """Take a single file back."""
    file = queries.file_of(queries.release_named(name, version), filename)
    return done(actions.yank_file(file, by=request.auth, reason=body.reason))


@router.delete("/projects/{name}/releases/{version}/files/{filename}/yank", auth=YANK, response=Done)
def unyank_file(request: Asked, name: Name, version: Version, filename: Filename) -> Done:
    """Offer a single file again."""
    file = queries.file_of(queries.release_named(name, version), filename)
    return done(actions.unyank_file(file, by=request.auth))
