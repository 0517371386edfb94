"""What is told of a change: by mail to everybody who has a role in the project, and by the journal to readers."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from entrepot.accounts import notices
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.journal import log
from entrepot.journal.log import Event


def announce(events: Sequence[Event], *, by: Actor, at: datetime) -> int:
    """Mail each event to those who have a role now, and write the journal: the serial of the last one."""
    for each in events:
        tell(each, by=by, at=at)
    return log.append(events, by=by.origin, at=at)


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
