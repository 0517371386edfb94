"""Commands that follow other indexes."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from entrepot.accounts.actor import OPERATOR
from entrepot.cli.installation import prepare
from entrepot.cli.owed import publish_owed
from entrepot.cli.progress import with_progress
from entrepot.config import Config
from entrepot.mirror import checking, keeping
from entrepot.mirror.following import Following
from entrepot.mirror.keeping import State
from entrepot.mirror.rules import Rules, read_projects
from entrepot.refusal import Refused
from entrepot.upstream.client import checked_url

MEGABYTE = 1024 * 1024
OPTIONS = (
    click.option(
        "--projects",
        type=click.File(),
        help="File with what is wanted, a line each: 'ham', or 'spam>=2,<3'.  [default: all projects]",
    ),
    click.option("--project", multiple=True, metavar="SPEC", help="One more that is wanted; can be repeated."),
    click.option("--without", multiple=True, metavar="PATTERN", help="Names that are not, like 'acme-*'; repeatable."),
    click.option(
        "--platform",
        multiple=True,
        metavar="PATTERN",
        help="Of wheels, those for such platforms, like 'manylinux*_x86_64', and for any; can be repeated.",
    ),
    click.option(
        "--older-than", type=click.IntRange(0, 36_500), metavar="DAYS", help="Files that have been there for so long."
    ),
    click.option(
        "--newer-than", type=click.IntRange(1, 36_500), metavar="DAYS", help="Files that came in the last days."
    ),
    click.option("--largest", type=click.IntRange(1), metavar="MB", help="Files of at most this size."),
    click.option(
        "--every",
        type=click.IntRange(10),
        default=300,
        metavar="SECONDS",
        help="How often it is asked for what is new.  [default: 300]",
    ),
)
name_argument = click.argument("name")


def what_is_wanted(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say it."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.group("mirror")
def mirror_command() -> None:
    """Follow other indexes: have what they offer here, and keep it up to date."""


@mirror_command.command("add")
@name_argument
@click.argument("url")
@what_is_wanted
def add_command(name: str, url: str, every: int, **wanted: Any) -> None:
    """Follow the index whose simple index is at URL, under the NAME. The worker of a running server does it.

    Projects that this index has already are never touched.
    """
    prepare()
    url = _without_secrets(url)
    keeping.add(name, url, _rules(**wanted), pause=every, by=OPERATOR)
    click.echo(f"{name} follows {url}. See how it comes along: entrepot mirror list")


@mirror_command.command("change")
@name_argument
@click.option("--url", default="", help="Where it is now, if it has moved.")
@what_is_wanted
def change_command(name: str, url: str, every: int, **wanted: Any) -> None:
    """Want something else of a mirror: what is not said again holds no longer. What has been taken stays."""
    prepare()
    url = _without_secrets(url) if url else ""
    keeping.change(name, _rules(**wanted), url=url, pause=every, by=OPERATOR)
    click.echo(f"{name} is looked through anew.")


@mirror_command.command("remove")
@name_argument
def remove_command(name: str) -> None:
    """Follow it no longer. Its projects stay, and are this index's own from now on."""
    prepare()
    projects = keeping.remove(name, by=OPERATOR)
    click.echo(f"{name} is no longer followed; its {projects} projects are this index's own now.")


@mirror_command.command("list")
def list_command() -> None:
    """Show all mirrors: how far each is, and what went wrong."""
    prepare()
    for state in keeping.states():
        click.echo("\n  ".join([f"{state.name}  {state.url}", *_told(state)]))


def _told(state: State) -> Sequence[str]:
    asked = f"{state.asked_at:%Y-%m-%d %H:%M} UTC" if state.asked_at else "never"
    lines = [
        f"asked every {state.pause} seconds, last {asked}",
        f"{state.projects} projects, {state.waiting} waiting, {state.failing} failing",
        *([f"cannot be asked: {state.error}"] if state.error else []),
    ]
    return [*lines, *(f"{name}: {line}" for name, error in state.troubles for line in error.splitlines())]


@mirror_command.command("sync")
@name_argument
def sync_command(name: str) -> None:
    """Ask for what is new at once, and take all of it up, beside a running server or without one.

    It can be interrupted and begun again. Exit code 1 when something failed, and is to be tried again.
    """
    prepare()
    config, mirror = Config.current(), keeping.mirror_named(name)
    keeping.hurry(mirror)
    following = Following(mirror, config.store(), config.uploads, stopped=lambda: False)
    _show(following)
    publish_owed(config)
    done, state = following.progress, keeping.state_of(mirror)
    click.echo(
        f"Looked at {done.projects} projects: took {done.taken} files, had {done.same}, removed {done.removed}; "
        f"{done.refused} refused, {done.failed} projects failed."
    )
    for line in _told(state)[2:]:
        click.echo(line)
    sys.exit(1 if state.error or state.failing else 0)


def _show(following: Following) -> None:
    """Take all steps, with a bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("Projects"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[taken]} files"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, taken=0)
        for _ in following.to_the_end():
            done = following.progress
            bar.update(task, completed=done.projects, total=done.projects + following.waiting(), taken=done.taken)


@mirror_command.command("verify")
@name_argument
def verify_command(name: str) -> None:
    """Compare a mirror with the index that it follows, as both are now. Exit code 1 when something differs."""
    prepare()
    mirror = keeping.mirror_named(name)
    wrong = 0
    for differences in with_progress(checking.differences(mirror), mirror.followed.count(), "Projects"):
        for each in differences:
            click.echo(each)
        wrong += len(differences)
    click.echo(f"{wrong} differences. Whether the bytes are right: entrepot verify")
    sys.exit(1 if wrong else 0)


def _without_secrets(url: str) -> str:
    """The URL of a simple index. Raises Refused("invalid-url")."""
    url = checked_url(url)
    if "@" in url:
        raise Refused("invalid-url", "Write user and password into .netrc, where the worker finds them.", "url")
    return url


def _rules(
    *,
    projects: Any,
    project: tuple[str, ...],
    without: tuple[str, ...],
    platform: tuple[str, ...],
    older_than: int | None,
    newer_than: int | None,
    largest: int | None,
) -> Rules:
    return Rules(
        projects=read_projects([*(projects or ()), *project]),
        without=without,
        platforms=platform,
        older_than=older_than,
        newer_than=newer_than,
        largest=None if largest is None else largest * MEGABYTE,
    )
