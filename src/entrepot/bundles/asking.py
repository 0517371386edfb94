"""What indexes say of the files that go into a bundle, and which others there are of the same release."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx2

from entrepot.bundles.locks import Release, Wanted
from entrepot.bundles.selecting import Selection
from entrepot.names import ProjectName
from entrepot.refusal import Missing, Refused
from entrepot.upstream.client import Upstream, checked_url
from entrepot.upstream.page import UpstreamFile, UpstreamProject


@dataclass(frozen=True, slots=True)
class Status:
    """The status marker of a project (PEP 792), and its reason."""

    marker: str = "active"
    reason: str = ""


class Indexes:
    """The indexes that are asked, and other places of files. A user and a password in `home` are told to its host."""

    def __init__(self, home: str) -> None:
        self._home = httpx2.URL(home)
        self._asked: dict[httpx2.URL, Upstream] = {}
        self._pages: dict[tuple[str, ProjectName], UpstreamProject | None] = {}

    def at(self, address: str) -> Upstream:
        """The index at an address. Raises Refused("invalid-url")."""
        url = httpx2.URL(checked_url(address)).copy_with(username=None, password=None)
        if url not in self._asked:
            at_home = (url.scheme, url.host, url.port) == (self._home.scheme, self._home.host, self._home.port)
            with_user = url.copy_with(username=self._home.username, password=self._home.password)
            self._asked[url] = Upstream(str(with_user if at_home and self._home.username else url))
        return self._asked[url]

    def place_of(self, url: str) -> Upstream:
        """What can fetch the file at a URL. Raises Refused("invalid-url")."""
        parts = urlsplit(url)
        return self.at(f"{parts.scheme}://{parts.netloc}/")

    def close(self) -> None:
        """End all connections."""
        for each in self._asked.values():
            each.close()

    def page(self, address: str, project: ProjectName) -> UpstreamProject | None:
        """What an index says of a project; None where it has none. Each page is asked for once."""
        if (address, project) not in self._pages:
            with suppress(Missing):
                self._pages[address, project] = None
                answer = self.at(address).project(project)
                self._pages[address, project] = None if answer is None else answer.project
        return self._pages[address, project]


def look_up(release: Release, selection: Selection, indexes: Indexes) -> tuple[Release, Status]:
    """The release with all that its indexes tell of its files, and with more files where they are needed.

    Raises Unavailable("upstream-unavailable"), Refused: "upstream-unreadable", "invalid-url".
    """
    pages = [page for address in release.indexes if (page := indexes.page(address, release.project)) is not None]
    listed = {file.filename: file for page in reversed(pages) for file in page.files}
    files = [_detailed(each, listed.pop(each.file.filename, None)) for each in release.files]
    if release.partial:
        files += _others(release, listed.values(), selection)
    status = Status(pages[0].status, pages[0].reason) if pages else Status()
    return replace(release, files=files), status


def _detailed(wanted: Wanted, listed: UpstreamFile | None) -> Wanted:
    """With what the page says of the file, if it speaks of the same."""
    mine = wanted.file
    if listed is None or any(mine.hashes.get(name, digest) != digest for name, digest in listed.hashes.items()):
        return wanted
    told = replace(
        listed,
        url=mine.url,
        hashes={**listed.hashes, **mine.hashes},
        size=listed.size if mine.size is None else mine.size,
        uploaded_at=listed.uploaded_at or mine.uploaded_at,
    )
    return replace(wanted, file=told)


def _others(release: Release, listed: Iterable[UpstreamFile], selection: Selection) -> Iterator[Wanted]:
    version = release.files[0].parsed.version
    for file in listed:
        with suppress(Refused):  # what is no distribution that installers take
            other = Wanted(release.project, file)
            if other.parsed.version == version and selection.adds(other):
                yield other
