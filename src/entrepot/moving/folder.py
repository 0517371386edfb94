"""A folder of wheels and sdists, which come in with all the checks of an upload."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from entrepot.arrivals import Arrival, Outcome
from entrepot.claims import Upload
from entrepot.digests import Hasher
from entrepot.moving.source import Door, Holding, LeftOut, Offered, Person
from entrepot.moving.within import file_within
from entrepot.names import parse_filename
from entrepot.ports.store import CHUNK, Store
from entrepot.projects.arriving import Sender
from entrepot.projects.models import Index
from entrepot.publishing import publish


class Folder:
    """Files side by side, as a build leaves them; folders in it are not looked into."""

    people: Sequence[Person] = ()
    left_out: Sequence[LeftOut] = ()

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, list[str]] = {}
        for path in sorted(root.iterdir()):
            if path.name.endswith((".whl", ".tar.gz")):
                self._files.setdefault(path.name.partition("-")[0], []).append(path.name)

    @property
    def door(self) -> Door:
        """With all the checks of an upload."""
        return as_upload

    def names(self) -> Sequence[str]:
        """What the names of files begin with, which is enough to keep them together."""
        return list(self._files)

    def holding(self, name: str) -> Holding:
        """The files whose names begin like this."""
        return Holding([self._offered(name, filename) for filename in self._files[name]])

    def _offered(self, name: str, filename: str) -> Offered:
        return Offered(Arrival(name, filename), lambda: file_within(self._root, filename).open("rb"))


def as_upload(file: BinaryIO, arrival: Arrival, *, index: Index, sender: Sender, store: Store) -> Outcome:
    """Publish the file as if somebody had uploaded it now. Raises what `publish` raises."""
    filename = parse_filename(arrival.filename)
    hasher = Hasher()
    for chunk in iter(partial(file.read, CHUNK), b""):
        hasher.update(chunk)
    upload = Upload(
        file=file,
        digests=hasher.digests(),
        filename=arrival.filename,
        name=filename.project,
        version=str(filename.version),
        kind=filename.kind,
    )
    publish(upload, index=index, by=sender.by, store=store)
    return Outcome.TAKEN
