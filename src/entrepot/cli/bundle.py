"""The command that makes a bundle. It needs no database: it runs wherever there is a network."""

import os
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from entrepot.bundles import writing
from entrepot.bundles.asking import Indexes, look_up
from entrepot.bundles.downloading import fetch
from entrepot.bundles.locks import Release, read_lock
from entrepot.bundles.making import describe
from entrepot.bundles.manifest import Manifest
from entrepot.bundles.resolving import resolve
from entrepot.bundles.selecting import Selection, wanted
from entrepot.bundles.targets import targets
from entrepot.cli.progress import with_progress

readable = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("bundle")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--lock", "locks", type=readable, multiple=True, help="A lock file, pylock.toml (PEP 751).")
@click.option("-r", "--requirements", type=readable, multiple=True, help="Requirements, which pip resolves first.")
@click.option("--index-url", metavar="URL", default="", help="The index, instead of the one pip would ask.")
@click.option(
    "--platform", "platforms", metavar="TAG", multiple=True, help="Only wheels for it: manylinux_2_28_x86_64."
)
@click.option("--python", "pythons", metavar="VERSION", multiple=True, help="Only wheels for this CPython: 3.12.")
@click.option("--sdists", is_flag=True, help="Source distributions, too, where there are wheels.")
def bundle_command(
    output: Path,
    locks: tuple[Path, ...],
    requirements: tuple[Path, ...],
    index_url: str,
    platforms: tuple[str, ...],
    pythons: tuple[str, ...],
    sdists: bool,
) -> None:
    """Put all files that a lock file names, or that requirements need, into one archive for `entrepot import`.

    What was fetched is kept beside OUTPUT until that is there: when it is interrupted, the next run goes on.
    """
    if not locks and not requirements:
        raise click.UsageError("Say what is to be in it: --lock or --requirements.")
    selection = Selection(targets(platforms, pythons), sdists)
    releases = [release for lock in locks for release in read_lock(lock)]
    if index_url:
        releases = [replace(each, indexes=[index_url]) for each in releases]
    if requirements:
        releases += resolve(requirements, index_url=index_url)
    folder = output.with_name(f"{output.name}.partial")
    with closing(Indexes(index_url or os.environ.get("PIP_INDEX_URL", ""))) as indexes:
        manifest, paths = collect(releases, selection, folder, indexes)
    draft = folder / "draft"
    files = manifest.files()
    for _ in with_progress(writing.write(manifest, lambda file: paths[file.filename], draft), len(files), "Writing"):
        pass
    with draft.open("rb") as archive:
        sha256 = writing.sha256_of(archive)
    draft.replace(output)
    shutil.rmtree(folder)
    size = sum(each.size for each in files) / 1e6
    click.echo(f"Bundled {len(files)} files of {len(manifest.projects)} projects, {size:.1f} MB. The SHA-256 of all:")
    click.echo(f"{sha256}  {output}")


def collect(
    releases: list[Release], selection: Selection, folder: Path, indexes: Indexes
) -> tuple[Manifest, dict[str, Path]]:
    """Ask the indexes, and fetch: what the bundle says, and where each file lies, by its name."""
    steps = (look_up(each, selection, indexes) for each in releases)
    told = list(with_progress(steps, len(releases), "Projects"))
    files = wanted((release for release, _ in told), selection)
    fetched = list(with_progress(fetch(files, folder, indexes=indexes), len(files), "Files"))
    manifest = describe(
        fetched,
        statuses={release.project: status for release, status in told},
        sources=[indexes.at(address).url for release in releases for address in release.indexes],
        made_at=_now(),
    )
    return manifest, {each.wanted.file.filename: each.path for each in fetched}


def _now() -> datetime:
    """The time, unless SOURCE_DATE_EPOCH (of reproducible-builds) gives another, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)
