"""What the parts of `entrepot serve` have in common."""

import os
import signal
import time
from threading import Thread
from types import FrameType


class StopSignal:
    """Whether SIGTERM, or Ctrl-C, has come. Made in the main thread.

    A plain flag: a handler runs in the middle of anything, and must not need a lock that the code below it may hold.
    """

    def __init__(self) -> None:
        self._came = False
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def wait(self, seconds: float) -> bool:
        """Pause, a little at most after the signal has come; whether it has."""
        time.sleep(0 if self._came else seconds)
        return self._came

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._came = True


def stop_with_supervisor() -> None:
    """End this process, in order, when the supervisor is gone: standard input is a pipe that it holds open."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, daemon=True).start()
