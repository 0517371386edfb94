"""How an index is asked: one request at a time, each answer taken whole, within limits of time and size."""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx2

LARGEST = 250_000_000  # bytes of an answer: the list of the largest index there is has a fifth of that
REDIRECTS = 5
SENT_ON = {301, 302, 303, 307, 308}
FRESH = httpx2.Limits(max_keepalive_connections=0)  # a server that hangs up after one answer spoils no other
PLAIN = {"Accept-Encoding": "identity"}


class NoAnswer(Exception):
    """There was none, or none that could be read; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Name and password, as HTTP Basic sends them."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and where it came from in the end. Header names are found in any case; the body is decoded."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is shown as such."""
        return self.body.decode(errors="replace")

    @property
    def type(self) -> str:
        """The media type, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def json(self) -> object:
        """The body as JSON; None when it is none."""
        try:
            parsed: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed

    def header(self, name: str) -> str:
        """A header, empty when it was not sent."""
        return self.headers.get(name, "")


class Session:
    """Asks over HTTP. `timeout` is in seconds, for all of an answer.

    The credentials of `reader`, for an index that shows nobody anything without some, are sent to `url`'s own origin
    only, and with nothing that is posted: an upload brings its own, or none.
    """

    def __init__(self, url: str, *, agent: str, timeout: float, reader: Credentials | None = None) -> None:
        self._client = httpx2.Client(timeout=timeout, verify=_trust(), limits=FRESH)
        self._client.headers["User-Agent"] = agent
        del self._client.headers["Accept"]  # some cases are about having none
        self._client.headers["Accept-Encoding"] = "identity"
        self._timeout = timeout
        self._origin = _origin(url)
        self.reader = reader
        self._known: dict[tuple[str, frozenset[tuple[str, str]]], Reply] = {}

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request; a redirect is an answer like any other. Raises NoAnswer."""
        proof = self.reader if method != "POST" and _origin(url) == self._origin else None
        auth = httpx2.BasicAuth(proof.user, proof.password) if proof else None
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream(method, url, headers=dict(headers), content=body or None, auth=auth) as answer:
                taken = bytearray()
                for chunk in answer.iter_bytes():
                    taken += chunk
                    if len(taken) > LARGEST or time.monotonic() > deadline:
                        raise NoAnswer(f"{method} {url} sends more than {len(taken)} bytes, or too slowly.")
                return Reply(url, answer.status_code, answer.headers, bytes(taken))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswer(f"{method} {url} has no answer: {type(error).__name__} {error}".rstrip()) from error

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """What is there, or where it leads to. The same is asked only once. Raises NoAnswer."""
        key = (url, frozenset((headers or {}).items()))
        if key not in self._known:
            self._known[key] = self.anew(url, headers or {})
        return self._known[key]

    def anew(self, url: str, headers: Mapping[str, str]) -> Reply:
        """What is there now, or where it leads to. Raises NoAnswer."""
        for _hop in range(REDIRECTS + 1):
            reply = self.send("GET", url, headers)
            if reply.status not in SENT_ON:
                return reply
            url = urljoin(url, reply.header("location"))
        raise NoAnswer(f"GET {url} is sent on more than {REDIRECTS} times.")


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
