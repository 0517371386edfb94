"""What workers need of each other: a bell that wakes them, and agreement on who of them tidies up.

A ring belongs to the transaction that leaves documents owed: PostgreSQL delivers it when that commits, and not at all
when it does not. It carries nothing, so a lost one costs only time: whoever waits looks again after LONGEST anyway. A
worker listens before it looks, so no ring falls between its looking and its waiting.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, cast

from django.db import connection

SHORTEST = 0.5  # seconds between two looks where nobody can ring, and between the first two attempts to listen
LONGEST = 5.0  # seconds between two looks at what is owed, and between two attempts to listen
SLICE = 0.2  # seconds after which a listener sees whether it is to stop

# SQLite has neither bells nor locks by name; a data directory has one worker.
_RING = {"sqlite": "SELECT 1", "postgresql": "NOTIFY entrepot"}
_TRY = {"sqlite": "SELECT 1 OR %s", "postgresql": "SELECT pg_try_advisory_lock(%s)"}
_RELEASE = {"sqlite": "SELECT 1 OR %s", "postgresql": "SELECT pg_advisory_unlock(%s)"}
_TIDYING, _FOLLOWING, _COUNTING = 1701736564, 1701736565, 1701736566

Stopped = Callable[[float], bool]


class Bell(Protocol):
    """What a worker waits for."""

    def wait(self, seconds: float, stopped: Stopped) -> bool:
        """Pause until somebody rings, so many seconds at most. Whether to stop.

        `stopped` pauses for so many seconds and says whether to stop.
        """

    def close(self) -> None:
        """Listen no longer."""


def ring() -> None:
    """Wake all workers when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute(_RING[connection.vendor])


def bell() -> Bell:
    """The bell of this database."""
    return Listener() if connection.vendor == "postgresql" else Clock()


class Clock:
    """Where nobody can ring: looking again soon."""

    def wait(self, seconds: float, stopped: Stopped) -> bool:
        """Pause for SHORTEST at most."""
        return stopped(min(seconds, SHORTEST))

    def close(self) -> None:
        """Nothing to do."""


class Listener:
    """A connection that only listens, outside of the pool. While there is none, it is tried for again, ever later."""

    def __init__(self) -> None:
        self._psycopg = cast("Any", connection).Database
        self._line: Any = None
        self._pause = SHORTEST

    def wait(self, seconds: float, stopped: Stopped) -> bool:
        """Pause until a ring; not at all when it has just begun to listen, because rings may have been missed."""
        if self._line is None:
            return stopped(self._listen())
        until = time.monotonic() + seconds
        try:
            while not stopped(0) and (left := until - time.monotonic()) > 0:
                if list(self._line.notifies(timeout=min(left, SLICE), stop_after=1)):
                    break
        except self._psycopg.Error:
            self.close()
        return stopped(0)

    def close(self) -> None:
        """Listen no longer."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _listen(self) -> float:
        """Begin to listen; how long to pause before the next look."""
        try:
            self._line = self._psycopg.connect(**connection.get_connection_params(), autocommit=True)
            self._line.execute("LISTEN entrepot")
        except self._psycopg.Error:
            self.close()
            pause, self._pause = self._pause, min(2 * self._pause, LONGEST)
            return pause
        self._pause = SHORTEST
        return 0


def turn_to_tidy() -> AbstractContextManager[bool]:
    """Whether no other worker is tidying up; none will until the end. It falls with the connection."""
    return _turn(_TIDYING)


def turn_to_follow() -> AbstractContextManager[bool]:
    """Whether no other worker hands changes on to followers; none will until the end. It falls with the connection."""
    return _turn(_FOLLOWING)


def turn_to_count() -> AbstractContextManager[bool]:
    """Whether no other worker counts downloads; none will until the end. It falls with the connection."""
    return _turn(_COUNTING)


@contextmanager
def _turn(to: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute(_TRY[connection.vendor], [to])
        mine = bool(cursor.fetchone()[0])
        try:
            yield mine
        finally:
            if mine:
                cursor.execute(_RELEASE[connection.vendor], [to])
