"""The command: runs the parts, shows how far they are, prints tables, and writes JSON when asked to."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import memory, pages, start, uploads
from bench.report import Measured, Say, machine, table

PARTS: dict[str, Callable[[Path, Say], list[Measured]]] = {
    "pages": pages.measure,
    "uploads": uploads.measure,
    "start": start.measure,
    "memory": memory.measure,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice([*PARTS]))
@click.option("--json", "output", type=click.File("w"), help="Write the figures to this file, too.")
def main(parts: Sequence[str], output: TextIO | None) -> None:
    """Measure PARTS, or everything, in about three minutes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop what was started then, too
    facts = machine()
    began = time.monotonic()
    measured = {part: _measure(part) for part in parts or PARTS}
    console = Console(width=118)
    for part, lines in measured.items():
        console.print(table(part, lines), "")
    for what, fact in facts.items():
        console.print(f"{what}: {fact}", highlight=False)
    console.print(f"measured in {time.monotonic() - began:.0f} s", highlight=False)
    if output is not None:
        json.dump(
            {"machine": facts, **{part: [asdict(line) for line in lines] for part, lines in measured.items()}}, output
        )


def _measure(part: str) -> list[Measured]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        TemporaryDirectory(prefix="entrepot-bench-") as folder,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task(part)

        def say(doing: str) -> None:
            progress.update(task, description=f"{part}: {doing}")

        measured = PARTS[part](Path(folder), say)
        say("done")
        return measured


if __name__ == "__main__":
    main()
