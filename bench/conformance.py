"""The conformance suite over Entrepot and the servers that somebody would take instead, as tables for the documents.

All of them have the same few packages: those that keep packages got them as they take them, the others find them at
Entrepot. `python -m bench.conformance --write` puts the tables into docs/conformance.md.
"""

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from archives import forge
from bench.peers import OTHERS, Devpi, Entrepot, Peer, SimpleRepositoryServer
from bench.report import Measured, put_into, table
from bench.versus import started
from entrepot.conformance.asking import Credentials, Session
from entrepot.conformance.core import Case, Outcome, Verdict
from entrepot.conformance.index import Index
from entrepot.conformance.running import AREAS, cases_of, run
from entrepot.conformance.uploads import Uploads
from serving import free_port

DOCUMENT = Path(__file__).parents[1] / "docs/conformance.md"
PROJECTS = ("spam", "spam-eggs", "ham")
TIMEOUT = 30.0  # seconds for one answer


class Stable(Devpi):
    """devpi-server with an index that keeps what was uploaded, as one that is installed from should."""

    volatile = False


Judged = Mapping[Peer, Sequence[Outcome]]


@click.command()
@click.option("--write", is_flag=True, help="Put the tables into docs/conformance.md.")
@click.option("--verbose", is_flag=True, help="Say what each failure was.")
def main(write: bool, verbose: bool) -> None:
    """Judge Entrepot and its peers."""
    with TemporaryDirectory(prefix="entrepot-bench-") as folder, ExitStack() as stack:
        judged = {peer: _judge(peer) for peer in _invite(Path(folder), stack)}
    if verbose:
        for peer, outcomes in judged.items():
            for each in _failures(outcomes):
                click.echo(f"{peer.name}: {each.case.identifier}: {each.sentence}")
    tables = {"passed": table("passed", _by_area(judged)), "failed": table("failed", _by_case(judged))}
    click.echo("\n\n".join(tables.values()))
    if write:
        document = DOCUMENT.read_text()
        for part, shown in tables.items():
            document = put_into(document, part, shown)
        DOCUMENT.write_text(document)


def _invite(folder: Path, stack: ExitStack) -> Sequence[Peer]:
    """All of them, running, Entrepot first: others ask it."""
    packages = folder / "packages"
    packages.mkdir()
    for built in _packages():
        (packages / built.filename).write_bytes(built.data)
    upstream = free_port()
    others = [Stable if each is Devpi else each for each in OTHERS]
    kinds: Sequence[type[Peer]] = (Entrepot, *others, SimpleRepositoryServer)
    guests = []
    for kind in kinds:
        port = upstream if kind is Entrepot else free_port()
        click.echo(f"starting {kind.name}", err=True)
        peer = kind(folder / kind.name.replace(" ", "-"), packages, port, f"http://127.0.0.1:{upstream}")
        peer.prepare()
        with started(peer):
            peer.feed()
        stack.enter_context(started(peer))
        guests.append(peer)
    return guests


def _packages() -> Sequence[forge.Built]:
    releases = (("spam", "1.0"), ("spam", "2.0"), ("spam_eggs", "1.0"), ("ham", "1.0"))
    told = "Requires-Python: >=3.8\n"
    metadata = [forge.core_metadata(name, version, told) for name, version in releases]
    wheels = [forge.wheel(*release, metadata=each) for release, each in zip(releases, metadata, strict=True)]
    return [*wheels, forge.sdist("ham", "1.0", pkg_info=metadata[-1])]


def _judge(peer: Peer) -> Sequence[Outcome]:
    click.echo(f"judging {peer.name}", err=True)
    site = f"http://127.0.0.1:{peer.port}"
    url = f"{site}{peer.index}"
    with closing(Session(url, agent="entrepot-conformance", timeout=TIMEOUT)) as session:
        uploads = Uploads(f"{site}{peer.gate.path}", session, _credentials(peer)) if peer.gate else None
        return [*run(Index(url, session, projects=PROJECTS, uploads=uploads), cases_of(()))]


def _credentials(peer: Peer) -> Credentials | None:
    return Credentials(peer.gate.user, peer.gate.password) if peer.gate and peer.gate.user else None


def _by_area(judged: Judged) -> list[Measured]:
    """For each area how many cases passed, failed and were not offered."""
    lines = []
    for area in AREAS:
        cells = {f"{peer.name} {peer.version}": _counts(outcomes, area.name) for peer, outcomes in judged.items()}
        lines.append(Measured(area.title, cells))
    return lines


def _counts(outcomes: Sequence[Outcome], area: str) -> str:
    counted = Counter(each.verdict for each in outcomes if each.case.area == area)
    return " / ".join(str(counted[verdict]) for verdict in Verdict)


def _by_case(judged: Judged) -> list[Measured]:
    """For each case that somebody failed: what is asked, by what right, and who failed."""
    failed: dict[Case, list[str]] = {}
    for peer, outcomes in judged.items():
        for each in _failures(outcomes):
            failed.setdefault(each.case, []).append(peer.name)
    return [
        Measured(
            f"`{case.identifier}`",
            {
                "asked": html.escape(case.asks, quote=False),
                "level": case.level.value,
                "clause": str(case.clause),
                "failed by": ", ".join(failed[case]),
            },
        )
        for case in cases_of(())
        if case in failed
    ]


def _failures(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    return [each for each in outcomes if each.verdict is Verdict.FAILED]


if __name__ == "__main__":
    main()
