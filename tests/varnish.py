"""Varnish with the VCL that Entrepot ships, and servers behind it.

The programs are those of Debian's packages `varnish` and `varnish-modules`. Each cache has a directory of its own, a
free port, and nothing of the system's; it runs as whoever runs the tests.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inside import eventually, paused
from serving import Server, free_port, serving

SHIPPED = Path(__file__).parents[1] / "deploy/varnish"
TOKEN = "a token & of the tests"
OPTIONS = ("-p", "http_gzip_support=off", "-p", "backend_idle_timeout=4", "-p", "thread_pool_min=10")


@dataclass
class Cache:
    """A Varnish of the tests' own on a fixed port, running or not."""

    directory: Path
    port: int
    process: "subprocess.Popen[str] | None" = field(default=None)

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, origin: str) -> None:
        """Start it, empty, in front of the server at the URL `origin`, and wait until it answers."""
        shutil.copy(SHIPPED / "entrepot.vcl", self.directory)
        shipped = (SHIPPED / "backend.vcl").read_text()
        port = urlsplit(origin).port
        (self.directory / "backend.vcl").write_text(shipped.replace('"8000"', f'"{port}"'))
        listening = ("-a", f"127.0.0.1:{self.port}", "-n", str(self.directory / "run"), "-j", "none")
        vcl = str(self.directory / "entrepot.vcl")
        with (self.directory / "log").open("a") as log:
            self.process = subprocess.Popen(
                ["varnishd", "-F", *listening, "-f", vcl, "-s", "malloc,64m", *OPTIONS],
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "VARNISH_PURGE_TOKEN": TOKEN},
            )
        eventually(self._answers)

    def stop(self) -> None:
        """Stop it; what it had is lost."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def counted(self) -> dict[str, int]:
        """Varnish's counters, by name."""
        command = ["varnishstat", "-n", str(self.directory / "run"), "-1", "-j"]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["counters"]
        return {name: int(each["value"]) for name, each in told.items()}

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@dataclass
class Behind:
    """A server, and the cache that stands in front of it."""

    cache: Cache
    origin: Server

    @property
    def site(self) -> Server:
        """The server as clients see it, through the cache."""
        return replace(self.origin, url=self.cache.url)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """All processes of the origin stand still: connections are taken, and nothing is answered."""
        with paused(self.origin.process.pid):
            yield

    def sick(self) -> bool:
        """Whether the cache has noticed that the origin does not answer."""
        told = self.cache.counted()
        return any(name.endswith(".origin.happy") and value & 0b111 == 0 for name, value in told.items())


@contextmanager
def new_cache() -> Iterator[Cache]:
    """A cache that is not started yet; stopped and removed at the end. Skips the test where Varnish is missing."""
    if shutil.which("varnishd") is None:
        pytest.skip("Varnish is missing: install Debian's packages varnish and varnish-modules")
    directory = Path(tempfile.mkdtemp(prefix="entrepot-varnish-"))
    cache = Cache(directory, free_port())
    try:
        yield cache
    finally:
        cache.stop()
        shutil.rmtree(directory)


@contextmanager
def serving_behind(data: Path, *caches: Cache, purged_at: str = "") -> Iterator[Server]:
    """A server that purges the caches, and a public URL that is the first one's. The caches are started.

    `purged_at` (HOST:PORT) stands in for the caches where purges are sent. So is every command told that the tests
    start until the end.
    """
    addresses = purged_at or ",".join(f"127.0.0.1:{cache.port}" for cache in caches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENTREPOT_CDN_URL", cdn_url(addresses))
        patch.setenv("ENTREPOT_PUBLIC_URL", caches[0].url)
        port = free_port()
        for cache in caches:
            cache.start(f"http://127.0.0.1:{port}")
        with serving(data, ENTREPOT_PORT=str(port)) as server:
            for cache in caches:  # which asked before there was a server, and looks again each second
                eventually(lambda cache=cache: replace(server, url=cache.url).get("/_health/").status == 200)  # type: ignore[misc]
            yield server


def cdn_url(addresses: str) -> str:
    """What `ENTREPOT_CDN_URL` says of caches at these addresses."""
    return f"varnish://{addresses}?token={TOKEN.replace('&', '%26').replace(' ', '+')}"
