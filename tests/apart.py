"""The parts of Entrepot as commands of their own, and what they write to standard error."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inside import eventually
from serving import ENTREPOT, PASSWORD, Server, environment_of, run


@contextmanager
def running(name: str, data: Path, *arguments: str, **environ: str) -> Iterator[Server]:
    """`entrepot NAME` on a free port, once it has printed its line.

    What it writes to standard error is in `data / "NAME.log"`. Stopped in order at the end.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*ENTREPOT, name, "--data", str(data), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**environment_of(data), "ENTREPOT_DRAIN": "0", **environ},
        )
    assert process.stdout is not None
    with process.stdout as output:
        try:
            line = output.readline()
            assert "http://" in line, (line, written(data, name))
            yield Server(line.split()[-1].rstrip("/"), data, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@contextmanager
def unready(name: str, data: Path, port: int, **environ: str) -> Iterator[Server]:
    """The same for a command that is not going to be ready by itself: once it answers."""
    process = subprocess.Popen(
        [*ENTREPOT, name, "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**environment_of(data), "ENTREPOT_DRAIN": "0", **environ},
    )
    server = Server(f"http://127.0.0.1:{port}", data, process)
    try:
        eventually(lambda: answers(server))
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


def answers(server: Server) -> bool:
    """Whether it is alive."""
    try:
        return server.get("/_health/").status == 200
    except OSError:
        return False


def installed(data: Path, **environ: str) -> str:
    """Make the tables, the user alice and a token of hers, which is returned."""
    with_environment = dict(os.environ)
    os.environ.update(environ)
    try:
        run(data, "migrate")
        run(data, "user", "create", "alice", "--email", "alice@example.org", "--password-stdin", stdin=PASSWORD)
        return run(data, "token", "create", "alice").stdout.strip()
    finally:
        os.environ.clear()
        os.environ.update(with_environment)


def written(data: Path, name: str) -> str:
    """What the command has written to standard error so far."""
    return (data / f"{name}.log").read_text()
