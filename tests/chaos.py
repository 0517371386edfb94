"""A wire that can be cut: a TCP proxy between a part and what it depends on."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock, Thread
from urllib.parse import urlsplit, urlunsplit

PIECE = 16 * 1024  # bytes
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Mood(Enum):
    """What the wire does: pass on; with a delay for each piece; cut at the next piece; answer 503; hold everything."""

    PASS = "pass"
    SLOW = "slow"
    CUT = "cut"
    BUSY = "busy"
    HOLD = "hold"


@dataclass
class Wire:
    """A port on this machine that leads to `target`, a host and a port."""

    target: tuple[str, int]
    mood: Mood = Mood.PASS
    delay: float = 0.2  # seconds, when it is slow
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: set[socket.socket] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @property
    def port(self) -> int:
        """Where to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def instead_in(self, url: str) -> str:
        """The URL, with this wire in the place of its host and port."""
        return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{self.port}"))

    @contextmanager
    def being(self, mood: Mood) -> Iterator[None]:
        """In that mood for a while."""
        self.mood = mood
        try:
            yield
        finally:
            self.mood = Mood.PASS

    @contextmanager
    def running(self) -> Iterator["Wire"]:
        """Lead connections, until the end."""
        Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._listener.close()
            with self._lock:
                for each in self._open:
                    each.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self.mood is Mood.BUSY:
                client.recv(PIECE)
                client.sendall(BUSY)
                return
            with socket.create_connection(self.target, timeout=10) as server:
                server.settimeout(None)
                with self._lock:
                    self._open |= {client, server}
                back = Thread(target=self._pass, args=(server, client), daemon=True)
                back.start()
                self._pass(client, server)
                back.join()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if self.mood in {Mood.CUT, Mood.BUSY}:
                    break
                while self.mood is Mood.HOLD:
                    time.sleep(0.05)
                if self.mood is Mood.SLOW:
                    time.sleep(self.delay)
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
