"""Commands about downloads."""

from pathlib import Path

import click
from django.utils import timezone

from entrepot.cli.installation import prepare
from entrepot.stats import queries
from entrepot.stats.counting import Report, take
from entrepot.stats.keeping import KEPT


@click.group("statistics")
def statistics_command() -> None:
    """How often projects are fetched."""


@statistics_command.command("take")
@click.argument(
    "logs", metavar="FILE…", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def take_command(logs: tuple[Path, ...]) -> None:
    """Count the downloads in finished access logs of a CDN or a proxy, plain or compressed by gzip.

    A log that was taken before is not counted again, whatever its name, so this can be repeated after it was
    interrupted. The files are left alone.
    """
    prepare()
    for path in logs:
        total = sum(take(path, today=timezone.now().date()), Report())
        click.echo(
            f"{path}: {total.counted} downloads counted; {total.passed} lines are about something else, "
            f"{total.unknown} about files that are not here, {total.malformed} cannot be understood, "
            f"{total.again} were counted before."
        )


@statistics_command.command("show")
@click.argument("project", required=False)
def show_command(project: str | None) -> None:
    """Show how often a project was fetched by installers; without one, which are fetched most."""
    prepare()
    if project is None:
        for each in queries.top()["month"].places:
            click.echo(f"{each.amount:>12} {each.display_name}")
        return
    found = queries.downloads_of(queries.project_shown(project), days=KEPT.days, today=timezone.now().date())
    click.echo(
        f"{found.name}: {found.recent.day} today, {found.recent.week} in 7 days, {found.recent.month} in 30 days"
    )
    click.echo(
        f"ever: {found.ever.installers} by installers, {found.ever.mirrors} by mirrors, {found.ever.others} by others"
    )
    for version, count in found.by_version:
        click.echo(f"{count.installers:>12} {version}")
