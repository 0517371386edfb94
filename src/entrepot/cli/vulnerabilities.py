"""Commands about known vulnerabilities."""

import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import click

from entrepot.cli.installation import prepare
from entrepot.projects import osv, vulnerabilities
from entrepot.refusal import Refused


@click.group("vulnerabilities")
def vulnerabilities_command() -> None:
    """What is known to be vulnerable."""


@vulnerabilities_command.command("import")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def import_command(paths: tuple[Path, ...]) -> None:
    """Take in advisories in the OSV format: JSON files, folders of such, or zip archives of them.

    What is known already is passed by, so it can be repeated after it was interrupted. Exit code 1 when a file is no
    advisory.
    """
    prepare()
    new, unchanged, refused = 0, 0, 0
    for path in paths:
        for name, data in _advisories(path):
            try:
                if vulnerabilities.keep(osv.parse(data)):
                    new += 1
                else:
                    unchanged += 1
            except Refused as problem:
                click.echo(f"{name}: {problem}")
                refused += 1
    click.echo(f"{new} advisories are new; {unchanged} are known already, or about other things; {refused} refused.")
    sys.exit(1 if refused else 0)


def _advisories(path: Path) -> Iterator[tuple[str, bytes]]:
    """The names and contents of all JSON files at a path, one in memory at a time. Raises Refused."""
    if path.is_dir():
        for each in sorted(path.rglob("*.json")):
            yield str(each), each.read_bytes()
    elif path.suffix == ".zip":
        yield from _zipped(path)
    else:
        yield str(path), path.read_bytes()


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with ZipFile(path) as archive:
            for each in archive.infolist():
                if each.filename.endswith(".json"):
                    with archive.open(each) as member:
                        yield each.filename, member.read(osv.SIZE_LIMIT + 1)
    except BadZipFile as error:
        raise Refused("invalid-advisory", f"{path} is no zip archive: {error}.") from error
