"""A mirror that bandersnatch keeps: its files, and what is said of them there.

Its simple pages in HTML tell why files were yanked, those in JSON when they were uploaded, neither both. Where it keeps
the JSON documents of projects, too (`json = true`), they tell how names are spelled, and times of upload.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from entrepot.arrivals import receive
from entrepot.moving.offers import holding_of
from entrepot.moving.source import Door, Holding, LeftOut, Person
from entrepot.moving.within import bytes_within, file_within, invalid, json_within
from entrepot.upstream.page import UpstreamFile, UpstreamProject, read_project

LARGEST_PAGE = 128 * 1024 * 1024  # bytes
PAGES = {"index.html": "text/html", "index.v1_json": "application/vnd.pypi.simple.v1+json"}
BASE = "https://mirror.invalid/web/"  # what its links lead to is below its own folder


class Bandersnatch:
    """The folder that its configuration calls `directory`."""

    people: Sequence[Person] = ()
    left_out: Sequence[LeftOut] = ()

    def __init__(self, root: Path) -> None:
        self._web = root / "web"
        self._folders = dict(sorted(_folders(self._web / "simple")))

    @property
    def door(self) -> Door:
        """As they are."""
        return receive

    def names(self) -> Sequence[str]:
        """The projects, normalized."""
        return list(self._folders)

    def holding(self, name: str) -> Holding:
        """What its pages say, and its document, if there is one."""
        pages = [self._page(path) for path in _pages(self._folders[name])]
        times = {file.filename: file.uploaded_at for page in pages for file in page.files if file.uploaded_at}
        spelled, more = self._documented(name)
        return holding_of(spelled, pages[0], opener=self._opened, times={**times, **more})

    def _page(self, path: Path) -> UpstreamProject:
        relative = path.relative_to(self._web).as_posix()
        body = bytes_within(self._web, relative, most=LARGEST_PAGE)
        return read_project(body, PAGES[path.name], f"{BASE}{relative}")

    def _opened(self, file: UpstreamFile) -> BinaryIO:
        """Below `packages`, at the path that it has where it comes from."""
        _host, packages, path = unquote(urlsplit(file.url).path).partition("/packages/")
        return file_within(self._web, f"{packages[1:]}{path}").open("rb")

    def _documented(self, name: str) -> tuple[str, Mapping[str, datetime]]:
        """How the project is spelled, and when its files were uploaded, as far as it is known."""
        path = f"json/{name}"
        if not (self._web / path).exists():
            return name, {}
        try:
            document = json_within(self._web, path, most=LARGEST_PAGE)
            files = (each for release in document["releases"].values() for each in release)
            return str(document["info"]["name"]), dict(map(_uploaded, files))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise invalid(path, f"it is not a project's document ({type(error).__name__}: {error})") from error


def _uploaded(told: Mapping[str, Any]) -> tuple[str, datetime]:
    return told["filename"], datetime.fromisoformat(told["upload_time_iso_8601"]).replace(tzinfo=UTC)


def _folders(simple: Path) -> Iterator[tuple[str, Path]]:
    """The folder of each project, by its name. They may lie in others, by their first letters (`hash-index`)."""
    for folder in (each for each in simple.iterdir() if each.is_dir()):
        among = [folder] if _pages(folder) else folder.iterdir()
        yield from ((each.name, each) for each in among if _pages(each))


def _pages(folder: Path) -> list[Path]:
    return [folder / name for name in PAGES if (folder / name).is_file()]
