"""Keeping up with another index: noting what is new there, then taking it up, project by project.

All that is known of how far it came is in rows, so whoever is interrupted goes on where it was: a project is due until
all of it has been taken up, and a file that is here already is not fetched again. Several may follow one mirror at
once: each claims what it is about to do for a while, and goes on claiming it while it does it.

What another index does not say is not made up: a project whose page is older than the list promised is asked for again
later, and one that has vanished from the list is removed only when its own page is gone, too.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone

from entrepot import arrivals
from entrepot.accounts.actor import OPERATOR
from entrepot.arrivals import Arrival, Outcome
from entrepot.mirror import agenda
from entrepot.mirror.ahead import CONNECTIONS, Fetched, ahead, fetched
from entrepot.mirror.models import Followed, Mirror
from entrepot.mirror.rules import sift
from entrepot.names import ProjectName
from entrepot.ports.store import Store
from entrepot.projects import arriving, queries
from entrepot.projects.arriving import Sender
from entrepot.projects.models import Index, Project
from entrepot.refusal import Missing, Refused, Unavailable
from entrepot.upstream.client import Answer, Upstream
from entrepot.upstream.page import UpstreamFile, UpstreamListed, UpstreamProject
from entrepot.visible import visible

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)  # before something that failed is tried again
PAUSE = 0.2  # seconds, before it is looked once more whether others have done their part
GONE_AFTER = 6  # failed attempts, which take half an hour
AWAY = (OperationalError, InterfaceError, OSError, Unavailable)  # what is nobody's fault who is followed


@dataclass
class Progress:
    """What was done so far: projects that were looked at, and what became of files."""

    projects: int = 0
    taken: int = 0
    same: int = 0
    removed: int = 0
    refused: int = 0
    failed: int = 0


@dataclass
class Following:
    """One round of following a mirror. `stopped` says whether to end early; files pass through the folder `uploads`."""

    mirror: Mirror
    store: Store
    uploads: Path
    stopped: Callable[[], bool]
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self._rules = agenda.rules_of(self.mirror)
        self._sender = Sender(OPERATOR, self.mirror.name)
        self._index = queries.index_at_root()
        self._changed = False

    def steps(self) -> Generator[None, None, None]:
        """Note what is new when it is time for that, and take up all that is due. Stops after each little while."""
        with closing(Upstream(self.mirror.url)) as upstream:
            self._note(upstream)
            pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="mirror")
            try:
                while not self._is_over() and (claimed := agenda.claim(self.mirror)):
                    yield from self._take_up(claimed, upstream, pool)
            finally:
                pool.shutdown(cancel_futures=True)
                self._release()

    def to_the_end(self) -> Generator[None, None, None]:
        """As `steps`, until nothing is due: what others have claimed, they finish, or leave behind."""
        yield from self.steps()
        while not self._is_over() and self.waiting():
            time.sleep(PAUSE)
            yield
            yield from self.steps()

    def _is_over(self) -> bool:
        return self._changed or self.stopped()

    def _release(self) -> None:
        """What was brought for a mirror while it was removed is this index's own, like all that it had."""
        if not Mirror.objects.filter(name=self.mirror.name).exists():
            arriving.release_from(self.mirror.name)

    def waiting(self) -> int:
        """How many projects are due."""
        return Followed.objects.filter(mirror=self.mirror, due_at__lte=timezone.now()).count()

    def _note(self, upstream: Upstream) -> None:
        now = timezone.now()
        due = Mirror.objects.filter(pk=self.mirror.pk, due_at__lte=now)
        if not due.update(due_at=now + timedelta(seconds=self.mirror.pause)):
            return
        try:
            self._note_all(upstream)
        except Refused as refused:
            logger.warning("the mirror %s cannot be asked what is new: %s", self.mirror.name, refused)
            Mirror.objects.filter(pk=self.mirror.pk).update(error=_shortened(refused), due_at=now + FIRST_PAUSE)
        else:
            Mirror.objects.filter(pk=self.mirror.pk).update(error="", asked_at=timezone.now())

    def _note_all(self, upstream: Upstream) -> None:
        if self._rules.projects:
            agenda.note(self.mirror, [UpstreamListed(name) for name in self._rules.projects], self._rules, listed=False)
            return
        listing = upstream.project_list(self.mirror.etag)
        if listing is not None:
            agenda.note(self.mirror, listing.projects, self._rules, listed=True)
            self.mirror.etag = listing.etag
            Mirror.objects.filter(pk=self.mirror.pk).update(etag=listing.etag)
        elif not self.mirror.followed.filter(serial__isnull=False).exists():
            # A list that stays the same says nothing about the projects on it, unless it says their serials.
            self.mirror.followed.filter(due_at=None, listed=True).update(due_at=timezone.now())

    def _take_up(self, claimed: Sequence[Followed], upstream: Upstream, pool: ThreadPoolExecutor) -> Iterator[None]:
        """Take up what was claimed, renewing the claim all the while."""
        left, renewed = {each.pk for each in claimed}, time.monotonic()

        def ask(followed: Followed) -> Answer | Refused | None:
            try:
                return upstream.project(ProjectName(followed.name), followed.etag)
            except Refused as refused:
                return refused

        for asked in ahead(pool, ask, claimed, self._is_over):
            if asked is not None:
                followed, answer = asked
                for _ in self._by_itself(followed, answer, upstream, pool):
                    renewed = self._renew(left, renewed)
                    yield
                left.discard(followed.pk)
                self.progress.projects += 1
            renewed = self._renew(left, renewed)
            yield

    def _renew(self, claimed: Iterable[int], renewed: float) -> float:
        """Go on claiming what was claimed, unless something else is wanted by now; when that was done last, as
        `time.monotonic` has it."""
        if time.monotonic() - renewed < agenda.LEASE.total_seconds() / 3:
            return renewed
        present = Mirror.objects.filter(pk=self.mirror.pk).values_list("url", "rules").first()
        self._changed = present != (self.mirror.url, self.mirror.rules)
        Followed.objects.filter(pk__in=claimed).update(claimed_until=timezone.now() + agenda.LEASE)
        return time.monotonic()

    def _by_itself(
        self,
        followed: Followed,
        answer: "Future[Answer | Refused | None]",
        upstream: Upstream,
        pool: ThreadPoolExecutor,
    ) -> Iterator[None]:
        try:
            yield from self._project(followed, answer.result(), upstream, pool)
        except AWAY:
            raise
        except Exception:
            # Whatever is wrong with this one must not keep the others from being taken up.
            logger.exception("%s of %s is interrupted", followed.name, self.mirror.name)
            self._fail(followed, "It was interrupted: see the log.")

    def _project(
        self, followed: Followed, answer: Answer | Refused | None, upstream: Upstream, pool: ThreadPoolExecutor
    ) -> Iterator[None]:
        match answer:
            case None:
                agenda.finish(followed, etag=followed.etag, refused="" if followed.attempts else followed.error)
            case Missing() if self._is_really_gone(followed):
                self._close(followed)
            case Refused():
                self._fail(followed, answer.message)
            case Answer(serial=serial) if (
                serial is not None and followed.serial is not None and serial < followed.serial
            ):
                self._fail(followed, f"Its page is of serial {serial}, older than the list's {followed.serial}.")
            case _:
                yield from self._files(followed, answer, upstream, pool)

    def _files(
        self, followed: Followed, answer: Answer, upstream: Upstream, pool: ThreadPoolExecutor
    ) -> Iterator[None]:
        name, page = ProjectName(followed.name), answer.project
        sifted = sift(self._rules, name, page.files, timezone.now())
        refused, failed = [*page.faults, *sifted.refused], []
        missing = [each for each in sifted.files if not _is_here(self._index, each)]
        self.progress.same += len(sifted.files) - len(missing)

        def fetch(file: UpstreamFile) -> "Fetched | Refused":
            try:
                return fetched(file, upstream, self.uploads, self._is_over)
            except Refused as trouble:
                return trouble

        for asked in ahead(pool, fetch, missing, self._is_over):
            if asked is not None:
                file, got = asked
                try:
                    self._receive(name, file, got.result())
                    if file.yanked is not None:
                        # Not only after all the others, which may take hours.
                        self._mark(name, page)
                except Unavailable as trouble:
                    failed.append(trouble.message)
                except Refused as trouble:
                    refused.append(trouble.message)
            yield
        if self._is_over():
            return
        self._settle(name, page)
        self.progress.refused += len(refused)
        if failed:
            self._fail(followed, failed[0])
        else:
            agenda.finish(followed, etag=answer.etag, refused="\n".join(map(visible, refused)), later=sifted.later)

    def _receive(self, name: ProjectName, file: UpstreamFile, got: "Fetched | Refused") -> None:
        """Raises Refused."""
        if isinstance(got, Refused):
            raise got
        with got.data as data:
            arrival = Arrival(
                project=str(name),
                filename=file.filename,
                hashes=file.hashes,
                uploaded_at=file.uploaded_at,
                requires_python=file.requires_python,
                provenance=got.provenance,
            )
            outcome = arrivals.receive(data, arrival, index=self._index, sender=self._sender, store=self.store)
        self.progress.taken += outcome is Outcome.TAKEN
        self.progress.same += outcome is Outcome.SAME

    def _settle(self, name: ProjectName, page: UpstreamProject) -> None:
        project = self._mine(name)
        if project is not None and page.status != "quarantined":  # then it says nothing of its files, which may return
            present = {each.filename for each in page.files}
            self.progress.removed += arriving.drop(project, present, sender=self._sender)
        self._mark(name, page)

    def _mark(self, name: ProjectName, page: UpstreamProject) -> None:
        """Have what is yanked there be yanked, and the status."""
        project = self._mine(name)
        if project is not None:
            yanked = {each.filename: each.yanked for each in page.files if each.yanked is not None}
            arriving.settle(project, yanked=yanked, status=page.status, reason=page.reason, sender=self._sender)

    def _is_really_gone(self, followed: Followed) -> bool:
        """A page that is missing for a moment, or while the list has it, is no reason to remove anything."""
        is_here = self._mine(ProjectName(followed.name)) is not None
        return not is_here or (not followed.listed and followed.attempts >= GONE_AFTER)

    def _close(self, followed: Followed) -> None:
        project = self._mine(ProjectName(followed.name))
        if project is not None:
            arriving.close(project, sender=self._sender)
            self.progress.removed += 1
        agenda.finish(followed, etag="", refused="")
        if not self._rules.projects:
            Followed.objects.filter(pk=followed.pk, listed=False).delete()

    def _mine(self, name: ProjectName) -> Project | None:
        return Project.objects.filter(
            index=self._index, name=name, mirrored__mirror=self.mirror.name, deletion=None
        ).first()

    def _fail(self, followed: Followed, why: str) -> None:
        self.progress.failed += 1
        pause = min(FIRST_PAUSE * 2 ** min(followed.attempts, 16), LONGEST_PAUSE)
        Followed.objects.filter(pk=followed.pk).update(
            due_at=timezone.now() + pause,
            claimed_until=None,
            attempts=F("attempts") + 1,
            error=visible(why)[: agenda.LONGEST_ERROR],
        )


def _is_here(index: Index, file: UpstreamFile) -> bool:
    return arriving.knows(index, file.filename, file.hashes)


def _shortened(refused: Refused) -> str:
    return visible(refused.message)[: agenda.LONGEST_ERROR]
