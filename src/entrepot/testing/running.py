"""An index that runs in this process, for a test: the read plane of a real one over a store in memory, and uploads."""

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from typing import Any

from entrepot.edge.app import Edge
from entrepot.edge.sending import Receive, Scope, Send
from entrepot.testing import uploads
from entrepot.testing.serving import Application, serving
from entrepot.testing.troubles import Troubles
from entrepot.testing.uploads import Uploaded

UPLOADS = "/legacy/"


@dataclass(slots=True)
class Request:
    """A request that came: the path without percent-encoding, header names in lower case.

    `status` is that of the answer; None while there is none, which stays so when the connection ended without one.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int | None = field(default=None)


class Index(Troubles):
    """A running index. `requests` and `uploads` grow in the order in which they came, and may be cleared.

    `url` is that of the simple index, `upload_url` that of the legacy upload API, which takes any credentials.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base_url = ""
        self.requests: list[Request] = []
        self.uploads: list[Uploaded] = []
        self._edge = Edge(self._store)

    @property
    def url(self) -> str:
        """What installers are given, as `--index-url`."""
        return f"{self.base_url}/simple/"

    @property
    def upload_url(self) -> str:
        """What uploaders are given, as `--repository-url`."""
        return f"{self.base_url}{UPLOADS}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI), with all that goes wrong at its place."""
        self._publish_owed()
        request = _request(scope)
        self.requests.append(request)

        async def noted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
                message["headers"] = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
            await send(dict(message))

        app: Application = self._take if request.path == UPLOADS else self._edge
        for fault in reversed(self._faults):
            app = partial(fault.befall, app)
        await app(scope, receive, noted)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _say(send, 405, "Only POST", (b"allow", b"POST"))
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        verdict = await asyncio.to_thread(uploads.take, bytes(body), content_type, self, self.uploads)
        await _say(send, verdict.status, verdict.reason)


@contextmanager
def index() -> Iterator[Index]:
    """An empty index that runs while the context lasts, on a free port of 127.0.0.1."""
    made = Index()
    with serving(made) as made.base_url:
        yield made


def _request(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)


async def _say(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = f"{text}\n".encode()
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": int(status), "headers": head, "reason": text})
    await send({"type": "http.response.body", "body": body})
