"""`entrepot work`: the part that publishes what is owed."""

import signal
from threading import Event
from types import FrameType

import click

from entrepot.cli.part import stop_with_supervisor
from entrepot.config import Config
from entrepot.followers.loop import work


@click.command("work", hidden=True)
def work_command() -> None:
    """Publish what is owed, and tidy up."""
    stopping = Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    stop_with_supervisor()
    work(store=Config.current().store(), stop=stopping)
