"""Growth: what one upload and one page cost on a large index, over what they cost on a small one, side by side.

Both servers run at once and are asked in turns, so that whatever else the machine does hits both. The large index comes
from `bench.fill`, the small one too, with a hundred files.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from archives.forge import Built
from bench import samples
from bench.effort import Effort
from bench.pages import PIP
from bench.report import Measured, Say
from bench.wrk import load
from serving import Server, environment, serving

URL = "http://index.example"  # a port is another one at each start, and then all documents would be written anew
SMALL = ("--projects", "10", "--releases", "50")
CONNECTIONS = 16


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Fill two indexes, and ask both in turns."""
    say("filling the small index")
    fill(folder / "small", *SMALL)
    say("filling the large index")
    fill(folder / "large", "--projects", str(effort.projects), "--releases", str(effort.releases), "--bytes", "none")
    return compare(folder / "small", folder / "large", say, effort)


def compare(small: Path, large: Path, say: Say, effort: Effort) -> list[Measured]:
    """The same, of indexes that have been filled."""
    say("starting")
    with serving(small, ENTREPOT_PUBLIC_URL=URL) as first, serving(large, ENTREPOT_PUBLIC_URL=URL) as second:
        servers = (first, second)
        new = [(name, "1.0", samples.wheel(name)) for name in samples.names(effort.uploads)]
        name = new[0][0]
        more = [(name, version, samples.wheel(name, version)) for version in map("2.{}".format, range(effort.uploads))]
        return [
            *(
                _times(f"{what}, ms", servers, _uploads(what, servers, wheels, say))
                for what, wheels in (("upload of a new project", new), ("of its next release", more), ("again", more))
            ),
            _times("page under load, ms each", servers, _pages(name, servers, effort, say)),
        ]


def fill(data: Path, *arguments: str, url: str = URL) -> None:
    """Run the generator on a new data directory."""
    settings = environment(ENTREPOT_DATA=str(data), ENTREPOT_PUBLIC_URL=url)
    subprocess.run([sys.executable, "-m", "bench.fill", *arguments], env=settings, check=True, capture_output=True)


def _uploads(
    what: str, servers: Sequence[Server], wheels: Sequence[tuple[str, str, Built]], say: Say
) -> list[list[float]]:
    """How many milliseconds each upload took: name, version, and the wheel."""

    def publish(server: Server, number: int) -> float:
        name, version, wheel = wheels[number]
        began = time.perf_counter()
        samples.upload(server, wheel, name, version)
        return 1000 * (time.perf_counter() - began)

    return _in_turns(what, servers, len(wheels), publish, say)


def _pages(name: str, servers: Sequence[Server], effort: Effort, say: Say) -> list[list[float]]:
    def ask(server: Server, number: int) -> float:  # noqa: ARG001 - the same page each time
        return 1000 / load(f"{server.url}/simple/{name}/", PIP, connections=CONNECTIONS, seconds=effort.seconds).rate

    return _in_turns("pages", servers, effort.rounds, ask, say)


def _in_turns(
    what: str, servers: Sequence[Server], rounds: int, act: Callable[[Server, int], float], say: Say
) -> list[list[float]]:
    """What each server took, round by round; every other round goes the other way round."""
    took: list[list[float]] = [[] for _ in servers]
    for number in range(rounds):
        say(f"{what}, {number + 1} of {rounds}")
        for server, found in list(zip(servers, took, strict=True))[:: -1 if number % 2 else 1]:
            found.append(act(server, number))
    return took


def _times(what: str, servers: Sequence[Server], took: Sequence[Sequence[float]]) -> Measured:
    small, large = map(median, took)
    projects = [len(server.get("/simple/", accept=PIP["Accept"]).json()["projects"]) for server in servers]
    return Measured(
        what,
        {
            "small index": small,
            "large index": large,
            "times": large / small,
            "projects": f"{projects[0]:,} and {projects[1]:,}",
        },
    )
