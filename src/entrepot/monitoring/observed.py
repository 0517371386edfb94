"""An ASGI application, watched: everything that operators learn of requests is noted here, and nowhere else.

The read plane is counted, in plain numbers; each request to the control plane gets an id, a line in the log, a span,
and its place in the figures; the questions of operators are answered. Knows no Django, so that it stands around the
read plane alone as well.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from entrepot.edge.downloads import NOT_LOGGED, DownloadLog
from entrepot.edge.routes import owns
from entrepot.monitoring import metrics
from entrepot.monitoring.metrics import Tally
from entrepot.monitoring.observation import HUNG_UP, Observation, answering, request_id
from entrepot.monitoring.operations import HEALTH, PATHS, Asked, Operations
from entrepot.monitoring.telemetry import Telemetry
from entrepot.server import AtOnce, Lifecycle

# As the ASGI specification has them.
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("entrepot.requests")


@contextmanager
def observing(seen: Observation, telemetry: Telemetry) -> Iterator[None]:
    """Around the answering of a request to the control plane: whoever answers notes on `seen` what it comes to."""
    began = time.perf_counter()
    with answering(seen), telemetry.around(seen):
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            metrics.request(seen, seconds)
            logger.info("request", extra=_line(seen, seconds))


def _line(seen: Observation, seconds: float) -> dict[str, object]:
    noted = {"route": seen.route, "user": seen.user, "token": seen.token, "code": seen.code}
    return {
        "method": seen.method,
        "path": seen.path,
        "status": seen.status,
        "duration_ms": round(seconds * 1000, 1),
        "bytes": seen.sent,
        **{name: value for name, value in noted.items() if value},
    }


class Observed(Lifecycle):
    """`reading` for what the read plane owns, and `control` for the rest; without `control`, `reading` for all.

    `at_once` is the read plane's answer without a task: see `entrepot.server`. `downloads` is what it notes in.
    """

    def __init__(
        self,
        reading: Application,
        *,
        operations: Operations,
        telemetry: Telemetry,
        at_once: AtOnce | None = None,
        control: Application | None = None,
        downloads: DownloadLog = NOT_LOGGED,
    ) -> None:
        self._reading = reading
        self._control = control
        self._operations = operations
        self._telemetry = telemetry
        self._downloads = downloads
        self._tally = Tally()
        self._askers = ThreadPoolExecutor(2, "operations")  # of their own: when a check hangs, reading goes on
        self.at_once = at_once
        self.answered_at_once = self._tally.at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path in PATHS:
            await self._tell(scope, send)
        elif self._control is None or owns(path):
            await self._read(scope, receive, send)
        else:
            await self._observe(self._control, scope, receive, send)

    def each_second(self) -> None:
        """Add what was counted to the figures, and have downloads written down."""
        self._tally.flush()
        self._downloads.each_second()

    def drain(self) -> None:
        """From now on this process is not ready."""
        self._operations.stopping = True

    def end(self) -> None:
        """Leave nothing uncounted and unsent."""
        self._tally.flush()
        self._downloads.end()
        self._telemetry.flush()

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def counted(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._tally.note(scope["path"], message["status"], time.perf_counter() - began)
            await send(message)

        await self._reading(scope, receive, counted)

    async def _observe(self, control: Application, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        seen = Observation(
            id=request_id(headers.get("x-request-id", "")),
            method=scope["method"],
            path=scope["path"],
            traceparent=headers.get("traceparent", ""),
        )

        begun = False

        async def noted(message: Mapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                seen.status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", seen.id.encode())]}
            else:
                seen.sent += len(message.get("body", b""))
            await send(message)

        async def heard() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "http.disconnect" and not begun:
                seen.status = HUNG_UP
            return message

        with observing(seen, self._telemetry):
            await control(scope, heard, noted)

    async def _tell(self, scope: Scope, send: Send) -> None:
        client = scope.get("client") or ("", 0)
        asked = Asked(scope["path"], _headers(scope), client[0])
        if asked.path == HEALTH:
            told = self._operations.tell(asked)  # at once: alive is who does it, whatever the checks are waiting for
        else:
            self._tally.flush()
            told = await asyncio.get_running_loop().run_in_executor(self._askers, self._operations.tell, asked)
        headers = [(name.encode(), value.encode()) for name, value in told.headers]
        await send({"type": "http.response.start", "status": told.status.value, "headers": headers})
        await send({"type": "http.response.body", "body": told.body})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
