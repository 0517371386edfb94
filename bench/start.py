"""Starting: from the command to the first page."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from statistics import median

from bench.nginx import free_port
from bench.report import Measured, Say
from serving import ENTREPOT, environment

TIMES = 5
LONGEST = 60  # seconds
ASK = b"GET /simple/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def measure(folder: Path, say: Say) -> list[Measured]:
    """Start servers, on a new data directory and again on the same."""
    fresh, again = [], []
    for number in range(TIMES):
        say(f"round {number + 1} of {TIMES}")
        fresh.append(_start(folder / f"{number}"))
        again.append(_start(folder / f"{number}"))
    return [_line("on a new data directory", fresh), _line("on one that is there", again)]


def _line(what: str, seconds: list[float]) -> Measured:
    return Measured(what, {"first answer after s": median(seconds), "at most s": max(seconds)})


def _start(data: Path) -> float:
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [*ENTREPOT, "serve", "--data", str(data), "--port", str(port)], stdout=subprocess.DEVNULL, env=environment()
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - began > LONGEST:
                raise RuntimeError("Entrepot did not start")
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LONGEST)


def _answers(port: int) -> bool:
    """Whether the list of projects is there. Waits for the answer once the server listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=LONGEST) as connection:
            connection.sendall(ASK)
            return connection.makefile("rb").readline().startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
