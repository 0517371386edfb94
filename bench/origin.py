"""The whole mix of what installers ask for, answered by Entrepot alone and by Varnish in front of it, in turns.

The mix is recorded once, while clients install through a Varnish that has nothing yet; that pass also tells how many
answers came from the cache. Then the recorded requests are sent again and again.
"""

import http.client
import random
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import mix
from bench.effort import Effort
from bench.growth import fill
from bench.made import Plan
from bench.report import NONE, Measured, Say
from bench.wrk import Load, Request, replay
from varnish import new_cache, serving_behind

PROJECTS, RELEASES = 1_000, 5_000
VISITS = 30_000  # pages asked for; with what follows from them, about half as many requests again
CONNECTIONS = 64


@dataclass
class Recorder:
    """Asks one server over one connection, and remembers what for."""

    connection: http.client.HTTPConnection
    requests: list[Request] = field(default_factory=list)

    def get(self, path: str, headers: Mapping[str, str]) -> mix.Told:
        """One request."""
        self.requests.append(Request(path, headers))
        self.connection.request("GET", path, headers=dict(headers))
        response = self.connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return mix.Told(response.status, named, response.read())


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Fill an index, record the mix, send it to both."""
    with new_cache() as cache:
        say("filling an index")
        size = ("--projects", str(PROJECTS), "--releases", str(RELEASES))
        fill(folder / "data", *size, url=cache.url)
        with serving_behind(folder / "data", cache) as server:
            say("recording the mix")
            with closing(http.client.HTTPConnection("127.0.0.1", cache.port)) as connection:
                recorder = Recorder(connection)
                for event in mix.mix(_projects(cache.url), visits=VISITS, uploads=0):
                    if isinstance(event, mix.Visit):
                        event.client.install(event.project, recorder.get)
            cold = cache.counted()
            loads: dict[str, list[Load]] = {"Entrepot": [], "Varnish in front": []}
            for number in range(effort.rounds):
                for (what, found), url in zip(loads.items(), (server.url, cache.url), strict=True):
                    say(f"{what}, round {number + 1} of {effort.rounds}")
                    found.append(
                        replay(url, recorder.requests, folder, connections=CONNECTIONS, seconds=effort.seconds)
                    )
            warm = cache.counted()
    hits = f"{_hits({}, cold):.1%} from cold, then {_hits(cold, warm):.1%}"
    ours, fronted = loads.values()
    return [
        _line("Entrepot alone", ours, recorder.requests, NONE),
        _line("Varnish in front", fronted, recorder.requests, hits),
    ]


def _hits(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """The part of all answers between two looks at Varnish's counters that it gave by itself."""
    asked, fetched = (after[name] - before.get(name, 0) for name in ("MAIN.client_req", "MAIN.backend_req"))
    return 1 - fetched / asked


def _projects(url: str) -> list[str]:
    """The names, the most popular first: it is not for their size that projects are popular."""
    plan = Plan(PROJECTS, RELEASES, 1, url)
    return random.Random(mix.SEED).sample([plan.name(number) for number in range(PROJECTS)], PROJECTS)


def _line(what: str, loads: list[Load], requests: list[Request], hits: str) -> Measured:
    kinds = {"pages": "/simple/", "files": "/packages/"}
    shares = {kind: sum(each.path.startswith(path) for each in requests) for kind, path in kinds.items()}
    return Measured(
        what,
        {
            "per s": median(load.rate for load in loads),
            "p50 ms": median(load.median for load in loads),
            "p99 ms": median(load.p99 for load in loads),
            **{kind: f"{count / len(requests):.0%}" for kind, count in shares.items()},
            "from the cache": hits,
        },
    )
