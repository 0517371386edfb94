"""One process of those that a supervisor keeps alive, and what they have in common."""

import os
import signal
import time
from importlib import import_module
from threading import Thread
from types import FrameType

import click
from prometheus_client import values
from prometheus_client.values import MultiProcessValue

from entrepot.config import Config
from entrepot.server import serve

APPLICATIONS = {"edge": "entrepot.readplane", "web": "entrepot.asgi"}


class StopSignal:
    """Whether SIGTERM, or Ctrl-C, has come. Made in the main thread.

    A plain flag: a handler runs in the middle of anything, and must not need a lock that the code below it may hold.
    """

    def __init__(self) -> None:
        self._came = False
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def wait(self, seconds: float) -> bool:
        """Pause, a little at most after the signal has come; whether it has."""
        time.sleep(0 if self._came else seconds)
        return self._came

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._came = True


def stop_with_supervisor() -> None:
    """End this process, in order, when the supervisor is gone: standard input is a pipe that it holds open."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, daemon=True).start()


@click.command("part", hidden=True)
@click.argument("name", type=click.Choice([*APPLICATIONS, "work"]))
@click.option("--fd", type=int, help="File descriptor of a listening socket.")
@click.option("--number", type=int, default=0, help="Which of those of its name it is.")
def part_command(name: str, fd: int, number: int) -> None:
    """Be a part of what a supervisor runs."""
    _count_as(f"{name}-{number}")
    if name == "work":
        stop = StopSignal()
        stop_with_supervisor()
        import_module("entrepot.cli.worker").be_worker(stop)
    else:
        stop_with_supervisor()
        application = import_module(APPLICATIONS[name]).application
        serve(application, fd, lifecycle=application, linger=Config.current().drain)


def _count_as(name: str) -> None:
    """Keep figures under this name, so that a process that is started again goes on where the one before it stopped.

    Before anything has been counted.
    """
    values.ValueClass = MultiProcessValue(process_identifier=lambda: name)  # type: ignore[no-untyped-call]
