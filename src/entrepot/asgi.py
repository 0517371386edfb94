"""The application: the read plane in front, Django's own ASGI handler behind it for everything else.

Between them stands a guard over request bodies, because Django writes a body to disk before any of our code sees it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import entrepot.boot  # noqa: F401 - before what needs settings

# isort: split
from asgiref.sync import sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase

from entrepot.accounts.address import address_from
from entrepot.api import problems
from entrepot.api.credentials import TRY_LATER, check_credentials
from entrepot.api.door import UPLOADS, check_size, note_route
from entrepot.api.upload import to_the_slash
from entrepot.config import Config
from entrepot.edge.app import Edge
from entrepot.edge.downloads import DownloadLog
from entrepot.followers import watch
from entrepot.monitoring.observation import current
from entrepot.monitoring.observed import Observed
from entrepot.monitoring.operations import Operations
from entrepot.monitoring.telemetry import start
from entrepot.patience import DATABASE
from entrepot.refusal import Refused

# As the ASGI specification has them.
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

STALLED = 60  # seconds without a byte, or from the start at less than SLOWEST, after which a body is given up
SLOWEST = 500  # bytes a second, on average
CHECKERS = 32  # tokens that are looked up at once
IN_MEMORY = 1 << 20  # bytes of a body; a larger one waits on disk

DATABASE.seconds = 8  # then it counts as lost, and the client is asked to come again


class Handler(ASGIHandler):
    """Django's handler, which keeps large bodies in our own directory and passes on the reason phrase of a response."""

    def __init__(self, uploads: Path) -> None:
        super().__init__()
        self._uploads = uploads

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response, with the name of the URL noted."""
        response = await super().get_response_async(request)
        note_route(request)
        return response

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> SpooledTemporaryFile[bytes]:
        """The request body, in memory while it is small, else in a nameless file. Raises RequestAborted and OSError."""
        body = SpooledTemporaryFile(IN_MEMORY, mode="w+b", dir=str(self._uploads))  # noqa: SIM115 - Django closes it
        began = time.monotonic()
        more = True
        while more:
            left = began + max(STALLED, body.tell() / SLOWEST) - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), min(STALLED, left))
            except TimeoutError:
                body.close()
                raise _stalled() from None
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            body.write(message.get("body", b""))
            more = message.get("more_body", False)
        body.seek(0)
        return body

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """The request, or what to answer when its headers make no sense."""
        try:
            return super().create_request(scope, body_file)
        except ValueError:  # of an encoding that a header names and nobody knows
            return None, HttpResponseBadRequest()

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Send the response with its reason phrase."""

        async def send_with_reason(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "reason": response.reason_phrase}
            await send(message)

        await super().send_response(response, send_with_reason)


class Control:
    """The control plane as an ASGI application: the guard, and Django behind it."""

    def __init__(self, config: Config) -> None:
        config.uploads.mkdir(parents=True, exist_ok=True)
        self.django = Handler(config.uploads)
        # Of their own, and many: each may wait for a database that has stopped.
        self._checkers = ThreadPoolExecutor(CHECKERS, "credentials")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == UPLOADS.rstrip("/"):
            await self.django.send_response(to_the_slash(), send)
            return
        try:
            bounded = _bounded(scope, receive)
            if scope["path"] == UPLOADS and scope["method"] == "POST":
                current().route = "upload"  # which Django does not come to say of those that are refused here
                # Before the body, which nobody else may leave on our disk.
                check = sync_to_async(check_credentials, thread_sensitive=False, executor=self._checkers)
                await check(_header(scope, b"authorization"), _address(scope))
            await self.django(scope, bounded, send)
        except Refused as refusal:
            await self._refuse(scope, send, refusal)
        except OSError:
            logger.exception("a request body could not be written to disk")
            await self._refuse(scope, send, TRY_LATER)

    async def _refuse(self, scope: Scope, send: Send, refusal: Refused) -> None:
        await self.django.send_response(problems.answer(_header(scope, b"accept"), refusal), send)


def _stalled() -> Refused:
    return Refused(
        "request-stalled",
        f"The request has stalled: it must not pause for {STALLED} seconds, and has to bring {SLOWEST} bytes a second.",
    )


def _header(scope: Scope, name: bytes) -> str:
    value: bytes = dict(scope["headers"]).get(name, b"")
    return value.decode("latin-1")


def _address(scope: Scope) -> str | None:
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    return address_from(forwarded.decode("latin-1"), (scope.get("client") or ("",))[0])


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive`, which refuses a body that is declared, or turns out, to be larger than the path takes."""
    received = 0

    async def bounded() -> dict[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        check_size(scope["path"], received)
        return message

    check_size(scope["path"], int(_header(scope, b"content-length") or 0))
    return bounded


def _application(config: Config) -> Observed:
    downloads = DownloadLog(config.downloads_noted_in)
    edge = Edge(config.store(), downloads=downloads)
    operations = Operations(watch.CHECKS, watch.measured, config.metrics_token)
    control = Control(config)
    return Observed(
        edge,
        at_once=edge.at_once,
        control=control,
        operations=operations,
        telemetry=start(config),
        downloads=downloads,
    )


application = _application(Config.current())
