"""The command: runs the parts, shows how far they are, and prints tables; it can write them into the documents, too."""

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import growth, memory, origin, pages, people, search, start, uploads, versus
from bench.effort import FULL, QUICK, Effort
from bench.report import Measured, Say, machine, put_into, table

DOCUMENT = Path(__file__).parents[1] / "docs/benchmarks.md"
PARTS: dict[str, Callable[[Path, Say, Effort], list[Measured]]] = {
    "pages": pages.measure,
    "uploads": uploads.measure,
    "start": start.measure,
    "memory": memory.measure,
    "peers": versus.measure,
    "mix": origin.measure,
    "growth": growth.measure,
    "search": search.measure,
    "people": people.measure,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice([*PARTS]))
@click.option("--quick", "effort", flag_value=QUICK, help="Rounds so short that the figures say little.")
@click.option("--full", "effort", flag_value=FULL, default=FULL, help="What the documents show (the default).")
@click.option("--write", is_flag=True, help="Put the tables into docs/benchmarks.md.")
@click.option("--json", "output", type=click.File("w"), help="Write the figures to this file, too.")
def main(parts: Sequence[str], effort: Effort, write: bool, output: TextIO | None) -> None:
    """Measure PARTS, or everything."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop what was started then, too
    facts = machine()
    began = time.monotonic()
    measured = {part: _measure(part, effort) for part in parts or PARTS}
    facts |= {"command": f"python -m bench {' '.join(sys.argv[1:])}", "took": f"{time.monotonic() - began:.0f} s"}
    tables = {part: table(part, lines) for part, lines in measured.items()}
    tables["where"] = table("where", [Measured(what, {"": fact}) for what, fact in facts.items()])
    click.echo("\n\n".join(tables.values()))
    if write:
        document = DOCUMENT.read_text()
        for part, shown in tables.items():
            document = put_into(document, part, shown)
        DOCUMENT.write_text(document)
    if output is not None:
        json.dump(
            {"machine": facts, **{part: [asdict(line) for line in lines] for part, lines in measured.items()}}, output
        )


def _measure(part: str, effort: Effort) -> list[Measured]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        TemporaryDirectory(prefix="entrepot-bench-") as folder,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task(part)

        def say(doing: str) -> None:
            progress.update(task, description=f"{part}: {doing}")

        measured = PARTS[part](Path(folder), say, effort)
        say("done")
        return measured


if __name__ == "__main__":
    main()
