"""The store on a file system: one file for each object.

What returns has reached the disk: bytes first, then the name, then the directory that holds the name. Races and their
answers:
- Two writers of the same package: the first links it, the second finds it and refreshes its time. Both succeed.
- A collector and an upload of the same package: both hold the key's lock, so a package is either refreshed, and stays,
  or gone, and written anew.
- Two writers of the same page: they take turns, and the older one is refused. A reader sees one page or the other.
- A writer that dies: what it left in `tmp` is swept later, the lock falls with the process.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, TypeVar

from entrepot.page import Page
from entrepot.ports.store import CHUNK, Found, Stamp, checked, refuse_older
from entrepot.refusal import Unavailable

LOCKS = 64

_ABSENT = {errno.ENOENT, errno.ENAMETOOLONG}  # a name too long to be written was never written
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OURS = ("tmp/", "locks/")

T = TypeVar("T")


class FileStore:
    """Objects below the directory `root`; `tmp` and `locks` there are the store's own."""

    local: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root)  # noqa: PTH100 - strings: paths are built for every request

    def prepare(self) -> None:
        """Make the directory, once, when an installation is made: a store that is missing later is no empty one."""
        _make_directory(Path(self._root))

    def create(self, key: str, source: BinaryIO) -> bool:
        """Write the content-addressed bytes of `source`; when they are there already, note that they are wanted."""
        path = self._path(key)
        with _disk_errors_refused():
            with self._temporary() as temporary:
                shutil.copyfileobj(source, temporary, CHUNK)
                _sync_file(temporary)
                _make_directory(path.parent)
                with self._locked(key):
                    new = not path.exists()
                    if new:
                        os.link(temporary.name, path)
                    else:
                        os.utime(path)
            _sync_directory(path.parent)
        return new

    def put_page(self, key: str, page: Page) -> None:
        """Replace the page at `key`. Raises Superseded when the present one was built at a higher serial."""
        path = self._path(key)
        packed = page.pack()
        with _disk_errors_refused(), self._locked(key), self._temporary() as temporary:
            changed_after = self._replaced_by(key, page.serial)
            temporary.write(packed)
            _advance_clock(temporary, changed_after)
            _sync_file(temporary)
            _make_directory(path.parent)
            os.replace(temporary.name, path)  # noqa: PTH105 - beside os.link: the order of these calls is the promise
            _sync_directory(path.parent)

    def read_page(self, key: str) -> Page | None:
        """The page at `key`, gone or not; None when none was ever written. Raises Damaged."""
        return self._if_present(key, _unpack)

    def look(self, key: str, known: Stamp = None) -> tuple[Page | None, Stamp] | None:
        """The page and its stamp, unless that is `known`. Raises Damaged."""
        stamp = self.stamp(key)  # before the page is read: a page replaced meanwhile is found stale at the next look
        return None if stamp == known else (self.read_page(key), stamp)

    def stamp(self, key: str) -> Stamp:
        """Inode and time of change (ns); the empty tuple when there is nothing."""
        status = self._if_present(key, os.stat)
        return () if status is None else (status.st_ino, status.st_mtime_ns)

    def find(self, key: str) -> Found | None:
        """Where the object's bytes lie; None when it is absent."""
        status = self._if_present(key, os.stat)
        return None if status is None else Found(status.st_size, self._path(key))

    def read(self, key: str, first: int, count: int) -> Generator[bytes, None, None]:
        """`count` bytes from `first`, a mebibyte at most at a time. Raises OSError, also when they end too early."""
        with self._path(key).open("rb") as stored:
            stored.seek(first)
            while count:
                chunk = stored.read(min(count, CHUNK))
                if not chunk:
                    raise OSError(errno.EIO, "the object ends too early", key)
                count -= len(chunk)
                yield chunk

    def location(self, key: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Nowhere: clients fetch it here."""
        return None

    def remove_unwanted(self, key: str, before: float) -> bool:
        """Remove a package unless `create` was called for it at or after `before` (seconds since the epoch)."""
        path = self._path(key)
        with self._locked(key):
            status = self._if_present(key, os.stat)
            unwanted = status is not None and status.st_mtime < before
            if unwanted:
                path.unlink()
        return unwanted

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""
        folder = prefix[: prefix.rfind("/") + 1]
        return (key for key in self._below(folder) if key.startswith(prefix) and not key.startswith(_OURS))

    def sweep(self, older_than: float, now: float) -> int:
        """Remove what dead writers left, written more than `older_than` seconds before `now`; how many there were."""
        swept = 0
        for key in self._below("tmp/"):
            path = self._path(key)
            with suppress(FileNotFoundError):  # its writer lives, and was done with it first
                if path.stat().st_mtime < now - older_than:
                    path.unlink()
                    swept += 1
        return swept

    def _name(self, key: str) -> str:
        return f"{self._root}/{checked(key)}"

    def _path(self, key: str) -> Path:
        return Path(self._name(key))

    def _if_present(self, key: str, read: Callable[[str], T]) -> T | None:
        try:
            return read(self._name(key))
        except OSError as error:
            if error.errno not in _ABSENT or not os.path.isdir(self._root):  # noqa: PTH112 - a string, as above
                raise
            return None

    def _replaced_by(self, key: str, serial: int) -> int:
        """When the present page changed (ns), 0 if there is none. Raises Superseded when it is newer than `serial`."""
        status = self._if_present(key, os.stat)
        if status is None:
            return 0
        with self._path(key).open("rb") as stored:
            refuse_older(key, serial, stored)
        return status.st_mtime_ns

    def _below(self, folder: str) -> Iterator[str]:
        try:
            with os.scandir(self._name(folder)) as entries:
                names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries)
        except FileNotFoundError:
            return
        for name in names:
            if name.endswith("/"):
                yield from self._below(folder + name)
            else:
                yield folder + name

    def _own(self, name: str) -> Path:
        """A directory of the store's own, made when it is missing; the store itself is not."""
        folder = self._path(name)
        if not folder.is_dir():
            os.stat(self._root)  # noqa: PTH116 - a string, as above
            _make_directory(folder)
        return folder

    @contextmanager
    def _temporary(self) -> Iterator[BinaryIO]:
        folder = self._own("tmp")
        path = folder / secrets.token_hex(16)
        try:
            with path.open("xb") as temporary:
                yield temporary
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        number = hashlib.blake2b(key.encode()).digest()[0] % LOCKS
        path = self._own("locks") / f"{number:02}"
        with path.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _disk_errors_refused() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable("store-full", "The index has no room left for this file; try again later.") from error
        raise Unavailable("store-unavailable", "The index cannot write to its store; try again later.") from error


def _unpack(name: str) -> Page:
    with Path(name).open("rb") as stored:
        return Page.unpack(stored)


def _advance_clock(file: BinaryIO, last: int) -> None:
    """Make the time of change later than `last` (ns).

    The clock of a file system moves in steps of milliseconds and inodes are used again: without this, a page and its
    second successor could have the same stamp.
    """
    file.flush()
    changed = max(os.fstat(file.fileno()).st_mtime_ns, last + 1)
    os.utime(file.fileno(), ns=(changed, changed))


def _make_directory(path: Path) -> None:
    if path.is_dir():
        return
    _make_directory(path.parent)
    with suppress(FileExistsError):
        path.mkdir()
    _sync_directory(path.parent)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
