"""What an index in a test does wrong on order.

Each verb begins something at once and returns it as a `Trouble`, which ends with `clear()`, or with the `with` block
that it heads. Verbs about answers take `at`, which says where, and `times`, after how many answers it is over. Where
several meet, the one that began first comes first.

`at` is nothing for everywhere; a filename; a filename with `.metadata`, for the sidecar; a project, for its page, its
files and their sidecars; or the beginning of a path, which is whatever starts with a slash: "/simple/" are all pages,
"/packages/" all files, "/legacy/" all uploads. A project or a file has to be there: Missing("no-such-project") or
("no-such-file") otherwise. So has a sidecar.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from entrepot.edge.sending import Receive, Scope, Send
from entrepot.names import SDIST_SUFFIXES
from entrepot.refusal import Missing
from entrepot.testing import wire
from entrepot.testing.serving import Application
from entrepot.testing.shelf import Shelf
from entrepot.testing.wire import Act, Json

ANOTHER = "0" * 64  # a hash that nothing has
SIDECAR = ".metadata"
DISTRIBUTIONS = (".whl", *SDIST_SUFFIXES)

Place = Callable[[str], bool]  # whether a path is meant


class Trouble:
    """Something that goes wrong until it is cleared."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._over = False

    def clear(self) -> None:
        """End it. Once more does no harm."""
        if not self._over:
            self._over = True
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.clear()


class Fault(Trouble):
    """Trouble with answers; `count` says how many it has spoilt so far."""

    def __init__(self, end: Callable[[], None], act: Act, place: Place, times: int | None) -> None:
        super().__init__(end)
        self.count = 0
        self._act = act
        self._place = place
        self._times = times

    async def befall(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        """Spoil the answer of `app` (ASGI), if it is one of those that are meant."""
        if self._place(scope["path"]) and (self._times is None or self.count < self._times):
            self.count += 1
            await self._act(app, scope, receive, send)
        else:
            await app(scope, receive, send)


class Troubles(Shelf):
    """What is offered, and what goes wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self._faults: tuple[Fault, ...] = ()

    def slow(self, seconds: float, at: str | None = None, *, times: int | None = None) -> Fault:
        """Answer so much later."""
        return self._fault(wire.slow(seconds), at, times)

    def hang(self, at: str | None = None, *, times: int | None = None) -> Fault:
        """Never answer."""
        return self._fault(wire.hang, at, times)

    def disconnect(self, at: str | None = None, *, times: int | None = None) -> Fault:
        """Close the connection instead of an answer."""
        return self._fault(wire.disconnect, at, times)

    def truncate(self, at: str | None = None, *, after: int, times: int | None = None) -> Fault:
        """Announce the whole length, and close the connection after so many bytes of the body."""
        return self._fault(wire.truncate(after), at, times)

    def fail(
        self, status: int = 503, at: str | None = None, *, retry_after: int | None = None, times: int | None = None
    ) -> Fault:
        """Answer with this status and, if it is given, `Retry-After` in seconds."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return self.answer(status, at, body=f"{status}, on order\n".encode(), headers=headers, times=times)

    def answer(
        self,
        status: int = 200,
        at: str | None = None,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> Fault:
        """Answer with exactly this. It is plain text, unless `headers` have a `content-type`."""
        return self._fault(wire.answer(status, body, headers or {}), at, times)

    def redirect(self, to: str, at: str | None = None, *, status: int = 302, times: int | None = None) -> Fault:
        """Send the client to another URL."""
        return self.answer(status, at, headers={"location": to}, times=times)

    def require_login(self, username: str, password: str, at: str | None = None) -> Fault:
        """Answer 401 to whoever does not give these credentials (HTTP Basic)."""
        return self._fault(wire.demand(username, password), at, None)

    def headers(self, changes: Mapping[str, str | None], at: str | None = None, *, times: int | None = None) -> Fault:
        """Send headers with other values, or, where the value is None, without them."""
        return self._fault(wire.headers(changes), at, times)

    def weak_etags(self, at: str | None = None) -> Fault:
        """Mark ETags as weak, as some caches in between do."""
        return self._fault(wire.weak_etags(), at, None)

    def no_ranges(self, at: str | None = None) -> Fault:
        """Take no `Range`, and do not say that ranges are taken."""
        return self._fault(wire.no_ranges(), at, None)

    def html_only(self) -> Fault:
        """Be an index that does not know the JSON form (PEP 691) of simple pages."""
        return self._fault(wire.only_html, "/simple/", None)

    def rewrite(self, edit: Callable[[Json], object], at: str | None = None) -> Fault:
        """Send simple pages in their JSON form as `edit` leaves them; it changes what it is given."""
        return self._fault(wire.rewrite(edit), at, None)

    def without_upload_times(self, at: str | None = None) -> Fault:
        """Leave `upload-time` (PEP 700) out of pages."""
        return self.rewrite(_drop_upload_times, at)

    def wrong_bytes(self, filename: str, *, times: int | None = None) -> Fault:
        """Send other bytes than those of the file, as many as it has."""
        return self._fault(wire.garble, filename, times)

    def missing_metadata(self, filename: str) -> Fault:
        """Answer 404 for the sidecar of a file, though the page says that there is one."""
        return self.fail(404, f"{filename}{SIDECAR}")

    def without_metadata(self, filename: str) -> Trouble:
        """Do not say on the page that the file has a sidecar (PEP 658)."""
        return Trouble(self._claim(filename, lambda file: replace(file, metadata_sha256="")))

    def wrong_metadata_hash(self, filename: str) -> Trouble:
        """Say another hash of the sidecar on the page than it has."""
        return Trouble(self._claim(filename, lambda file: replace(file, metadata_sha256=ANOTHER)))

    def wrong_hash(self, filename: str) -> Trouble:
        """Say another hash of the file on the page than it has."""
        return Trouble(self._claim(filename, lambda file: replace(file, sha256=ANOTHER)))

    def stale(self, name: str) -> Trouble:
        """Leave the page of a project as it is now, whatever happens to the project."""
        return Trouble(self._freeze(name))

    def _fault(self, act: Act, at: str | None, times: int | None) -> Fault:
        if times is not None and times < 1:
            raise ValueError(f"times is {times}: it has to be 1 or more, or None for until it is cleared")
        place = self._where(at)

        def end() -> None:
            with self._lock:
                self._faults = tuple(each for each in self._faults if each is not fault)

        fault = Fault(end, act, place, times)
        with self._lock:
            self._faults = (*self._faults, fault)
        return fault

    def _where(self, at: str | None) -> Place:
        if at is None:
            return lambda _path: True
        if at.startswith("/"):
            return lambda path: path.startswith(at)
        filename = at.removesuffix(SIDECAR)
        if filename.endswith(DISTRIBUTIONS):
            if not self._file_of(filename).detail.metadata_sha256 and at != filename:
                raise Missing("no-such-file", f"'{filename}' has no sidecar.", "at")
            return lambda path: path.rpartition("/")[2] == at
        name = self._project(at).name

        def of_project(path: str) -> bool:
            return path == f"/simple/{name}/" or path.rpartition("/")[2].removesuffix(SIDECAR) in self.filenames(name)

        return of_project


def _drop_upload_times(page: Json) -> None:
    for file in page["files"]:
        del file["upload-time"]
