"""Who may ask, and what all routes have in common."""

from datetime import UTC, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Query, Schema
from ninja.security.base import AuthBase
from pydantic import AfterValidator, Field

from entrepot.accounts.actor import Actor
from entrepot.accounts.tokens import Permission
from entrepot.api.credentials import actor_of
from entrepot.api.upload import is_shown


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


def _in_utc(moment: datetime) -> datetime:
    """The time, in UTC, as databases take it. Raises ValueError for one outside the years 1 to 9999."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is no time of our era") from None


TEXT = r"^[^\x00]*$"  # what every database takes
_USER = r"^[A-Za-z0-9._-]*$"
Name = Annotated[str, Path(max_length=100, description="the project's name, in any spelling")]
User = Annotated[str, Path(max_length=50, pattern=_USER)]
UserName = Annotated[str, Field(max_length=50, pattern=_USER)]
Moment = Annotated[datetime, AfterValidator(_in_utc), Field(description="UTC, unless it says otherwise")]
Before = Annotated[Moment | None, Query(description="only what happened before this time")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class Done(Schema):
    """The serial of the change, and whether readers see it already; if not, they will."""

    serial: int
    published: bool


class EventShown(Schema):
    """Something that was done; see the guide for the fields, of which changes and events have not the same.

    `address` is a hash when somebody else did it.
    """

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


def done(serial: int) -> Done:
    """What to answer to a change with this serial, once its documents are published."""
    return Done(serial=serial, published=is_shown(serial))
