"""What a lock file (`pylock.toml`, PEP 751) names, as releases with files that can be fetched."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.pylock import (
    Package,
    PackageArchive,
    PackageSdist,
    PackageWheel,
    Pylock,
    PylockUnsupportedVersionError,
    PylockValidationError,
)

from entrepot.digests import HASHES
from entrepot.names import ProjectName, SdistFilename, WheelFilename, parse_foreign
from entrepot.refusal import Refused
from entrepot.upstream.page import UpstreamFile

_DIGEST = re.compile(r"(?:[0-9a-f]{2}){16,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of an index. It is fetched from its URL, or, where there is one, copied from a path of this machine.

    Its size and every hash, where they are given, have to be true of the bytes.
    """

    project: ProjectName
    file: UpstreamFile
    path: Path | None = None

    @property
    def parsed(self) -> WheelFilename | SdistFilename:
        """What its name says."""
        return parse_foreign(self.file.filename, self.project)


@dataclass(frozen=True, slots=True)
class Release:
    """A release, and its files; `indexes` are the addresses of those that have it, as far as they are known.

    One that is `conditional` is not for every machine. One that is `partial` has more files, which are not named.
    """

    project: ProjectName
    files: Sequence[Wanted]
    indexes: Sequence[str] = ()
    conditional: bool = False
    partial: bool = False


def read_lock(path: Path) -> list[Release]:
    """What the lock file at a path names. Raises OSError and Refused: "invalid-lock", "not-a-file"."""
    return parse_lock(path.read_text(), path)


def parse_lock(text: str, path: Path) -> list[Release]:
    """The same of its text; `path` is where it is, or would be: what it names by path is beside it."""
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, PylockValidationError, PylockUnsupportedVersionError) as error:
        raise Refused("invalid-lock", f"{path.name} is not a lock file (PEP 751): {error}.") from error
    return [_release(package, path.parent) for package in lock.packages]


def _release(package: Package, folder: Path) -> Release:
    project = ProjectName(package.name)
    return Release(
        project=project,
        files=[_wanted(each, project, folder) for each in _files(package)],
        indexes=(package.index,) if package.index else (),
        conditional=package.marker is not None,
    )


def _files(package: Package) -> Iterator[PackageWheel | PackageSdist | PackageArchive]:
    if package.vcs is not None:
        raise _not_a_file(package, f"a revision of a {package.vcs.type} repository")
    if package.directory is not None:
        raise _not_a_file(package, f"the directory {package.directory.path!r}")
    yield from package.wheels or ()
    yield from (each for each in (package.sdist, package.archive) if each is not None)


def _not_a_file(package: Package, what: str) -> Refused:
    return Refused(
        "not-a-file",
        f"{package.name} is {what}. A bundle takes wheels and source distributions: build one of it, or leave it out "
        "of the lock (uv export --no-emit-project).",
    )


def _wanted(file: PackageWheel | PackageSdist | PackageArchive, project: ProjectName, folder: Path) -> Wanted:
    path = _path(file.path, file.url or "", folder)
    at_end = path.name if path else unquote(urlsplit(file.url or "").path.rpartition("/")[2])
    filename = at_end if isinstance(file, PackageArchive) else file.filename
    wanted = UpstreamFile(
        filename=filename,
        url=file.url or "",
        hashes=_hashes(file.hashes, filename),
        size=file.size,
        uploaded_at=_aware(file.upload_time),
    )
    parse_foreign(filename, project)
    return Wanted(project, wanted, path)


def _path(path: str | None, url: str, folder: Path) -> Path | None:
    if path is not None:
        return folder / path
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _hashes(hashes: Mapping[str, str], filename: str) -> dict[str, str]:
    known = {name: digest.lower() for name, digest in hashes.items() if name in HASHES}
    if not known or not all(map(_DIGEST.fullmatch, known.values())):
        raise Refused("invalid-lock", f"Of {filename} the lock has no hash that can be checked, or an odd one.")
    return known


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
