"""What a bundle says of itself, in its first member: docs/bundles.md specifies it.

Of each project it tells what a page of the simple repository API tells in its JSON form (PEP 691, 700, 740, 792), in
the same words, but for URLs: the bytes and the provenance are in the bundle itself.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from entrepot.names import ProjectName, parse_foreign
from entrepot.refusal import Refused
from entrepot.upstream.page import STATUSES

NAME = "bundle.json"
FORMAT = 1
LARGEST = 64 * 2**20  # bytes

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A distribution file; `size` in bytes, `sha256` in hexadecimal.

    `yanked` is the reason, which may be empty, None where it is not yanked. `provenance` is a provenance object (PEP
    740) in JSON, or empty.
    """

    filename: str
    size: int
    sha256: str
    uploaded_at: datetime | None = None
    requires_python: str = ""
    yanked: str | None = None
    provenance: str = ""

    @property
    def place(self) -> str:
        """The name of the member that has its bytes."""
        return f"files/{self.sha256}/{self.filename}"


@dataclass(frozen=True, slots=True)
class BundledProject:
    """A project, and its status (PEP 792)."""

    name: str
    files: Sequence[BundledFile]
    status: str = "active"
    status_reason: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of it; `sources` are the addresses of the indexes that it was made from."""

    made_at: datetime
    made_by: str
    sources: Sequence[str]
    projects: Sequence[BundledProject]

    def files(self) -> list[BundledFile]:
        """All files, in the order in which their members follow."""
        return [file for project in self.projects for file in project.files]


def render(manifest: Manifest) -> bytes:
    """The manifest as it is written: of equal manifests the same bytes."""
    said = {
        "format": FORMAT,
        "made-at": _moment(manifest.made_at),
        "made-by": manifest.made_by,
        "sources": list(manifest.sources),
        "projects": [_project(each) for each in manifest.projects],
    }
    return json.dumps(said, indent=1, sort_keys=True).encode() + b"\n"


def _project(project: BundledProject) -> dict[str, object]:
    said: dict[str, object] = {"name": project.name, "files": [_file(each) for each in project.files]}
    if project.status != "active":
        said["project-status"] = {"status": project.status, "reason": project.status_reason}
    return said


def _file(file: BundledFile) -> dict[str, object]:
    said: dict[str, object] = {"filename": file.filename, "size": file.size, "hashes": {"sha256": file.sha256}}
    if file.uploaded_at is not None:
        said["upload-time"] = _moment(file.uploaded_at)
    if file.requires_python:
        said["requires-python"] = file.requires_python
    if file.yanked is not None:
        said["yanked"] = file.yanked or True
    if file.provenance:
        said["provenance"] = json.loads(file.provenance)
    return said


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def parse(data: bytes) -> Manifest:
    """What a manifest says. Raises Refused: "invalid-bundle", "unknown-bundle"."""
    try:
        said = json.loads(data)
        if said["format"] != FORMAT:
            raise Refused(
                "unknown-bundle", f"It is a bundle of format {said['format']!r}; this Entrepot reads format {FORMAT}."
            )
        read = _read(said)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise Refused(
            "invalid-bundle", f"{NAME} is not what docs/bundles.md says: {type(error).__name__} {error}."
        ) from error
    _check_names(read)
    return read


def _read(said: Any) -> Manifest:
    """Raises what Python raises for what has not the form."""
    return Manifest(
        made_at=_time(said["made-at"]),
        made_by=_text(said["made-by"]),
        sources=[_text(each) for each in said["sources"]],
        projects=[_read_project(each) for each in said["projects"]],
    )


def _read_project(said: Any) -> BundledProject:
    status = said.get("project-status", {"status": "active"})
    return BundledProject(
        name=_text(said["name"]),
        files=[_read_file(each) for each in said["files"]],
        status=_status(status["status"]),
        status_reason=_text(status.get("reason", "")),
    )


def _read_file(said: Any) -> BundledFile:
    uploaded, provenance = said.get("upload-time"), said.get("provenance")
    return BundledFile(
        filename=_text(said["filename"]),
        size=_size(said["size"]),
        sha256=_digest(said["hashes"]["sha256"]),
        uploaded_at=None if uploaded is None else _time(uploaded),
        requires_python=_text(said.get("requires-python", "")),
        yanked=_yanked(said.get("yanked")),
        provenance="" if provenance is None else json.dumps(provenance, sort_keys=True),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _status(value: object) -> str:
    if value not in STATUSES:
        raise ValueError(f"{value!r} is no status")
    return _text(value)


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is not a size")
    return value


def _digest(value: object) -> str:
    if not _SHA256.fullmatch(_text(value)):
        raise ValueError(f"{value!r} is not a SHA-256")
    return _text(value)


def _yanked(value: object) -> str | None:
    if value is None or value is False:
        return None
    return "" if value is True else _text(value)


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment.astimezone(UTC)


def _check_names(manifest: Manifest) -> None:
    """Raises Refused("invalid-bundle") unless each name is one that an index can have, and there once."""
    seen: set[str] = set()
    for project in manifest.projects:
        try:
            name = ProjectName(project.name)
            for file in project.files:
                parse_foreign(file.filename, name)
        except Refused as refused:
            raise Refused("invalid-bundle", refused.message) from refused
        for each in (f"project {name}", *(file.filename for file in project.files)):
            if each in seen:
                raise Refused("invalid-bundle", f"{NAME} has {each} twice.")
            seen.add(each)
