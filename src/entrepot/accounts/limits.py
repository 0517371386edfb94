"""How often something may be done in a while, by a user, from an address or by all: counted for all processes together.

In Redis where there is one, by the library `limits`; else in the database, which then is not under the load that would
ask for Redis. Whoever counts must answer: when it does not, what is limited is refused, and nothing else.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import transaction
from django.utils.translation import gettext as _
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from entrepot.accounts.models import Counter
from entrepot.config import REDIS_ANSWERS, Config
from entrepot.refusal import Unavailable


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` times in any `seconds`; `name` tells one limit from the others."""

    name: str
    amount: int
    seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Room:
    """What a limit leaves to somebody: `left` uses, and the next one after `wait` seconds, 0 when there is one now.

    `admitted` says whether the use that was just asked for is one of those that are allowed.
    """

    limit: Limit
    admitted: bool
    left: int
    wait: float


class Limits(Protocol):
    """Who counts. `key` says whose uses they are. Both raise Unavailable("limits-unavailable")."""

    def spend(self, limit: Limit, key: str) -> Room:
        """Count one use, unless there is no room for it."""

    def look(self, limit: Limit, key: str) -> Room:
        """What is left, and whether a use would be admitted, without counting one."""


class DatabaseLimits:
    """A row for each limit and key, with the moments of the uses that still count."""

    @transaction.atomic
    def spend(self, limit: Limit, key: str) -> Room:
        """As the protocol says."""
        now = time.time()
        name = f"{limit.name} {key}"
        Counter.objects.get_or_create(name=name, defaults={"until": now})
        counter = Counter.objects.select_for_update().get(name=name)  # one after the other
        room = _room(limit, counter.uses, now)
        if room.admitted:
            counter.uses = [*_counting(limit, counter.uses, now), now]
            counter.until = now + limit.seconds
            counter.save(update_fields=["uses", "until"])
            room = _room_after(limit, counter.uses, now)
        return room

    def look(self, limit: Limit, key: str) -> Room:
        """As the protocol says."""
        counter = Counter.objects.filter(name=f"{limit.name} {key}").first()
        return _room(limit, [] if counter is None else counter.uses, time.time())


def _counting(limit: Limit, uses: list[float], now: float) -> list[float]:
    return [each for each in uses if each > now - limit.seconds]


def _room(limit: Limit, uses: list[float], now: float) -> Room:
    uses = _counting(limit, uses, now)
    left = max(0, limit.amount - len(uses))
    return Room(limit, left > 0, left, 0 if left else uses[-limit.amount] + limit.seconds - now)


def _room_after(limit: Limit, uses: list[float], now: float) -> Room:
    room = _room(limit, uses, now)
    return Room(limit, admitted=True, left=room.left, wait=room.wait)


def forget(*, now: float) -> None:
    """Remove the counters that count nothing any more."""
    Counter.objects.filter(until__lt=now).delete()


class RedisLimits:
    """Counts in Redis, which has a second to answer."""

    def __init__(self, url: str) -> None:
        uri = url.replace("unix://", "redis+unix://", 1)
        self._window = MovingWindowRateLimiter(
            storage_from_string(
                uri, wrap_exceptions=True, socket_timeout=REDIS_ANSWERS, socket_connect_timeout=REDIS_ANSWERS
            )
        )

    def spend(self, limit: Limit, key: str) -> Room:
        """As the protocol says."""
        try:
            return self._room(limit, key, admitted=self._window.hit(_item(limit), key))
        except StorageError as error:
            raise _nobody_counts() from error

    def look(self, limit: Limit, key: str) -> Room:
        """As the protocol says."""
        try:
            return self._room(limit, key, admitted=self._window.test(_item(limit), key))
        except StorageError as error:
            raise _nobody_counts() from error

    def _room(self, limit: Limit, key: str, *, admitted: bool) -> Room:
        stats = self._window.get_window_stats(_item(limit), key)
        wait = 0 if stats.remaining else max(1.0, stats.reset_time - time.time())
        return Room(limit, admitted, stats.remaining, wait)


def _item(limit: Limit) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit.amount, limit.seconds, namespace=f"entrepot-{limit.name}")


def _nobody_counts() -> Unavailable:
    return Unavailable(
        "limits-unavailable",
        _("This cannot be done now: how often it was done cannot be counted. Please try again."),
    )


def count_failure(limit: Limit, key: str) -> Room:
    """Count what is refused in any case. Whoever has no room left costs a look, and no write.

    Raises Unavailable("limits-unavailable").
    """
    room = COUNTING.look(limit, key)
    return COUNTING.spend(limit, key) if room.admitted else room


def headers(rooms: Sequence[Room]) -> Mapping[str, str]:
    """What HTTP tells of limits (draft-ietf-httpapi-ratelimit-headers-10); nothing where none was counted."""
    if not rooms:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{each.limit.name}";q={each.limit.amount};w={each.limit.seconds}' for each in rooms
        ),
        "RateLimit": ", ".join(f'"{each.limit.name}";r={each.left};t={max(0, round(each.wait))}' for each in rooms),
    }


# Made when the process starts: the library cannot be set up by two threads at once. It connects when it is first used.
_REDIS = Config.current().redis_url
COUNTING: Limits = RedisLimits(_REDIS) if _REDIS else DatabaseLimits()
