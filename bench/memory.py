"""Memory at rest: of all processes of a server that has taken an upload and then had nothing to do."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from bench import samples
from bench.report import Measured, Say
from serving import serving

REST = 10  # seconds
PROC = Path("/proc")
MEGABYTE = 1_000_000


def measure(folder: Path, say: Say) -> list[Measured]:
    """Start, upload, wait, look."""
    say("starting Entrepot")
    with serving(folder / "data") as server:
        samples.upload(server, samples.wheel("spam"), "spam")
        say(f"waiting {REST} s")
        time.sleep(REST)
        processes = [*_tree(server.process.pid)]
        figures: dict[str, float | str] = {
            "processes": str(len(processes)),
            "PSS MB": sum(_bytes(process, "Pss") for process in processes) / MEGABYTE,
            "RSS MB": sum(_bytes(process, "Rss") for process in processes) / MEGABYTE,
        }
        return [Measured("the whole process tree, idle", figures)]


def _tree(root: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield root
    for status in PROC.glob("[0-9]*/stat"):
        if _parent(status) == root:
            yield from _tree(int(status.parent.name))


def _parent(status: Path) -> int:
    try:
        return int(status.read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
        return 0


def _bytes(process: int, what: str) -> int:
    """A sum over the mappings of a process: `Pss` shares what several processes share, `Rss` does not."""
    rollup = (PROC / f"{process}/smaps_rollup").read_text()
    return int(re.findall(rf"^{what}: +(\d+) kB$", rollup, re.MULTILINE)[0]) * 1024
