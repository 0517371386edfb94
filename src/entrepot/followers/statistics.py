"""Counts downloads, in the worker: logs are taken as they come, one batch at a time.

The lists of projects are worked out anew when something was counted, and on each new day; never for more than a small
part of the time, however large the index is.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.utils import timezone

from entrepot.edge.downloads import LOG, PART
from entrepot.journal import workers
from entrepot.refusal import Refused
from entrepot.stats import keeping
from entrepot.stats.counting import Report, take

LEFT_BEHIND = 60.0  # seconds after which nobody writes to a log any more: its process was killed
SELDOM = 200  # times as long as it took to work the lists out, before that is done again
DAMAGED = ".damaged"  # ends the name of a log that cannot be read

logger = logging.getLogger(__name__)


@dataclass
class _Ranked:
    """When the lists were worked out in this process, and when it may be done again, as `time.monotonic` has it."""

    on: date | None = None
    again: float = 0.0
    counted: bool = False


_ranked = _Ranked()


def count(directory: Path) -> Iterator[None]:
    """Take the logs in a directory, and remove each that was counted; stops after each batch."""
    today = timezone.now().date()
    logs = _waiting(directory)
    if not logs and not _is_due(today):
        return
    with workers.turn_to_count() as mine:
        if not mine:
            return
        for path in logs:
            yield from _take(path, today)
        if _is_due(today):
            _rank(today)


def fold() -> Iterator[None]:
    """Make less of what is old; stops now and then."""
    for day in keeping.fold(today=timezone.now().date()):
        logger.info("the downloads of %s are kept by month now", day)
        yield


def _waiting(directory: Path) -> list[Path]:
    """Finished logs, oldest name first, and those that somebody left behind."""
    for part in directory.glob(f"*{PART}"):
        with suppress(FileNotFoundError):  # it was finished this moment
            if time.time() - part.stat().st_mtime > LEFT_BEHIND:
                part.rename(part.with_suffix(LOG))
    return sorted([*directory.glob(f"*{LOG}"), *directory.glob(f"*{LOG}.gz")])


def _take(path: Path, today: date) -> Iterator[None]:
    total = Report()
    try:
        for report in take(path, today=today):
            total += report
            _ranked.counted |= report.counted > 0
            yield
    except (Refused, OSError) as problem:
        logger.warning("%s", problem)
        path.rename(path.with_name(path.name + DAMAGED))
        return
    path.unlink(missing_ok=True)
    if total.malformed or total.unknown:
        logger.info("%s: %s", path.name, total)


def _is_due(today: date) -> bool:
    changed = _ranked.counted or _ranked.on != today
    return changed and time.monotonic() >= _ranked.again


def _rank(today: date) -> None:
    began = time.monotonic()
    keeping.rank(today=today)
    ended = time.monotonic()
    _ranked.counted, _ranked.on = False, today
    _ranked.again = ended + SELDOM * (ended - began)
