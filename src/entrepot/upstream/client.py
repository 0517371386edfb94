"""Asking another index: its list of projects, their pages, its files. Nothing here knows what becomes of the answers.

Redirects are followed, proxies and `.netrc` are used as installers do; a user and a password in the URL are sent to
its own host only. A file that breaks off is taken up where it did.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from netrc import NetrcParseError
from pathlib import Path
from typing import BinaryIO

import httpx2

from entrepot import __version__
from entrepot.names import ProjectName
from entrepot.refusal import Missing, Refused, Unavailable
from entrepot.upstream.page import UpstreamFile, UpstreamListed, UpstreamProject, read_list, read_project

JSON_FIRST = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
AGENT = f"entrepot/{__version__}"
LONGEST_LIST = 128 * 1024 * 1024  # bytes; read, it takes some twenty times as many
LONGEST_PAGE = 64 * 1024 * 1024  # bytes
LONGEST_FILE = 16 * 1024 * 1024 * 1024  # bytes, where a page says no size
LONGEST_PROVENANCE = 16 * 1024 * 1024  # bytes
LONGEST_ETAG = 200  # characters
LONGEST_SERIAL = 20  # digits
PATIENCE = 30.0  # seconds for the next bytes
DEADLINE = 300.0  # seconds for a page, all in all
SLOWEST = 4096  # bytes a second of a file, after DEADLINE
ATTEMPTS = 5  # to go on with a file that breaks off
CONNECTIONS = 8
_GONE = {httpx2.codes.NOT_FOUND, httpx2.codes.GONE}


@dataclass(frozen=True, slots=True)
class Listing:
    """The list of projects; `etag` is empty where there is none."""

    projects: tuple[UpstreamListed, ...]
    etag: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A project's page; `serial` is what its header says, None where there is none."""

    project: UpstreamProject
    etag: str
    serial: int | None


class Upstream:
    """Another index; `url` is that of its simple index. Safe to use from several threads.

    All it gives raises Unavailable("upstream-unavailable") while it does not answer as it should.
    """

    def __init__(self, url: str) -> None:
        self.url = checked_url(url)
        given = httpx2.URL(self.url)
        self._origin = (given.scheme, given.host, given.port)
        self._client = httpx2.Client(
            headers={"User-Agent": AGENT},
            timeout=httpx2.Timeout(PATIENCE),
            follow_redirects=True,
            max_redirects=5,
            auth=_netrc(),
            limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )
        self._auth = httpx2.BasicAuth(given.username, given.password) if given.username else None
        self.url = str(given.copy_with(username=None, password=None)) if given.username else self.url

    def close(self) -> None:
        """End its connections."""
        self._client.close()

    def project_list(self, etag: str = "") -> Listing | None:
        """All its projects; None when the list still has that ETag. Raises Refused("upstream-unreadable")."""
        with self._page(self.url, etag) as answer:
            if answer.status_code == httpx2.codes.NOT_MODIFIED:
                return None
            body = _body(answer, LONGEST_LIST)
        found = read_list(body, answer.headers.get("Content-Type", ""), str(answer.url))
        return Listing(found, _etag(answer))

    def project(self, name: ProjectName, etag: str = "") -> Answer | None:
        """A project's page; None when it still has that ETag.

        Raises Missing("upstream-missing") where it has no such project, Refused("upstream-unreadable").
        """
        with self._page(f"{self.url}{name}/", etag) as answer:
            if answer.status_code == httpx2.codes.NOT_MODIFIED:
                return None
            body = _body(answer, LONGEST_PAGE)
        found = read_project(body, answer.headers.get("Content-Type", ""), str(answer.url))
        return Answer(found, _etag(answer), _serial(answer))

    def provenance(self, file: UpstreamFile) -> str:
        """The provenance object of a file (PEP 740), as text; empty where there is none, or something else."""
        if not file.provenance:
            return ""
        try:
            with self._asked(file.provenance, {"Accept": "application/vnd.pypi.integrity.v1+json"}) as answer:
                body = _body(answer, LONGEST_PROVENANCE)
        except Missing:
            return ""
        return body.decode() if _is_provenance(body) else ""

    def download(self, file: UpstreamFile, into: BinaryIO, stopped: Callable[[], bool] = lambda: False) -> None:
        """Write the file's bytes, unless it is `stopped`. Whether they are the right ones is for its hashes to say.

        Raises Missing("upstream-missing"), Refused("wrong-size"), and Refused("no-hash") for a file on another host
        that has none: the other index could name any address that this machine reaches, and have it published.
        """
        if not file.hashes and not self._is_own(file.url):
            raise Refused(
                "no-hash", f"{file.url} is on another host, and has no hash: it could be anything.", "content"
            )
        for _attempt in range(ATTEMPTS - 1):
            try:
                self._go_on(file, into, stopped)
            except Unavailable:
                if stopped() or not into.tell():
                    raise
            else:
                return
        self._go_on(file, into, stopped)

    def _go_on(self, file: UpstreamFile, into: BinaryIO, stopped: Callable[[], bool]) -> None:
        have = into.tell()
        began = time.monotonic()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self._asked(file.url, headers) as answer:
            if answer.status_code != httpx2.codes.PARTIAL_CONTENT:
                into.seek(0)
                into.truncate()
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise _trouble(file.url, "it goes on with another part than was asked for")
            for chunk in answer.iter_raw():
                if stopped():
                    raise _trouble(file.url, "it was interrupted")
                if time.monotonic() - began > DEADLINE + (into.tell() - have) / SLOWEST:
                    raise _trouble(file.url, "it comes too slowly")
                into.write(chunk)
                if into.tell() > (most := LONGEST_FILE if file.size is None else file.size):
                    told = f"{file.url} has more than the {most} bytes that are said, or ever needed."
                    raise Refused("wrong-size", told, "content")
        if file.size is not None and into.tell() < file.size:
            raise _trouble(file.url, "it ends too early")

    def _is_own(self, url: str) -> bool:
        """Whether it is on the other index's own host."""
        try:
            given = httpx2.URL(url)
        except httpx2.InvalidURL:
            return False
        return (given.scheme, given.host, given.port) == self._origin

    @contextmanager
    def _page(self, url: str, etag: str) -> Iterator[httpx2.Response]:
        headers = {"Accept": JSON_FIRST, "Cache-Control": "no-cache"} | ({"If-None-Match": etag} if etag else {})
        with self._asked(url, headers) as answer:
            yield answer

    @contextmanager
    def _asked(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        try:
            asked = httpx2.URL(url)
            mine = self._is_own(url)
            with self._client.stream(
                "GET", asked, headers=headers, auth=self._auth if mine and self._auth else httpx2.USE_CLIENT_DEFAULT
            ) as answer:
                if answer.status_code in _GONE:
                    raise Missing("upstream-missing", f"There is nothing at {url}.")
                known = answer.status_code == httpx2.codes.NOT_MODIFIED and "If-None-Match" in headers
                if not answer.is_success and not known:
                    raise _trouble(url, f"it answers {answer.status_code}")
                yield answer
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise _trouble(url, f"{type(error).__name__} {error}".strip()) from error


def _netrc() -> httpx2.Auth | None:
    """Users and passwords by host, as installers find them. Raises Refused("invalid-setting")."""
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        return httpx2.NetRCAuth(str(path)) if path.is_file() else None
    except NetrcParseError as error:
        raise Refused("invalid-setting", f"{path} cannot be read: {error}.") from error


def checked_url(url: str) -> str:
    """The URL of a simple index, with a slash at its end. Raises Refused("invalid-url")."""
    try:
        given = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Refused("invalid-url", f"{url!r} is no URL: {error}.", "url") from error
    if given.scheme not in {"http", "https"} or not given.host or given.query or given.fragment:
        raise Refused("invalid-url", f"{url!r} is not the URL of a simple index: https://…/simple/.", "url")
    return url if url.endswith("/") else f"{url}/"


def _body(answer: httpx2.Response, longest: int) -> bytes:
    """All of it. Raises Unavailable where it is more than `longest` bytes, or takes longer than DEADLINE."""
    deadline, body = time.monotonic() + DEADLINE, bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > longest:
            raise _trouble(str(answer.url), f"it is longer than {longest} bytes")
        if time.monotonic() > deadline:
            raise _trouble(str(answer.url), f"it takes longer than {DEADLINE:g} seconds")
    return bytes(body)


def _is_provenance(body: bytes) -> bool:
    """Whether it is what may be published as such: nothing else says what is behind that URL."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("version") == 1


def _etag(answer: httpx2.Response) -> str:
    """Empty where there is none that can be kept, and sent again."""
    etag: str = answer.headers.get("ETag", "")
    return etag if len(etag) <= LONGEST_ETAG and etag.isascii() and etag.isprintable() else ""


def _serial(answer: httpx2.Response) -> int | None:
    told: str = answer.headers.get("X-PyPI-Last-Serial", "")
    return int(told) if told.isdecimal() and len(told) < LONGEST_SERIAL else None


def _trouble(url: str, why: str) -> Unavailable:
    return Unavailable("upstream-unavailable", f"{url} could not be read: {why}.")
