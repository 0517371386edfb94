"""The read plane as a bare ASGI application: one request, one key, its bytes.

`at_once` answers for a hot page without a task or a thread: the server calls it first (see `entrepot.server`). It
says what the ASGI path would say, or nothing, and then the ASGI path answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from entrepot.edge import answers, negotiate, routes
from entrepot.edge.answers import Answer, Excerpt, Header
from entrepot.edge.conditions import span, unchanged
from entrepot.edge.memory import Held, Memory, Ready
from entrepot.edge.routes import Document, Package, Route, Simple
from entrepot.layout import Place
from entrepot.page import Damaged
from entrepot.ports.store import FileStore

MEBIBYTE = 1024 * 1024
CHUNK = 256 * 1024
LONGEST = 4000  # bytes of a hot request's target and headers; keeps what is remembered small

# As the ASGI specification has them: dictionaries, whose keys depend on what else is in them.
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

_PAGES = (Simple, Document)
_READING = {b"GET", b"HEAD"}
_CONDITIONS = {b"accept", b"accept-encoding", b"if-none-match", b"if-range", b"range"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The page to send, and the representation of it."""

    place: Place
    content_type: str
    coding: str


class Edge:
    """Serves what `store` holds; keeps at most `memory_limit` bytes of hot pages. HTTP scopes only."""

    def __init__(self, store: FileStore, memory_limit: int = 64 * MEBIBYTE) -> None:
        self._store = store
        self._memory = Memory(store, memory_limit)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self._answer(scope["method"].encode(), _target(scope), _conditions(scope["headers"]))
        await _transmit(answer, scope.get("extensions") or {}, send)

    def at_once(self, method: bytes, target: bytes, headers: Sequence[Header]) -> tuple[bytes, bytes] | None:
        """The head (without the empty line that ends it) and the body, when the answer is a page in memory."""
        conditions = dict(headers)
        if len(conditions) < len(headers):
            conditions = _conditions(headers)
        accept, codings = conditions.get(b"accept", b""), conditions.get(b"accept-encoding", b"")
        if method not in _READING or len(target) + len(accept) + len(codings) > LONGEST:
            return None
        choice = _asked_page(target, accept, codings)
        if choice is None:
            return None
        try:
            held = self._memory.find(choice.place.key)
        except (OSError, Damaged):
            return None
        if held is None or not held.page.variants:
            return None
        ready = _ready(held, choice)
        if b"if-none-match" in conditions and unchanged(conditions[b"if-none-match"], ready.etag):
            return ready.unchanged, b""
        return ready.whole, (ready.body if method == b"GET" else b"")

    async def _answer(self, method: bytes, target: bytes, conditions: Mapping[bytes, bytes]) -> Answer:
        if method == b"OPTIONS":
            return answers.options()
        if method not in _READING:
            return answers.not_allowed()
        route = routes.route(target)
        try:
            answer = await self._find(route, conditions, method)
        except (OSError, Damaged):
            logger.exception("The store cannot be read")
            return answers.unavailable(route.problems)
        return answer if method == b"GET" else answer.without_body()

    async def _find(self, route: Route, conditions: Mapping[bytes, bytes], method: bytes) -> Answer:
        """Raises OSError when the store cannot be read."""
        match route:
            case Simple() | Document():
                return await self._page(route, conditions)
            case Package():
                asked = conditions if method == b"GET" else _without_range(conditions)
                return await asyncio.to_thread(self._package, route, asked)
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
        place = choice.place
        held = self._memory.find(place.key)
        if held is None:
            held = await asyncio.to_thread(self._read, place.key)
            if held is not None:
                self._memory.keep(place.key, held)
        if held is None or not held.page.variants:
            return answers.missing(route.problems, place.tags)
        answer = answers.page(place, held.page, choice.content_type, choice.coding)
        etag = answers.page_tag(held.page, choice.content_type, choice.coding)
        return answers.not_modified(answer) if unchanged(conditions.get(b"if-none-match", b""), etag) else answer

    def _read(self, key: str) -> Held | None:
        stamp = self._store.stamp(key)
        page = self._store.read_page(key)
        return None if stamp is None or page is None else Held(page, stamp)

    def _package(self, route: Package, conditions: Mapping[bytes, bytes]) -> Answer:
        note = self._store.read_page(route.withheld.key)
        if note is not None and note.variants:
            return answers.missing(route.problems, route.withheld.tags, "The index withholds this file")
        found = self._store.find(route.place.key)
        if found is None:
            return answers.missing(route.problems, route.withheld.tags)
        whole = answers.package(route, found.path, found.size)
        etag = route.etag.encode()
        if unchanged(conditions.get(b"if-none-match", b""), etag):
            return answers.not_modified(whole)
        if conditions.get(b"if-range", etag) != etag:
            return whole
        return _part(whole, conditions.get(b"range", b""), found.size)


def _part(whole: Answer, asked: bytes, size: int) -> Answer:
    part = span(asked, size)
    if part is None:
        return whole
    if not part.count or not isinstance(whole.body, Excerpt):
        return answers.outside(size)
    return answers.part(whole, whole.body, part)


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


def _without_range(conditions: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """A range means something for GET alone (RFC 9110, section 14.2)."""
    return {name: value for name, value in conditions.items() if name != b"range"}


@lru_cache(1024)
def _asked_page(target: bytes, accept: bytes, codings: bytes) -> Choice | None:
    """All of a hot request in one look: the page and its representation; None for anything else."""
    route = routes.route(target)
    return _choose(route, accept, codings) if isinstance(route, _PAGES) else None


def _choose(route: Simple | Document, accept: bytes, codings: bytes) -> Choice | None:
    """None when no media type will do."""
    coding = negotiate.coding(codings.decode("latin-1"))
    if isinstance(route, Document):
        return Choice(route.place, route.place.type, coding)
    content_type = route.wanted or negotiate.simple_type(accept.decode("latin-1"))
    if content_type is None:
        return None
    return Choice(route.json if content_type == route.json.type else route.html, content_type, coding)


def _ready(held: Held, choice: Choice) -> Ready:
    representation = (choice.content_type, choice.coding)
    ready = held.ready.get(representation)
    if ready is None:
        answer = answers.page(choice.place, held.page, choice.content_type, choice.coding)
        etag = answers.page_tag(held.page, choice.content_type, choice.coding)
        body = held.page.variants[choice.coding].body
        ready = held.ready[representation] = Ready(etag, answer.head, answers.not_modified(answer).head, body)
    return ready


async def _transmit(answer: Answer, extensions: Mapping[str, Any], send: Send) -> None:
    body = answer.body
    if isinstance(body, bytes):
        await send(_start(answer))
        await send({"type": "http.response.body", "body": body})
    elif body.whole and "http.response.pathsend" in extensions:
        await send(_start(answer))
        await send({"type": "http.response.pathsend", "path": str(body.path)})
    else:
        await _send_file(answer, body, extensions, send)


async def _send_file(answer: Answer, body: Excerpt, extensions: Mapping[str, Any], send: Send) -> None:
    try:
        file = await asyncio.to_thread(body.path.open, "rb")
    except (OSError, Damaged):
        logger.exception("A file of the store cannot be opened")
        await _transmit(answers.unavailable(routes.PLAIN), extensions, send)
        return
    with file:
        await send(_start(answer))
        if "http.response.zerocopysend" in extensions:
            await send({"type": "http.response.zerocopysend", "file": file, "offset": body.first, "count": body.count})
            return
        file.seek(body.first)
        for sent in range(0, body.count, CHUNK):
            chunk = await asyncio.to_thread(file.read, min(CHUNK, body.count - sent))
            await send({"type": "http.response.body", "body": chunk, "more_body": sent + CHUNK < body.count})


def _start(answer: Answer) -> dict[str, Any]:
    return {"type": "http.response.start", "status": answer.status.value, "headers": answer.headers}
