"""Telling the caches in front what was published, and asking them until they send it.

Why purge and ask again, and not just purge: a purge can be lost on its way, and a cache may have been fetching the old
page while the purge came, and keep it. Why each form and coding is asked for: each is an object of its own. So is each
other URL of the same page, too many to ask for: the read plane lets caches keep those for seconds only. What a cache
does not send within PATIENCE stays owed, so the worker purges and asks again, later and later.

Always purges, also when the bytes are the same: whoever wrote them first may have died before its purge.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from entrepot import layout
from entrepot.journal.documents import Document, Kind
from entrepot.layout import Place
from entrepot.monitoring import metrics
from entrepot.page import IDENTITY, Damaged, Page
from entrepot.ports.cdn import CacheTrouble, Cdn, NotShown, PurgeFailed, Sent
from entrepot.ports.store import Store

logger = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds until what is still not shown is left to the worker
PAUSE = 0.02  # seconds before caches are asked for the second time; then twice as long each time

FOUND = "*"  # instead of an ETag: something is there, and it does not matter what
NOT_FOUND = ""

ETags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Write:
    """A document whose pages, built as of `serial`, are in the store: what caches must send for each, by coding.

    `debt` is what was owed of it when they were built (`journal.log.debt`).
    """

    document: Document
    serial: int
    debt: int
    shown: Mapping[Place, ETags]

    @classmethod
    def of(cls, document: Document, serial: int, debt: int, pages: Iterable[tuple[Place, Page]]) -> "Write":
        """The pages as they were written."""
        return cls(document, serial, debt, {place: expected(document.kind, page) for place, page in pages})


def expected(kind: Kind, page: Page | None) -> ETags:
    """What caches must send while the store holds this page; a note that a file is withheld takes its URL away."""
    there = page is not None and bool(page.variants)
    if kind is Kind.FILE:
        return {IDENTITY: NOT_FOUND if there else FOUND}
    if page is None or not page.variants:
        return {IDENTITY: NOT_FOUND}
    return {coding: variant.etag for coding, variant in page.variants.items()}


def unseen(writes: Sequence[Write], *, store: Store, cdn: Cdn) -> Mapping[Document, CacheTrouble]:
    """Purge what was written, and ask until all caches send it. Gives the documents that some cache does not send."""
    deadline = time.monotonic() + PATIENCE
    pause = PAUSE
    while True:
        trouble = _purge_and_ask(writes, store, cdn)
        if not trouble or time.monotonic() > deadline:
            break
        writes = [write for write in writes if write.document in trouble]
        time.sleep(pause)
        pause *= 2
    for document, why in trouble.items():
        metrics.purge_failed()
        logger.warning("document %s %s: %s: %s", document.kind.name, document.key, type(why).__name__, why)
    return trouble


def _purge_and_ask(writes: Sequence[Write], store: Store, cdn: Cdn) -> Mapping[Document, CacheTrouble]:
    try:
        _purge(writes, cdn)
        return {write.document: why for write in writes if (why := _trouble(write, store, cdn))}
    except CacheTrouble as error:  # a cache is silent: asking it for the rest would only take longer
        return dict.fromkeys((write.document for write in writes), error)


def _purge(writes: Sequence[Write], cdn: Cdn) -> None:
    changed: set[str] = set()
    gone: set[str] = set()
    for write in writes:
        for place, etags in write.shown.items():
            (gone if NOT_FOUND in etags.values() else changed).update(place.tags)
    failures = []
    for act, tags in ((cdn.remove, gone), (cdn.purge, changed - gone)):
        try:
            act(tags)
        except PurgeFailed as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


def _trouble(write: Write, store: Store, cdn: Cdn) -> NotShown | None:
    """What is the first that a cache does not send. Raises NotShown when a cache does not answer."""
    for place, etags in write.shown.items():
        for path, (coding, etag), accept in product(_paths(write, place), etags.items(), _media_types(place)):
            sent = cdn.look(path, accept=accept, coding=coding)
            wrong = [each for each in sent if not _is(each, etag, accept)]
            # Somebody else may have written a newer page since.
            if wrong and not all(_is(each, _present(write, place, coding, store), accept) for each in wrong):
                return NotShown(f"{wrong[0].cache} sends {wrong[0].status} {wrong[0].etag} for {path} ({coding})")
    return None


def _paths(write: Write, place: Place) -> tuple[str, ...]:
    """Where it is shown; for a file that is taken down, everything that caches keep for good when they have it.

    When a file is offered again, its sidecar need not be there: there may be none.
    """
    if write.document.kind is Kind.FILE and NOT_FOUND in write.shown[place].values():
        return (*layout.spellings(place.path), *layout.spellings(f"{place.path}.metadata"))
    return (place.path,)


def _present(write: Write, place: Place, coding: str, store: Store) -> str:
    try:
        page = store.read_page(place.key)
    except Damaged:  # as if it were not there: the document stays owed, and is written anew
        page = None
    return expected(write.document.kind, page).get(coding, NOT_FOUND)


def _media_types(place: Place) -> tuple[str, ...]:
    """The types that it is sent as, each of which a cache keeps by itself."""
    return (layout.HTML.partition(";")[0], layout.SIMPLE_HTML) if place.type == layout.HTML else (place.type,)


def _is(sent: Sent, etag: str, media_type: str) -> bool:
    if etag == NOT_FOUND:
        return sent.status == 404
    if etag == FOUND:
        return sent.status < 400
    return sent.status == 200 and sent.etag == layout.entity_tag(etag, media_type)
