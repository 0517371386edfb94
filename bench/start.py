"""Starting: from the command to the first page; and an index in a test, from the call to its first page."""

import time
import urllib.request
from pathlib import Path
from statistics import median

from bench import processes
from bench.effort import Effort
from bench.report import Measured, Say
from entrepot import testing
from serving import ENTREPOT, free_port


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Start servers, on a new data directory and again on the same."""
    fresh, again, tests = [], [], []
    for number in range(effort.rounds):
        say(f"round {number + 1} of {effort.rounds}")
        fresh.append(_start(folder / f"{number}"))
        again.append(_start(folder / f"{number}"))
        tests.append(_start_in_a_test())
    return [
        _line("on a new data directory", fresh),
        _line("on one that is there", again),
        _line("an index in a test, with a package", tests),
    ]


def _line(what: str, seconds: list[float]) -> Measured:
    return Measured(what, {"first answer after s": median(seconds), "at most s": max(seconds)})


def _start(folder: Path) -> float:
    folder.mkdir(exist_ok=True)
    port = free_port()
    began = time.perf_counter()
    command = [*ENTREPOT, "serve", "--data", str(folder / "data"), "--port", str(port)]
    with processes.running(command, folder / "log") as process:
        processes.wait_until_it_answers(process, port, "/simple/")
        return time.perf_counter() - began


def _start_in_a_test() -> float:
    began = time.perf_counter()
    with testing.index() as index:
        index.add("demo")
        with urllib.request.urlopen(f"{index.url}demo/") as answer:
            answer.read()
        return time.perf_counter() - began
