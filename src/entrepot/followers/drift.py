"""Does the store say what the database says? And if not: write everything anew."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

import brotli
import zstandard

from entrepot import layout
from entrepot.followers import pages
from entrepot.journal import documents as owed
from entrepot.journal import log
from entrepot.journal.documents import Document
from entrepot.page import Damaged, Page
from entrepot.ports.cdn import Cdn
from entrepot.ports.store import Store, Superseded
from entrepot.projects import queries
from entrepot.projects.models import File, Index

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
AT_ONCE = 500  # documents that are noted in one transaction

_DECODE = {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}


def store_is_ahead(*, store: Store, index: Index) -> bool:
    """Whether the store shows what this database has not lived through: it is another one, or an older backup.

    Then everything published would be refused as too old, and everything stored taken for rubbish.
    """
    told = [layout.watermark(index.slug), layout.project_list(layout.Form.JSON, index.slug).key]
    return _highest(told, store) > log.committed()


def store_is_empty(*, store: Store, index: Index) -> bool:
    """Whether the store has never been one of this index, or was not filled: it lacks even the watermark."""
    told = (layout.watermark(index.slug), layout.project_list(layout.Form.JSON, index.slug).key)
    return not any(store.find(key) for key in told) and log.committed() > 0


def highest_serial(*, store: Store) -> int:
    """The highest serial that any page in the store was built at; 0 when there is none. Reads all of them."""
    return _highest(store.keys("pages/"), store)


def _highest(keys: Iterable[str], store: Store) -> int:
    """The highest serial of these pages; 0 when none is there."""
    highest = 0
    for key in keys:
        with suppress(Damaged):
            if page := store.read_page(key):
                highest = max(highest, page.serial)
    return highest


def check_pages(*, store: Store) -> Iterator[list[str]]:
    """Build every document and compare it with the store; at each step what is wrong with one document.

    The last step is about pages that nothing in the database accounts for.
    """
    known: set[str] = set()
    for document in queries.every_document():
        expected, wrong = _compare(document, store)
        if wrong:  # a change may have come between building and reading
            expected, wrong = _compare(document, store)
        known.update(expected)
        yield wrong
    yield [f"{key}: nothing in the database accounts for it" for key in _strays(store, known)]


def check_files(*, store: Store) -> Iterator[list[str]]:
    """Read every distribution file and its metadata; at each step what is wrong with one file."""
    for file in queries.files().iterator():
        wanted = {layout.package(file.blake2, file.filename).key: file.sha256}
        if file.metadata_sha256:
            wanted[layout.sidecar(file.blake2, file.filename).key] = file.metadata_sha256
        found = {key: _sha256(store, key) for key in wanted}
        if found != wanted and File.objects.filter(pk=file.pk).exists():
            yield [f"{key}: {found[key] or 'missing'}" for key in wanted if found[key] != wanted[key]]
        else:
            yield []


def owe_everything(*, store: Store) -> int:
    """Note every document as owed, so that the worker finishes what is interrupted. Returns how many are owed now."""
    now = datetime.now(UTC)
    notes = (owed.file(*package) for package in noted_as_withheld(store))
    documents = iter(dict.fromkeys([*queries.every_document(), *notes]))
    while some := list(islice(documents, AT_ONCE)):
        log.owe_anew(some, at=now)
    return len(log.owed(due=END_OF_TIME))


def rebuild(*, store: Store, cdn: Cdn) -> Iterator[bool]:
    """Publish all that is owed; at each step whether one document went well. Then remove what nothing accounts for.

    Raises PurgeFailed when a cache goes on with what was removed, which no document owes.
    """
    serial = log.committed()
    known: set[str] = set()
    failed = False
    for keys in pages.publish_owed(due=END_OF_TIME, store=store, cdn=cdn):
        known.update(keys)
        failed = failed or not keys
        yield bool(keys)
    strays = _strays(store, known)
    if failed or not strays:
        return  # what failed has pages still, which are not to be taken for strays
    # What others published meanwhile is not among those that were published here.
    with log.snapshot() as at:
        known.update(place.key for each in queries.every_document() for place, _ in pages.build(each, serial=at))
    strays = [each for each in strays if each not in known]
    for key in strays:
        with suppress(Superseded):  # somebody publishes it at this moment
            store.put_page(key, Page.gone(serial=serial))
    cdn.remove({tag for key in strays for tag in layout.tags_at(key)})


def _compare(document: Document, store: Store) -> tuple[list[str], list[str]]:
    with log.snapshot() as serial:
        built = list(pages.build(document, serial=serial))
    wrong = [f"{place.key}: {what}" for place, page in built if (what := _difference(page, place.key, store))]
    return [place.key for place, _ in built], wrong


def _difference(built: Page, key: str, store: Store) -> str:
    try:
        held = store.read_page(key)
    except Damaged as damage:
        return f"damaged: {damage}"
    if held is None or not held.variants:
        return "missing" if built.variants else ""
    if not built.variants:
        return "should be gone"
    if held.last_serial != built.last_serial:
        return f"says serial {held.last_serial} where the database says {built.last_serial}"
    codings = [coding for coding, variant in held.variants.items() if _DECODE[coding](variant.body) != built.body]
    return f"differs ({', '.join(codings)})" if codings else ""


def _strays(store: Store, known: set[str]) -> list[str]:
    return [key for key in store.keys("pages/") if key not in known and shows_something(key, store)]


def shows_something(key: str, store: Store) -> bool:
    """Whether readers are shown a page at this key; a damaged one counts."""
    try:
        page = store.read_page(key)
    except Damaged:
        return True
    return page is not None and bool(page.variants)


def noted_as_withheld(store: Store) -> Iterator[tuple[str, str]]:
    """BLAKE2b-256 and filename of every distribution file that the store has ever had a note about."""
    return (package for key in store.keys("pages/withheld/") if (package := layout.package_at(key)))


def _sha256(store: Store, key: str) -> str:
    found = store.find(key)
    if found is None:
        return ""
    digest = hashlib.sha256()
    for chunk in store.read(key, 0, found.size):
        digest.update(chunk)
    return digest.hexdigest()
