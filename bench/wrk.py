"""wrk, which makes the load: one thread, requests that are all the same."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SUMMARY = Path(__file__).parent / "summary.lua"


@dataclass(frozen=True)
class Load:
    """What a server did under load: answers a second, and how long the median and the slowest 1 % took (ms)."""

    rate: float
    median: float
    p99: float


def load(url: str, headers: Mapping[str, str], *, connections: int, seconds: int) -> Load:
    """Ask for `url` as fast as it is answered. Raises RuntimeError when an answer was an error."""
    sent = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
    options = ["-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", str(SUMMARY)]
    done = subprocess.run(["wrk", *options, *sent, url], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    if told["errors"]:
        raise RuntimeError(f"{url}: {told['errors']} of {told['requests']} requests failed")
    return Load(told["requests"] / told["seconds"], told["median"] / 1000, told["p99"] / 1000)
