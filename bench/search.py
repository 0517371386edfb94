"""Searching among many projects, on both databases: how long each kind of query takes in the process that asks."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.effort import Effort
from bench.report import Measured, Say
from postgres import running_cluster
from serving import DATABASE, environment

Figures = Mapping[str, Any]


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Fill an index on each database, and ask."""
    say("SQLite")
    sqlite = _ask(folder / "sqlite", effort)
    with running_cluster() as cluster:
        say("PostgreSQL")
        postgresql = _ask(folder / "postgresql", effort, **{DATABASE: cluster.new_database().url})
    both = (sqlite, postgresql)
    return [
        *(_line(what, [each["queries"][what] for each in both]) for what in sqlite["queries"]),
        _line("all of them", [_together(each["queries"].values()) for each in both]),
    ]


def _ask(data: Path, effort: Effort, **changed: str) -> Figures:
    command = [sys.executable, "-m", "bench.searching", "--projects", str(effort.searched)]
    settings = environment(ENTREPOT_DATA=str(data), **changed)
    done = subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE)
    figures: Figures = json.loads(done.stdout)
    return figures


def _together(queries: Iterable[Figures]) -> Figures:
    asked = list(queries)
    return {"took": [took for each in asked for took in each["took"]], "cpu": sum(e["cpu"] for e in asked) / len(asked)}


def _line(what: str, figures: Sequence[Figures]) -> Measured:
    shown = {}
    for engine, figure in zip(("SQLite", "PostgreSQL"), figures, strict=True):
        shown[f"{engine}, p50 ms"] = median(figure["took"])
        shown[f"{engine}, p95 ms"] = quantiles(figure["took"], n=20)[-1]
        shown[f"{engine}, CPU ms"] = figure["cpu"]
    return Measured(what, shown)
