"""`entrepot work`: the part that publishes what is owed."""

import click

from entrepot.cli.part import StopSignal, stop_with_supervisor
from entrepot.config import Config
from entrepot.followers.loop import work


@click.command("work", hidden=True)
def work_command() -> None:
    """Publish what is owed, and tidy up."""
    stop = StopSignal()
    stop_with_supervisor()
    work(store=Config.current().store(), stopped=stop.wait)
