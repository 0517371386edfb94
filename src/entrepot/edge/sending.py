"""Answers become ASGI messages: bytes from memory, files by the kernel, objects of other stores in pieces."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from entrepot.edge import answers, routes
from entrepot.edge.answers import Answer, Excerpt
from entrepot.ports.store import Store

# As the ASGI specification has them: dictionaries, whose keys depend on what else is in them.
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that is being answered. `in_thread` calls what may wait for the `store`.

    `sent` is called when all of the answer has been taken, by the kernel at least; not when the client went away.
    """

    store: Store
    in_thread: Callable[..., Awaitable[Any]]
    scope: Scope
    receive: Receive
    send: Send
    sent: Callable[[], None]

    async def answer(self, answer: Answer) -> None:
        """Send the answer. Raises OSError when the store fails half-way: the connection is then cut."""
        body, extensions = answer.body, self.scope.get("extensions") or {}
        if isinstance(body, bytes):
            await self._start(answer)
            await self.send({"type": "http.response.body", "body": body})
            self.sent()
        elif body.path and "http.response.zerocopysend" in extensions:
            await self._send_file(answer, body)
        else:
            await self._send_pieces(answer, body)

    async def _send_file(self, answer: Answer, body: Excerpt) -> None:
        try:
            file = await self.in_thread(open, body.path, "rb")
        except OSError:
            await self._give_up()
            return
        with file:
            await self._start(answer)
            message = {"type": "http.response.zerocopysend", "file": file, "offset": body.first, "count": body.count}
            await self.send({**message, "sent": self.sent})

    async def _send_pieces(self, answer: Answer, body: Excerpt) -> None:
        with closing(self.store.read(body.key, body.first, body.count)) as pieces:
            try:
                piece = await self.in_thread(next, pieces)
            except OSError:
                await self._give_up()
                return
            await self._start(answer)
            gone = asyncio.create_task(self._disconnected())
            try:
                left = body.count - len(piece)
                await self._send_piece(piece, left)
                while left and not gone.done():
                    piece = await self.in_thread(next, pieces)
                    left -= len(piece)
                    await self._send_piece(piece, left)
                if not gone.done():
                    self.sent()
            finally:
                gone.cancel()

    async def _send_piece(self, piece: bytes, left: int) -> None:
        await self.send({"type": "http.response.body", "body": piece, "more_body": left > 0})

    async def _disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _give_up(self) -> None:
        logger.exception("an object of the store cannot be read")
        await replace(self, sent=_nothing).answer(answers.unavailable(routes.PLAIN))

    async def _start(self, answer: Answer) -> None:
        start = {"type": "http.response.start", "status": answer.status.value, "headers": answer.headers}
        await self.send(start)


def _nothing() -> None:
    """What was asked for is not sent after all."""
