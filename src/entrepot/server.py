"""The HTTP server: uvicorn's httptools protocol, with four additions.

- An application with `at_once(method, target, headers)` (see `entrepot.edge.app`) is asked first, in the parser's
  callback, and what it gives is written to the transport there and then: no task, no ASGI messages. If it has
  `answered_at_once`, such answers are counted in it: by the tenth byte of the head, then the third of the target.
- `http.response.zerocopysend` (ASGI extension): the kernel sends the file. The application opens and closes it. Our own
  addition to it: when the kernel has taken all, `sent` is called, if the message has it.
- `entrepot.reason` (our extension): `http.response.start` may carry `reason`, the text of the status line, which is the
  only part of a refusal that some upload clients show.
- A client that takes nothing of what waits for it is let go; one look in `STUCK` seconds tells.

It relies on these internals of uvicorn 0.54: `HttpToolsProtocol.on_message_begin` makes `self.scope` and empties
`self.headers`; `on_headers_complete` makes `self.cycle` and hands it to `_start_asgi_task`, at once or when its turn in
`self.pipeline` has come; `on_response_complete` counts the request, resumes reading and arms the keep-alive timer. A
cycle writes the status line and the headers in one go to its `transport`, keeps what is left of `Content-Length` in
`expected_content_length`, and is quiet about an unfinished response when `disconnected`. `Server.handle_exit` is the
signal handler; `Server.on_tick` is called ten times a second, and `shutdown` when it is over.
"""

import asyncio
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent
from uvicorn._types import Scope as UvicornScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

Message = dict[str, Any]  # an ASGI event; its keys depend on its type
AtOnce = Callable[[bytes, bytes, list[tuple[bytes, bytes]]], tuple[bytes, bytes] | None]

LONGEST_REASON = 400  # characters
LONGEST_FRAMING = 64 * 1024  # bytes of a request that are not its body
LONGEST_HEAD = 30  # seconds from the first byte of a request to the end of its head
STUCK = 150  # seconds from one look to the next at what a client takes; nothing in between is too little
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
ACCEPT = 4  # connections taken in one go: the rest is for the other processes on the same socket
DRAIN = 30  # seconds for open requests when the server stops

_FOR_NOBODY = {ord(digit): [0] * 256 for digit in "2345"}  # where answers at once are counted that nobody counts
_NOT_AT_ONCE = {b"content-length", b"transfer-encoding", b"expect", b"upgrade"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ZERO_COPY = "http.response.zerocopysend"
_TCP_INFO = struct.Struct("=24x I 92x Q 16x I")  # of Linux: tcpi_unacked, tcpi_bytes_acked, tcpi_notsent_bytes
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is unsent when the socket is closed is thrown away


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # uvicorn's own arguments, passed on
        super().__init__(*args, **kwargs)
        self._at_once: AtOnce | None = getattr(self.config.app, "at_once", None)
        self._counts: Mapping[int, list[int]] = getattr(self.config.app, "answered_at_once", _FOR_NOBODY)
        self._answered = False
        self._plain = True  # no header so far asks for more than an answer at once
        self._in_head = True  # the head of the next request is not complete
        self._head_began = self.loop.time()
        self._unaccounted = 0  # bytes since the message began that were not its body
        self._active = 0.0  # the loop's time of the last data from the client
        self._defaults: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
        self._stood: int | None = None  # where the client stood at the last look

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """A client is there. It has as long to say something as between two requests."""
        super().connection_made(transport)
        self._look_again(self.timeout_keep_alive)
        self._next_look = self.loop.call_later(STUCK, self._look_at_client)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse what frames a request when it grows beyond all use: head, trailers, chunk sizes."""
        self._unaccounted += len(data)
        super().data_received(data)
        if self._unaccounted > LONGEST_FRAMING and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """A part of the body, and the few bytes that frame it when it is sent in chunks."""
        self._unaccounted = max(0, self._unaccounted - 9 * len(body))
        super().on_body(body)

    def on_message_begin(self) -> None:
        """A request begins. Its scope is made when the application is to have it: most requests never need one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._answered = False
        self._plain = True
        self._in_head = True
        self._head_began = self.loop.time()
        self._unaccounted = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, seven or so times a request. What comes after the head is a trailer, and says nothing."""
        if not self._in_head:
            return
        name = name.lower()
        if name in _NOT_AT_ONCE:
            self._plain = False
            super().on_header(name, value)  # which knows `Expect`
        else:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Answer at once, or start the application."""
        self._in_head = False
        if self._at_once is not None and self._may_answer():
            answer = self._at_once(self.parser.get_method(), self.url, self.headers)
            if answer is not None:
                self._write(*answer)
                return
        self._make_scope()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Nothing is left to tell the application when there was none."""
        self._in_head = True
        self._head_began = self.loop.time()
        self._unaccounted = 0
        if not self._answered:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; read more only when those that were read already have been answered.

        A client that sends faster than it reads would otherwise fill the queue, one buffer for each answer it takes.
        """
        super()._unset_keepalive_if_required()
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection when nothing has come for as long as it may idle; until then, look again later.

        An answer at once leaves the timer running, since setting one costs as much as the answer. A request under way
        sets it when it ends.
        """
        self.timeout_keep_alive_task = None
        if not self._idle():
            return
        now = self.loop.time()
        left = self._active + self.timeout_keep_alive - now
        if left > 0 and now < self._head_began + LONGEST_HEAD:
            self._look_again(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave nothing behind."""
        super().connection_lost(exc)
        super()._unset_keepalive_if_required()
        self._next_look.cancel()

    def _look_at_client(self) -> None:
        """Let the client go when it has taken nothing since the last look, though something waited all the while.

        TCP_USER_TIMEOUT would be simpler, but with it Linux 6.18 also ends connections of clients that read slowly and
        acknowledge something many times a second, once their window has been shut.

        A program that reads slowly shows it in steps: its kernel asks for more when a good part of its buffer is free,
        often 128 KiB, more after a fast start. One that reads 10 KB a second is seen to go on; a slow line shows every
        packet.
        """
        before, self._stood = self._stood, _stands(self._socket())
        if before is None or before != self._stood:
            self._next_look = self.loop.call_later(STUCK, self._look_at_client)
        else:
            self._cut_off()

    def _cut_off(self) -> None:
        """Reset the connection. Whoever writes to it learns of that; `abort()` says nothing to a `sendfile`."""
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with suppress(OSError):  # of a client that has gone by itself
            self._socket().shutdown(socket.SHUT_RDWR)

    def _socket(self) -> socket.socket:
        return cast("socket.socket", self.transport.get_extra_info("socket"))

    def _unset_keepalive_if_required(self) -> None:
        self._active = self.loop.time()

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _make_scope(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        self.scope["extensions"] = {_ZERO_COPY: {}, "entrepot.reason": {}}

    def _may_answer(self) -> bool:
        """Whether this request is a plain one, the only one under way, on a connection that goes on after it."""
        return (
            self._plain
            and self._idle()
            and not self.flow.write_paused
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
        )

    def _write(self, head: bytes, body: bytes) -> None:
        defaults = self.server_state.default_headers
        if defaults is not self._defaults[0]:
            self._defaults = (defaults, b"".join([b"%s: %s\r\n" % header for header in defaults]) + b"\r\n")
        self.transport.write(b"".join((head, self._defaults[1], body)))
        self._answered = True
        self._counts[head[9]][self.url[2]] += 1
        self.server_state.total_requests += 1

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def extended(scope: UvicornScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            async def extended_send(message: Message) -> None:
                if message["type"] == _ZERO_COPY:
                    await self._send_file(cycle, message)
                elif "reason" in message:
                    await _send_with_reason(cycle, message)
                else:
                    await send(cast("ASGISendEvent", message))

            await app(scope, receive, cast("ASGISendCallable", extended_send))

        super()._start_asgi_task(cycle, cast("ASGI3Application", extended))

    async def _send_file(self, cycle: RequestResponseCycle, message: Message) -> None:
        """Send a part of a file as body. A client that goes away meanwhile is no error."""
        if cycle.disconnected or self.transport.is_closing():
            cycle.disconnected = True
            return
        if cycle.chunked_encoding is not False:
            raise RuntimeError(f"{_ZERO_COPY} needs a response that has started, with a Content-Length")
        if cycle.scope["method"] != "HEAD":
            try:
                cycle.expected_content_length -= await self._copy(message)
                message.get("sent", _nobody_asks)()
            except (ConnectionError, TimeoutError):
                cycle.disconnected = True
                self.transport.abort()
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

    async def _copy(self, message: Message) -> int:
        file = message["file"]
        return await self.loop.sendfile(self.transport, file, message.get("offset", file.tell()), message.get("count"))


def _stands(connection: socket.socket) -> int | None:
    """How many bytes the client has taken since it came, when the kernel has more for it; else None.

    asyncio and `sendfile` hold something back only while the kernel's buffer is full, so it tells of them too.
    """
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    packets, taken, unsent = _TCP_INFO.unpack(info)
    return int(taken) if packets or unsent else None


def _nobody_asks() -> None:
    """Where nobody wants to know that a file was sent."""


def phrase(reason: str) -> bytes:
    """The text as it may stand in a status line."""
    return _CONTROL.sub(" ", reason)[:LONGEST_REASON].encode("latin-1", "replace")


class _Renamed:
    """A transport for one write: puts another status line in the place of uvicorn's."""

    def __init__(self, transport: asyncio.Transport, status: int, reason: str) -> None:
        self._transport = transport
        self._usual = STATUS_LINE[status]
        self._line = b"HTTP/1.1 %d %s\r\n" % (status, phrase(reason))

    def write(self, data: bytes) -> None:
        self._transport.write(data.replace(self._usual, self._line, 1))


async def _send_with_reason(cycle: RequestResponseCycle, message: Message) -> None:
    await cycle.flow.drain()  # from here to the write nothing else can come between
    transport = cycle.transport
    cycle.transport = cast("asyncio.Transport", _Renamed(transport, message["status"], message["reason"]))
    try:
        await cycle.send(cast("ASGISendEvent", message))
    finally:
        cycle.transport = transport


class _Listener(socket.socket):
    """A socket that listens already, with the queue that its owner chose."""

    def listen(self, _backlog: int = 0, /) -> None:
        """Nothing: asyncio would shorten the queue to the number of connections that it may accept in one go."""


class Lifecycle:
    """What an application may want to do while it is served. All of it happens in the thread of the event loop."""

    def each_second(self) -> None:
        """About a second has gone by."""

    def drain(self) -> None:
        """The server has been told to stop, and goes on answering for a while."""

    def end(self) -> None:
        """The last request has been answered."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, linger: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._linger = linger
        self._leaves = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._lifecycle.drain()
        if self._linger and self._leaves == float("inf"):
            self._captured_signals.append(sig)
            self._leaves = time.monotonic() + self._linger
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._lifecycle.each_second()
        return await super().on_tick(counter) or time.monotonic() > self._leaves

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._lifecycle.end()


def serve(application: ASGI3Application, fd: int, *, lifecycle: Lifecycle | None = None, linger: float = 0) -> None:
    """Serve on the listening socket `fd` (taken over) until SIGTERM, which takes effect once open requests end.

    For `linger` seconds after the signal new requests are answered as well, so that those who spread the load can
    learn of it; a second signal ends that.
    """
    config = uvicorn.Config(
        application,
        loop="asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN,
        backlog=ACCEPT,
    )
    # Not `Config(fd=…)`: that takes any socket for a Unix one, and leaves Nagle's algorithm on.
    _Server(config, lifecycle or Lifecycle(), linger).run(sockets=[_Listener(fileno=fd)])
