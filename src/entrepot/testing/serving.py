"""An ASGI application served from a thread of this process, on a free port of 127.0.0.1.

It begins in milliseconds and ends at once: whoever is still being answered is cut off. The protocol class is that of
the real server; uvicorn's own `Server` is not used, because it takes a tenth of a second to stop, and minds signals.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from entrepot.edge.sending import Receive, Scope, Send
from entrepot.server import Protocol

HOST = "127.0.0.1"
_LINE = "entrepot.line"

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Line:
    """The connection that a request came by: `lost` once it has ended, whoever ended it."""

    transport: asyncio.Transport
    lost: asyncio.Event

    @classmethod
    def of(cls, scope: Scope) -> "Line":
        """That of a request."""
        line: Line = scope["extensions"][_LINE]
        return line

    async def close(self) -> None:
        """End it after what has been sent."""
        self.transport.close()
        await self.lost.wait()


class _Protocol(Protocol):
    """Tells the application of the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._line = Line(transport, asyncio.Event())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._line.lost.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cast("dict[str, Any]", cycle.scope["extensions"])[_LINE] = self._line
        super()._start_asgi_task(cycle, app)


@contextmanager
def serving(application: Application) -> Iterator[str]:
    """Serve it while the context lasts. Gives the URL, without a slash at its end."""
    with socket.create_server((HOST, 0)) as listener:
        loop, over = asyncio.new_event_loop(), asyncio.Event()
        thread = threading.Thread(target=_run, args=(loop, application, listener, over), name="entrepot", daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join()


def _run(
    loop: asyncio.AbstractEventLoop, application: Application, listener: socket.socket, over: asyncio.Event
) -> None:
    loop.run_until_complete(_serve(application, listener, over))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _serve(application: Application, listener: socket.socket, over: asyncio.Event) -> None:
    config = uvicorn.Config(
        cast("ASGI3Application", application),
        http=_Protocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Protocol(config, state, {}), sock=listener)
    await over.wait()
    server.close()
    for connection in list(state.connections):
        cast("_Protocol", connection).transport.abort()
    await asyncio.gather(*state.tasks)
    await asyncio.sleep(0)  # what was aborted just now is closed by the next turn of the loop
