"""Commands that decide something for the whole site: flags, and names that nobody may take."""

import click
from click.exceptions import Exit

from entrepot.accounts import flags, prohibiting
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.flags import MEANS, Switch
from entrepot.accounts.prohibiting import Kind
from entrepot.accounts.queries import user_named
from entrepot.cli.installation import prepare
from entrepot.refusal import Refused

reason_option = click.option("--reason", required=True, help="Why; the record keeps it.")
switch_argument = click.argument("name", type=click.Choice([each.value for each in Switch]))
kind_option = click.option(
    "--kind", type=click.Choice(Kind.values), default=Kind.PROJECT.value, help="Names of what.  [default: project]"
)


@click.group("flag")
def flag_command() -> None:
    """Switch registrations, uploads, deletions or all changes off, and on again."""


@flag_command.command("list")
def list_flags() -> None:
    """Show all flags: whether each is on, what it does, and, if it is on, since when, by whom and why."""
    prepare()
    for each in flags.states():
        facts = ["on " if each.on else "off", f"{each.switch:<16}", str(MEANS[each.switch])]
        if each.since is not None:
            facts += [f"Since {each.since:%Y-%m-%d %H:%M} UTC", f"by {each.by or 'the operator'}: {each.reason}"]
        click.echo("  ".join(facts))


@flag_command.command("on")
@switch_argument
@reason_option
def turn_on(name: str, reason: str) -> None:
    """Let the flag NAME hold, at once and for everybody but the operator and moderators."""
    prepare()
    flags.turn_on(Switch(name), by=OPERATOR, reason=reason)
    click.echo(f"{name} is on. {MEANS[Switch(name)]}")


@flag_command.command("off")
@switch_argument
@reason_option
def turn_off(name: str, reason: str) -> None:
    """Let the flag NAME hold no longer."""
    prepare()
    flags.turn_off(Switch(name), by=OPERATOR, reason=reason)
    click.echo(f"{name} is off.")


@click.group("names")
def names_command() -> None:
    """Prohibit names, or keep them for somebody."""


@names_command.command("prohibit")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@reason_option
@kind_option
@click.option("--reserved-for", metavar="USER", help="The only user who may take them.")
def prohibit(names: tuple[str, ...], reason: str, kind: str, reserved_for: str | None) -> None:
    """Let nobody take the names NAME... any more. Who has one keeps it."""
    prepare()
    keeper, refused = None if reserved_for is None else user_named(reserved_for), False
    for name in names:
        try:
            prohibiting.prohibit(name, kind, by=OPERATOR, reason=reason, reserved_for=keeper)
        except Refused as refusal:
            click.echo(f"Error: {refusal.message}", err=True)
            refused = True
        else:
            click.echo(f"Nobody may take {name}." if keeper is None else f"Only {keeper.username} may take {name}.")
    if refused:
        raise Exit(1)
