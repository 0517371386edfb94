"""The supervisor: child processes on one listening socket, kept alive.

It owns the socket, so that connections wait while a part is started again, and nothing else that could fail: it loads
neither Django nor the store. When it dies, however it dies, its parts notice and stop.
"""

import http.client
import logging
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click

from entrepot.cli.part import StopSignal
from entrepot.config import Config
from entrepot.monitoring import logs

F = TypeVar("F", bound=Callable[..., object])

logger = logging.getLogger(__name__)

GRACE = 40.0  # seconds for open requests to end, before a part is killed
LONGEST_PAUSE = 10.0  # seconds before a part that keeps dying is started again
LOOK = 0.1  # seconds between two looks at the parts


@dataclass
class Part:
    """A child process that is kept alive: `entrepot part NAME`. Its standard input is a pipe whose end tells it that
    the supervisor is gone."""

    name: str
    arguments: Sequence[str] = ()
    descriptors: Sequence[int] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = field(default=0.5)

    def start(self) -> None:
        """Start the process."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "entrepot", "part", self.name, *self.arguments],
            stdin=subprocess.PIPE,
            pass_fds=self.descriptors,
            start_new_session=True,  # the terminal's Ctrl-C is for the supervisor, who stops its parts in order
        )

    def look(self) -> None:
        """Start it again if it died: at once the first time, then ever later if it keeps dying."""
        assert self.process is not None  # noqa: S101 - it was started
        code = self.process.poll()
        lived = time.monotonic() - self.started
        if code is None or lived < self.pause:
            return
        self.pause = 0.5 if lived > LONGEST_PAUSE else min(2 * self.pause, LONGEST_PAUSE)
        logger.error("the process '%s' ended with %d and is started again", self.name, code)
        self.start()

    def stop(self) -> None:
        """Ask it to end."""
        assert self.process is not None  # noqa: S101 - it was started
        self.process.terminate()

    def wait(self) -> None:
        """Wait until it has ended, and make it end when it takes too long."""
        assert self.process is not None  # noqa: S101 - it was started
        try:
            self.process.wait(GRACE + Config.current().drain)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


host_option = click.option(
    "--host", envvar="ENTREPOT_HOST", default="127.0.0.1", show_default=True, show_envvar=True, help="Address."
)


def listening_options(command: F) -> F:
    """The options of a command that listens: its parameters `host` and `port`."""
    port = click.option(
        "--port",
        type=click.IntRange(0, 65535),
        envvar="ENTREPOT_PORT",
        default=8000,
        show_default=True,
        show_envvar=True,
        help="0: any free one.",
    )
    return host_option(port(command))


def several_options(command: F) -> F:
    """The options of a command that is several processes: its parameters `processes` and `drain`."""
    processes = click.option(
        "--processes",
        type=click.IntRange(1, 64),
        envvar="ENTREPOT_PROCESSES",
        default=2,
        show_default=True,
        show_envvar=True,
        help="How many answer.",
    )
    drain = click.option(
        "--drain",
        metavar="SECONDS",
        type=click.FloatRange(0, 3600),
        envvar="ENTREPOT_DRAIN",
        default=5,
        show_default=True,
        show_envvar=True,
        help="For how long requests are answered after SIGTERM, while /_ready/ says 503.",
    )
    return processes(drain(command))


@contextmanager
def listening(name: str, host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket for the parts of the command `name`, who find in the environment where that is.

    Raises ClickException when there can be none.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a file descriptor for each connection
    with open_socket(host, port) as listener:
        bound = str(listener.getsockname()[1])
        os.environ.update(ENTREPOT_HOST=host, ENTREPOT_PORT=bound)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_emptied(Config.current().data / "metrics" / f"{name}-{bound}"))
        yield listener


def answering(listener: socket.socket, name: str, processes: int) -> list[Part]:
    """So many parts that answer on the socket. Each has a number, under which it goes on counting when it is started
    again."""
    fd = listener.fileno()
    return [Part(name, ["--fd", str(fd), "--number", str(number)], [fd]) for number in range(processes)]


def run(name: str, host: str, port: int, processes: int, drain: float) -> None:
    """All there is to a command whose parts are all alike, and have its name."""
    logs.configure(Config.current().log)
    os.environ["ENTREPOT_DRAIN"] = f"{drain:f}"
    stop = StopSignal()
    with listening(name, host, port) as listener:
        supervise(answering(listener, name, processes), stop, listener)


def supervise(parts: Sequence[Part], stop: StopSignal, listener: socket.socket) -> None:
    """Keep the parts alive until told to stop. Says when they are ready."""
    for part in parts:
        part.start()
    announced = False
    while not stop.wait(LOOK):
        for part in parts:
            part.look()
        if not announced and _is_ready(listener.getsockname()[:2]):
            click.echo(f"Entrepot is ready at {Config.current().local_url}/")
            announced = True
    for part in parts:
        part.stop()
    for part in parts:
        part.wait()


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ClickException when there can be none."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except socket.gaierror as error:
        raise click.ClickException(f"{host} is no address to listen on: {error.strerror}.") from error
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}, port {port}: {os.strerror(error.errno or 0)}.") from error


def _emptied(folder: Path) -> Path:
    """The directory, without what a server that was here before has counted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _is_ready(address: tuple[str, int]) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=3)
    try:
        connection.request("GET", "/_ready/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
