"""What `entrepot work` does, once it is known for which installation: importing this reads Django's settings."""

from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, cast

import click

import entrepot.boot  # noqa: F401 - before what needs settings

# isort: split
from entrepot.cli.part import StopSignal
from entrepot.cli.supervisor import open_socket
from entrepot.config import Config
from entrepot.followers import watch
from entrepot.followers.heart import HEART
from entrepot.followers.loop import work
from entrepot.mirror.keeping import keep
from entrepot.monitoring.observed import Observed, Receive, Scope, Send
from entrepot.monitoring.operations import Operations
from entrepot.monitoring.recent import Recent
from entrepot.monitoring.telemetry import Telemetry, start
from entrepot.server import serve

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application


def be_worker(stop: StopSignal) -> None:
    """Work until told to stop."""
    config = Config.current()
    start(config)
    # Beside the rest, because it waits for others: for hours where an index is followed for the first time.
    mirrors = Thread(target=keep, kwargs={"store": config.store(), "uploads": config.uploads, "stopped": stop.wait})
    mirrors.start()
    work(store=config.store(), cdn=config.cdn(), stopped=stop.wait)
    mirrors.join()


def answer_probes(host: str, port: int) -> None:
    """Have a thread tell of this worker on the port. Raises ClickException when it cannot be had."""
    checks = {**watch.CHECKS, "worker": Recent[object](HEART.check)}
    application = Observed(
        _nothing,
        operations=Operations(checks, watch.measured, Config.current().metrics_token),
        telemetry=Telemetry(),  # nobody comes here but probes
    )
    listener = open_socket(host, port)
    click.echo(f"The worker tells of itself at http://{host}:{listener.getsockname()[1]}/")
    arguments = (cast("ASGI3Application", application), listener.detach())
    Thread(target=serve, args=arguments, kwargs={"lifecycle": application}, daemon=True).start()


async def _nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": HTTPStatus.NOT_FOUND.value, "headers": []})
    await send({"type": "http.response.body", "body": b""})
