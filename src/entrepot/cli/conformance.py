"""`entrepot conformance`: judge any index."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TextIO
from urllib.parse import urlsplit

import click

from entrepot import __version__
from entrepot.cli.progress import with_progress
from entrepot.conformance import report
from entrepot.conformance.asking import Credentials, NoAnswer, Session
from entrepot.conformance.index import Index
from entrepot.conformance.running import AREAS, cases_of, reported, run
from entrepot.conformance.uploads import Uploads
from entrepot.visible import visible

UNREACHABLE = 2


def _text(told: report.Report) -> str:
    """What strangers say in it does nothing to a terminal."""
    return "".join(visible(line) + "\n" for line in report.text(told).splitlines())


FORMATS: Mapping[str, Callable[[report.Report], str]] = {
    "text": _text,
    "json": report.as_json,
    "html": report.html,
}


def _web(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An address on the web, without credentials: they would be in the list of processes, and in the report."""
    parts = urlsplit(value or "")
    if value is not None and (parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc):
        raise click.BadParameter("It has to be http:// or https://, without user and password.")
    return value


@click.command("conformance")
@click.argument("url", callback=_web)
@click.option("--project", "projects", multiple=True, help="Look at this project; may be given several times.")
@click.option("--upload", callback=_web, metavar="URL", help="Upload small projects to this address, too; they stay.")
@click.option(
    "--username", envvar="ENTREPOT_CONFORMANCE_USERNAME", show_envvar=True, help="Who uploads, such as __token__."
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, not ENTREPOT_CONFORMANCE_PASSWORD."
)
@click.option(
    "--format", "form", type=click.Choice([*FORMATS]), default="text", show_default=True, help="Of the report."
)
@click.option("--output", type=click.File("w", encoding="utf-8"), default="-", help="Write the report to this file.")
@click.option(
    "--only", "areas", multiple=True, type=click.Choice([each.name for each in AREAS]), help="Only this area."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Seconds for one answer."
)
def conformance_command(
    url: str,
    projects: tuple[str, ...],
    upload: str | None,
    username: str | None,
    password_stdin: bool,
    form: str,
    output: TextIO,
    areas: tuple[str, ...],
    timeout: float,
) -> None:
    """Judge the index at URL, …/simple/, by the specifications, and by what clients rely on.

    Exit code 0 when nothing failed that is demanded, 1 when something did, 2 when the index could not be reached.
    """
    password = (
        sys.stdin.readline().rstrip("\r\n") if password_stdin else os.environ.get("ENTREPOT_CONFORMANCE_PASSWORD")
    )
    if bool(username) != bool(password):
        raise click.UsageError("A name needs a password, and a password a name.")
    credentials = Credentials(username, password) if username and password else None
    cases = cases_of(areas)
    with closing(Session(url, agent=f"entrepot-conformance/{__version__}", timeout=timeout)) as session:
        uploads = Uploads(upload, session, credentials) if upload else None
        index = Index(url, session, projects=projects, uploads=uploads)
        _reach(index, credentials)
        told = reported(index, [*with_progress(run(index, cases), len(cases), "Asking")])
    output.write(FORMATS[form](told))
    sys.exit(0 if told.conforms else 1)


def _reach(index: Index, credentials: Credentials | None) -> None:
    """Ends with a sentence when there is no index. One that shows nobody anything is shown the credentials."""
    try:
        answer = index.session.anew(index.url, {})
    except NoAnswer as problem:
        click.echo(f"Error: {problem}", err=True)
        sys.exit(UNREACHABLE)
    if answer.status in {401, 403}:
        index.session.reader = credentials
