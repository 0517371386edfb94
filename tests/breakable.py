"""What the tests' own servers have in common: each can be away for a while."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from inside import paused


class Breakable(ABC):
    """A server that can be stopped as if it had crashed, or stand still, and comes back at the same address."""

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it as if it had crashed."""

    @abstractmethod
    def pid(self) -> int:
        """Its first process, from which all others come."""

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it stand still for a while: it takes connections, and never answers."""
        with paused(self.pid()):
            yield
