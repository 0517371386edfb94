"""`entrepot work`: the worker, which publishes what is owed."""

from importlib import import_module

import click

from entrepot.cli import data_option
from entrepot.cli.part import StopSignal
from entrepot.cli.supervisor import host_option


@click.command("work")
@data_option
@host_option
@click.option("--port", type=click.IntRange(0, 65535), help="Answer /_health/, /_ready/ and /_metrics/ there.")
def work_command(host: str, port: int | None) -> None:
    """Publish what is owed, and tidy up, in the foreground. There may be several workers."""
    stop = StopSignal()
    worker = import_module("entrepot.cli.worker")
    if port is not None:
        worker.answer_probes(host, port)
    worker.be_worker(stop)
