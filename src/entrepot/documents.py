"""What we publish, as values: read from the database by `projects.queries`, turned into bytes by `render`."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName


@dataclass(frozen=True, slots=True)
class FileDetail:
    """A distribution file as readers see it. Digests are hexadecimal, `size` is in bytes, an empty text is absence."""

    filename: str
    kind: str
    python_tag: str
    size: int
    sha256: str
    blake2: str
    md5: str
    metadata_sha256: str
    requires_python: str
    comment: str
    uploaded_at: datetime
    yanked: bool
    yanked_reason: str
    has_provenance: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseDetail:
    """A release with its files in the order of their names; `yanked` tells of the release as a whole."""

    version: str
    canonical: str
    yanked: bool
    yanked_reason: str
    files: tuple[FileDetail, ...]


@dataclass(frozen=True, slots=True)
class ProjectDetail:
    """A project with its releases, oldest version first. A quarantined project offers none."""

    name: ProjectName
    display_name: str
    status: str
    status_reason: str
    last_serial: int
    roles: tuple[tuple[str, str], ...]  # role, user name
    releases: tuple[ReleaseDetail, ...]


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """What is known of a vulnerability of a release. `fixed_in` are the versions that begin to be free of it."""

    identifier: str
    aliases: tuple[str, ...]
    summary: str
    details: str
    fixed_in: tuple[str, ...]

    @property
    def link(self) -> str:
        """Where it is described, for everybody."""
        return f"https://osv.dev/vulnerability/{quote(self.identifier)}"


@dataclass(frozen=True, slots=True)
class ReleaseInfo:
    """What a JSON document tells of the release it shows: the release, the core metadata of its first file, and what is
    known of its vulnerabilities."""

    release: ReleaseDetail
    metadata: CoreMetadata
    vulnerabilities: tuple[Vulnerability, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project as the list of all projects shows it."""

    name: ProjectName
    display_name: str
    last_serial: int


@dataclass(frozen=True, slots=True)
class ProjectList:
    """All projects of an index, in the order of their names, as of `last_serial`."""

    projects: tuple[ListedProject, ...]
    last_serial: int
