"""Who is told by mail of what happens to a project: everybody who has a role in it."""

from collections.abc import Iterable
from datetime import datetime

from entrepot.accounts import notices
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.journal.log import Event


def tell(event: Event, *, by: Actor, at: datetime, also: Iterable[User] = ()) -> None:
    """Mail those who have a role at this moment, and `also`, what is about to be recorded.

    To be called before roles are taken away, in the transaction of the change.
    """
    users = User.objects.filter(roles__project=event.project)
    notices.tell(
        dict.fromkeys([*users, *also]),
        event.action,
        project=event.name,
        version=event.version,
        reason=event.reason,
        by=by,
        at=at,
    )
