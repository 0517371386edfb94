"""A Redis of the tests' own, reached by a socket in its own directory: the program of Debian's `redis-server`."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from breakable import Breakable
from inside import eventually


@dataclass
class Redis(Breakable):
    """A running Redis that keeps nothing on disk."""

    directory: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """What `ENTREPOT_CACHE_URL` says of it."""
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ("--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no")
        self.process = subprocess.Popen(["redis-server", *options], cwd=self.directory, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def stop(self) -> None:
        """Stop it as if it had crashed. All it knew is lost."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def forget(self) -> None:
        """Lose everything."""
        self._say(b"FLUSHALL")

    @property
    def _socket(self) -> Path:
        return self.directory / "redis.sock"

    def _answers(self) -> bool:
        try:
            return self._say(b"PING") == b"+PONG\r\n"
        except OSError:
            return False

    def _say(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._socket))
            connection.sendall(command + b"\r\n")
            return connection.recv(100)


@contextmanager
def running_redis() -> Iterator[Redis]:
    """A new Redis, stopped and removed at the end; skips the test where it is not installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is missing: install Debian's package redis-server")
    with tempfile.TemporaryDirectory(prefix="entrepot-redis-") as directory:
        redis = Redis(Path(directory))
        redis.start()
        try:
            yield redis
        finally:
            redis.stop()
