"""Owed documents become published pages.

Anybody may build any document at any time: builders read the state as it is, pages carry the serial they were built
at, and the store refuses an older one. So an upload publishes its own documents at once, the worker sweeps up the
rest, and when both do the same nothing is wrong, only done twice.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from entrepot import layout, render
from entrepot.journal import log
from entrepot.journal.documents import Document, Kind
from entrepot.layout import Form, Place
from entrepot.page import Page
from entrepot.ports.store import FileStore, Superseded
from entrepot.projects import queries
from entrepot.projects.models import Index, Project

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that an action waits for its own documents

Pages = Iterator[tuple[Place, Page]]


def publish_own(serial: int, *, store: FileStore) -> bool:
    """Publish what the action that got `serial` left owed, as far as it goes in PATIENCE. Whether that was all of it.

    The list of projects comes last, and is left to others while they are publishing projects: whoever finishes last
    builds it. It does not count for the answer: on a large index it waits to be merged.
    """
    deadline = time.monotonic() + PATIENCE
    documents = log.owed_for(serial, due=timezone.now())
    _publish_until(deadline, [each for each in documents if each.kind is not Kind.LIST], store)
    if not log.others_at_work():
        _publish_until(deadline, [each for each in documents if each.kind is Kind.LIST], store)
    return log.is_shown(serial)


def _publish_until(deadline: float, documents: Iterable[Document], store: FileStore) -> None:
    written = []
    for document in documents:
        if time.monotonic() > deadline:
            break
        if write := _write(document, store):
            written.append(write)
    log.settle((write.document, write.serial) for write in written)


def publish_owed(*, due: datetime, store: FileStore) -> Iterator[list[str]]:
    """Publish all that is due by then, one document at each step; gives the keys of its pages."""
    for document in log.owed(due=due):
        yield publish(document, store=store)


def publish(document: Document, *, store: FileStore) -> list[str]:
    """Build one document and put its pages into the store. Returns their keys.

    When that fails the document stays owed, for later, and there are no keys.
    """
    write = _write(document, store)
    if write is None:
        return []
    log.settle([(write.document, write.serial)])
    return write.keys


@dataclass(frozen=True, slots=True)
class _Write:
    """A document whose pages, built as of `serial`, are in the store."""

    document: Document
    serial: int
    keys: list[str]


def _write(document: Document, store: FileStore) -> _Write | None:
    try:
        with log.snapshot() as serial:
            pages = list(build(document, serial=serial))
        # Side by side, because most of the time goes into waiting for the disk.
        with ThreadPoolExecutor(len(pages)) as writers:
            list(writers.map(lambda pair: put(store, *pair), pages))
    except Exception as error:
        # Whatever is wrong with this document must not keep the others from being published.
        logger.exception("document %s %s was not published", document.kind.name, document.key)
        log.postpone(document, error=f"{type(error).__name__}: {error}", at=timezone.now())
        return None
    return _Write(document, serial, [place.key for place, _ in pages])


def build(document: Document, *, serial: int) -> Pages:
    """The pages of a document as the database says them, built as of `serial`."""
    return BUILDERS[document.kind](document, serial)


def put(store: FileStore, place: Place, page: Page) -> None:
    """Put a page into the store, which may have a newer one by now: then that one stays."""
    try:
        store.put_page(place.key, page)
    except Superseded:
        logger.info("%s is newer in the store than serial %d", place.key, page.serial)


def _list_pages(document: Document, serial: int) -> Pages:
    shown = queries.project_list(Index.objects.get(pk=document.key), serial=serial)
    for form, body in (
        (Form.JSON, render.project_list_json(shown)),
        (Form.HTML, render.project_list_html(shown)),
    ):
        yield layout.project_list(form), Page.of(body, serial=serial, last_serial=shown.last_serial)


def _project_pages(document: Document, serial: int) -> Pages:
    project = Project.objects.select_related("index", "deletion").get(pk=document.key)
    name = project.normalized
    if hasattr(project, "deletion"):
        for place in (*(layout.project_page(name, form) for form in Form), layout.project_json(name)):
            yield place, Page.gone(serial=serial)
        return
    detail = queries.project_detail(project)
    for form, body in ((Form.JSON, render.project_json(detail)), (Form.HTML, render.project_html(detail))):
        yield layout.project_page(name, form), Page.of(body, serial=serial, last_serial=detail.last_serial)
    shown = queries.shown_release(detail)
    if shown is None:
        yield layout.project_json(name), Page.gone(serial=serial)
        return
    info = queries.release_info(project, shown)
    body = render.legacy_project(detail, info, url=project.index.url)
    yield layout.project_json(name), Page.of(body, serial=serial, last_serial=detail.last_serial)


def _release_pages(document: Document, serial: int) -> Pages:
    project_id, canonical = document.parts()
    project = Project.objects.select_related("index").get(pk=project_id)
    place = layout.release_json(project.normalized, canonical)
    detail = queries.project_detail(project)
    shown = next((each for each in detail.releases if each.canonical == canonical and each.files), None)
    if shown is None:
        yield place, Page.gone(serial=serial)
        return
    last = queries.release_serial(project, shown.version)
    info = queries.release_info(project, shown)
    body = render.legacy_release(replace(detail, last_serial=last), info, url=project.index.url)
    yield place, Page.of(body, serial=serial, last_serial=last)


def _file_pages(document: Document, serial: int) -> Pages:
    blake2, filename = document.parts()
    place = layout.withheld(blake2, filename)
    if queries.is_offered(blake2, filename):
        yield place, Page.gone(serial=serial)
    else:
        yield place, Page.of(render.withheld_note(), serial=serial, last_serial=0)


BUILDERS = {
    Kind.FILE: _file_pages,
    Kind.RELEASE: _release_pages,
    Kind.PROJECT: _project_pages,
    Kind.LIST: _list_pages,
}
