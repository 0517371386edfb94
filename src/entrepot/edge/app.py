"""The read plane as a bare ASGI application: one request, one key, its bytes.

`at_once` answers for what is hot, without a task or a thread: the server calls it first (see `entrepot.server`). It
says what the ASGI path would say, or nothing, and then the ASGI path answers.
"""

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from http import HTTPStatus
from urllib.parse import quote

from entrepot import layout
from entrepot.edge import answers, negotiate, routes
from entrepot.edge.answers import Answer, Header
from entrepot.edge.conditions import span, unchanged
from entrepot.edge.downloads import NOT_LOGGED, DownloadLog
from entrepot.edge.memory import Kept, Memory, Ready, Withheld
from entrepot.edge.routes import Document, Filed, Package, Route, Simple
from entrepot.edge.sending import Exchange, Receive, Scope, Send
from entrepot.layout import Place
from entrepot.page import Damaged, Page
from entrepot.ports.store import Store

MEBIBYTE = 1024 * 1024
LONGEST = 4000  # bytes of a hot request's target and headers; keeps what is remembered small

logger = logging.getLogger(__name__)

_READING = {b"GET", b"HEAD"}
_BEGINNING = b"bytes=0-"  # of a part that is counted as a download; what follows is the same one
_CONDITIONS = {b"accept", b"accept-encoding", b"if-none-match", b"if-range", b"range"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The page to send, and the representation of it."""

    place: Place
    content_type: str
    coding: str


class Edge:
    """Serves what `store` holds; keeps at most `memory_limit` bytes of what is hot. HTTP scopes only.

    What is fetched is noted in `downloads`.
    """

    def __init__(self, store: Store, memory_limit: int = 64 * MEBIBYTE, *, downloads: DownloadLog = NOT_LOGGED) -> None:
        self._store = store
        self._downloads = downloads
        self._memory = Memory(store, memory_limit)
        self._complained = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        target, conditions = _target(scope), _conditions(scope["headers"])
        answer = await self._answer(scope["method"].encode(), target, conditions)
        noted = partial(self._note, scope, routes.route(target), answer, conditions.get(b"range", b""))
        await Exchange(self._store, self._memory.in_thread, scope, receive, send, noted).answer(answer)

    def at_once(self, method: bytes, target: bytes, headers: Sequence[Header]) -> tuple[bytes, bytes] | None:
        """The head (without the empty line that ends it) and the body, when the answer is in memory."""
        conditions = dict(headers)
        if len(conditions) < len(headers):
            conditions = _conditions(headers)
        accept, codings = conditions.get(b"accept", b""), conditions.get(b"accept-encoding", b"")
        if method not in _READING or len(target) + len(accept) + len(codings) > LONGEST:
            return None
        asked = _asked(target, accept, codings)
        try:
            if isinstance(asked, Choice):
                held = self._memory.page_at_hand(asked.place.key)
                ready = _ready(held.shown, held.ready, asked) if held and held.shown else None
            elif isinstance(asked, Package) and b"range" not in conditions:
                kept = self._memory.package_at_hand(asked)
                ready = _ready_package(asked, kept, kept.body) if kept and kept.body is not None else None
            else:
                return None
        except OSError:
            return None
        if ready is None:
            return None
        if b"if-none-match" in conditions and unchanged(conditions[b"if-none-match"], ready.etag):
            return ready.unchanged, b""
        if method == b"GET" and isinstance(asked, Package) and asked.blake2:
            self._downloads.note(asked, _agent(headers), 200)
        return ready.whole, (ready.body if method == b"GET" else b"")

    def _note(self, scope: Scope, route: Route, answer: Answer, asked: bytes) -> None:
        """A distribution file was sent from its beginning, or the store is to send it: that is a download."""
        if scope["method"] != "GET" or not isinstance(route, Package) or not route.blake2:
            return
        parts = {HTTPStatus.PARTIAL_CONTENT, HTTPStatus.FOUND}
        if answer.status == HTTPStatus.OK or (answer.status in parts and (asked or _BEGINNING).startswith(_BEGINNING)):
            self._downloads.note(route, _agent(scope["headers"]), answer.status.value, asked)

    async def _answer(self, method: bytes, target: bytes, conditions: Mapping[bytes, bytes]) -> Answer:
        if method == b"OPTIONS":
            return answers.options()
        if method not in _READING:
            return answers.not_allowed()
        route = routes.route(target)
        try:
            answer = await self._find(route, conditions, method)
        except (OSError, Damaged):
            self._complain()
            return answers.unavailable(route.problems)
        return answer if method == b"GET" else answer.without_body()

    def _complain(self) -> None:
        """Once a second, while an exception is handled: a thousand complaints would hold up what is in memory."""
        now = time.monotonic()
        if now - self._complained > 1:
            self._complained = now
            logger.exception("The store cannot be read")

    async def _find(self, route: Route, conditions: Mapping[bytes, bytes], method: bytes) -> Answer:
        """Raises OSError when the store cannot be read."""
        match route:
            case Simple() | Document():
                return await self._page(route, conditions)
            case Package():
                return await self._package(route, conditions, method)
            case Filed():
                return await self._filed(route)
            case routes.Redirect():
                return answers.moved(route.location)
            case routes.Health():
                return answers.healthy()
            case _:
                return answers.missing(route.problems, ())

    async def _page(self, route: Simple | Document, conditions: Mapping[bytes, bytes]) -> Answer:
        choice = _choose(route, conditions.get(b"accept", b""), conditions.get(b"accept-encoding", b""))
        if choice is None:
            return answers.not_acceptable()
        held = await self._memory.page(choice.place.key)
        if held.shown is None:
            return answers.missing(route.problems, choice.place.tags)
        place = replace(choice.place, cache=layout.STALE) if held.stale else choice.place
        answer = answers.page(place, held.shown, choice.content_type, choice.coding)
        if held.stale:
            answer = answers.stale(answer)
        etag = answers.page_tag(held.shown, choice.content_type, choice.coding)
        return answers.not_modified(answer) if unchanged(conditions.get(b"if-none-match", b""), etag) else answer

    async def _filed(self, route: Filed) -> Answer:
        held = await self._memory.page(route.place.key)
        url = await self._memory.in_thread(_url_of, held.shown, route.filename) if held.shown else ""
        tags = route.place.tags
        return answers.found(url.removeprefix("../.."), tags) if url else answers.missing(route.problems, tags)

    async def _package(self, route: Package, conditions: Mapping[bytes, bytes], method: bytes) -> Answer:
        try:
            kept = await self._memory.package(route)
        except Withheld:
            return answers.missing(route.problems, route.withheld.tags, "The index withholds this file")
        if kept is None:
            return answers.missing(route.problems, route.withheld.tags)
        whole = answers.package(route, kept.found, kept.body)
        etag = route.etag.encode()
        if unchanged(conditions.get(b"if-none-match", b""), etag):
            return answers.not_modified(whole)
        if method != b"GET":  # which alone may ask for a range (RFC 9110, section 14.2)
            return whole
        if kept.body is None and (location := await self._memory.in_thread(self._store.location, route.place.key)):
            return answers.elsewhere(location)
        asked = conditions.get(b"range", b"") if conditions.get(b"if-range", etag) == etag else b""
        return _part(whole, asked, kept.found.size)


def _url_of(page: Page, filename: str) -> str:
    """The URL of a file as the JSON form of a simple page has it; empty where it has no such file."""
    return next((each["url"] for each in json.loads(page.body)["files"] if each["filename"] == filename), "")


def _part(whole: Answer, asked: bytes, size: int) -> Answer:
    part = span(asked, size)
    if part is None:
        return whole
    return answers.part(whole, part, size) if part.count else answers.outside(size)


def _target(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def _conditions(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """The request headers that decide the answer; repeated ones joined, as RFC 9110, section 5.3, has it."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _CONDITIONS:
            found[name] = found[name] + b", " + value if name in found else value
    return found


def _agent(headers: Iterable[Header]) -> bytes:
    for name, value in headers:  # quicker than an expression, for every small file
        if name == b"user-agent":
            return value
    return b""


@lru_cache(2048)
def _asked(target: bytes, accept: bytes, codings: bytes) -> Choice | Package | None:
    """All of a hot request in one look: the page and its representation, or the package; None for anything else."""
    route = routes.route(target)
    if isinstance(route, Package):
        return route
    return _choose(route, accept, codings) if isinstance(route, Simple | Document) else None


def _choose(route: Simple | Document, accept: bytes, codings: bytes) -> Choice | None:
    """None when no media type will do."""
    coding = negotiate.coding(codings.decode("latin-1"))
    if isinstance(route, Document):
        return Choice(route.place, route.place.type, coding)
    content_type = route.wanted or negotiate.simple_type(accept.decode("latin-1"))
    if content_type is None:
        return None
    return Choice(route.json if content_type == route.json.type else route.html, content_type, coding)


def _ready(page: Page, ready: dict[tuple[str, str], Ready], choice: Choice) -> Ready:
    """Remembered for the page's own URL alone: other URLs have another head, and few ask by them."""
    if choice.place.cache is layout.ALIAS:
        return _made_ready(page, choice)
    representation = (choice.content_type, choice.coding)
    if representation not in ready:
        ready[representation] = _made_ready(page, choice)
    return ready[representation]


def _made_ready(page: Page, choice: Choice) -> Ready:
    answer = answers.page(choice.place, page, choice.content_type, choice.coding)
    etag = answers.page_tag(page, choice.content_type, choice.coding)
    return Ready(etag, answer.head, answers.not_modified(answer).head, page.variants[choice.coding].body)


def _ready_package(route: Package, kept: Kept, body: bytes) -> Ready:
    if route.place.cache is layout.PACKAGE_ALIAS:
        return _made_ready_package(route, kept, body)
    if not kept.ready:
        kept.ready.append(_made_ready_package(route, kept, body))
    return kept.ready[0]


def _made_ready_package(route: Package, kept: Kept, body: bytes) -> Ready:
    answer = answers.package(route, kept.found, body)
    return Ready(route.etag.encode(), answer.head, answers.not_modified(answer).head, body)
