"""That somebody is at work: each worker says so as it goes round, to its own process and, now and then, to all."""

import time
from datetime import datetime

from entrepot.journal.models import Heartbeat

LATE = 60.0  # seconds without a round, after which something is wrong
PAUSE = 10.0  # seconds between two notes for all to see

_ONLY = 1  # the key of the only row


class Heart:
    """The heart of the worker of this process."""

    def __init__(self) -> None:
        self._beaten = self._noted = float("-inf")

    def beat(self, at: datetime) -> None:
        """A round is made, and the database takes notes."""
        now = time.monotonic()
        if now - self._noted >= PAUSE:
            Heartbeat.objects.bulk_create(
                [Heartbeat(pk=_ONLY, at=at)], update_conflicts=True, update_fields=["at"], unique_fields=["id"]
            )
            self._noted = now
        self._beaten = now

    def check(self) -> None:
        """Raises TimeoutError when no round was made for LATE."""
        if time.monotonic() - self._beaten > LATE:
            raise TimeoutError("the worker makes no rounds")


HEART = Heart()


def last_round() -> datetime | None:
    """When a worker last made a round, to PAUSE."""
    return Heartbeat.objects.filter(pk=_ONLY).values_list("at", flat=True).first()
