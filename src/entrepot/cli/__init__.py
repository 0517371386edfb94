"""The command `entrepot`; docs/guide.md tells what each command is for.

Commands are modules that are imported when they are called: `--help` stays quick, and Django reads its settings after
the options have been turned into environment variables.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from entrepot import __version__
from entrepot.refusal import Refused

COMMANDS = {
    "serve": "serve",
    "edge": "edge",
    "web": "web",
    "work": "work",
    "part": "part",
    "migrate": "upkeep",
    "verify": "upkeep",
    "rebuild": "upkeep",
    "bundle": "bundle",
    "import": "moving",
    "backup": "backup",
    "restore": "backup",
    "user": "people",
    "token": "people",
    "flag": "moderation",
    "names": "moderation",
    "policy": "projects",
    "yank": "projects",
    "unyank": "projects",
    "delete": "projects",
    "status": "projects",
    "vulnerabilities": "vulnerabilities",
    "conformance": "conformance",
    "mirror": "mirror",
    "statistics": "statistics",
}
WITHOUT_DJANGO = {"serve", "edge", "web", "work", "part", "bundle", "conformance"}  # parts load it when they need it


class Commands(click.Group):
    """A group whose commands are imported on demand, and that tells a refusal as a sentence with exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in WITHOUT_DJANGO:
            import_module("entrepot.boot")
        command: click.Command = getattr(import_module(f"entrepot.cli.{COMMANDS[cmd_name]}"), f"{cmd_name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Refused as refusal:
            raise click.ClickException(refusal.message) from refusal
        except OSError as error:
            raise click.ClickException(f"{error.strerror or error}: {error.filename or 'no file'}") from error
        except UnicodeError as error:
            raise click.ClickException(f"Not text that can be read: {error}") from error


def use_data(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    """Make the directory what every later reader of the environment finds."""
    if value is not None:
        os.environ["ENTREPOT_DATA"] = str(value.resolve())


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    callback=use_data,
    expose_value=False,
    is_eager=True,
    help="Directory that holds all state.  [env var: ENTREPOT_DATA; default: ./data]",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@data_option
def main() -> None:
    """A complete Python package index."""
