"""How far a command has come, on a terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, track

T = TypeVar("T")


def with_progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """The steps, with a bar on standard error while they are taken."""
    console = Console(stderr=True)
    return track(steps, description=what, total=total, console=console, disable=not console.is_terminal)


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[float], None]]:
    """The same, for steps that have parts: tell what it gives how many are done."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
