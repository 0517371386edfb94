"""A bundle: what somebody has fetched where there is a network (docs/bundles.md)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from entrepot.arrivals import Arrival, receive
from entrepot.bundles.manifest import BundledFile
from entrepot.bundles.reading import open_bundle
from entrepot.moving.source import Door, Holding, LeftOut, Offered, Person


class Bundled:
    """The files of a bundle; with `sha256`, in hexadecimal, only of that very archive. Refuses as `open_bundle`."""

    people: Sequence[Person] = ()
    left_out: Sequence[LeftOut] = ()

    def __init__(self, path: Path, sha256: str) -> None:
        self._bundle = open_bundle(path, sha256=sha256)
        self._projects = {project.name: project for project in self._bundle.manifest.projects}

    @property
    def door(self) -> Door:
        """As they are."""
        return receive

    def names(self) -> Sequence[str]:
        """The projects."""
        return list(self._projects)

    def holding(self, name: str) -> Holding:
        """All that the bundle has of a project."""
        project = self._projects[name]
        return Holding(
            [self._offered(name, each) for each in project.files],
            yanked={each.filename: each.yanked for each in project.files if each.yanked is not None},
            status=project.status,
            status_reason=project.status_reason,
        )

    def _offered(self, name: str, file: BundledFile) -> Offered:
        arrival = Arrival(
            name,
            file.filename,
            hashes={"sha256": file.sha256},
            uploaded_at=file.uploaded_at,
            requires_python=file.requires_python,
            provenance=file.provenance,
        )
        return Offered(arrival, partial(self._bundle.open, file))
