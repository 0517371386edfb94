"""How the index is: what its readiness, its metrics and its status page say, which is therefore the same.

Everything here is asked through `Recent`, so none of them waits for a database that hangs, and a thousand who ask
cost one look a second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min, Q
from django.utils import timezone
from prometheus_client.core import Metric

from entrepot import layout
from entrepot.accounts.models import Letter
from entrepot.config import Config
from entrepot.followers.heart import LATE, last_round
from entrepot.journal import log
from entrepot.journal.documents import Document, Kind
from entrepot.journal.models import Dirty, Entry
from entrepot.layout import Form
from entrepot.mirror.models import Followed, Mirror
from entrepot.monitoring import metrics
from entrepot.monitoring.recent import Recent
from entrepot.ports.cdn import NotShown, PurgeFailed
from entrepot.projects.models import Project

SHOWN = 50  # failing documents that are named
STALE = 300.0  # seconds for which a document may be owed before something is wrong
UNPURGED = Q(error__startswith=PurgeFailed.__name__) | Q(error__startswith=NotShown.__name__)


@dataclass(frozen=True, slots=True)
class Failing:
    """A document that could not be published: the project (empty for the list of all), since when, how often."""

    kind: Kind
    project: str
    since: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database says of the index.

    `mirrors_failing` are indexes that are followed and cannot be asked what is new. `oldest` is since when the document
    is owed that is owed longest, `oldest_letter` when the mail was written that waits longest.
    """

    committed: int
    published: int
    owed: int
    oldest: datetime | None
    failing: int
    unpurged: int
    letters: int
    oldest_letter: datetime | None
    mirrors_failing: int
    mirror_projects_waiting: int
    mirror_projects_failing: int
    worked: datetime | None
    named: tuple[Failing, ...]

    @property
    def age(self) -> float:
        """Seconds for which the oldest debt has been owed."""
        return _age(self.oldest)

    @property
    def letters_age(self) -> float:
        """Seconds for which the oldest mail has waited."""
        return _age(self.oldest_letter)


def _age(since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (timezone.now() - since).total_seconds())


class State(StrEnum):
    """How the index is as a whole."""

    OK = "ok"
    DEGRADED = "degraded"  # installing goes on; something else does not, or late
    DOWN = "down"  # pages and files cannot be read


@dataclass(frozen=True, slots=True)
class Report:
    """What readers of the status page are told. There are no figures while the database does not tell them."""

    database: bool
    store: bool
    figures: Figures | None

    @property
    def worker(self) -> bool:
        """Whether a worker has made a round lately, as far as is known."""
        worked = None if self.figures is None else self.figures.worked
        return worked is not None and timezone.now() - worked < timedelta(seconds=LATE)

    @property
    def publishing(self) -> bool:
        """Whether what was changed is published, and soon, as far as is known."""
        return self.figures is not None and not self.figures.failing and self.figures.age < STALE

    @property
    def state(self) -> State:
        """All of it in one word."""
        if not self.store:
            return State.DOWN
        return State.OK if self.database and self.worker and self.publishing else State.DEGRADED


def _tables() -> None:
    """Raises LookupError when the database has not got all the tables of this version."""
    try:
        applied = set(MigrationRecorder(connection).migration_qs.values_list("app", "name"))
        if missing := _NEEDED - applied:
            raise LookupError(f"the database lacks migrations: {sorted(missing)}")
    finally:
        connection.close()


def _figures() -> Figures:
    try:
        debts = Dirty.objects.order_by("since")
        failing = debts.filter(attempts__gt=0)
        oldest = debts.first()
        return Figures(
            committed=log.committed(),
            published=log.published(),
            owed=debts.count(),
            oldest=None if oldest is None else _since(oldest),
            failing=failing.count(),
            unpurged=failing.filter(UNPURGED).count(),
            letters=Letter.objects.count(),
            oldest_letter=Letter.objects.aggregate(oldest=Min("written_at"))["oldest"],
            mirrors_failing=Mirror.objects.exclude(error="").count(),
            mirror_projects_waiting=Followed.objects.filter(due_at__isnull=False).count(),
            mirror_projects_failing=Followed.objects.filter(attempts__gt=0).count(),
            worked=last_round(),
            named=tuple(
                Failing(Kind(each.kind), _project(each.document), _since(each), each.attempts)
                for each in failing[:SHOWN]
            ),
        )
    finally:
        connection.close()


def _store() -> None:
    """Raises OSError when the store does not answer."""
    Config.current().store().stamp(layout.project_list(Form.JSON).key)


def _since(debt: Dirty) -> datetime:
    """Since when it is owed: since the change, but an older change may have been taken up anew by a rebuild."""
    changed = Entry.objects.filter(serial=debt.since).values_list("at", flat=True).first()
    return debt.owed_at if changed is None else max(changed, debt.owed_at)


def _project(document: Document) -> str:
    first, _ = document.parts()
    projects = Project.objects.values_list("display_name", flat=True)
    match document.kind:
        case Kind.LIST:
            return ""
        case Kind.FILE:
            projects = projects.filter(releases__files__blake2=first)
        case _:
            projects = projects.filter(pk=first)
    return projects.first() or ""


_NEEDED = set(MigrationLoader(None).graph.leaf_nodes())

FIGURES = Recent(_figures)

CHECKS: dict[str, Recent[object]] = {"database": Recent(_tables), "store": Recent(_store)}


def report() -> Report:
    """How the index is at this moment."""
    FIGURES.begin()  # beside the checks
    database = CHECKS["database"].holds() and FIGURES.holds()
    return Report(database, CHECKS["store"].holds(), FIGURES.get() if database else None)


def measured() -> Iterator[Metric]:
    """The figures as metrics; none while the database does not tell them."""
    figures = report().figures
    if figures is None:
        return
    yield metrics.gauge("serial_committed", "The last serial of the journal", figures.committed)
    yield metrics.gauge("serial_published", "The serial up to which readers see everything", figures.published)
    yield metrics.gauge("documents_owed", "Documents that are not published as the database says", figures.owed)
    yield metrics.gauge("documents_owed_oldest_seconds", "For how long the oldest of them has been owed", figures.age)
    yield metrics.gauge("documents_failing", "Documents owed that could not be published so far", figures.failing)
    yield metrics.gauge("documents_unpurged", "Documents whose purge from the CDN failed so far", figures.unpurged)
    yield metrics.gauge("letters_waiting", "Mails that have not been sent", figures.letters)
    yield metrics.gauge("letters_waiting_oldest_seconds", "For how long the oldest of them waits", figures.letters_age)
    failing = figures.mirrors_failing
    yield metrics.gauge("mirrors_failing", "Indexes that are followed, and cannot be asked what is new", failing)
    waiting, failing = figures.mirror_projects_waiting, figures.mirror_projects_failing
    yield metrics.gauge("mirror_projects_waiting", "Projects of mirrors that have not been taken up", waiting)
    yield metrics.gauge("mirror_projects_failing", "Those of them that could not be taken up so far", failing)
    if figures.worked is not None:
        at = figures.worked.timestamp()
        yield metrics.gauge("worker_round_timestamp_seconds", "When a worker last made a round", at)
