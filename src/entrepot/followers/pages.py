"""Owed documents become published pages.

Anybody may build any document at any time: builders read the state as it is, pages carry the serial they were built
at, and the store refuses an older one. So an upload publishes its own documents at once, the worker sweeps up the
rest, and when both do the same nothing is wrong, only done twice.
"""

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from django.utils import timezone

from entrepot import layout, render, simple
from entrepot.followers.purge import Write, unseen
from entrepot.journal import log
from entrepot.journal.documents import Document, Kind
from entrepot.page import Page
from entrepot.ports.cdn import CacheTrouble, Cdn
from entrepot.ports.store import Store, Superseded
from entrepot.projects import queries
from entrepot.projects.models import Index, Project
from entrepot.refusal import Unavailable
from entrepot.simple import Pages

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that an action waits for its own documents
AT_ONCE = 10  # documents that a worker claims in one transaction
# How long a document that fails again and again waits at the most: while the store or a cache is away, which is not its
# fault, and when nobody knows why.
OUTAGE, FAILURE = timedelta(seconds=30), timedelta(minutes=10)


def publish_own(serial: int, *, store: Store, cdn: Cdn) -> bool:
    """Publish what the action that got `serial` left owed, as far as it goes in PATIENCE. Whether that was all of it.

    It is published when the store has it and the caches in front send it.

    The list of projects comes last, and is left to others while they are publishing projects: whoever finishes last
    builds it. It does not count for the answer: on a large index it waits to be merged.
    """
    deadline = time.monotonic() + PATIENCE
    documents = log.owed_for(serial, due=timezone.now() + log.HEAD_START)
    _publish_until(deadline, [each for each in documents if each.kind is not Kind.LIST], store, cdn)
    if not log.others_at_work():
        _publish_until(deadline, [each for each in documents if each.kind is Kind.LIST], store, cdn)
    return log.is_shown(documents, serial)


def _publish_until(deadline: float, documents: Iterable[Document], store: Store, cdn: Cdn) -> None:
    written: list[Write] = []
    for document in documents:
        if time.monotonic() > deadline:
            break
        if write := _write(document, store):
            written.append(write)
    if written:
        _show(written, store, cdn)


def publish_owed(*, due: datetime, store: Store, cdn: Cdn) -> Generator[list[str], None, None]:
    """Publish all that is due by then, one document at each step; gives the keys of its pages.

    What another worker claims first is left to it.
    """
    debts = iter(log.owed(due=due))
    while some := list(islice(debts, AT_ONCE)):
        for document in log.claim(some, due=due, at=timezone.now()):
            yield publish(document, store=store, cdn=cdn)


def publish(document: Document, *, store: Store, cdn: Cdn) -> list[str]:
    """Build one document, put its pages into the store, and let the caches send them. Returns their keys.

    When that fails the document stays owed, for later, and there are no keys.
    """
    write = _write(document, store)
    if write is None or not _show([write], store, cdn):
        return []
    return [place.key for place in write.shown]


def _show(written: Sequence[Write], store: Store, cdn: Cdn) -> bool:
    """Settle what the caches send of what was written, and postpone the rest. Whether there was no rest."""
    trouble = unseen(written, store=store, cdn=cdn)
    log.settle((write.document, write.serial, write.debt) for write in written if write.document not in trouble)
    for document, why in trouble.items():
        _postpone(document, why)
    return not trouble


def _postpone(document: Document, why: Exception) -> None:
    away = isinstance(why, OSError | Unavailable | CacheTrouble)
    error = f"{type(why).__name__}: {why}"
    log.postpone(document, error=error, at=timezone.now(), longest=OUTAGE if away else FAILURE)


def _write(document: Document, store: Store) -> Write | None:
    try:
        with log.snapshot() as serial:
            debt = log.debt(document)
            pages = list(build(document, serial=serial))
        offered = [*((place.key, page) for place, page in pages), *_watermark(document, serial)]
        # Side by side, because most of the time goes into waiting for the disk.
        with ThreadPoolExecutor(len(offered)) as writers:
            held = max(writers.map(lambda pair: put(store, *pair), offered))
        if held > serial:
            _check_lived_through(held)
    except Exception as error:
        # Whatever is wrong with this document must not keep the others from being published.
        logger.exception("document %s %s was not published", document.kind.name, document.key)
        _postpone(document, error)
        return None
    return Write.of(document, serial, debt, pages)


def _watermark(document: Document, serial: int) -> Iterator[tuple[str, Page]]:
    """With each project: how far readers have seen, so that a database from before that is found out."""
    if document.kind is Kind.PROJECT:
        yield layout.watermark(), Page.gone(serial=serial)


def build(document: Document, *, serial: int) -> Pages:
    """The pages of a document as the database says them, built as of `serial`."""
    return BUILDERS[document.kind](document, serial)


def put(store: Store, key: str, page: Page) -> int:
    """Put a page into the store, which may have a newer one by now: then that one stays.

    The serial that what is there was built at.
    """
    try:
        store.put_page(key, page)
    except Superseded as newer:
        logger.info("%s is newer in the store than serial %d", key, page.serial)
        return newer.held
    return page.serial


def _check_lived_through(serial: int) -> None:
    """Raises RuntimeError when the store shows what the database does not know: it went back to an older state."""
    if serial > log.committed():
        raise RuntimeError(f"the store shows serial {serial}, which the database has not lived through")


def _list_pages(document: Document, serial: int) -> Pages:
    shown = queries.project_list(Index.objects.get(pk=document.key), serial=serial)
    yield from simple.project_list(shown, serial=serial)


def _project_pages(document: Document, serial: int) -> Pages:
    project = Project.objects.select_related("index", "deletion").get(pk=document.key)
    name = project.normalized
    if hasattr(project, "deletion"):
        yield from simple.no_project(name, serial=serial)
        yield layout.project_json(name), Page.gone(serial=serial)
        return
    detail, url = queries.project_detail(project), project.index.url
    yield from simple.project(detail, url=url, serial=serial)
    shown = queries.shown_release(detail)
    if shown is None:
        yield layout.project_json(name), Page.gone(serial=serial)
        return
    info = queries.release_info(project, shown)
    body = render.legacy_project(detail, info, url=url)
    yield layout.project_json(name), Page.of(body, serial=serial, last_serial=detail.last_serial)


def _release_pages(document: Document, serial: int) -> Pages:
    project_id, canonical = document.parts()
    project = Project.objects.select_related("index").get(pk=project_id)
    place = layout.release_json(project.normalized, canonical)
    detail = queries.project_detail(project)
    shown = next((each for each in detail.releases if each.canonical == canonical and each.files), None)
    offered = {file.filename for file in shown.files} if shown else set()
    for filename, provenance in queries.provenances(project, canonical):
        where = layout.provenance(project.normalized, canonical, filename)
        told = Page.of(provenance.encode(), serial=serial, last_serial=detail.last_serial)
        yield where, told if filename in offered else Page.gone(serial=serial)
    if shown is None:
        yield place, Page.gone(serial=serial)
        return
    last = queries.release_serial(project, shown.version)
    info = queries.release_info(project, shown)
    body = render.legacy_release(replace(detail, last_serial=last), info, url=project.index.url)
    yield place, Page.of(body, serial=serial, last_serial=last)


def _file_pages(document: Document, serial: int) -> Pages:
    blake2, filename = document.parts()
    yield from simple.file_note(blake2, filename, offered=queries.is_offered(blake2, filename), serial=serial)


BUILDERS = {
    Kind.FILE: _file_pages,
    Kind.RELEASE: _release_pages,
    Kind.PROJECT: _project_pages,
    Kind.LIST: _list_pages,
}
