"""`entrepot edge`: the read plane alone."""

import click

from entrepot.cli import data_option
from entrepot.cli.supervisor import listening_options, run, several_options


@click.command("edge")
@data_option
@listening_options
@several_options
def edge_command(host: str, port: int, processes: int, drain: float) -> None:
    """Answer what installers ask, in the foreground. Needs the store, and no database."""
    run("edge", host, port, processes, drain)
