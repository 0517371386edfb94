"""The answers of the read plane as values: status, headers, body.

Every answer carries the CORS headers, so that web pages (Pyodide's micropip) can read it, errors and redirects too.
What went wrong is never stored by a cache; only a 404 is, for seconds, and under the project's tag, so that publishing
purges it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from entrepot import layout
from entrepot.edge.conditions import Span
from entrepot.edge.routes import PLAIN, Package
from entrepot.layout import Cache, Place
from entrepot.page import Page
from entrepot.ports.store import Found

Header = tuple[bytes, bytes]

METHODS = b"GET, HEAD, OPTIONS"
RETRY_AFTER = b"5"  # seconds

ON_ACCEPT = b"Accept, Accept-Encoding"
ON_CODING = b"Accept-Encoding"

_EVERYWHERE: list[Header] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET"),
    (
        b"access-control-allow-headers",
        b"Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since",
    ),
    (b"access-control-max-age", b"86400"),
    (b"access-control-expose-headers", b"X-PyPI-Last-Serial"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"origin-when-cross-origin"),
]
_PAGE_POLICY = (b"content-security-policy", b"sandbox allow-top-navigation; default-src 'none'")
_FILE_POLICY = (b"content-security-policy", b"sandbox; default-src 'none'")
_NO_STORE = (b"cache-control", b"no-store")
_OF_CONTENT = {b"content-type", b"content-encoding", b"content-length", b"content-security-policy", b"accept-ranges"}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A body that lies in the store: of the object at `key`, `count` bytes, at least one, from `first`.

    `path`: the file that holds the object, if there is one.
    """

    key: str
    path: Path | None
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response. Header names are lower-case."""

    status: HTTPStatus
    headers: list[Header]
    body: bytes | Excerpt = b""

    @property
    def head(self) -> bytes:
        """The status line and the header lines, each with its line end; not the empty line after them."""
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in self.headers)
        return f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n".encode() + lines

    def without_body(self) -> "Answer":
        """The answer to HEAD: the same headers, `Content-Length` too."""
        return replace(self, body=b"")


def page_tag(page: Page, content_type: str, coding: str) -> bytes:
    """The strong ETag of one representation."""
    return layout.entity_tag(page.variants[coding].etag, content_type).encode()


def page(place: Place, page: Page, content_type: str, coding: str) -> Answer:
    """A page as `content_type`, in one coding."""
    body = page.variants[coding].body
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"etag", page_tag(page, content_type, coding)),
        (b"vary", ON_CODING if content_type == layout.JSON else ON_ACCEPT),
        *_caching(place.cache, place.tags),
        (b"x-pypi-last-serial", b"%d" % page.last_serial),
        *_EVERYWHERE,
    ]
    if coding != "identity":
        headers.append((b"content-encoding", coding.encode()))
    if content_type in {layout.HTML, layout.SIMPLE_HTML}:
        headers.append(_PAGE_POLICY)
    return Answer(HTTPStatus.OK, headers, body)


def package(route: Package, found: Found, body: bytes | None) -> Answer:
    """A distribution file or a sidecar, whole; with its `body` if that is at hand."""
    headers = [
        (b"content-type", route.place.type.encode()),
        (b"content-length", b"%d" % found.size),
        (b"etag", route.etag.encode()),
        (b"accept-ranges", b"bytes"),
        *_caching(route.place.cache, route.withheld.tags),
        _FILE_POLICY,
        *_EVERYWHERE,
    ]
    excerpt = Excerpt(route.place.key, found.path, 0, found.size)
    return Answer(HTTPStatus.OK, headers, excerpt if body is None else body)


def part(whole: Answer, span: Span, size: int) -> Answer:
    """A part of the file that `whole` would send, which has `size` bytes."""
    headers = [(name, value) for name, value in whole.headers if name != b"content-length"]
    extent = b"bytes %d-%d/%d" % (span.first, span.first + span.count - 1, size)
    headers += [(b"content-length", b"%d" % span.count), (b"content-range", extent)]
    if isinstance(whole.body, bytes):
        return Answer(HTTPStatus.PARTIAL_CONTENT, headers, whole.body[span.first : span.first + span.count])
    excerpt = replace(whole.body, first=span.first, count=span.count)
    return Answer(HTTPStatus.PARTIAL_CONTENT, headers, excerpt)


def outside(size: int) -> Answer:
    """The range asked for has nothing in common with the `size` bytes there are."""
    text = "The file has no bytes in this range"
    return _text(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, PLAIN, text, [_NO_STORE, (b"content-range", b"bytes */%d" % size)]
    )


def not_modified(answer: Answer) -> Answer:
    """What the client has is what `answer` would send."""
    return Answer(HTTPStatus.NOT_MODIFIED, [header for header in answer.headers if header[0] not in _OF_CONTENT])


def missing(content_type: str, tags: Sequence[str], text: str = "Not Found") -> Answer:
    """There is no such thing, for now."""
    return _text(HTTPStatus.NOT_FOUND, content_type, text, _caching(layout.NOTHING, tags))


def not_acceptable() -> Answer:
    """None of the types that the client takes is one we have."""
    text = f"Available types: {layout.SIMPLE_JSON}, {layout.SIMPLE_HTML}, text/html"
    return _text(HTTPStatus.NOT_ACCEPTABLE, PLAIN, text, [_NO_STORE, (b"vary", ON_ACCEPT)])


def not_allowed() -> Answer:
    """The read plane is only read."""
    return _text(HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, "Only GET, HEAD and OPTIONS", [_NO_STORE, (b"allow", METHODS)])


def options() -> Answer:
    """What may be asked (for a browser: before it asks)."""
    return Answer(HTTPStatus.NO_CONTENT, [(b"allow", METHODS), _NO_STORE, *_EVERYWHERE])


def stale(answer: Answer) -> Answer:
    """The answer, marked: the store could not be asked whether there is a newer one."""
    return replace(answer, headers=[*answer.headers, (b"x-entrepot-stale", b"1")])


def elsewhere(location: str) -> Answer:
    """The file is fetched from the store itself, by a URL that may be good for minutes only."""
    return _text(HTTPStatus.FOUND, PLAIN, "See elsewhere", [_NO_STORE, (b"location", location.encode())])


def moved(location: str) -> Answer:
    """Another URL of this site is meant; `location` begins with a slash."""
    headers = [*_caching(layout.PAGE, ()), (b"location", location.encode())]
    return _text(HTTPStatus.MOVED_PERMANENTLY, PLAIN, f"See {location}", headers)


def found(location: str, tags: Sequence[str]) -> Answer:
    """It is elsewhere on this site for now; `location` begins with a slash."""
    headers = [*_caching(layout.ALIAS, tags), (b"location", location.encode())]
    return _text(HTTPStatus.FOUND, PLAIN, f"See {location}", headers)


def healthy() -> Answer:
    """The read plane is up."""
    return _text(HTTPStatus.OK, PLAIN, "OK", [_NO_STORE])


def unavailable(content_type: str) -> Answer:
    """The store cannot be read at the moment."""
    text = "The store cannot be read; try again later"
    return _text(HTTPStatus.SERVICE_UNAVAILABLE, content_type, text, [_NO_STORE, (b"retry-after", RETRY_AFTER)])


def _text(status: HTTPStatus, content_type: str, text: str, headers: list[Header]) -> Answer:
    body = (json.dumps({"message": text}, separators=(",", ":")) if content_type == layout.JSON else text).encode()
    head = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    return Answer(status, [*head, *headers, *_EVERYWHERE], body)


def _caching(cache: Cache, tags: Sequence[str]) -> list[Header]:
    headers = [(b"cache-control", cache.control.encode())]
    if cache.surrogate:
        headers.append((b"surrogate-control", cache.surrogate.encode()))
    if tags:
        headers.append((b"surrogate-key", " ".join(tags).encode()))
    return headers
