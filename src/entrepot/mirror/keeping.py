"""Setting mirrors up, keeping them up to date in the background, and saying how they are."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.db import Error, connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from entrepot.accounts import flags, record
from entrepot.accounts.actor import Actor
from entrepot.accounts.flags import Switch
from entrepot.journal import workers
from entrepot.mirror.agenda import due_mirrors, rules_of
from entrepot.mirror.following import AWAY, FIRST_PAUSE, Following
from entrepot.mirror.models import Followed, Mirror
from entrepot.mirror.rules import Rules
from entrepot.names import ProjectName
from entrepot.ports.store import Store
from entrepot.projects import arriving
from entrepot.refusal import Missing, Refused, Unavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """How a mirror is: how many projects it follows, how many of them wait, and failed so far; the `error` of its list,
    and the `troubles` of some projects, by their names: what was refused for good, or why they failed."""

    name: str
    url: str
    rules: Rules
    pause: int
    asked_at: datetime | None
    projects: int
    waiting: int
    failing: int
    error: str
    troubles: tuple[tuple[str, str], ...]


SHOWN = 20  # troubles
DONE = object()


def keep(*, store: Store, uploads: Path, stopped: Callable[[float], bool]) -> None:
    """Follow all mirrors until told to stop. `stopped` pauses for so many seconds and says whether to stop.

    While all changes, or uploads, are switched off, nothing is taken up.
    """
    next_at, complaint = 0.0, ""
    while not stopped(workers.SHORTEST):
        if time.monotonic() < next_at:
            continue
        try:
            _round(store=store, uploads=uploads, stopped=lambda: stopped(0))
            complaint = ""
        except (Error, OSError, Unavailable) as error:
            said = " ".join(str(error).split())
            if said != complaint:
                logger.warning("mirrors wait: %s", said)
            complaint = said
        next_at = time.monotonic() + workers.LONGEST
        connection.close()  # while nothing is done, others need it more


def _round(*, store: Store, uploads: Path, stopped: Callable[[], bool]) -> None:
    """Do what is due for all mirrors, a step for each in turn: some have enough to do for days."""
    going: dict[int, Generator[None, None, None]] = {}
    look_at = 0.0
    with ExitStack() as stack:
        while not stopped():
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + workers.LONGEST
                for mirror in due_mirrors(timezone.now()):
                    flags.check(Switch.NO_UPLOADS, Switch.READ_ONLY)
                    if mirror.pk not in going:
                        going[mirror.pk] = stack.enter_context(closing(_followed(mirror, store, uploads, stopped)))
            going = {key: steps for key, steps in going.items() if next(steps, DONE) is not DONE}
            if not going:
                return


def _followed(mirror: Mirror, store: Store, uploads: Path, stopped: Callable[[], bool]) -> Generator[None, None, None]:
    try:
        yield from Following(mirror, store, uploads, stopped).steps()
    except AWAY:
        raise
    except Exception:
        # Whatever is wrong with this one must not keep the others from being followed.
        logger.exception("%s is interrupted", mirror.name)
        later = timezone.now() + FIRST_PAUSE
        Mirror.objects.filter(pk=mirror.pk).update(due_at=later, error="It was interrupted: see the log.")
        mirror.followed.filter(due_at__lt=later).update(due_at=later)


@transaction.atomic(durable=True)
def add(name: str, url: str, rules: Rules, *, pause: int, by: Actor) -> Mirror:
    """Follow another index from now on. Raises Refused("mirror-exists")."""
    now = timezone.now()
    given = {"url": url, "rules": asdict(rules), "pause": pause, "due_at": now}
    mirror, created = Mirror.objects.get_or_create(name=name, defaults=given)
    if not created:
        raise Refused("mirror-exists", f"There is a mirror named '{name}' already.", "name")
    record.note("mirror:add", by=by, at=now, details={"name": name, "url": url, "rules": asdict(rules)})
    return mirror


@transaction.atomic(durable=True)
def change(name: str, rules: Rules, *, url: str, pause: int, by: Actor) -> None:
    """Want something else of the index that is followed, or ask for it at another URL; empty: at the same one.

    What has been taken stays, if only it is still there.

    Raises Missing("no-such-mirror").
    """
    mirror, now = mirror_named(name), timezone.now()
    moved = url or mirror.url
    Mirror.objects.filter(pk=mirror.pk).update(url=moved, rules=asdict(rules), pause=pause, etag="", due_at=now)
    unwanted = [each for each in mirror.followed.values_list("pk", "name") if not rules.wants(ProjectName(each[1]))]
    for start in range(0, len(unwanted), 500):
        Followed.objects.filter(pk__in=[key for key, _name in unwanted[start : start + 500]]).delete()
    mirror.followed.update(etag="", serial=None, due_at=now)
    record.note("mirror:change", by=by, at=now, details={"name": name, "url": moved, "rules": asdict(rules)})


def remove(name: str, *, by: Actor) -> int:
    """Follow it no longer. Its projects stay, as this index's own: how many. Raises Missing("no-such-mirror")."""
    with transaction.atomic(durable=True):
        mirror_named(name).delete()
        record.note("mirror:remove", by=by, at=timezone.now(), details={"name": name})
    return arriving.release_from(name)


def mirror_named(name: str) -> Mirror:
    """The mirror. Raises Missing("no-such-mirror")."""
    try:
        return Mirror.objects.get(name=name)
    except Mirror.DoesNotExist:
        raise Missing("no-such-mirror", f"There is no mirror named '{name}'.", "name") from None


def hurry(mirror: Mirror) -> None:
    """Let all that waits, for whatever reason, be due now."""
    now = timezone.now()
    Mirror.objects.filter(pk=mirror.pk).update(due_at=now)
    mirror.followed.filter(attempts__gt=0).update(due_at=now)


def state_of(mirror: Mirror) -> State:
    """How this one is."""
    return next(each for each in states() if each.name == mirror.name)


def states() -> list[State]:
    """How each mirror is, by their names."""
    counted = Mirror.objects.annotate(
        projects=Count("followed"),
        waiting=Count("followed", filter=Q(followed__due_at__isnull=False)),
        failing=Count("followed", filter=Q(followed__attempts__gt=0)),
    )
    return [
        State(
            name=each.name,
            url=each.url,
            rules=rules_of(each),
            pause=each.pause,
            asked_at=each.asked_at,
            projects=each.projects,
            waiting=each.waiting,
            failing=each.failing,
            error=each.error,
            troubles=tuple(each.followed.exclude(error="").order_by("name").values_list("name", "error")[:SHOWN]),
        )
        for each in counted.order_by("name")
    ]
