"""How far a command has come, on a terminal."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def with_progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """The steps, with a bar on standard error while they are taken."""
    console = Console(stderr=True)
    return track(steps, description=what, total=total, console=console, disable=not console.is_terminal)
