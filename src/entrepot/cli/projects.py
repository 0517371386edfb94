"""Commands about projects. Each publishes at once what it changed."""

import click

from entrepot.cli.installation import acting_for, prepare
from entrepot.config import Config
from entrepot.followers import pages
from entrepot.policy import POLICIES
from entrepot.projects import actions, queries
from entrepot.projects.models import Status

project_argument = click.argument("project")
version_argument = click.argument("version")
reason_option = click.option("--reason", default="", help="Why; readers see it.")
by_option = click.option("--by", metavar="NAME", help="The user in whose name this is done; the operator otherwise.")


@click.command("policy")
@click.argument("profile", required=False, type=click.Choice(sorted(POLICIES)))
def policy_command(profile: str | None) -> None:
    """Show, or choose, the rules for uploads: those of a public index or those of a private one."""
    index = prepare()
    if profile is not None:
        actions.set_profile(index, profile)
    click.echo(profile or index.profile)


@click.command("yank")
@project_argument
@version_argument
@click.argument("filename", required=False)
@reason_option
@by_option
def yank_command(project: str, version: str, filename: str | None, reason: str, by: str | None) -> None:
    """Take back a release, or one file of it: installers pass it by unless it is pinned."""
    release, actor = queries.release_of(queries.project_named(prepare(), project), version), acting_for(by)
    if filename is None:
        publish(actions.yank_release(release, by=actor, reason=reason))
    else:
        publish(actions.yank_file(queries.file_of(release, filename), by=actor, reason=reason))


@click.command("unyank")
@project_argument
@version_argument
@click.argument("filename", required=False)
@click.option("--reason", default="", help="Why; the journal keeps it.")
@by_option
def unyank_command(project: str, version: str, filename: str | None, reason: str, by: str | None) -> None:
    """Offer a release, or one file of it, again."""
    release, actor = queries.release_of(queries.project_named(prepare(), project), version), acting_for(by)
    if filename is None:
        publish(actions.unyank_release(release, by=actor, reason=reason))
    else:
        publish(actions.unyank_file(queries.file_of(release, filename), by=actor, reason=reason))


@click.command("delete")
@project_argument
@click.argument("version", required=False)
@click.argument("filename", required=False)
@by_option
def delete_command(project: str, version: str | None, filename: str | None, by: str | None) -> None:
    """Delete a project, a release, or a file, for good: its name is never free again."""
    found, actor = queries.project_named(prepare(), project), acting_for(by)
    if version is None:
        publish(actions.delete_project(found, by=actor))
    elif filename is None:
        publish(actions.delete_release(queries.release_of(found, version), by=actor))
    else:
        publish(actions.delete_file(queries.file_of(queries.release_of(found, version), filename), by=actor))


@click.command("status")
@project_argument
@click.argument("status", type=click.Choice(Status.values))
@reason_option
@by_option
def status_command(project: str, status: str, reason: str, by: str | None) -> None:
    """Mark a project (PEP 792). Archived and quarantined ones take no uploads; quarantined ones offer nothing."""
    found = queries.project_named(prepare(), project)
    publish(actions.set_status(found, status, by=acting_for(by), reason=reason))


def publish(serial: int) -> None:
    """Have readers see what an action left owed, or say that they will."""
    config = Config.current()
    if not pages.publish_own(serial, store=config.store(), cdn=config.cdn()):
        click.echo("Recorded; readers will see it as soon as the store and the caches in front take it.", err=True)
