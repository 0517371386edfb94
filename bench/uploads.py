"""Uploading, as twine does: wheels of new projects, each with all checks, acknowledged, and seen by readers.

An upload is done when, after the 200, the project's page shows the file and the list shows the project. Both are asked
for at once, and both count.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles

from archives.forge import Built
from bench import samples
from bench.report import Measured, Say
from serving import Server, serving

COUNT = 100  # uploads
CLIENTS = (1, 4)

Wheels = Sequence[tuple[str, Built]]


def measure(folder: Path, say: Say) -> list[Measured]:
    """Upload to one server for each number of clients at once."""
    say("making wheels")
    wheels = [(name, samples.wheel(name)) for name in samples.names(COUNT)]
    lines = []
    for clients in CLIENTS:
        say("starting Entrepot")
        with serving(folder / f"{clients}") as server:
            say(f"{COUNT} uploads, {clients} at once")
            lines.append(_measure(server, wheels, clients))
    return lines


def _measure(server: Server, wheels: Wheels, clients: int) -> Measured:
    samples.upload(server, samples.wheel("warm"), "warm")

    def publish(each: tuple[str, Built]) -> float:
        name, wheel = each
        began = time.perf_counter()
        samples.upload(server, wheel, name)
        _see(server, name, wheel.filename)
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        took = list(pool.map(publish, wheels))
    rate = len(took) / (time.perf_counter() - began)
    return Measured(
        f"wheels of 100 KB, {clients} at once",
        {
            "uploads/s": rate,
            "p50 ms": 1000 * median(took),
            "p95 ms": 1000 * quantiles(took, n=20)[-1],
            "max ms": 1000 * max(took),
        },
    )


def _see(server: Server, name: str, filename: str) -> None:
    """Raises RuntimeError when a reader does not see the upload."""
    for path, text in ((f"/simple/{name}/", filename), ("/simple/", name)):
        if text not in server.get(path, accept="application/vnd.pypi.simple.v1+json").text:
            raise RuntimeError(f"{filename} was acknowledged but is not on {path}")
