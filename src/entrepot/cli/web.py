"""`entrepot web`: the read plane and the site, without a worker."""

import click

from entrepot.cli import data_option
from entrepot.cli.supervisor import listening_options, run, several_options


@click.command("web")
@data_option
@listening_options
@several_options
def web_command(host: str, port: int, processes: int, drain: float) -> None:
    """Answer all requests, in the foreground; `migrate` and `work` run apart.

    It is not ready before the database has the tables of this version.
    """
    run("web", host, port, processes, drain)
