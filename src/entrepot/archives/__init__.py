"""Wheels and sdists, opened without trust: nothing is unpacked to disk, nothing is run, little is held in memory.

An archive is taken only in the one canonical form that every reader understands alike, so what is judged here is what
gets installed. Whatever else comes in gives `Refused`, with a sentence that names the member at fault.
"""

from typing import BinaryIO

from entrepot.archives.distribution import Distribution, Filename
from entrepot.archives.foreign import open_foreign
from entrepot.archives.sdist import open_sdist
from entrepot.archives.wheel import open_wheel
from entrepot.names import WheelFilename

__all__ = ["Distribution", "Filename", "open_distribution", "open_foreign"]


def open_distribution(file: BinaryIO, filename: Filename) -> Distribution:
    """The distribution in `file`, which is seekable and may be several GiB long, read once from end to end.

    Raises `Refused`: the file is not a wheel or sdist in canonical form, or not the one that `filename` names.
    """
    if isinstance(filename, WheelFilename):
        return open_wheel(file, filename)
    return open_sdist(file, filename)
