"""What an index in a test offers: held in memory, and rendered by what renders the pages of a real one."""

import hashlib
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Literal, Unpack

from entrepot import layout, simple
from entrepot.archives import Filename, open_distribution
from entrepot.digests import Hasher
from entrepot.documents import FileDetail, ListedProject, ProjectDetail, ProjectList, ReleaseDetail
from entrepot.names import ProjectName, WheelFilename, canonical_version, parse_filename, parse_foreign, parse_version
from entrepot.ports.memory import MemoryStore
from entrepot.refusal import Missing, Refused
from entrepot.simple import Pages
from entrepot.testing.packages import Built, Contents, Package

Status = Literal["active", "archived", "deprecated", "quarantined"]
Claim = Callable[[FileDetail], FileDetail]


@dataclass(frozen=True, slots=True)
class _File:
    filename: Filename
    detail: FileDetail

    @property
    def canonical(self) -> str:
        return canonical_version(self.filename.version)


@dataclass(slots=True)
class _Project:
    name: ProjectName
    display_name: str
    status: Status = "active"
    reason: str = ""
    serial: int = 0
    files: dict[str, _File] = field(default_factory=dict)


class Shelf:
    """Projects with their files. Safe to use from several threads."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self._lock = threading.RLock()
        self._projects: dict[ProjectName, _Project] = {}
        self._serial = 0
        self._claims: list[tuple[str, Claim]] = []
        self._frozen: Counter[ProjectName] = Counter()
        self._owed: set[ProjectName] = set()
        self._show_list()

    def add(
        self,
        name: str,
        version: str = "1.0",
        *,
        tag: str = "py3-none-any",
        upload_time: datetime | None = None,
        **contents: Unpack[Contents],
    ) -> str:
        """Make a wheel, as `Package` describes it, and publish it. Returns its filename. Raises as `publish` does."""
        built = Package(name, version, **contents).wheel(tag)
        return self.publish(built.content, built.filename, upload_time=upload_time)

    def add_sdist(
        self, name: str, version: str = "1.0", *, upload_time: datetime | None = None, **contents: Unpack[Contents]
    ) -> str:
        """Make an sdist that can be built without a network, and publish it. As `add` otherwise."""
        built = Package(name, version, **contents).sdist()
        return self.publish(built.content, built.filename, upload_time=upload_time)

    def publish(self, file: Path | str | bytes, filename: str = "", *, upload_time: datetime | None = None) -> str:
        """Publish a wheel or an sdist: the file at a path, or the content of one with the `filename`.

        `upload_time` is now, unless given, with a time zone. Returns the filename. Raises Refused as an upload does:
        for a file that is not a wheel or sdist in canonical form, and "file-exists" when other bytes have that name.
        """
        built = _read(file, filename)
        parsed = parse_filename(built.filename)
        dist = open_distribution(io.BytesIO(built.content), parsed)
        sidecar = dist.metadata_bytes if isinstance(parsed, WheelFilename) else b""
        detail = _detail(built, parsed, sidecar, dist.metadata.requires_python, upload_time)
        return self._place(built, sidecar, _File(parsed, detail), dist.metadata.name)

    def place(
        self,
        content: bytes,
        filename: str,
        *,
        project: str = "",
        metadata: bytes = b"",
        requires_python: str = "",
        upload_time: datetime | None = None,
    ) -> str:
        """Publish any bytes under the name of a wheel or sdist, without a look inside: for what no index should have.

        With its `project`, the filename may be in any spelling that installers take, such as that of an old sdist,
        `Demo-1.0.zip`. `metadata` becomes the sidecar (PEP 658); without any there is none. Raises
        Refused("invalid-filename") and ("file-exists").
        """
        built = Built(filename, content)
        parsed = parse_foreign(filename, ProjectName(project)) if project else parse_filename(filename)
        detail = _detail(built, parsed, metadata, requires_python, upload_time)
        return self._place(built, metadata, _File(parsed, detail), project or parsed.project)

    def yank(self, name: str, version: str, reason: str = "", *, filename: str = "") -> None:
        """Yank a release, or one file of it (PEP 592).

        Raises Missing("no-such-project"), ("no-such-release") and ("no-such-file").
        """
        self._change(name, version, filename, lambda file: replace(file, yanked=True, yanked_reason=reason))

    def unyank(self, name: str, version: str, *, filename: str = "") -> None:
        """Take that back."""
        self._change(name, version, filename, lambda file: replace(file, yanked=False, yanked_reason=""))

    def status(self, name: str, status: Status, reason: str = "") -> None:
        """Give a project a status (PEP 792). A quarantined one offers nothing. Raises Missing("no-such-project")."""
        with self._changed(name) as project:
            project.status, project.reason = status, reason

    def remove(self, name: str, version: str = "", *, filename: str = "") -> None:
        """Delete a project, a release, or one file of it. Raises as `yank` does."""
        with self._changed(name) as project:
            gone = self._chosen(project, version, filename) if version else [*project.files]
            for each in gone:
                file = project.files.pop(each).detail
                self._put(simple.file_note(file.blake2, file.filename, offered=False, serial=self._serial))
            if not version:
                del self._projects[project.name]

    def filenames(self, name: str) -> tuple[str, ...]:
        """The files of a project, also of a quarantined one, sorted; none when there is no such project."""
        project = self._projects.get(ProjectName(name))
        return tuple(sorted(project.files)) if project else ()

    def _place(self, built: Built, sidecar: bytes, file: _File, display_name: str) -> str:
        name, blake2 = file.filename.project, file.detail.blake2
        with self._lock:
            project = self._projects.get(name) or _Project(name, display_name)
            held = project.files.get(built.filename)
            if held and held.detail.blake2 != blake2:
                raise Refused("file-exists", f"File already exists ('{built.filename}').", "content")
            if held is None:
                self._projects[name] = project
                self._store.create(layout.package(blake2, built.filename).key, io.BytesIO(built.content))
                if sidecar:
                    self._store.create(layout.sidecar(blake2, built.filename).key, io.BytesIO(sidecar))
                with self._changed(name):
                    project.files[built.filename] = file
        return built.filename

    def _change(self, name: str, version: str, filename: str, change: Claim) -> None:
        with self._changed(name) as project:
            for each in self._chosen(project, version, filename):
                file = project.files[each]
                project.files[each] = replace(file, detail=change(file.detail))

    def _chosen(self, project: _Project, version: str, filename: str) -> list[str]:
        """The names of the files of a release, or the one that is given."""
        canonical = canonical_version(parse_version(version))
        names = [name for name, file in project.files.items() if file.canonical == canonical]
        if not names:
            raise Missing("no-such-release", f"{project.display_name} has no release {version}.", "version")
        chosen = [each for each in names if filename in {"", each}]
        if not chosen:
            raise Missing("no-such-file", f"Release {version} has no file '{filename}'.", "filename")
        return chosen

    @contextmanager
    def _changed(self, name: str) -> Iterator[_Project]:
        """The project, which is shown as it is once it has been changed."""
        with self._lock:
            project = self._project(name)
            self._serial += 1
            yield project
            project.serial = self._serial
            self._owed.add(project.name)

    def _project(self, name: str) -> _Project:
        normalized = ProjectName(name)
        if normalized not in self._projects:
            raise Missing("no-such-project", f"There is no project named '{normalized}'.", "name")
        return self._projects[normalized]

    def _file_of(self, filename: str) -> _File:
        """Raises Missing("no-such-file")."""
        found = (project.files[filename] for project in self._projects.values() if filename in project.files)
        file = next(found, None)
        if file is None:
            raise Missing("no-such-file", f"There is no file '{filename}'.", "filename")
        return file

    def _claim(self, filename: str, claim: Claim) -> Callable[[], None]:
        """Have the pages say something else of a file. Returns what ends that. Raises Missing("no-such-file")."""
        name, entry = self._file_of(filename).filename.project, (filename, claim)

        def end() -> None:
            with self._lock:
                self._claims.remove(entry)
                self._owed.add(name)

        with self._lock:
            self._claims.append(entry)
            self._owed.add(name)
        return end

    def _freeze(self, name: str) -> Callable[[], None]:
        """Leave a project's pages as they are. Returns what ends that. Raises Missing("no-such-project")."""
        project = self._project(name)

        def end() -> None:
            with self._lock:
                self._frozen[project.name] -= 1
                self._owed.add(project.name)

        with self._lock:
            self._publish_owed()
            self._frozen[project.name] += 1
        return end

    def _publish_owed(self) -> None:
        """Write the pages of what has changed: all at once, for a test may add hundreds of versions."""
        with self._lock:
            if self._owed:
                self._serial += 1
                for name in self._owed:
                    self._show(name)
                self._owed.clear()
                self._show_list()

    def _show(self, name: ProjectName) -> None:
        project = self._projects.get(name)
        if project:
            offered = project.status != "quarantined"
            for name_of_file, file in project.files.items():
                self._put(simple.file_note(file.detail.blake2, name_of_file, offered=offered, serial=self._serial))
        if self._frozen[name]:
            return
        if project:
            # Without a URL of its own: only provenance needs it, and no file here has one.
            self._put(simple.project(self._project_detail(project), url="", serial=self._serial))
        else:
            self._put(simple.no_project(name, serial=self._serial))

    def _show_list(self) -> None:
        listed = [
            ListedProject(each.name, each.display_name, each.serial)
            for each in sorted(self._projects.values(), key=attrgetter("name"))
            if each.status != "quarantined"
        ]
        self._put(simple.project_list(ProjectList(tuple(listed), self._serial), serial=self._serial))

    def _put(self, pages: Pages) -> None:
        for place, page in pages:
            self._store.put_page(place.key, page)

    def _project_detail(self, project: _Project) -> ProjectDetail:
        files = [] if project.status == "quarantined" else [self._claimed(each) for each in project.files.values()]
        return ProjectDetail(
            name=project.name,
            display_name=project.display_name,
            status=project.status,
            status_reason=project.reason,
            last_serial=project.serial,
            roles=(),
            releases=tuple(_releases(files)),
        )

    def _claimed(self, file: _File) -> _File:
        detail = file.detail
        for filename, claim in self._claims:
            if filename == detail.filename:
                detail = claim(detail)
        return replace(file, detail=detail)


def _read(file: Path | str | bytes, filename: str) -> Built:
    if isinstance(file, bytes):
        return Built(filename, file)
    path = Path(file)
    return Built(filename or path.name, path.read_bytes())


def _detail(
    built: Built, filename: Filename, sidecar: bytes, requires_python: str, upload_time: datetime | None
) -> FileDetail:
    hasher = Hasher()
    hasher.update(built.content)
    digests = hasher.digests()
    return FileDetail(
        filename=built.filename,
        kind=filename.kind,
        python_tag=filename.python_tag,
        size=digests.size,
        sha256=digests.sha256,
        blake2=digests.blake2,
        md5=digests.md5,
        metadata_sha256=hashlib.sha256(sidecar).hexdigest() if sidecar else "",
        requires_python=requires_python,
        comment="",
        uploaded_at=(upload_time or datetime.now(UTC)).astimezone(UTC),
        yanked=False,
        yanked_reason="",
    )


def _releases(files: Iterable[_File]) -> Iterator[ReleaseDetail]:
    """The releases of a project, oldest version first, with their files in the order of their names."""
    by_version: dict[str, list[_File]] = {}
    for file in sorted(files, key=lambda each: (each.filename.version, each.filename.filename)):
        by_version.setdefault(file.canonical, []).append(file)
    for canonical, own in by_version.items():
        details = tuple(each.detail for each in own)
        yield ReleaseDetail(str(own[0].filename.version), canonical, yanked=False, yanked_reason="", files=details)
