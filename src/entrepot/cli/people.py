"""Commands about users and their tokens."""

import json
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import click
from django.utils import timezone

from entrepot.accounts import actions
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.models import Token
from entrepot.accounts.queries import all_events_of, tokens_of, user_named
from entrepot.accounts.tokens import Permission
from entrepot.cli.installation import prepare
from entrepot.config import Config
from entrepot.projects.queries import project_named

AT_ONCE = 1000  # events that are read together

reason_option = click.option("--reason", default="", help="Why; the record keeps it.")


@click.group("user")
def user_command() -> None:
    """Make users, and shut their accounts."""


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
    actions.create_user(name, by=OPERATOR, email=email, password=password, superuser=superuser)
    click.echo(f"Made user {name}.")


@user_command.command("freeze")
@click.argument("name")
@reason_option
def freeze_user(name: str, reason: str) -> None:
    """Shut the account of user NAME: no token of it is valid any more, and nobody can sign in. What it owns stays."""
    prepare()
    actions.freeze(user_named(name), by=OPERATOR, reason=reason)
    click.echo(f"Froze {name}.")


@user_command.command("thaw")
@click.argument("name")
@reason_option
def thaw_user(name: str, reason: str) -> None:
    """Open a frozen account again, with the tokens that it has."""
    prepare()
    actions.thaw(user_named(name), by=OPERATOR, reason=reason)
    click.echo(f"Thawed {name}.")


@user_command.command("events")
@click.argument("name")
def show_events(name: str) -> None:
    """Print all that user NAME did, and all that happened to the account, one JSON object to a line, newest first."""
    prepare()
    user, before = user_named(name), timezone.now()
    while page := all_events_of(user, before=before, limit=AT_ONCE):
        for event in page:
            click.echo(json.dumps(event))
        before = datetime.fromisoformat(str(page[-1]["at"]))


@click.group("token")
def token_command() -> None:
    """Make, list and revoke API tokens."""


@token_command.command("create")
@click.argument("name")
@click.option("--project", "projects", multiple=True, help="Only for this project; may be given several times.")
@click.option(
    "--may",
    "permissions",
    multiple=True,
    type=click.Choice([each.value for each in Permission]),
    default=[Permission.UPLOAD.value],
    help="What the token may be used for; may be given several times.  [default: upload]",
)
@click.option("--description", default="", help="What the token is for.")
@click.option("--expires-in-days", type=click.IntRange(1, 36500), help="When it stops being valid.")
def create_token(
    name: str,
    projects: tuple[str, ...],
    permissions: tuple[str, ...],
    description: str,
    expires_in_days: int | None,
) -> None:
    """Make an API token for user NAME and print it, and only it."""
    index = prepare()
    expires_at = None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days)
    token = actions.create_token(
        user_named(name),
        by=OPERATOR,
        secret=Config.current().secret(),
        projects=[project_named(index, project).pk for project in projects],
        permissions=[Permission(each) for each in permissions],
        description=description,
        expires_at=expires_at,
        by_operator=True,
    )
    click.echo(token)


@token_command.command("list")
@click.argument("name")
def list_tokens(name: str) -> None:
    """Show the tokens of user NAME: id, when made, until when valid, when last used, from where and for what; what they
    may be used for; the description. Not the tokens, which are not stored."""
    prepare()
    for token in tokens_of(user_named(name)):
        click.echo("  ".join([str(token.pk), *_facts(token), token.description]).rstrip())


def _facts(token: Token) -> Iterator[str]:
    yield f"made {token.created_at:%Y-%m-%d}"
    if token.expires_at is not None:
        yield f"until {token.expires_at:%Y-%m-%d}"
    used = "never" if token.last_used_at is None else f"{token.last_used_at:%Y-%m-%d %H:%M}"
    yield " ".join(["used", used, token.last_used_from or "", token.last_used_for]).rstrip()
    yield f"may {', '.join(token.permissions or [Permission.UPLOAD])}"


@token_command.command("revoke")
@click.argument("identifier", metavar="ID", type=click.UUID)
def revoke_token(identifier: uuid.UUID) -> None:
    """Make the token with this id invalid, at once."""
    prepare()
    actions.revoke_token(identifier, by=OPERATOR)
    click.echo(f"Revoked {identifier}.")
