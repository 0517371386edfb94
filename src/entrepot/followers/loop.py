"""The worker: publishes what was left owed, sends mail, and tidies up. There may be several."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain, islice

from django.db import Error, close_old_connections
from django.utils import timezone

from entrepot.accounts import limits, people, sessions
from entrepot.config import Config
from entrepot.followers import descriptions, domains, following, mail, pages, statistics
from entrepot.followers.collect import collect
from entrepot.followers.dependents import Dependents
from entrepot.followers.descriptions import Descriptions
from entrepot.followers.following import Follower
from entrepot.followers.heart import HEART
from entrepot.followers.totals import Counting
from entrepot.journal import log, workers
from entrepot.patience import DATABASE
from entrepot.ports.cdn import Cdn
from entrepot.ports.store import Store
from entrepot.projects.descriptions import next_due as next_description_due
from entrepot.refusal import Unavailable
from entrepot.search.follower import Searching

logger = logging.getLogger(__name__)

TIDY = timedelta(hours=6)
FOLLOWERS: Sequence[Follower] = (Searching(), Descriptions(), Dependents(), Counting())
RENDERED_AT_ONCE = 20  # descriptions in one round
PATIENCE = 20.0  # seconds for one answer of the database; a worker that waits for longer could not be stopped


def work(*, store: Store, cdn: Cdn, stopped: Callable[[float], bool]) -> None:
    """Do what is due until told to stop. While the database or the store does not answer, it is tried again.

    `stopped` pauses for so many seconds and says whether to stop.
    """
    DATABASE.seconds = PATIENCE
    tidied = timezone.now() - TIDY + timedelta(minutes=1)  # not in the rush of starting
    pause, answering = 0.0, True
    with closing(workers.bell()) as bell:
        while not bell.wait(pause, stopped):
            try:
                tidied = step(store=store, cdn=cdn, now=timezone.now(), tidied=tidied, stopped=stopped)
                due = (log.next_due(), mail.next_due(), next_description_due())
                pause = min(*map(_until, due), following.pause(FOLLOWERS))
            except (Error, OSError, Unavailable) as error:
                if answering:
                    logger.error("the database or the store does not answer: %s", " ".join(str(error).split()))  # noqa: TRY400
                close_old_connections()
                pause, answering = workers.SHORTEST, False
            else:
                if not answering:
                    logger.warning("the database and the store answer again")
                answering = True


def step(*, store: Store, cdn: Cdn, now: datetime, tidied: datetime, stopped: Callable[[float], bool]) -> datetime:
    """One round: all that is due now; and now and then the tidying. Returns when that was done last."""
    _do(due=now, store=store, cdn=cdn, stopped=stopped)
    # Followers may have to begin with the first entry, and descriptions take seconds: nothing else waits for them.
    rendered = islice(descriptions.render_owed(cdn=cdn), RENDERED_AT_ONCE)
    for each in (following.steps(FOLLOWERS), rendered, statistics.count(Config.current().downloads)):
        for _ in each:
            _do(due=timezone.now(), store=store, cdn=cdn, stopped=stopped)
            if stopped(0):
                return tidied
    if stopped(0) or now - tidied < TIDY:
        return tidied
    with workers.turn_to_tidy() as mine:
        if mine:
            removed = 0
            for keys in collect(store=store, now=now):
                removed += len(keys)
                # What was changed meanwhile does not wait until all is tidy.
                _do(due=timezone.now(), store=store, cdn=cdn, stopped=stopped)
                if stopped(0):
                    return tidied
            limits.forget(now=now.timestamp())
            sessions.forget()
            people.forget_unconfirmed(now=now)
            logger.info("removed %d stored objects that nothing refers to", removed)
            for _ in chain(statistics.fold(), domains.look(now=now)):
                _do(due=timezone.now(), store=store, cdn=cdn, stopped=stopped)
                if stopped(0):
                    return tidied
    return now


def _do(*, due: datetime, store: Store, cdn: Cdn, stopped: Callable[[float], bool]) -> None:
    """Publish what is due, and send the letters that are; a mail server that is slow holds no page up."""
    _publish(due=due, store=store, cdn=cdn, stopped=stopped)
    if stopped(0):
        return
    for _ in mail.deliver(due=due):
        _publish(due=timezone.now(), store=store, cdn=cdn, stopped=stopped)
        if stopped(0):
            break


def _publish(*, due: datetime, store: Store, cdn: Cdn, stopped: Callable[[float], bool]) -> None:
    HEART.beat(timezone.now())
    for _ in pages.publish_owed(due=due, store=store, cdn=cdn):
        HEART.beat(timezone.now())
        if stopped(0):
            break


def _until(due: datetime | None) -> float:
    """Seconds until then, or until it is time to look again in any case."""
    if due is None:
        return workers.LONGEST
    return min(max(0.0, (due - timezone.now()).total_seconds()), workers.LONGEST)
