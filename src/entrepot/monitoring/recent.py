"""What is true at this moment: asked at most once a second, by a thread that nobody has to wait for."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

FRESH = 1.0  # seconds for which an answer counts
PATIENCE = 2.0  # seconds after which there is none
GIVE_UP = 30.0  # seconds after which the question is asked anew, whatever became of the first


class Recent(Generic[T]):
    """The answer to `ask`, at most FRESH seconds old.

    Whoever hangs (a database that was paused) holds up one thread every GIVE_UP seconds, and those who look at it no
    longer than PATIENCE, all together. The first failure of several is logged. Safe to use from several threads.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._begun = -GIVE_UP
        self._answer: Future[T] = Future()
        self._answers = True

    def begin(self) -> None:
        """Have the question asked, unless it was just now."""
        with self._lock:
            now = time.monotonic()
            if now - self._begun >= (FRESH if self._answer.done() else GIVE_UP):
                self._begun, self._answer = now, Future()
                Thread(target=self._look, args=(self._answer,), daemon=True).start()

    def get(self) -> T:
        """The answer. Raises what `ask` raises, and TimeoutError when it does not answer in time."""
        self.begin()
        with self._lock:
            answer, left = self._answer, self._begun + PATIENCE - time.monotonic()
        return answer.result(max(0.0, left))

    def holds(self) -> bool:
        """Whether there is an answer."""
        try:
            self.get()
        except Exception:  # noqa: BLE001 - whatever it is, there is none
            return False
        return True

    def _look(self, answer: "Future[T]") -> None:
        try:
            answer.set_result(self._ask())
            self._answers = True
        except Exception as error:  # noqa: BLE001 - it goes to those who wait
            if self._answers:
                logger.warning("a check fails: %s: %s", type(error).__name__, error)
            self._answers = False
            answer.set_exception(error)
