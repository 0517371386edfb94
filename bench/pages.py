"""Reading, beside nginx: the same bytes and the same headers, in turns, so that what the machine does else hits both;
and nginx has as many workers as Entrepot has processes that answer.

In each round every server is loaded once; the next round goes the other way round. The ratio of a round is Entrepot's
rate over nginx's in that round.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench import samples
from bench.effort import Effort
from bench.nginx import Nginx, Static, nginx
from bench.report import Measured, Say
from bench.wrk import Load, load
from entrepot import render
from entrepot.cli.serve import WEBS
from entrepot.layout import Form, project_page
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from serving import Answer, Server, serving

MANY, FEW = 64, 16  # connections

JSON = "application/vnd.pypi.simple.v1+json"
AGENT = {
    "ci": None,
    "cpu": "x86_64",
    "distro": {"id": "bookworm", "libc": {"lib": "glibc", "version": "2.36"}, "name": "Debian", "version": "12"},
    "implementation": {"name": "CPython", "version": "3.11.2"},
    "installer": {"name": "pip", "version": "26.3"},
    "openssl_version": "OpenSSL 3.0.15 3 Sep 2024",
    "python": "3.11.2",
    "system": {"name": "Linux", "release": "6.1.0"},
}
PIP = {
    "Accept-Encoding": "gzip, deflate",
    "Accept": f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
    "User-Agent": f"pip/26.3 {json.dumps(AGENT, separators=(',', ':'), sort_keys=True)}",
    "Connection": "keep-alive",
    "Cache-Control": "max-age=0",
}
PIP_FILE = {**PIP, "Accept-Encoding": "identity", "Accept": "*/*"}


@dataclass(frozen=True)
class Case:
    """One request: what it is for, the file nginx has for it, where Entrepot has it, what a client sends along."""

    what: str
    name: str
    path: str
    headers: Mapping[str, str]
    connections: int = MANY
    conditional: bool = False


@dataclass(frozen=True)
class Target:
    """A case on one server."""

    server: Server
    path: str
    headers: Mapping[str, str]

    def fetch(self) -> Answer:
        """The answer to one request."""
        return self.server.request("GET", self.path, headers=self.headers)

    def knowing(self, etag: str) -> "Target":
        """The same for a client that has what it asks for."""
        return replace(self, headers={**self.headers, "If-None-Match": etag})

    def load(self, case: Case, effort: Effort) -> Load:
        """Load the server."""
        url = self.server.url + self.path
        return load(url, self.headers, connections=case.connections, seconds=effort.seconds)


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Load Entrepot and nginx in turns, for each case."""
    say("starting Entrepot")
    with serving(folder / "data") as server:
        say("publishing what is read")
        cases = _publish(server)
        asked = [Target(server, case.path, case.headers) for case in cases]
        statics = [_static(case, target.fetch()) for case, target in zip(cases, asked, strict=True)]
        with nginx(folder / "nginx", statics, workers=WEBS) as other:
            return [
                _compare(case, _targets(case, target, static, other), effort, say)
                for case, target, static in zip(cases, asked, statics, strict=True)
            ]


def _publish(server: Server) -> list[Case]:
    for number in range(6):
        version = f"1.{number}"
        samples.upload(server, samples.wheel("spam", version), "spam", version)
        samples.upload(server, samples.sdist("spam", version), "spam", version)
    large = _publish_large(server)
    small_file, big_file = (_publish_file(server, *each) for each in (("eggs", 1_000), ("bacon", 5_000_000)))
    return [
        Case("page of 12 files", "small", "/simple/spam/", PIP),
        Case("its 304", "unchanged", "/simple/spam/", PIP, conditional=True),
        Case("page of 2,100 files", "large", f"/simple/{large}/", PIP),
        Case("file of 2 KB", "file", small_file, PIP_FILE),
        Case("file of 5 MB", "big-file", big_file, PIP_FILE, connections=FEW),
    ]


def _publish_large(server: Server) -> ProjectName:
    """Its page alone: to upload so many files would take longer than all the rest."""
    name = ProjectName("ham")
    page = Page.of(render.project_json(samples.large_project(name, 2_100), url=""), serial=1, last_serial=1)
    FileStore(server.data / "store").put_page(project_page(name, Form.JSON).key, page)
    return name


def _publish_file(server: Server, name: str, size: int) -> str:
    samples.upload(server, samples.wheel(name, size=size, description=0), name)
    (file,) = server.page(name)["files"]
    return str(file["url"]).removeprefix("../..")


def _static(case: Case, answer: Answer) -> Static:
    if answer.status != 200:
        raise RuntimeError(f"{case.path}: {answer.status} {answer.reason}")
    return Static(case.name, answer.body, answer.headers)


def _targets(case: Case, asked: Target, static: Static, other: Nginx) -> list[Target]:
    """The case on Entrepot, on nginx, and on nginx with a cache of open files. Raises RuntimeError if they differ."""
    copies = [Target(replace(asked.server, url=url), f"/{case.name}", case.headers) for url in other.urls]
    targets = [asked, *copies]
    if case.conditional:
        targets = [asked.knowing(static.headers["etag"]), *(copy.knowing(other.etag(static)) for copy in copies)]
    first, *others = [target.fetch() for target in targets]
    if any(
        (each.status, each.body, each.headers["etag"]) != (first.status, first.body, first.headers["etag"])
        for each in others
    ):
        raise RuntimeError(f"nginx and Entrepot differ in {case.what}")
    return targets


def _compare(case: Case, targets: Sequence[Target], effort: Effort, say: Say) -> Measured:
    rounds = []
    for number in range(effort.rounds):
        say(f"{case.what}, round {number + 1} of {effort.rounds}")
        if number % 2:
            rounds.append([target.load(case, effort) for target in targets[::-1]][::-1])
        else:
            rounds.append([target.load(case, effort) for target in targets])
    ours, plain, caching = zip(*rounds, strict=True)
    to_plain, to_caching = _ratios(ours, plain), _ratios(ours, caching)
    return Measured(
        case.what,
        {
            "per s": _rate(ours),
            "p50 ms": median(load.median for load in ours),
            "p99 ms": median(load.p99 for load in ours),
            "nginx": _rate(plain),
            "ratio": median(to_plain),
            "from, to": _range(to_plain),
            "caching": _rate(caching),
            "its ratio": median(to_caching),
            "its from, to": _range(to_caching),
        },
    )


def _rate(loads: Iterable[Load]) -> float:
    return median(load.rate for load in loads)


def _ratios(ours: Iterable[Load], theirs: Iterable[Load]) -> list[float]:
    return [mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True)]


def _range(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f}, {max(ratios):.2f}"
