"""PyPI's JSON documents, which no specification describes; some installers and all mirrors read them."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence

from entrepot.conformance import clauses
from entrepot.conformance.asking import Reply
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import Index, normalized
from entrepot.conformance.judging import offered, require
from entrepot.conformance.shapes import items, mapping, number, strings, words

AREA = Area("json-api", "PyPI's JSON documents")
KINDS: Mapping[str, tuple[type, ...]] = {
    "filename": (str,),
    "url": (str,),
    "digests": (dict,),
    "packagetype": (str,),
    "size": (int,),
    "upload_time": (str,),
    "upload_time_iso_8601": (str,),
    "requires_python": (str, type(None)),
    "yanked": (bool,),
    "yanked_reason": (str, type(None)),
}
INFO = ("name", "version", "summary", "requires_dist", "requires_python", "project_urls", "classifiers", "yanked")
SERIAL = "x-pypi-last-serial"
Document = Mapping[str, object]


def _documents(index: Index) -> list[tuple[str, Reply]]:
    """The documents of projects, by their names. Raises NotOffered when there are none."""
    asked = [(each, index.session.get(f"{index.site}pypi/{each}/json")) for each in index.looked_at()]
    found = [(name, reply) for name, reply in asked if reply.status == 200 and mapping(reply.json).get("info")]
    offered(bool(found), f"{index.site}pypi/ has no JSON documents.")
    return found


def _files(document: Document) -> Iterator[Document]:
    for each in [document.get("urls"), *mapping(document.get("releases")).values()]:
        yield from map(mapping, items(each))


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def has_its_parts(index: Index) -> None:
    """A document is application/json, with info, urls, releases and last_serial."""
    for name, reply in _documents(index):
        value = mapping(reply.json)
        require(reply.type == "application/json", f"{name} is sent as {reply.header('content-type')!r}.")
        right = isinstance(value.get("urls"), list) and isinstance(value.get("releases"), dict)
        require(right and number(value.get("last_serial")) is not None, f"{name} has only {sorted(value)}.")


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def tells_of_the_release(index: Index) -> None:
    """info has what Poetry and the tools that look for updates read: name, version, requirements, links."""
    for name, reply in _documents(index):
        info = mapping(mapping(reply.json).get("info"))
        missing = [key for key in INFO if key not in info]
        require(not missing, f"{name} has no {', '.join(missing)}.")
        told = words(info.get("name"))
        require(normalized(told) == name, f"{name} calls itself {told!r}.")


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def tells_of_files(index: Index) -> None:
    """A file has its name, address, digests, size, times and yank, each of the right kind."""
    for name, reply in _documents(index):
        for file in _files(mapping(reply.json)):
            wrong = [key for key, kinds in KINDS.items() if not isinstance(file.get(key, ...), kinds)]
            require(not wrong, f"{name} has {file.get('filename')!r}, which lacks a right {', '.join(wrong)}.")


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def times_have_their_form(index: Index) -> None:
    """upload_time has no zone, and upload_time_iso_8601 ends in Z."""
    for name, reply in _documents(index):
        for file in _files(mapping(reply.json)):
            plain, zoned = words(file.get("upload_time")), words(file.get("upload_time_iso_8601"))
            right = re.fullmatch(r"[\d-]{10}T[\d:]{8}", plain) and re.fullmatch(r"[\d-]{10}T[\d:.]{8,15}Z", zoned)
            require(bool(right), f"{name} has the times {plain!r} and {zoned!r}.")


@AREA.case(Level.CLIENTS, clauses.BY_MIRRORS)
def agrees_with_the_page(index: Index) -> None:
    """Files of a document have the SHA-256 that the simple page tells."""
    for name, reply in _documents(index):
        told = {file.filename: file.hashes.get("sha256", "") for file in index.files_of(name)}
        for file in _files(mapping(reply.json)):
            filename, found = words(file.get("filename")), strings(file.get("digests")).get("sha256", "")
            require(told.get(filename, "") in {"", found}, f"{filename} has {found}, and its page says another hash.")


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def serial_is_told(index: Index) -> None:
    """The header X-PyPI-Last-Serial has the last_serial of the document."""
    for name, reply in _documents(index):
        told, header = mapping(reply.json).get("last_serial"), reply.header(SERIAL)
        require(header == str(told), f"{name} has last_serial {told!r}, and the header {header!r}.")


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def release_has_its_own(index: Index) -> None:
    """The document of one release is the same without releases."""
    for name, reply in _documents(index):
        version = words(mapping(mapping(reply.json).get("info")).get("version"))
        release = index.session.get(f"{index.site}pypi/{name}/{version}/json")
        value = mapping(release.json)
        require(release.status == 200 and "info" in value, f"{name} {version} answers {release.status}.")
        found = mapping(value.get("info")).get("version")
        require(found == version and "releases" not in value, f"{name} {version} has version {found!r}, or releases.")


@AREA.case(Level.CLIENTS, clauses.JSON_API)
def unknown_is_404(index: Index) -> None:
    """The document of a project that does not exist answers 404: mirrors delete by it."""
    _documents(index)
    reply = index.session.get(f"{index.site}pypi/no-such-project-{secrets.token_hex(8)}/json")
    require(reply.status == 404, f"It answers {reply.status}.")


@AREA.case(Level.CLIENTS, clauses.BY_MIRRORS)
def files_are_below_packages(index: Index) -> None:
    """The path of a file begins with /packages: bandersnatch takes no other."""
    for _name, reply in _documents(index):
        paths: Sequence[str] = [
            re.sub("^[a-z]+://[^/]+", "", words(each.get("url"))) for each in _files(mapping(reply.json))
        ]
        wrong = [each for each in paths if not each.startswith("/packages")]
        require(not wrong, f"{reply.url} has {wrong[:1]}.")
