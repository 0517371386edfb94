"""The application: the read plane in front, Django's own ASGI handler behind it for everything else.

Between them stands a guard over request bodies, because Django writes a body to disk before any of our code sees it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import entrepot.boot  # noqa: F401 - before what needs settings

# isort: split
from django.core.handlers.asgi import ASGIHandler
from django.http.response import HttpResponseBase

from entrepot.api import problems
from entrepot.api.form import MAX_TEXT
from entrepot.api.upload import LARGEST_FILE, TRY_LATER
from entrepot.config import Config
from entrepot.edge.app import Edge
from entrepot.edge.routes import owns
from entrepot.refusal import Refused, TooLarge

# As the ASGI specification has them.
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

UPLOADS = "/legacy/"
FRAMING = 1 << 20  # bytes that hold the parts of a form together
LARGEST_UPLOAD = LARGEST_FILE + MAX_TEXT + FRAMING
LARGEST_OTHER = 1 << 20


class Handler(ASGIHandler):
    """Django's handler, which also passes on the reason phrase. Our server writes it; others pass it by."""

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Send the response with its reason phrase."""

        async def send_with_reason(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "reason": response.reason_phrase}
            await send(message)

        await super().send_response(response, send_with_reason)


class Application:
    """One installation as an ASGI application. `at_once` is what the server asks first: see `entrepot.server`."""

    def __init__(self, config: Config) -> None:
        config.uploads.mkdir(parents=True, exist_ok=True)
        self.edge = Edge(config.store())
        self.at_once = self.edge.at_once
        self.django = Handler()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if owns(scope["path"]):
            await self.edge(scope, receive, send)
            return
        try:
            await self.django(scope, _bounded(scope, receive), send)
        except Refused as refusal:
            await self._refuse(scope, send, refusal)
        except OSError:
            logger.exception("a request body could not be written to disk")
            await self._refuse(scope, send, TRY_LATER)

    async def _refuse(self, scope: Scope, send: Send, refusal: Refused) -> None:
        accepted = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        await self.django.send_response(problems.answer(accepted, refusal), send)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive`, which refuses a body that is declared, or turns out, to be larger than the path takes."""
    limit = LARGEST_UPLOAD if scope["path"] == UPLOADS else LARGEST_OTHER
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    received = 0

    async def bounded() -> dict[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if max(received, int(declared)) > limit:
            raise TooLarge("request-too-large", f"File too large. A request may have {limit >> 20} MB.")
        return message

    return bounded


application = Application(Config.current())
