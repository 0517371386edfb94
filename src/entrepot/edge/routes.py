"""What a request target asks for.

The path is percent-decoded once and must then consist of plain segments: an allow-list, so encoded slashes,
backslashes, `..`, `//`, control characters and doubly encoded bytes find nothing. A redirect leads to a path built
here, below the root of this site, never to bytes of the client's; only the query string is handed on, quoted.

What is found by another URL than its own (with a query string, percent-encoded letters, a version that is not
canonical) stays in CDNs for seconds only: each keeps it by itself, and after a purge is asked for the own URL alone.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from entrepot import layout
from entrepot.edge.negotiate import known_type
from entrepot.layout import Form, Place
from entrepot.names import ProjectName, canonical_version, parse_version
from entrepot.refusal import Refused

PLAIN = "text/plain; charset=utf-8"
LONGEST = 2000  # bytes of a target; nothing published needs more

_OWNED = re.compile(r"/simple(?:/.*)?|/packages/.*|/pypi/[^/]+(?:/[^/]+)?/json/?|/integrity/.*|/_health/", re.DOTALL)
_PLAIN_PATH = re.compile(rb"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!+-]{1,255})+/?")
_PROJECT_PAGE = re.compile(r"/simple/([^/]+)(/?)")
_JSON = re.compile(r"/pypi/([^/]+)(?:/([^/]+))?/json/?")
_PROVENANCE = re.compile(r"/integrity/([^/]+)/([^/]+)/([^/]+)/provenance")
_PACKAGE = re.compile(r"/packages/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/([^/]+?)(\.metadata)?")
_FILED = re.compile(r"/packages/[^/]+/[^/]/([^/]+)/([^/]+)")  # "source", or a Python tag, then the first letter


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple page in its two forms; `wanted` is the media type that the query string asks for, if any."""

    problems: ClassVar[str] = PLAIN
    json: Place
    html: Place
    wanted: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the JSON API."""

    problems: ClassVar[str] = layout.JSON
    place: Place


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution file or its sidecar, with its strong ETag, and the note that would take it down."""

    problems: ClassVar[str] = PLAIN
    place: Place
    withheld: Place
    etag: str
    blake2: str  # of the file; empty for a sidecar


@dataclass(frozen=True, slots=True)
class Filed:
    """A distribution file by its name alone, as an older time had it: the page of its project says where it lies."""

    problems: ClassVar[str] = PLAIN
    place: Place
    filename: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another URL of this site is meant for good."""

    problems: ClassVar[str] = PLAIN
    location: str


@dataclass(frozen=True, slots=True)
class Health:
    """Is the read plane up?"""

    problems: ClassVar[str] = PLAIN


@dataclass(frozen=True, slots=True)
class Nothing:
    """No such thing; `problems` is the media type to say it in."""

    problems: str


Route = Simple | Document | Package | Filed | Redirect | Health | Nothing

_FIXED: dict[str, Route] = {"/_health/": Health(), "/simple": Redirect("/simple/")}


def owns(path: str) -> bool:
    """Whether a (decoded) path belongs to the read plane."""
    return _OWNED.fullmatch(path) is not None


def route(target: bytes) -> Route:
    """What a request target (path and query string, as sent) asks for."""
    return _route(target) if len(target) <= LONGEST else Nothing(PLAIN)


@lru_cache(2048)
def _route(target: bytes) -> Route:
    raw, mark, query = target.partition(b"#")[0].partition(b"?")
    decoded = unquote_to_bytes(raw)
    if b"%2f" in raw.lower() or not _PLAIN_PATH.fullmatch(decoded):
        return _nothing(decoded)
    path = decoded.decode("ascii")
    try:
        found = _find(path, query)
    except Refused:
        found = _nothing(decoded)
    if isinstance(found, Redirect) and mark:
        return Redirect(f"{found.location}?{quote(query, safe='!$%&()*+,/:;=?@[]~')}")
    return _as_asked(found, target.decode("latin-1"))


def _as_asked(found: Route, target: str) -> Route:
    match found:
        case Simple() if target != found.json.path:
            json, html = (replace(place, cache=layout.ALIAS) for place in (found.json, found.html))
            return replace(found, json=json, html=html)
        case Document() if target != found.place.path:
            return replace(found, place=replace(found.place, cache=layout.ALIAS))
        case Package() if target not in layout.spellings(found.place.path):
            return replace(found, place=replace(found.place, cache=layout.PACKAGE_ALIAS))
    return found


def _nothing(path: bytes) -> Nothing:
    return Nothing(layout.JSON if path.startswith((b"/pypi/", b"/integrity/")) else PLAIN)


def _find(path: str, query: bytes) -> Route:
    """Raises Refused for a name or a version that cannot be."""
    if path in _FIXED:
        return _FIXED[path]
    if path == "/simple/":
        return Simple(layout.project_list(Form.JSON), layout.project_list(Form.HTML), _wanted(query))
    if match := _PROJECT_PAGE.fullmatch(path):
        return _project_page(match[1], match[2], query)
    if document := _document(path):
        return document
    if match := _PACKAGE.fullmatch(path):
        return _package(match[1] + match[2] + match[3], match[4], match[5])
    match = _FILED.fullmatch(path)
    return _filed(match[1], match[2]) if match else _nothing(path.encode())


def _project_page(raw: str, slash: str, query: bytes) -> Simple | Redirect:
    name = ProjectName(raw)
    if name != raw or not slash:
        return Redirect(f"/simple/{name}/")
    return Simple(layout.project_page(name, Form.JSON), layout.project_page(name, Form.HTML), _wanted(query))


def _document(path: str) -> Document | Redirect | None:
    if match := _JSON.fullmatch(path):
        return _legacy(match[1], match[2])
    if match := _PROVENANCE.fullmatch(path):
        version = canonical_version(parse_version(match[2]))
        return Document(layout.provenance(ProjectName(match[1]), version, match[3]))
    return None


def _legacy(raw: str, version: str | None) -> Document | Redirect:
    name = ProjectName(raw)
    if name != raw:
        return Redirect(f"/pypi/{name}/{version}/json" if version else f"/pypi/{name}/json")
    if version is None:
        return Document(layout.project_json(name))
    return Document(layout.release_json(name, canonical_version(parse_version(version))))


def _package(blake2: str, filename: str, suffix: str | None) -> Package:
    note = layout.withheld(blake2, filename)
    if suffix:
        return Package(layout.sidecar(blake2, filename), note, f'"{blake2}{suffix}"', "")
    return Package(layout.package(blake2, filename), note, f'"{blake2}"', blake2)


def _filed(project: str, filename: str) -> Filed:
    return Filed(layout.project_page(ProjectName(project), Form.JSON), filename)


def _wanted(query: bytes) -> str | None:
    """The media type in `?format=` (PEP 691); a plus sign is a plus sign, since media types have them."""
    fields = parse_qsl(query.decode("latin-1").replace("+", "%2B"))
    return next((known for name, value in fields if name == "format" and (known := known_type(value))), None)
