"""What can go wrong between an index and its client: each makes an ASGI application that stands before another."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from entrepot import layout
from entrepot.edge.sending import Receive, Scope, Send
from entrepot.testing.serving import Application, Line

Act = Callable[[Application, Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Json = dict[str, Any]  # a simple page; what is in it is for whoever changes it to know


def slow(seconds: float) -> Act:
    """Wait before the answer, for as long as the client does."""

    async def act(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        lost = Line.of(scope).lost
        with suppress(TimeoutError):
            await asyncio.wait_for(lost.wait(), seconds)
        if not lost.is_set():
            await app(scope, receive, send)

    return act


async def hang(_app: Application, scope: Scope, _receive: Receive, _send: Send) -> None:
    """Never answer."""
    await Line.of(scope).lost.wait()


async def disconnect(_app: Application, scope: Scope, _receive: Receive, _send: Send) -> None:
    """End the connection without an answer."""
    await Line.of(scope).close()


def truncate(after: int) -> Act:
    """Announce the whole length, and end the connection after so many bytes of the body."""

    async def act(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        left = after

        async def cut(message: Mapping[str, Any]) -> None:
            nonlocal left
            body = message.get("body", b"")
            piece = body[:left]
            left -= len(piece)
            if len(piece) == len(body):
                await send(dict(message))
                return
            await send({**message, "body": piece, "more_body": True})
            await Line.of(scope).close()

        await app(scope, receive, cut)

    return act


async def garble(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Send other bytes than those that are meant, as many as they are."""

    async def garbled(message: Mapping[str, Any]) -> None:
        body = bytes(byte ^ 0xFF for byte in message.get("body", b""))
        await send({**message, "body": body} if body else dict(message))

    await app(scope, receive, garbled)


def answer(status: int, body: bytes, headers: Mapping[str, str]) -> Act:
    """Answer with this, whatever was asked."""
    usual = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body))}
    given = usual | {name.lower(): value for name, value in headers.items()}
    head = [(name.encode(), value.encode()) for name, value in given.items()]

    async def act(_app: Application, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return act


def headers(changes: Mapping[str, str | None]) -> Act:
    """Replace headers of the answer, or take them away."""
    names = {name.lower().encode() for name in changes}
    added = [(name.lower().encode(), value.encode()) for name, value in changes.items() if value is not None]
    return _with_headers(lambda headers: [*_without(headers, names), *added])


def weak_etags() -> Act:
    """Mark ETags as weak, as some caches in between do."""
    return _with_headers(
        lambda headers: [(name, b"W/" + value if name == b"etag" else value) for name, value in headers]
    )


def no_ranges() -> Act:
    """Know no ranges: always send the whole file."""
    act = headers({"accept-ranges": None})
    return lambda app, scope, receive, send: act(app, _asked_without(scope, {b"range"}), receive, send)


async def only_html(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Know simple pages in their HTML form alone."""
    scope = _asked_without(scope, {b"accept"})
    await app({**scope, "headers": [*scope["headers"], (b"accept", b"text/html")]}, receive, send)


def demand(username: str, password: str) -> Act:
    """Answer only those who give these credentials (HTTP Basic)."""
    wanted = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
    refuse = answer(401, b"Who are you?\n", {"www-authenticate": 'Basic realm="index"'})

    async def act(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        if dict(scope["headers"]).get(b"authorization") == wanted:
            await app(scope, receive, send)
        else:
            await refuse(app, scope, receive, send)

    return act


def rewrite(edit: Callable[[Json], object]) -> Act:
    """Send simple pages in their JSON form as `edit` leaves them, without an ETag."""

    async def act(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        start: dict[str, Any] = {}

        async def edited(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body, headers = message["body"], start["headers"]
            if body and (b"content-type", layout.SIMPLE_JSON.encode()) in headers:
                page = json.loads(body)
                edit(page)
                body = json.dumps(page).encode()
                length = (b"content-length", b"%d" % len(body))
                start["headers"] = [*_without(headers, {b"content-length", b"etag"}), length]
            await send(start)
            await send({**message, "body": body})

        await app(_asked_without(scope, {b"accept-encoding", b"if-none-match"}), receive, edited)

    return act


def _with_headers(change: Callable[[Headers], Headers]) -> Act:
    async def act(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        async def changed(message: Mapping[str, Any]) -> None:
            is_start = message["type"] == "http.response.start"
            await send({**message, "headers": change(message["headers"])} if is_start else dict(message))

        await app(scope, receive, changed)

    return act


def _without(headers: Iterable[tuple[bytes, bytes]], names: set[bytes]) -> Headers:
    return [(name, value) for name, value in headers if name not in names]


def _asked_without(scope: Scope, names: set[bytes]) -> Scope:
    return {**scope, "headers": _without(scope["headers"], names)}
