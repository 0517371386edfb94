"""What the parts of `entrepot serve` have in common."""

import os
import signal
from threading import Thread


def stop_with_supervisor() -> None:
    """End this process, in order, when the supervisor is gone: standard input is a pipe that it holds open."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, daemon=True).start()
