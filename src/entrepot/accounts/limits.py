"""How often a user may do something in an hour, counted for all processes together.

In Redis where there is one, by the library `limits`; else in the database, which then is not under the load that would
ask for Redis. Whoever counts must answer: when it does not, what is limited is refused, and nothing else.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from django.db import transaction
from django.utils import timezone
from limits import RateLimitItemPerHour
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from entrepot.accounts.models import Spent, User
from entrepot.config import REDIS_ANSWERS, Config
from entrepot.refusal import Unavailable

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` times in any hour; `name` tells one limit from the others."""

    name: str
    amount: int


class Limits(Protocol):
    """Who counts."""

    def spend(self, limit: Limit, user: User) -> float:
        """Count one use; 0, or for how many seconds there is none left. Raises Unavailable("limits-unavailable")."""


class DatabaseLimits:
    """Counts rows, of which each user has no more than they may spend."""

    @transaction.atomic(durable=True)
    def spend(self, limit: Limit, user: User) -> float:
        """As the protocol says."""
        now = timezone.now()
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # one after the other
        spent = Spent.objects.filter(user=user, limit=limit.name)
        spent.filter(at__lte=now - HOUR).delete()
        if spent.count() < limit.amount:
            Spent.objects.create(user=user, limit=limit.name, at=now)
            return 0
        return (spent.earliest("at").at + HOUR - now).total_seconds()


class RedisLimits:
    """Counts in Redis, which has a second to answer."""

    def __init__(self, url: str) -> None:
        uri = url.replace("unix://", "redis+unix://", 1)
        self._window = MovingWindowRateLimiter(
            storage_from_string(
                uri, wrap_exceptions=True, socket_timeout=REDIS_ANSWERS, socket_connect_timeout=REDIS_ANSWERS
            )
        )

    def spend(self, limit: Limit, user: User) -> float:
        """As the protocol says."""
        item = RateLimitItemPerHour(limit.amount, namespace=f"entrepot-{limit.name}")
        try:
            if self._window.hit(item, str(user.pk)):
                return 0
            again = self._window.get_window_stats(item, str(user.pk)).reset_time
        except StorageError as error:
            raise Unavailable("limits-unavailable", "New projects cannot be made at this moment; try again.") from error
        return max(1.0, again - timezone.now().timestamp())


# Made when the process starts: the library cannot be set up by two threads at once. It connects when it is first used.
_REDIS = Config.current().redis_url
COUNTING: Limits = RedisLimits(_REDIS) if _REDIS else DatabaseLimits()
