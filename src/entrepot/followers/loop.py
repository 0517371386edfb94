"""The worker: publishes what was left owed, and tidies up."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import Error, close_old_connections
from django.utils import timezone

from entrepot.followers import pages
from entrepot.followers.collect import collect
from entrepot.ports.store import FileStore

logger = logging.getLogger(__name__)

PAUSE = 0.5  # seconds between two looks at what is owed
TIDY = timedelta(hours=6)


def work(*, store: FileStore, stopped: Callable[[float], bool]) -> None:
    """Do what is due until told to stop. Trouble with the database is logged and tried again.

    `stopped` pauses for so many seconds and says whether to stop.
    """
    tidied = timezone.now() - TIDY + timedelta(minutes=1)  # not in the rush of starting
    while not stopped(PAUSE):
        try:
            tidied = step(store=store, now=timezone.now(), tidied=tidied, stopped=stopped)
        except (Error, OSError):
            logger.exception("the database or the store did not answer")
            close_old_connections()


def step(*, store: FileStore, now: datetime, tidied: datetime, stopped: Callable[[float], bool]) -> datetime:
    """One round: all that is due now; and now and then the tidying. Returns when that was done last."""
    for _ in pages.publish_owed(due=now, store=store):
        if stopped(0):
            return tidied
    if now - tidied < TIDY:
        return tidied
    removed = sum(1 for _ in collect(store=store, now=now))
    logger.info("removed %d stored objects that nothing refers to", removed)
    return now
