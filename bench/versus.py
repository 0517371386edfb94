"""Beside the servers that somebody would take instead: reading, uploading, memory, starting, a real installation.

All of them run at once with the same packages, and are loaded in turns; a rate is the median of the rounds. "n/a"
stands where a server has no such thing.
"""

import html
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urljoin, urlsplit

from archives.forge import Built
from bench import packages, processes, samples
from bench.effort import Effort
from bench.pages import PIP, PIP_FILE
from bench.peers import OTHERS, Entrepot, Peer
from bench.report import NONE, Measured, Say
from bench.wrk import load
from clients import Machine
from serving import Answer, Server, free_port

CONNECTIONS = 16


@dataclass(frozen=True)
class Guest:
    """A server that runs."""

    peer: Peer
    process: "subprocess.Popen[bytes]"
    started: float  # seconds until it answered, with the packages there

    @property
    def server(self) -> Server:
        """As tests know a server."""
        return Server(f"http://127.0.0.1:{self.peer.port}", self.peer.home, self.process)  # type: ignore[arg-type]

    def ask(self, path: str, headers: Mapping[str, str]) -> Answer:
        """One request."""
        return self.server.request("GET", path, headers=headers)

    def files(self, project: str) -> dict[str, str]:
        """The path of each file of a project, by its name, from its page in whichever form."""
        path = f"{self.peer.index}{project}/"
        answer = self.ask(path, PIP | {"Accept-Encoding": "identity"})
        if "json" in answer.headers["content-type"]:
            links = [each["url"] for each in json.loads(answer.body)["files"]]
        else:
            links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', answer.text)]
        paths = [urlsplit(urljoin(f"http://127.0.0.1{path}", link)).path for link in links]
        return {each.rpartition("/")[2]: each for each in paths}


Target = tuple[str, Mapping[str, str]]  # a path, and what is sent along


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """All of it."""
    say("making packages")
    packages.write(folder / "packages", effort.files)
    with ExitStack() as stack:
        guests = _invite(folder, stack, say)
        idle = [processes.memory(guest.process.pid) for guest in guests]
        lines = [_read(what, find, guests, effort, say) for what, find in CASES.items()]
        lines += [_upload(clients, guests, effort, say) for clients in (1, 4)]
        lines.append(_install(folder, guests, effort, say))
        loaded = [processes.memory(guest.process.pid) for guest in guests]
    lines.append(_least("first answer after s", guests, [guest.started for guest in guests]))
    for what, memories in (("idle", idle), ("after all that", loaded)):
        lines.append(_least(f"memory {what}, PSS MB", guests, [each.pss for each in memories]))
        lines.append(_least(f"memory {what}, RSS MB", guests, [each.rss for each in memories]))
    return lines


def _invite(folder: Path, stack: ExitStack, say: Say) -> list[Guest]:
    upstream = free_port()
    kinds: Sequence[type[Peer]] = (Entrepot, *OTHERS)
    guests = []
    for kind in kinds:
        port = upstream if kind is Entrepot else free_port()
        say(f"starting {kind.name}")
        peer = kind(folder / kind.name.replace(" ", "-"), folder / "packages", port, f"http://127.0.0.1:{upstream}")
        peer.prepare()
        with started(peer):
            peer.feed()
        guests.append(stack.enter_context(started(peer)))
    return guests


@contextmanager
def started(peer: Peer) -> Iterator[Guest]:
    began = time.perf_counter()
    with processes.running(peer.command(), peer.home / "log", peer.environ) as process:
        processes.wait_until_it_answers(process, peer.port, "/" if peer.gate else peer.index)
        yield Guest(peer, process, time.perf_counter() - began)


def _page(project: str) -> Callable[[Guest], Target]:
    return lambda guest: (f"{guest.peer.index}{project}/", PIP)


def _unchanged(guest: Guest) -> Target | None:
    path, headers = _page(packages.SMALL)(guest)
    etag = guest.ask(path, headers).headers.get("etag")
    return None if etag is None else (path, {**headers, "If-None-Match": etag})


def _file(project: str, suffix: str = "") -> Callable[[Guest], Target]:
    return lambda guest: (next(iter(guest.files(project).values())) + suffix, PIP_FILE)


CASES: Mapping[str, Callable[[Guest], Target | None]] = {
    "page of 12 files, per s": _page(packages.SMALL),
    "its 304, per s": _unchanged,
    "page of many files, per s": _page(packages.LARGE),
    "metadata, per s": _file(packages.FILE, ".metadata"),
    "file of 2 KB, per s": _file(packages.FILE),
    "file of 5 MB, per s": _file(packages.BIG_FILE),
}


def _read(
    what: str, find: Callable[[Guest], Target | None], guests: Sequence[Guest], effort: Effort, say: Say
) -> Measured:
    targets = [_that_works(guest, find(guest), 304 if find is _unchanged else 200) for guest in guests]
    rates: list[list[float]] = [[] for _ in guests]
    for number in range(effort.rounds):
        say(f"{what}, round {number + 1} of {effort.rounds}")
        for guest, target, found in list(zip(guests, targets, rates, strict=True))[:: -1 if number % 2 else 1]:
            if target is not None:
                url = f"{guest.server.url}{target[0]}"
                found.append(load(url, target[1], connections=CONNECTIONS, seconds=effort.seconds).rate)
    return _most(what, guests, [median(each) if each else None for each in rates])


def _that_works(guest: Guest, target: Target | None, status: int) -> Target | None:
    """The target, when the second answer is the right one: the first may have had to be fetched from elsewhere."""
    if target is None:
        return None
    guest.ask(*target)
    return target if guest.ask(*target).status == status else None


def _upload(clients: int, guests: Sequence[Guest], effort: Effort, say: Say) -> Measured:
    rates: list[list[float]] = [[] for _ in guests]
    names = [*samples.names(4096)]
    for number in range(effort.rounds):
        say(f"uploads, {clients} at once, round {number + 1} of {effort.rounds}")
        count = effort.uploads // 4
        first = (number + effort.rounds * (clients > 1)) * count
        wheels = [(name, samples.wheel(name)) for name in names[first : first + count]]
        for guest, found in list(zip(guests, rates, strict=True))[:: -1 if number % 2 else 1]:
            if guest.peer.gate is not None:
                began = time.perf_counter()
                with ThreadPoolExecutor(clients) as pool:
                    taken = sum(pool.map(partial(_takes, guest.peer), *zip(*wheels, strict=True)))
                found.append(taken / (time.perf_counter() - began))
    what = f"uploads of 100 KB, {clients} at once, per s"
    return _most(what, guests, [median(each) if each else None for each in rates])


def _takes(peer: Peer, name: str, wheel: Built) -> bool:
    """Whether an upload is taken: several at once are too much for some."""
    try:
        peer.upload(wheel, name, "1.0")
    except RuntimeError:
        return False
    return True


def _install(folder: Path, guests: Sequence[Guest], effort: Effort, say: Say) -> Measured:
    took: list[list[float]] = [[] for _ in guests]
    for number in range(effort.rounds):
        say(f"uv pip install, round {number + 1} of {effort.rounds}")
        for position, (guest, found) in enumerate(zip(guests, took, strict=True)):
            machine = Machine(folder / f"machine-{number}-{position}")  # with no cache yet
            place = machine.environment()
            index = f"{guest.server.url}{guest.peer.index}"
            arguments = ("pip", "install", "--python", str(place), "--default-index", index, packages.relative(0))
            began = time.perf_counter()
            machine.run("uv", *arguments).succeeded()
            found.append(time.perf_counter() - began)
    return _least("uv pip install of 30, s", guests, [median(each) for each in took])


Figures = Sequence[float | None]


def _most(what: str, guests: Sequence[Guest], figures: Figures) -> Measured:
    """The figures of all, and how many times more the first has than the best of the others."""
    ours, *others = figures
    known = [each for each in others if each is not None]
    return _line(what, guests, figures, None if ours is None or not known else ours / max(known))


def _least(what: str, guests: Sequence[Guest], figures: Sequence[float]) -> Measured:
    """The figures of all, and how many times less the first has than the best of the others."""
    return _line(what, guests, figures, min(figures[1:]) / figures[0])


def _line(what: str, guests: Sequence[Guest], figures: Figures, times: float | None) -> Measured:
    named = [f"{guest.peer.name} {guest.peer.version}" for guest in guests]
    shown = zip([*named, "times"], [*figures, times], strict=True)
    return Measured(what, {name: NONE if figure is None else figure for name, figure in shown})
