"""What a place is, by what lies there."""

from collections.abc import Callable
from pathlib import Path

from entrepot.moving import devpi
from entrepot.moving.bandersnatch import Bandersnatch
from entrepot.moving.devpi import Devpi
from entrepot.moving.folder import Folder
from entrepot.moving.pypiserver import Pypiserver
from entrepot.moving.source import Source

FOLDER, PYPISERVER, DEVPI, BANDERSNATCH = "folder", "pypiserver", "devpi", "bandersnatch"
FOLDERS = (FOLDER, PYPISERVER, DEVPI, BANDERSNATCH)


def kind_of(root: Path) -> str:
    """Of which kind a folder is. One that pypiserver serves is nothing but a folder: somebody has to say it."""
    if (root / devpi.LISTING).is_file():
        return DEVPI
    return BANDERSNATCH if (root / "web" / "simple").is_dir() else FOLDER


def source_in(root: Path, kind: str, *, index: str, htpasswd: Path | None) -> Source:
    """The source that a folder of this kind is. Raises Refused, or OSError."""
    makers: dict[str, Callable[[], Source]] = {
        FOLDER: lambda: Folder(root),
        PYPISERVER: lambda: Pypiserver(root, htpasswd),
        DEVPI: lambda: Devpi(root, index),
        BANDERSNATCH: lambda: Bandersnatch(root),
    }
    return makers[kind]()
