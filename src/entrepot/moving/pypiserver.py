"""A directory that pypiserver serves, at any depth, with the users of its htpasswd file."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from entrepot.arrivals import Arrival, receive
from entrepot.moving import formats
from entrepot.moving.source import Door, Holding, LeftOut, Offered, Person
from entrepot.moving.within import bytes_within, file_within
from entrepot.names import is_distribution

LARGEST_HTPASSWD = 1024 * 1024  # bytes


class Pypiserver:
    """Files anywhere below a folder. One was uploaded when it was last written: nothing else tells it."""

    def __init__(self, root: Path, htpasswd: Path | None = None) -> None:
        self.people: Sequence[Person] = [] if htpasswd is None else [*_users(htpasswd)]
        self.left_out: list[LeftOut] = []
        self._files: dict[str, list[Offered]] = {}
        for relative in sorted(_listed(root)):
            filename = relative.rpartition("/")[2]
            if is_distribution(filename):
                project = formats.project_in(filename)
                self._files.setdefault(project, []).append(_offered(root, relative, project, filename))
            elif filename.lower().endswith(formats.OTHERS):
                self.left_out.append(formats.left_out(filename))

    @property
    def door(self) -> Door:
        """As they are."""
        return receive

    def names(self) -> Sequence[str]:
        """The projects."""
        return sorted(self._files)

    def holding(self, name: str) -> Holding:
        """Its files; no more is known of it."""
        return Holding(self._files[name])


def _listed(root: Path) -> Iterator[str]:
    """The files that pypiserver looks at, relative to the folder: none with a dot at the beginning."""
    for where, folders, files in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from ((Path(where) / each).relative_to(root).as_posix() for each in files if not each.startswith("."))


def _offered(root: Path, relative: str, project: str, filename: str) -> Offered:
    written = datetime.fromtimestamp((root / relative).lstat().st_mtime, UTC)
    arrival = Arrival(project, filename, uploaded_at=written)
    return Offered(arrival, lambda: file_within(root, relative).open("rb"))


def _users(htpasswd: Path) -> Iterator[Person]:
    """Their names. What is kept of their passwords is of kinds that are too weak to be taken over."""
    data = bytes_within(htpasswd.resolve().parent, htpasswd.resolve().name, most=LARGEST_HTPASSWD)
    for line in data.decode().splitlines():
        name, colon, _hash = line.strip().partition(":")
        if colon and not name.startswith("#"):
            yield Person(name)
