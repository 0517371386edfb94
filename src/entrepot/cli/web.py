"""`entrepot web`: the part that answers requests."""

from typing import TYPE_CHECKING, cast

import click

from entrepot.asgi import application
from entrepot.cli.part import stop_with_supervisor
from entrepot.server import serve

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application


@click.command("web", hidden=True)
@click.option("--fd", type=int, required=True, help="File descriptor of a listening socket.")
def web_command(fd: int) -> None:
    """Answer requests."""
    stop_with_supervisor()
    serve(cast("ASGI3Application", application), fd)
