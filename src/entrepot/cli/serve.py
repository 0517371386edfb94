"""`entrepot serve`: everything, under one supervisor.

The supervisor owns the listening socket, so that connections wait while a part is restarted, and nothing else that
could fail: it loads neither Django nor the store. When it dies, however it dies, its parts notice and stop.
"""

import http.client
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from entrepot.cli import data_option
from entrepot.cli.part import StopSignal
from entrepot.config import Config

logger = logging.getLogger(__name__)

GRACE = 40.0  # seconds for open requests to end, before a part is killed
LONGEST_PAUSE = 10.0  # seconds before a part that keeps dying is started again
WEBS = 2  # one goes on answering while another is started again, and there is a core for each almost everywhere
LOOK = 0.1  # seconds between two looks at the parts


@dataclass
class Part:
    """A child process that is kept alive. Its standard input is a pipe whose end tells it that the supervisor is
    gone."""

    name: str
    arguments: Sequence[str]
    descriptors: Sequence[int] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = field(default=0.5)

    def start(self) -> None:
        """Start the process."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "entrepot", self.name, *self.arguments],
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
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@click.command("serve")
@data_option
@click.option(
    "--host", envvar="ENTREPOT_HOST", default="127.0.0.1", show_default=True, show_envvar=True, help="Address."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="ENTREPOT_PORT",
    default=8000,
    show_default=True,
    show_envvar=True,
    help="0: any free one.",
)
def serve_command(host: str, port: int) -> None:
    """Start the index, in the foreground.

    Prints a line with the word "ready" and the URL when it answers.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = StopSignal()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a file descriptor for each connection
    with _listening(host, port) as listener:
        address = listener.getsockname()[:2]
        os.environ.update(ENTREPOT_HOST=host, ENTREPOT_PORT=str(address[1]))
        if subprocess.run([sys.executable, "-m", "entrepot", "migrate", "--for-serving"], check=False).returncode:
            raise click.ClickException("The database could not be made ready; the message above says why.")
        webs = [Part("web", ["--fd", str(listener.fileno())], [listener.fileno()]) for _ in range(WEBS)]
        _supervise([*webs, Part("work", [])], stop, address)


def _supervise(parts: Sequence[Part], stop: StopSignal, address: tuple[str, int]) -> None:
    for part in parts:
        part.start()
    announced = False
    while not stop.wait(LOOK):
        for part in parts:
            part.look()
        if not announced and _answers(address):
            click.echo(f"Entrepot is ready at {Config.current().local_url}/")
            announced = True
    for part in parts:
        part.stop()
    for part in parts:
        part.wait()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except socket.gaierror as error:
        raise click.ClickException(f"{host} is no address to listen on: {error.strerror}.") from error
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}, port {port}: {os.strerror(error.errno or 0)}.") from error


def _answers(address: tuple[str, int]) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=1)
    try:
        connection.request("GET", "/_health/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
