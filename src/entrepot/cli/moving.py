"""The command that takes in what lies elsewhere."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from entrepot.accounts.queries import user_named
from entrepot.cli.installation import acting_for, prepare
from entrepot.cli.owed import publish_owed
from entrepot.cli.progress import progress
from entrepot.config import Config
from entrepot.moving.bundle import Bundled
from entrepot.moving.elsewhere import Elsewhere, wanted_projects
from entrepot.moving.places import FOLDERS, PYPISERVER, kind_of, source_in
from entrepot.moving.source import Source
from entrepot.moving.taking import Became, Mover, Told
from entrepot.upstream.client import Upstream
from entrepot.visible import visible

PLACE = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITTEN = click.Path(dir_okay=False, path_type=Path)

Write = Callable[[Told], None]


@click.command("import")
@click.argument("where", metavar="WHERE")
@click.option("--as", "kind", type=click.Choice(FOLDERS), help="What the folder is.  [default: what it looks like]")
@click.option("--by", metavar="NAME", help="The user who owns new projects; nobody otherwise.")
@click.option("--index", default="", metavar="USER/NAME", help="Which index of an export of devpi.")
@click.option("--htpasswd", type=FILE, help="The users of the pypiserver that serves the folder; they get accounts.")
@click.option("--projects", type=FILE, help="Which projects of another index: their names, one to a line.")
@click.option("--same-person", "same", metavar="NAME", multiple=True, help="A user here who has this name there, too.")
@click.option("--sha256", default="", metavar="HEX", help="Take the bundle only if it has this SHA-256.")
@click.option("--report", type=WRITTEN, help="Write what became of each thing into this file, as JSON lines.")
def import_command(
    where: str,
    kind: str | None,
    by: str | None,
    index: str,
    htpasswd: Path | None,
    projects: Path | None,
    same: tuple[str, ...],
    sha256: str,
    report: Path | None,
) -> None:
    """Take in all wheels and sdists of WHERE: a folder, the directory of a pypiserver, an export of devpi, a mirror
    that bandersnatch keeps, a bundle, or another index, by the URL of its simple pages.

    Those of a plain folder are published with all the checks of an upload; the others come as they are there, with the
    time of their upload. Running it again takes what is new. Exit code 1 when something is refused.
    """
    if sha256 and not Path(where).is_file():
        raise click.UsageError("--sha256 is for a bundle, which is a file: nothing else could be held against it.")
    here, store = prepare(), Config.current().store()
    source: Source
    if where.startswith(("http://", "https://")):
        wanted = [] if projects is None else wanted_projects(projects.read_text())
        source = Elsewhere(Upstream(where), wanted, scratch=Config.current().uploads)
    elif (root := PLACE(where)).is_file():
        source = Bundled(root, sha256)
    else:
        source = source_in(root, kind or (PYPISERVER if htpasswd else kind_of(root)), index=index, htpasswd=htpasswd)
    outcome = Outcome()
    with reporting(report) as write:
        move(Mover(source, here, acting_for(by), store, {user_named(each).username for each in same}), outcome, write)
    publish_owed(Config.current())
    outcome.sum_up()
    sys.exit(1 if outcome.refused else 0)


@dataclass
class Outcome:
    """What has become of everything so far."""

    people: list[Told] = field(default_factory=list)
    files: dict[Became, int] = field(default_factory=lambda: dict.fromkeys(Became, 0))

    @property
    def refused(self) -> bool:
        """Whether anything was."""
        return self.files[Became.REFUSED] > 0 or bool(self._named(Became.REFUSED))

    def sum_up(self) -> None:
        """Say it."""
        if made := self._named(Became.TAKEN):
            click.echo(f"Made accounts for {made}. They have no password: see `entrepot user address`.")
        if there := self._named(Became.SAME):
            click.echo(f"There already, and left alone: the accounts {there}.")
        among = {Became.TAKEN: "Imported {} files", Became.SAME: "{} were there already", Became.SKIPPED: "{} skipped"}
        parts = [
            words.format(self.files[each]) for each, words in among.items() if self.files[each] or each is Became.TAKEN
        ]
        click.echo("; ".join([*parts, f"{self.files[Became.REFUSED]} refused."]))

    def _named(self, became: Became) -> str:
        return ", ".join(each.what for each in self.people if each.became is became)


def move(mover: Mover, outcome: Outcome, write: Write) -> None:
    """Take everything; say at once what is skipped and refused."""
    for told in mover.people():
        outcome.people.append(told)
        _tell(told, write)
    for told in mover.left_out():
        outcome.files[told.became] += 1
        _tell(told, write)
    names = mover.source.names()
    with progress(len(names), "Projects") as at:
        for position, name in enumerate(names):
            for done, told in mover.project(name):
                outcome.files[told.became] += 1
                _tell(told, write)
                at(position + done)


def _tell(told: Told, write: Write) -> None:
    write(told)
    if told.why:
        click.echo(visible(f"{told.what}: {told.why}"))


@contextmanager
def reporting(path: Path | None) -> Iterator[Write]:
    """What writes the report, if one is wanted: a line for each thing, as soon as it is known."""
    if path is None:
        yield lambda _told: None
        return
    with path.open("w", encoding="utf-8", buffering=1) as file:
        yield lambda told: print(
            json.dumps({"what": told.what, "became": told.became.value, "why": told.why, "code": told.code}), file=file
        )
