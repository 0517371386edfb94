"""Uploading, as twine does: wheels of new projects, each with all checks, acknowledged, and seen by readers.

An upload is done when, after the 200, the project's page is asked for and shows the file; that request counts. The list
of all projects may come later while others are uploading: how much later is told, too.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles

from archives.forge import Built
from bench import samples
from bench.effort import Effort
from bench.report import Measured, Say
from serving import Server, serving

CLIENTS = (1, 4)
LONGEST = 60  # seconds
JSON = "application/vnd.pypi.simple.v1+json"

Wheels = Sequence[tuple[str, Built]]


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Upload to one server for each number of clients at once."""
    say("making wheels")
    wheels = [(name, samples.wheel(name)) for name in samples.names(effort.uploads)]
    lines = []
    for clients in CLIENTS:
        say("starting Entrepot")
        with serving(folder / f"{clients}") as server:
            say(f"{effort.uploads} uploads, {clients} at once")
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
    ended = time.perf_counter()
    _wait_for_list(server, [name for name, _ in wheels])
    return Measured(
        f"wheels of 100 KB, {clients} at once",
        {
            "uploads/s": len(took) / (ended - began),
            "p50 ms": 1000 * median(took),
            "p95 ms": 1000 * quantiles(took, n=20)[-1],
            "max ms": 1000 * max(took),
            "list complete after s": time.perf_counter() - ended,
        },
    )


def _see(server: Server, name: str, filename: str) -> None:
    """Raises RuntimeError when a reader does not see the upload."""
    if filename not in server.get(f"/simple/{name}/", accept=JSON).text:
        raise RuntimeError(f"{filename} was acknowledged, but is not on the page of its project")


def _wait_for_list(server: Server, names: Iterable[str]) -> None:
    """Raises RuntimeError when the list of projects is not complete in time."""
    deadline = time.monotonic() + LONGEST
    while not _listed(server).issuperset(names):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the list of projects is not complete after {LONGEST} s")
        time.sleep(0.01)


def _listed(server: Server) -> set[str]:
    return {project["name"] for project in server.get("/simple/", accept=JSON).json()["projects"]}
