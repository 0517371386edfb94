"""Backups: a directory that holds distribution files, each once, and one or more generations of the database.

    DIRECTORY/files/packages/…                what the store holds, under the same keys
    DIRECTORY/generations/TIME-SERIAL/        database.sqlite or database.postgresql, SHA256SUMS, manifest.json

The database comes first, as of one serial; then the files that this copy of it refers to. They never change, and are
removed from the store at some time after they were deleted, so nearly all can be copied while the index goes on.
The manifest comes last: a generation without one is the rest of a backup that was interrupted, and counts for nothing.
The next run needs no file again that was copied.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import connection
from django.db.models import QuerySet

from entrepot import __version__, layout
from entrepot.followers.dump import dump
from entrepot.journal import log
from entrepot.ports.store import Store
from entrepot.projects import queries
from entrepot.projects.models import File
from entrepot.refusal import Refused

MANIFEST = "manifest.json"
LIST = "SHA256SUMS"  # in the format of the program sha256sum, which can check the files by itself


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation is. `made_at` is ISO 8601; `engine` is "sqlite" or "postgresql"; sizes are in bytes.

    `files` counts the objects that the list names. Of these the backup does not hold `deleted`, which were deleted from
    the index while it was made, and `lost`, which the store itself did not have, or not with the right bytes.
    """

    serial: int
    made_at: str
    version: str
    engine: str
    database_sha256: str
    database_size: int
    list_sha256: str
    files: int
    deleted: list[str]
    lost: list[str]


@dataclass(frozen=True, slots=True)
class Generation:
    """A complete backup of the database, in the directory `path`, with the list of the files it refers to."""

    path: Path
    manifest: Manifest

    @property
    def database(self) -> Path:
        """The file that `dump` wrote."""
        return self.path / f"database.{self.manifest.engine}"

    def objects(self) -> Iterator[tuple[str, str]]:
        """Key and SHA-256 of every object that the backup holds for it. Raises Refused("backup-damaged")."""
        if sha256_of(self.path / LIST) != self.manifest.list_sha256:
            raise Refused("backup-damaged", f"{self.path / LIST} is not what it was when the backup was made.")
        absent = {*self.manifest.deleted, *self.manifest.lost}
        return ((key, sha256) for key, sha256 in _listed(self.path) if key not in absent)


@dataclass(slots=True)
class Draft:
    """A generation that is being made."""

    path: Path
    serial: int
    made_at: datetime
    files: int
    copied: int = 0
    deleted: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def generations(directory: Path) -> list[Generation]:
    """The complete backups, those of lower serials first. Raises Refused("backup-damaged")."""
    found = [_read(path) for path in sorted(directory.glob(f"generations/*/{MANIFEST}"))]
    return sorted(found, key=lambda each: (each.manifest.serial, each.manifest.made_at))


def _read(path: Path) -> Generation:
    try:
        return Generation(path.parent, Manifest(**json.loads(path.read_bytes())))
    except (ValueError, TypeError) as error:
        raise Refused("backup-damaged", f"{path} is not what it was when the backup was made.") from error


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Nobody else writes into the backup directory meanwhile. Raises Refused("backup-running")."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Refused("backup-running", f"Another backup is being written into {directory}.") from error
    finally:
        os.close(descriptor)


def copy_database(directory: Path, *, now: datetime) -> Draft:
    """The first half: the database, and the list of the objects that it refers to, as of one serial."""
    for unfinished in directory.glob("generations/*"):
        if not (unfinished / MANIFEST).exists():
            shutil.rmtree(unfinished)
    with log.snapshot() as serial:
        path = directory / "generations" / f"{now:%Y%m%dT%H%M%S.%f}-{serial}"
        path.mkdir(parents=True)
        dump(path / f"database.{connection.vendor}")
        files = 0
        with (path / LIST).open("w") as sums:
            for key, sha256 in _referred_to():
                sums.write(f"{sha256}  {key}\n")
                files += 1
    return Draft(path, serial, now, files)


def copy_files(draft: Draft, directory: Path, *, store: Store) -> Iterator[str]:
    """The second half; at each step what is wrong with one object, if anything. Only new ones are copied."""
    for key, sha256 in _listed(draft.path):
        yield "" if (directory / "files" / key).exists() else _copy_file(draft, directory, key, sha256, store)


def _copy_file(draft: Draft, directory: Path, key: str, sha256: str, store: Store) -> str:
    found = store.find(key)
    try:
        if found and _write(directory / "files" / key, store.read(key, 0, found.size), sha256):
            draft.copied += 1
            return ""
    except FileNotFoundError:  # it was collected meanwhile
        found = None
    if not recorded(key).exists():
        draft.deleted.append(key)
        return f"{key}: deleted meanwhile"
    draft.lost.append(key)
    return f"{key}: {'its bytes are wrong' if found else 'missing'} in the store"


def finish(draft: Draft) -> Generation:
    """Make the draft count, once all of it has reached the disk."""
    database = draft.path / f"database.{connection.vendor}"
    manifest = Manifest(
        serial=draft.serial,
        made_at=draft.made_at.isoformat(),
        version=__version__,
        engine=connection.vendor,
        database_sha256=sha256_of(database),
        database_size=database.stat().st_size,
        list_sha256=sha256_of(draft.path / LIST),
        files=draft.files,
        deleted=draft.deleted,
        lost=draft.lost,
    )
    written = draft.path / f".{MANIFEST}"
    written.write_text(json.dumps(asdict(manifest), indent=1))
    os.sync()
    written.rename(draft.path / MANIFEST)
    os.sync()
    return Generation(draft.path, manifest)


def prune(directory: Path, *, keep: int) -> int:
    """Remove all generations but the last `keep`, then the files that none of these refers to. How many files."""
    found = generations(directory)
    wanted = {directory / "files" / key for each in found[-keep:] for key, _ in each.objects()}
    for old in found[:-keep]:
        (old.path / MANIFEST).unlink()  # first, so that half of it is no backup
        shutil.rmtree(old.path)
    unwanted = [path for path in directory.glob("files/packages/*/*/*/*") if path not in wanted]
    for path in unwanted:
        path.unlink()
    return len(unwanted)


def recorded(key: str) -> QuerySet[File]:
    """The distribution files in today's database that the object at `key` belongs to."""
    blake2, filename = layout.package_at(key) or ("", "")
    return File.objects.filter(blake2=blake2, filename=filename.removesuffix(".metadata"))


def sha256_of(path: Path) -> str:
    """The digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _referred_to() -> Iterator[tuple[str, str]]:
    # By column: the tables may be those of an older version, which is backed up before it is brought up to date.
    columns = queries.files().values_list("blake2", "filename", "sha256", "metadata_sha256")
    for blake2, filename, sha256, metadata_sha256 in columns.iterator():
        yield layout.package(blake2, filename).key, sha256
        if metadata_sha256:
            yield layout.sidecar(blake2, filename).key, metadata_sha256


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    with (path / LIST).open() as sums:
        for line in sums:
            sha256, key = line.rstrip("\n").split("  ")
            yield key, sha256


def _write(target: Path, chunks: Iterable[bytes], sha256: str) -> bool:
    """Write the file, in one instant, if the bytes are those that are meant; whether they were."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft, digest = target.with_name(f".{target.name}"), hashlib.sha256()
    with draft.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    right = digest.hexdigest() == sha256
    if right:
        draft.rename(target)
    else:
        draft.unlink()
    return right
