"""What a bundle says of what is in it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby

from entrepot import __version__
from entrepot.bundles.asking import Status
from entrepot.bundles.downloading import Fetched
from entrepot.bundles.manifest import BundledFile, BundledProject, Manifest
from entrepot.names import ProjectName


def describe(
    files: Iterable[Fetched], *, statuses: Mapping[ProjectName, Status], sources: Iterable[str], made_at: datetime
) -> Manifest:
    """The manifest of a bundle with these files: of the same files, whatever their order, the same."""
    ordered = sorted(files, key=lambda each: (each.wanted.project, each.wanted.file.filename))
    return Manifest(
        made_at=made_at,
        made_by=f"entrepot {__version__}",
        sources=sorted(set(sources)),
        projects=[
            _project(project, list(of_project), statuses[project])
            for project, of_project in groupby(ordered, key=lambda each: each.wanted.project)
        ],
    )


def _project(name: ProjectName, files: list[Fetched], status: Status) -> BundledProject:
    return BundledProject(name, [_file(each) for each in files], status.marker, status.reason)


def _file(fetched: Fetched) -> BundledFile:
    file = fetched.wanted.file
    return BundledFile(
        filename=file.filename,
        size=fetched.size,
        sha256=fetched.sha256,
        uploaded_at=file.uploaded_at,
        requires_python=file.requires_python,
        yanked=file.yanked,
        provenance=fetched.provenance,
    )
