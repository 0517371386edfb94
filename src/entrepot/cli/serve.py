"""`entrepot serve`: everything, under one supervisor."""

import subprocess
import sys

import click

from entrepot.cli import data_option
from entrepot.cli.part import StopSignal
from entrepot.cli.supervisor import Part, answering, listening, listening_options, supervise
from entrepot.config import Config
from entrepot.monitoring import logs

WEBS = 2  # one goes on answering while another is started again, and there is a core for each almost everywhere


@click.command("serve")
@data_option
@listening_options
def serve_command(host: str, port: int) -> None:
    """Start the index, in the foreground.

    Prints a line with the word "ready" and the URL when it answers.
    """
    logs.configure(Config.current().log)
    stop = StopSignal()
    with listening("serve", host, port) as listener:
        if subprocess.run([sys.executable, "-m", "entrepot", "migrate", "--for-serving"], check=False).returncode:
            raise click.ClickException("The database could not be made ready; the message above says why.")
        supervise([*answering(listener, "web", WEBS), Part("work")], stop, listener)
