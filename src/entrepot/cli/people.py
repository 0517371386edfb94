"""Commands about users and their tokens."""

import sys
import uuid
from datetime import timedelta

import click
from django.utils import timezone

from entrepot.accounts import actions
from entrepot.accounts.queries import tokens_of, user_named
from entrepot.cli.installation import prepare
from entrepot.config import Config
from entrepot.projects.queries import project_named


@click.group("user")
def user_command() -> None:
    """Make users."""


@user_command.command("create")
@click.argument("name")
@click.option("--email", required=True, help="The user's address; it counts as verified.")
@click.option(
    "--password-stdin", is_flag=True, required=True, expose_value=False, help="Read the password from standard input."
)
@click.option("--superuser", is_flag=True, help="May administer the index.")
def create_user(name: str, email: str, superuser: bool) -> None:
    """Make a user whose address is verified."""
    prepare()
    password = sys.stdin.readline().rstrip("\r\n")
    actions.create_user(name, email=email, password=password, superuser=superuser)
    click.echo(f"Made user {name}.")


@click.group("token")
def token_command() -> None:
    """Make, list and revoke upload tokens."""


@token_command.command("create")
@click.argument("name")
@click.option("--project", "projects", multiple=True, help="Only for this project; may be given several times.")
@click.option("--description", default="", help="What the token is for.")
@click.option("--expires-in-days", type=click.IntRange(1, 36500), help="When it stops being valid.")
def create_token(name: str, projects: tuple[str, ...], description: str, expires_in_days: int | None) -> None:
    """Make an upload token for user NAME and print it, and only it."""
    index = prepare()
    expires_at = None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days)
    token = actions.create_token(
        user_named(name),
        secret=Config.current().secret(),
        projects=[project_named(index, project).pk for project in projects],
        description=description,
        expires_at=expires_at,
    )
    click.echo(token)


@token_command.command("list")
@click.argument("name")
def list_tokens(name: str) -> None:
    """Show the tokens of user NAME: id, when made, when last used, what for. Not the tokens, which are not stored."""
    prepare()
    for token in tokens_of(user_named(name)):
        used = "never" if token.last_used_at is None else f"{token.last_used_at:%Y-%m-%d %H:%M}"
        click.echo(f"{token.pk}  made {token.created_at:%Y-%m-%d}  used {used}  {token.description}")


@token_command.command("revoke")
@click.argument("identifier", metavar="ID", type=click.UUID)
def revoke_token(identifier: uuid.UUID) -> None:
    """Make the token with this id invalid, at once."""
    prepare()
    actions.revoke_token(identifier)
    click.echo(f"Revoked {identifier}.")
