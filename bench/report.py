"""What was measured, as a table and as JSON, and on which machine."""

import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.nginx import NGINX

NONE = "n/a"  # there is no such thing
Say = Callable[[str], None]  # tells whoever waits what is being done


@dataclass(frozen=True)
class Measured:
    """One line: what was measured, and its figures, each under a name that says its unit."""

    what: str
    figures: Mapping[str, float | str]


def table(part: str, lines: Sequence[Measured]) -> str:
    """The lines of one part as a table in Markdown, headed by the name of the part."""
    head = [part, *lines[0].figures]
    rows = [head, ["---"] * len(head), *([line.what, *map(_text, line.figures.values())] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def put_into(document: str, part: str, table: str) -> str:
    """The document with this table in place of the one it has for the part. Raises ValueError when it has none."""
    present = re.compile(rf"^\| {re.escape(part)} \|.*\n(?:\|.*\n)+", re.MULTILINE)
    changed, count = present.subn(lambda _: f"{table}\n", document)
    if not count:
        raise ValueError(f"the document has no table headed {part!r}")
    return changed


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "processor": f"{len(os.sched_getaffinity(0))} cores, {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "entrepot": version("entrepot"),
        "uvicorn": version("uvicorn"),
        "nginx": _said([NGINX, "-v"]),
        "wrk": _said(["wrk", "-v"]),
        "varnish": _said(["varnishd", "-V"]),
    }


def _text(figure: float | str) -> str:
    if isinstance(figure, str):
        return figure
    return f"{figure:,.{2 if figure < 10 else 1 if figure < 100 else 0}f}"


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "".join(re.findall(r"\d+(?:\.\d+)+", done.stdout + done.stderr)[:1])
