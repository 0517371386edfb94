"""The record of what happened to accounts and rights, written with the change, and the mail about it."""

from collections.abc import Mapping
from datetime import datetime

from entrepot.accounts import notices
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import Event, User


def note(
    action: str,
    *,
    by: Actor,
    at: datetime,
    user: User | None = None,
    project: int | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Record `action` ("account:freeze"), done to the account of `user`, or concerning the project with that id.

    `details` are for people to read, and hold no secret. The user is told by mail (`notices`), at the addresses that
    are verified at this moment: whoever takes some away notes it before.
    """
    origin = by.origin
    Event.objects.create(
        at=at,
        action=action,
        user=None if user is None else user.pk,
        project=project,
        by=origin.user,
        credential=origin.credential,
        address=origin.address,
        details=dict(details or {}),
    )
    if user is not None:
        notices.send(action, user, by=by, at=at, details=details or {})
