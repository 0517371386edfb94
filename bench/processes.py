"""Processes and their memory."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving import environment

PROC = Path("/proc")
MEGABYTE = 1_000_000
PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Memory:
    """What a process holds with all that descend from it, in megabytes. PSS counts what several share once."""

    processes: int
    pss: float
    rss: float


def memory(root: int) -> Memory:
    """The memory of a process tree."""
    tree = [*_tree(root)]
    pss, rss = (sum(_bytes(process, what) for process in tree) / MEGABYTE for what in ("Pss", "Rss"))
    return Memory(len(tree), pss, rss)


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that writes into `log`; told to end, and waited for, at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=environment(**(environ or {})),
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    """Until there is a 200 at `path`. Raises RuntimeError when the process ends, or nothing comes."""
    deadline = time.monotonic() + PATIENCE
    while not _answers(port, path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start")
        time.sleep(0.005)


def _answers(port: int, path: str) -> bool:
    """Whether there is a 200. Waits for the answer once somebody listens."""
    accept = "application/json, text/html"  # one of them wants neither to be missing
    asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(asked.encode())
            return connection.makefile("rb").readline().startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


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
