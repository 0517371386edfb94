"""Projects out of nothing: the same number of the same plan always gives the same names, bytes, rows and pages.

The shape is that of a public index: most projects have a few releases, some have hundreds, the first has thousands of
files. Nothing here needs a database, so many processes can make projects at once; what the pages say is proved
against the index's own builders by `tests/test_fill.py`.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import BinaryIO

from archives import forge
from entrepot import layout, metadata, render
from entrepot.digests import Digests, Hasher
from entrepot.documents import FileDetail, ListedProject, ProjectDetail, ProjectList, ReleaseDetail, ReleaseInfo
from entrepot.layout import Form, Place
from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName, canonical_version, parse_version, skeleton
from entrepot.page import Page

LARGEST = 700  # releases of the first project, of three files each
KNEE = 100  # how many projects are about as large as the second
TAIL = 0.8  # the exponent by which the rest gets smaller
YANKED = 37  # one release in so many is yanked, but never the newest
PROJECTS_PER_USER = 5
BEGIN = datetime(2018, 1, 1, tzinfo=UTC)

SYLLABLES = [consonant + vowel for consonant in "bdfgkmnprstvz" for vowel in "aeu"]  # none looks like another
NAMES = len(SYLLABLES) ** 4
STEP = 1_000_003  # has no factor in common with NAMES, so every number gets a name of its own

PLATFORM = "manylinux_2_17_x86_64.manylinux2014_x86_64"
TAGS = ("py3-none-any", f"cp311-cp311-{PLATFORM}")
REQUIRES_PYTHON = (">=3.8", ">=3.9", "", ">=3.6,<4")
ABOUT = "It reads what others wrote, sorts it, and says which of it is new. "

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """The last id or serial of each kind before a project begins."""

    release: int = 0
    file: int = 0
    yank: int = 0
    serial: int = 0


@dataclass(frozen=True)
class Plan:
    """So many projects with so many releases in all. `url` is the public one of the index.

    Raises ValueError when there are fewer releases than projects, or more projects than names.
    """

    projects: int
    releases: int
    seed: int
    url: str

    def __post_init__(self) -> None:
        if not 1 <= self.projects <= min(self.releases, NAMES):
            raise ValueError(f"a plan needs from 1 to {NAMES} projects and a release for each")

    def name(self, number: int) -> ProjectName:
        """The name of a project; numbers begin with 0."""
        place = (number * STEP + self.seed * 7919) % NAMES
        parts = [SYLLABLES[place // len(SYLLABLES) ** power % len(SYLLABLES)] for power in range(4)]
        return ProjectName(("-" if number % 3 == 0 else "").join(("".join(parts[:2]), "".join(parts[2:]))))

    def display_name(self, number: int) -> str:
        """How the project spells its name."""
        return self.name(number).title() if number % 7 == 0 else self.name(number)

    def user(self, number: int) -> str:
        """The owner of some projects."""
        return f"{self.name(number).replace('-', '')}-{number}"

    @property
    def users(self) -> int:
        """How many owners there are."""
        return -(-self.projects // PROJECTS_PER_USER)

    def owner(self, number: int) -> int:
        """The number of the project's owner."""
        return number * 31 % self.users

    def sizes(self) -> list[int]:
        """How many releases each project has."""
        extra = self.releases - self.projects
        first = min(LARGEST - 1, extra // 4) if self.projects > 1 else extra
        weights = [(rank + KNEE) ** -TAIL for rank in range(self.projects - 1)]
        each = (extra - first) / (sum(weights) or 1)
        goals = [int(reached * each + 0.5) for reached in accumulate(weights)]
        return [1 + first, *(1 + goal - before for before, goal in zip([0, *goals], goals, strict=False))]

    def starts(self) -> list[Start]:
        """Where each project begins; the last one is where all have ended."""
        starts = [Start()]
        for number, size in enumerate(self.sizes()):
            before = starts[-1]
            files = sum(file_count(number, release) for release in range(size))
            yanks = sum(is_yanked(number, release, size) for release in range(size))
            starts.append(
                Start(
                    before.release + size,
                    before.file + files,
                    before.yank + yanks,
                    before.serial + 2 + size + files + yanks,
                )
            )
        return starts

    def list_pages(self, starts: list[Start]) -> Iterator[tuple[Place, Page]]:
        """The list of all projects, in both forms."""
        listed = sorted(
            (
                ListedProject(self.name(number), self.display_name(number), end.serial)
                for number, end in enumerate(starts[1:])
            ),
            key=lambda each: each.name,
        )
        shown, last = ProjectList(tuple(listed), starts[-1].serial), starts[-1].serial
        for form, body in ((Form.JSON, render.project_list_json(shown)), (Form.HTML, render.project_list_html(shown))):
            yield layout.project_list(form), Page.of(body, serial=last, last_serial=last)


def file_count(number: int, release: int) -> int:
    """How many files a release has: from one to three, two on average."""
    return 3 if number == 0 else (1, 2, 3)[(number + release) % 3]


def is_yanked(number: int, release: int, size: int) -> bool:
    """Whether a release is yanked."""
    return (number * 5 + release) % YANKED == 0 and release < size - 1


@dataclass(slots=True)
class Rows:
    """The rows of some projects, by model; the columns are in `rows.COLUMNS`."""

    projects: list[Row] = field(default_factory=list)
    roles: list[Row] = field(default_factory=list)
    releases: list[Row] = field(default_factory=list)
    used_names: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    yanks: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stored:
    """A package or a sidecar, and where it lies."""

    place: Place
    data: bytes

    def open(self) -> BinaryIO:
        """The bytes, to be read."""
        return io.BytesIO(self.data)


class Maker:
    """Makes one project. Ids follow `start`; everything belongs to the index with id `index`."""

    def __init__(self, plan: Plan, number: int, size: int, start: Start, index: int) -> None:
        self.rows = Rows()
        self.stored: list[Stored] = []
        self._plan, self._number, self._size, self._start, self._index = plan, number, size, start, index
        self._serial = start.serial
        self._name, self._display = plan.name(number), plan.display_name(number)
        self._id, self._owner = number + 1, plan.owner(number) + 1
        self._told: dict[str, int] = {}  # the last serial of each release
        self._detail = self._make()

    def pages(self, last: int) -> Iterator[tuple[Place, Page]]:
        """All pages of the project and of its releases, built at serial `last`."""
        detail, infos = (
            self._detail,
            [ReleaseInfo(each, self._metadata(each.version)) for each in self._detail.releases],
        )
        newest, until = infos[-1], detail.last_serial
        for place, body in (
            (layout.project_page(detail.name, Form.JSON), render.project_json(detail, url=self._plan.url)),
            (layout.project_page(detail.name, Form.HTML), render.project_html(detail, url=self._plan.url)),
            (layout.project_json(detail.name), render.legacy_project(detail, newest, url=self._plan.url)),
        ):
            yield place, Page.of(body, serial=last, last_serial=until)
        for info in infos:
            told = self._told[info.release.version]
            shown = ProjectDetail(detail.name, detail.display_name, "active", "", told, detail.roles, ())
            body = render.legacy_release(shown, info, url=self._plan.url)
            yield layout.release_json(detail.name, info.release.canonical), Page.of(body, serial=last, last_serial=told)

    def _make(self) -> ProjectDetail:
        owner = self._plan.user(self._owner - 1)
        created = _at(self._serial + 1)
        self.rows.projects.append(
            (self._id, self._index, self._name, self._display, skeleton(self._name), "active", "", _text(created))
        )
        self.rows.roles.append((self._id, self._id, self._owner, "Owner", self._owner, _text(created)))
        self._tell("create")
        self._tell(f"add Owner {owner}")
        releases = tuple(self._release(release) for release in range(self._size))
        return ProjectDetail(self._name, self._display, "active", "", self._serial, (("Owner", owner),), releases)

    def _release(self, release: int) -> ReleaseDetail:
        version, canonical = _version(release)
        key = self._start.release + release + 1
        self._tell("new release", version)
        self.rows.releases.append((key, self._id, version, canonical, _text(_at(self._serial))))
        yanked = is_yanked(self._number, release, self._size)
        reason = "It forgets what it has read." if yanked and release % 2 else ""
        said = self._metadata(version)
        files = sorted(
            (self._file(built, key, version, said, yanked, reason) for built in self._build(release, version, said)),
            key=lambda each: each.filename,
        )
        if yanked:
            self._tell("yank release", version, reason)
            number = self._start.yank + len(self.rows.yanks) + 1
            self.rows.yanks.append((number, key, None, reason, self._owner, _text(_at(self._serial))))
        self._told[version] = self._serial
        return ReleaseDetail(version, canonical, yanked, reason, tuple(files))

    def _build(self, release: int, version: str, said: CoreMetadata) -> Iterator[forge.Built]:
        module, text = self._name.replace("-", "_"), core_metadata(said)
        count = file_count(self._number, release)
        for tag in TAGS[: 1 if count == 2 else count]:
            content = {f"{module}/__init__.py": f'__version__ = "{version}"\n'.encode()}
            yield forge.wheel(module, version, tag=tag, files=content, metadata=text, edit=_store_only)
        if count > 1:
            yield forge.sdist(module, version, pkg_info=text)

    def _file(
        self, built: forge.Built, release: int, version: str, said: CoreMetadata, yanked: bool, reason: str
    ) -> FileDetail:
        digests = _digests(built.data)
        is_wheel = built.filename.endswith(".whl")
        tag = built.filename.split("-")[2] if is_wheel else "source"
        text = core_metadata(said)
        self._tell(f"add {tag} file {built.filename}", version)
        shown = FileDetail(
            filename=built.filename,
            kind="bdist_wheel" if is_wheel else "sdist",
            python_tag=tag,
            size=digests.size,
            sha256=digests.sha256,
            blake2=digests.blake2,
            md5=digests.md5,
            metadata_sha256=_digests(text).sha256 if is_wheel else "",
            requires_python=said.requires_python,
            comment="",
            uploaded_at=_at(self._serial),
            yanked=yanked,
            yanked_reason=reason,
        )
        self.stored.append(Stored(layout.package(digests.blake2, built.filename), built.data))
        if is_wheel:
            self.stored.append(Stored(layout.sidecar(digests.blake2, built.filename), text))
        self._note_file(shown, release, said)
        return shown

    def _note_file(self, file: FileDetail, release: int, said: CoreMetadata) -> None:
        number = self._start.file + len(self.rows.files) + 1
        self.rows.used_names.append((number, self._index, file.filename, file.blake2))
        self.rows.files.append(
            (
                *(number, release, file.filename, file.kind, file.python_tag, file.size),
                *(file.sha256, file.blake2, file.md5, json.dumps(metadata.to_json(said)), file.metadata_sha256),
                *(file.requires_python, "", _text(file.uploaded_at), self._owner, None),
            )
        )

    def _tell(self, action: str, version: str = "", reason: str = "") -> None:
        self._serial += 1
        at = _text(_at(self._serial))
        self.rows.entries.append(
            (self._serial, self._index, self._id, self._display, version, action, reason, at, self._owner)
        )

    def _metadata(self, version: str) -> CoreMetadata:
        number = self._number
        wanted = {number * 7 // 11 - each for each in range(number % 4)}  # smaller numbers only, so never in a circle
        return CoreMetadata(
            metadata_version="2.1",
            name=self._display,
            version=version,
            summary=f"Sorts what {self._name} reads",
            description=f"# {self._display}\n\n{ABOUT * (1 + number % 9)}\n",
            description_content_type="text/markdown",
            author_email=f"{self._plan.user(self._owner - 1)}@example.org",
            license="MIT",
            classifiers=("Programming Language :: Python :: 3",),
            requires_dist=tuple(f"{self._plan.name(each)}>=0.0.1" for each in sorted(wanted) if 0 < each < number),
            requires_python=REQUIRES_PYTHON[number % len(REQUIRES_PYTHON)],
            project_urls=(("Source", f"https://example.org/{self._name}"),),
        )


def core_metadata(said: CoreMetadata) -> bytes:
    """METADATA as build tools write it."""
    lines = [
        ("Metadata-Version", said.metadata_version),
        ("Name", said.name),
        ("Version", said.version),
        ("Summary", said.summary),
        ("Author-email", said.author_email),
        ("License", said.license),
        *(("Project-URL", f"{label}, {url}") for label, url in said.project_urls),
        *(("Classifier", each) for each in said.classifiers),
        *(("Requires-Dist", each) for each in said.requires_dist),
        ("Requires-Python", said.requires_python),
        ("Description-Content-Type", said.description_content_type),
    ]
    head = "".join(f"{header}: {value}\n" for header, value in lines if value)
    return f"{head}\n{said.description}".encode()


@lru_cache(maxsize=1000)
def _version(release: int) -> tuple[str, str]:
    """The version of the project's release with this number, and its canonical form."""
    version = f"{release // 100}.{release // 10 % 10}.{release % 10 + 1}"
    return version, canonical_version(parse_version(version))


def _store_only(entries: list[forge.Entry]) -> None:
    """Compressing a few hundred bytes would take half of the time."""
    for entry in entries:
        entry.method = 0


def _digests(data: bytes) -> Digests:
    hasher = Hasher()
    hasher.update(data)
    return hasher.digests()


def _at(serial: int) -> datetime:
    return BEGIN + timedelta(seconds=30 * serial)


def _text(moment: datetime) -> str:
    """As both databases read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"
