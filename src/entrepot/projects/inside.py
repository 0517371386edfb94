"""Reads for whoever looks inside: one file of a release and what is in it, and two releases side by side.

Archives are read from the store into memory, within `archives.member.Budget` and few at a time: whatever comes, most
threads of the process are left to others.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from threading import BoundedSemaphore
from typing import BinaryIO, TypeVar

from django.db import connection
from django.db.models import Count
from django.utils.translation import gettext as _

from entrepot import comparing, layout
from entrepot.archives import Filename, inside
from entrepot.archives.inside import Content
from entrepot.archives.limits import MIB
from entrepot.archives.member import Inner, Kind
from entrepot.comparing import FieldChange, MemberChanges, TextChange
from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName, canonical_version, parse_foreign, parse_version, written_stem
from entrepot.ports.store import Store
from entrepot.projects import history
from entrepot.projects.models import File, Project, Release, Status
from entrepot.projects.queries import file_of, index_at_root, metadata_of, no_such_release, project_named, release_of
from entrepot.refusal import Missing, Refused, TooLarge, Unavailable

LARGEST = 20 * MIB  # bytes of an archive that is opened
OFFERED = 100  # releases to compare with
AT_ONCE = 2  # archives that one process reads at a time
PATIENCE = 3.0  # seconds to wait for a turn
STORE_PATIENCE = 10.0  # seconds that the store may take for one archive

_TURNS = BoundedSemaphore(AT_ONCE)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """A distribution file that readers may fetch, at the path `url`. `project` is normalized; `size` is in bytes."""

    project: str
    display_name: str
    version: str
    filename: str
    size: int
    sha256: str
    blake2: str

    @property
    def url(self) -> str:
        """The path of the URL that it is fetched from."""
        return layout.package(self.blake2, self.filename).path


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nobody can tell what is in a file, in the reader's language.

    `detail`, where there is any, is what exactly is wrong with it: in English, as uploads are refused with it.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a file, in the order of the names; or why nobody can tell, in `obstacle`."""

    members: tuple[Inner, ...] = ()
    openable: frozenset[str] = frozenset()
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A member of a file; or why it cannot be shown, in `obstacle`."""

    content: Content | None = None
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One of two releases that are compared. `files` are in the order of their names."""

    version: str
    metadata: CoreMetadata
    files: tuple[OfferedFile, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """Two releases of a project, and the `versions` to choose from: the newest first, and that of `old` in any case.

    `old` is None where there is nothing to compare with: no other release, or none before.
    """

    project: str
    display_name: str
    new: Side
    old: Side | None
    versions: tuple[str, ...]

    @property
    def empty(self) -> Side | None:
        """The one of them whose files were all deleted, so that nothing can be compared."""
        return next((each for each in (self.new, self.old) if each is not None and not each.files), None)


@dataclass(frozen=True, slots=True)
class ArchiveChanges:
    """How the content of two files differs; or why nobody can tell, in `obstacle`."""

    old: OfferedFile
    new: OfferedFile
    members: MemberChanges | None = None
    openable: frozenset[str] = frozenset()
    openable_before: frozenset[str] = frozenset()
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs between two releases. `removed` and `added` are files of theirs that have no counterpart."""

    fields: tuple[FieldChange, ...]
    description: TextChange
    removed: tuple[OfferedFile, ...]
    added: tuple[OfferedFile, ...]
    archive: ArchiveChanges | None


def offered_file(name: str, version: str, filename: str) -> OfferedFile:
    """A file that the index at the root offers.

    Raises Missing("no-such-file") and what `queries.release_named` raises; of a quarantined project there is nothing.
    """
    project = _shown_project(name)
    release = release_of(project, version)
    return _offered(project, release, file_of(release, filename))


def listing(file: OfferedFile, *, store: Store) -> Listing:
    """What is in the file. Raises Unavailable("too-busy"), Unavailable("store-unavailable")."""
    members = _look(file, store, inside.listing)
    if isinstance(members, Obstacle):
        return Listing(obstacle=members)
    return Listing(tuple(sorted(members, key=_order)), inside.openable(members))


def opened(file: OfferedFile, path: str, *, store: Store) -> Opened:
    """The member at `path`. Raises Missing("no-such-member"), and as `listing`."""
    content = _look(file, store, lambda data, filename: inside.content(data, filename, path))
    if content is None:
        raise Missing(
            "no-such-member",
            _("'%(filename)s' has no file of this name that could be shown.") % {"filename": file.filename},
        )
    return Opened(obstacle=content) if isinstance(content, Obstacle) else Opened(content)


def sides(name: str, version: str, since: str) -> Sides:
    """The release and the one that it is compared with: `since`, or, when that is empty, the one before that has files.

    Raises what `queries.release_named` raises; of a quarantined project there is nothing.
    """
    project = _shown_project(name)
    counted = project.releases.defer("created_at").annotate(count=Count("files"))
    releases = sorted(counted, key=lambda each: history.parsed(each.version))
    new = _among(releases, version, project)
    older = takewhile(lambda each: each != new, releases)
    before = [each for each in older if each.count][-1:]
    chosen = [_among(releases, since, project)] if since else before
    files: dict[int, list[File]] = {}
    for file in File.objects.filter(release__in=[new, *chosen]).defer("metadata"):
        files.setdefault(file.release_id, []).append(file)
    return Sides(
        project=project.name,
        display_name=project.display_name,
        new=_side(project, new, files.get(new.pk, [])),
        old=_side(project, chosen[0], files.get(chosen[0].pk, [])) if chosen else None,
        versions=tuple(dict.fromkeys(each.version for each in (*releases[: -OFFERED - 1 : -1], *chosen))),
    )


def changes(old: Side, new: Side, *, store: Store) -> Changes:
    """What differs. Raises Unavailable as `listing` does."""
    before, after = _tags(old), _tags(new)
    return Changes(
        fields=comparing.compare_metadata(old.metadata, new.metadata),
        description=comparing.compare_texts(old.metadata.description, new.metadata.description),
        removed=tuple(each for tags, each in before.items() if tags not in after),
        added=tuple(each for tags, each in after.items() if tags not in before),
        archive=_archive_changes(old, new, store),
    )


def _names(side: Side) -> dict[Filename, OfferedFile]:
    """The files by what their names say."""
    return {_parsed(each): each for each in side.files}


def _parsed(file: OfferedFile) -> Filename:
    """In any spelling: what other indexes have taken long ago is here as it was there."""
    return parse_foreign(file.filename, ProjectName(file.project))


def _tags(side: Side) -> dict[str, OfferedFile]:
    """The files by what their names say but for the version, as files of two releases are each other's counterparts."""
    named = {name.filename.removeprefix(written_stem(name)): file for name, file in _names(side).items()}
    return named | {file.filename: file for file in side.files if file not in named.values()}


def _archive_changes(old: Side, new: Side, store: Store) -> ArchiveChanges | None:
    before, after = _names(old), _names(new)
    pair = comparing.best_pair(before, after)
    if pair is None:
        return None
    one, other = before[pair[0]], after[pair[1]]
    found = []
    for each in (one, other):
        members_of_it = _look(each, store, inside.digests)
        if isinstance(members_of_it, Obstacle):
            return ArchiveChanges(one, other, obstacle=members_of_it)
        found.append(members_of_it)
    members = [
        [_member(*each, stem=written_stem(name)) for each in all_of_it]
        for all_of_it, name in zip(found, pair, strict=True)
    ]
    openable_before, openable = (inside.openable(tuple(inner for inner, _ in each)) for each in found)
    return ArchiveChanges(one, other, comparing.compare_members(*members), openable, openable_before)


def _member(inner: Inner, digest: str, *, stem: str) -> comparing.Member:
    """What a link is, is where it leads to."""
    told = digest or f"{inner.kind.value} {inner.target}"
    return comparing.Member(inner.path, comparing.neutral(inner.path, stem), inner.size, told)


def _order(inner: Inner) -> tuple[str, str]:
    """Folder by folder, each with its files first."""
    folder, slash, name = inner.path.removesuffix("/").rpartition("/")
    return (inner.path, "") if inner.kind is Kind.FOLDER else (folder + slash, name)


def _shown_project(name: str) -> Project:
    project = project_named(index_at_root(), name)
    if project.status == Status.QUARANTINED:
        raise Missing(
            "no-such-project",
            _("There is nothing of %(project)s to be seen at present.") % {"project": project.display_name},
            "name",
        )
    return project


def _among(releases: Iterable[Release], version: str, project: Project) -> Release:
    wanted = canonical_version(parse_version(version))
    for release in releases:
        if release.canonical == wanted:
            return release
    raise no_such_release(project, version)


def _side(project: Project, release: Release, files: list[File]) -> Side:
    offered = (_offered(project, release, file) for file in sorted(files, key=lambda each: each.filename))
    return Side(release.version, metadata_of(release.files.all()), tuple(offered))


def _offered(project: Project, release: Release, file: File) -> OfferedFile:
    return OfferedFile(
        project=project.name,
        display_name=project.display_name,
        version=release.version,
        filename=file.filename,
        size=file.size,
        sha256=file.sha256,
        blake2=file.blake2,
    )


def _look(file: OfferedFile, store: Store, read: Callable[[BinaryIO, Filename], T]) -> T | Obstacle:
    """What `read` finds in the file. Raises Unavailable("too-busy"), Unavailable("store-unavailable")."""
    if file.size > LARGEST:
        limit = LARGEST // MIB
        return Obstacle(_("It is larger than %(limit)s MB, and is not opened here for that reason.") % {"limit": limit})
    unreadable = _("The file is damaged, or built in a way that is not read here.")
    connection.close()  # others need it more than whoever reads an archive
    with _turn():
        data = io.BytesIO(_fetched(file, store))
        try:
            return read(data, _parsed(file))
        except TooLarge as refused:
            return Obstacle(_("It holds more than is looked through here."), refused.message)
        except Refused as refused:
            return Obstacle(unreadable, refused.message)


@contextmanager
def _turn() -> Iterator[None]:
    if not _TURNS.acquire(timeout=PATIENCE):
        raise Unavailable("too-busy", _("Many people are looking inside of files at this moment. Please try again."))
    try:
        yield
    finally:
        _TURNS.release()


def _fetched(file: OfferedFile, store: Store) -> bytes:
    """All of the file, within STORE_PATIENCE. Raises Unavailable("store-unavailable")."""
    deadline, taken = time.monotonic() + STORE_PATIENCE, []
    try:
        for data in store.read(layout.package(file.blake2, file.filename).key, 0, file.size):
            taken.append(data)
            if time.monotonic() > deadline:
                raise TimeoutError
    except OSError as error:
        raise Unavailable(
            "store-unavailable", _("The file cannot be read at this moment. Please try again.")
        ) from error
    return b"".join(taken)
