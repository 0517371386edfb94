"""wrk, which makes the load with one thread: requests that are all the same, or those of a list in turn."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
SUMMARY = HERE / "summary.lua"


@dataclass(frozen=True)
class Load:
    """What a server did under load: answers a second, and how long the median and the slowest 1 % took (ms)."""

    rate: float
    median: float
    p99: float


@dataclass(frozen=True)
class Request:
    """A GET of `path` with these headers."""

    path: str
    headers: Mapping[str, str]

    def raw(self, host: str) -> str:
        """As it is sent."""
        lines = [
            f"GET {self.path} HTTP/1.1",
            f"Host: {host}",
            *(f"{key}: {text}" for key, text in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""])


def load(url: str, headers: Mapping[str, str], *, connections: int, seconds: int) -> Load:
    """Ask for `url` as fast as it is answered. Raises RuntimeError when an answer was an error."""
    sent = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
    return _run(url, ["-s", str(SUMMARY), *sent], {}, connections, seconds)


def replay(url: str, requests: Sequence[Request], folder: Path, *, connections: int, seconds: int) -> Load:
    """Send the requests to the server at `url` as fast as they are answered, from the first again after the last.

    Raises RuntimeError when an answer was an error.
    """
    script, listed = folder / "replay.lua", folder / "requests"
    script.write_text((HERE / "replay.lua").read_text() + SUMMARY.read_text())  # wrk takes one script
    listed.write_text("\0".join(request.raw(urlsplit(url).netloc) for request in requests), newline="")
    return _run(url, ["-s", str(script)], {"REQUESTS": str(listed)}, connections, seconds)


def _run(url: str, options: Sequence[str], settings: Mapping[str, str], connections: int, seconds: int) -> Load:
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **settings})
    told = json.loads(done.stdout.splitlines()[-1])
    if told["errors"]:
        raise RuntimeError(f"{url}: {told['errors']} of {told['requests']} requests failed")
    return Load(told["requests"] / told["seconds"], told["median"] / 1000, told["p99"] / 1000)
