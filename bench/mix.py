"""What installers ask an index for: a deterministic mix of pip and uv over projects of very different popularity.

A visit is one client that installs one project: its page (conditionally, when the client has seen it before), then the
metadata and the newest wheel, unless the client has them: they never change. Popularity follows Zipf's law, as it does
on the public index. Between the visits there are uploads of new versions, which put everything about a project in
question at once.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from urllib.parse import urljoin, urlsplit

import zstandard

SEED = 20_240_229
JSON = "application/vnd.pypi.simple.v1+json"

_DECODE: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A program: what it sends with every request, for a page, and for a file."""

    agent: str
    page: Mapping[str, str]
    file: Mapping[str, str]


PIP = Kind(
    'pip/26.3 {"ci":null,"cpu":"x86_64","implementation":{"name":"CPython","version":"3.11.7"}}',
    {
        "Accept": f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
        "Accept-Encoding": "gzip, deflate",
        "Cache-Control": "max-age=0",
        "Connection": "keep-alive",
    },
    {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "keep-alive"},
)
UV = Kind(
    'uv/0.13.8 {"installer":{"name":"uv","version":"0.13.8"},"python":"3.11.7","system":{"name":"Linux"}}',
    {
        "Accept": f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
        "Accept-Encoding": "gzip, deflate, zstd",
    },
    {"Accept": "*/*", "Accept-Encoding": "gzip, deflate, zstd"},
)


@dataclass(frozen=True, slots=True)
class Told:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Get = Callable[[str, Mapping[str, str]], Told]


@dataclass(slots=True)
class Client:
    """One machine with one program, and what that keeps: the ETag and the newest wheel of each page, and files."""

    kind: Kind
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def install(self, project: str, get: Get) -> None:
        """Ask for what an installation needs. Raises RuntimeError for an answer that would make it fail."""
        path = f"/simple/{project}/"
        etag, wheel = self.pages.get(path, ("", ""))
        condition = {"If-None-Match": etag} if etag else {}
        told = get(path, {"User-Agent": self.kind.agent, **self.kind.page, **condition})
        if told.status == 200:
            wheel = _newest(path, told)
            self.pages[path] = told.headers["etag"], wheel
        elif told.status != 304:
            raise RuntimeError(f"{told.status} for {path}")
        for url in (f"{wheel}.metadata", wheel):
            if url not in self.files:
                self.files.add(url)
                told = get(url, {"User-Agent": self.kind.agent, **self.kind.file})
                if told.status != 200:
                    raise RuntimeError(f"{told.status} for {url}")


@dataclass(frozen=True, slots=True)
class Visit:
    """A client installs a project."""

    client: Client
    project: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Somebody publishes another version of a project."""

    project: str
    version: str


def mix(
    projects: Sequence[str], *, visits: int, uploads: int, clients: int = 200, seed: int = SEED
) -> Iterator[Visit | Upload]:
    """So many visits, with so many uploads spread among them; two thirds of the clients are pip. Projects that come
    first are more popular, and are uploaded to more often, too."""
    chance = random.Random(seed)
    machines = [Client(PIP if chance.random() < 2 / 3 else UV) for _ in range(clients)]
    weights = list(accumulate(1 / (rank + 1) for rank in range(len(projects))))
    pause = visits // (uploads + 1)
    for number in range(1, visits + 1):
        (project,) = chance.choices(projects, cum_weights=weights)
        yield Visit(chance.choice(machines), project)
        if number % pause == 0 and number // pause <= uploads:
            (project,) = chance.choices(projects, cum_weights=weights)
            yield Upload(project, f"2.{number // pause}")


def _newest(path: str, told: Told) -> str:
    """The path of the last wheel on a page."""
    page = json.loads(_DECODE[told.headers.get("content-encoding", "")](told.body))
    wheels: list[str] = [file["url"] for file in page["files"] if file["filename"].endswith(".whl")]
    return urlsplit(urljoin(path, wheels[-1])).path
