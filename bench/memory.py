"""Memory at rest: of all processes of a server that has taken an upload and then had nothing to do."""

import time
from pathlib import Path

from bench import processes, samples
from bench.effort import Effort
from bench.report import Measured, Say
from serving import serving


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Start, upload, wait, look."""
    say("starting Entrepot")
    with serving(folder / "data") as server:
        samples.upload(server, samples.wheel("spam"), "spam")
        say(f"waiting {effort.rest} s")
        time.sleep(effort.rest)
        held = processes.memory(server.process.pid)
        figures: dict[str, float | str] = {
            "processes": str(held.processes),
            "PSS MB": held.pss,
            "RSS MB": held.rss,
        }
        return [Measured("the whole process tree, idle", figures)]
