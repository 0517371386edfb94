"""Commands about users and their tokens."""

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

import click
from click.exceptions import Exit
from django.utils import timezone

from entrepot.accounts import actions, arriving, people
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.models import Token, User
from entrepot.accounts.queries import all_events_of, tokens_of, user_named
from entrepot.accounts.tokens import Permission
from entrepot.cli.installation import prepare
from entrepot.cli.projects import publish
from entrepot.config import Config
from entrepot.projects import members
from entrepot.projects.queries import project_named
from entrepot.refusal import Refused

AT_ONCE = 1000  # events that are read together

names_argument = click.argument("names", metavar="NAME...", nargs=-1, required=True)
reason_option = click.option("--reason", default="", help="Why; the record keeps it.")


@click.group("user")
def user_command() -> None:
    """Make users, and look after their accounts."""


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


@user_command.command("address")
@click.argument("name")
@click.argument("email")
def vouch_for_address(name: str, email: str) -> None:
    """Let EMAIL count as a verified address of user NAME, who can then set a password with it.

    Only for accounts that `entrepot import` made, until they have an address.
    """
    prepare()
    arriving.vouch_for_address(user_named(name), email, by=OPERATOR)
    click.echo(f"{email} is a verified address of {name} now.")


@user_command.command("list")
def list_users() -> None:
    """Show all users: name, address, since when, and whether the account is frozen or was deleted."""
    prepare()
    last = 0
    while users := people.users_after(last, limit=AT_ONCE):
        for user in users:
            click.echo("  ".join(filter(None, [user.username, user.email, *_state(user)])))
        last = users[-1].pk


def _state(user: User) -> Iterator[str]:
    yield f"since {user.date_joined:%Y-%m-%d}"
    if user.is_superuser:
        yield "superuser"
    if user.deleted_at is not None:
        yield f"deleted {user.deleted_at:%Y-%m-%d}"
    elif not user.is_active:
        yield "frozen"


@user_command.command("freeze")
@names_argument
@reason_option
def freeze_users(names: tuple[str, ...], reason: str) -> None:
    """Shut the accounts of users NAME...: no token is valid any more, and nobody can sign in. What they own stays."""
    _each(names, partial(actions.freeze, by=OPERATOR, reason=reason), "Froze")


@user_command.command("thaw")
@names_argument
@reason_option
def thaw_users(names: tuple[str, ...], reason: str) -> None:
    """Open frozen accounts again, with the tokens that they have."""
    _each(names, partial(actions.thaw, by=OPERATOR, reason=reason), "Thawed")


def _each(names: tuple[str, ...], change: Callable[[User], None], done: str) -> None:
    """Do it to every user, when all of them exist; those to whom it cannot be done do not keep it from the others."""
    prepare()
    refused = False
    for user in [user_named(name) for name in names]:
        try:
            change(user)
        except Refused as refusal:
            click.echo(f"Error: {refusal.message}", err=True)
            refused = True
        else:
            click.echo(f"{done} {user.username}.")
    if refused:
        raise Exit(1)


@user_command.command("reset-factors")
@click.argument("name")
@click.option("--reason", required=True, help="How the person was recognized; the record keeps it.")
def reset_factors(name: str, reason: str) -> None:
    """Take all second factors from user NAME, who has lost them, and the recovery codes too.

    The last step of recovering an account: docs/recovery.md says what has to be shown before. Password and mailbox are
    still needed to sign in; sessions end, browsers are forgotten, and all verified addresses are told.
    """
    prepare()
    people.reset_factors(user_named(name), by=OPERATOR, reason=reason)
    click.echo(f"{name} has no second factor any more.")


@user_command.command("rename")
@click.argument("old")
@click.argument("new")
def rename_user(old: str, new: str) -> None:
    """Give user OLD the name NEW. Links to the old one lead to it, and nobody else ever gets either."""
    prepare()
    publish(members.rename(user_named(old), new, by=OPERATOR))
    click.echo(f"{old} is {new} now.")


@user_command.command("delete")
@click.argument("name")
@reason_option
def delete_user(name: str, reason: str) -> None:
    """Delete the account of user NAME, for good. What was published stays, and nobody else ever gets the name.

    A project of which it is the only owner needs another one first.
    """
    prepare()
    publish(members.delete_account(user_named(name), by=OPERATOR, reason=reason))
    click.echo(f"Deleted the account {name}.")


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
