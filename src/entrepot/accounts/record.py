"""The record of what happened to accounts and rights, written in the transaction of the change."""

from collections.abc import Mapping
from datetime import datetime

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

    `details` are for people to read, and hold no secret.
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
