"""Another index, wherever it is, by the URL of its simple pages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from entrepot.arrivals import receive
from entrepot.moving.offers import holding_of
from entrepot.moving.source import Door, Holding, LeftOut, Person
from entrepot.names import ProjectName
from entrepot.upstream.client import Answer, Listing, Upstream
from entrepot.upstream.page import UpstreamFile


class Elsewhere:
    """All projects of an index, or some. Files are fetched into nameless ones in the folder `scratch`."""

    people: Sequence[Person] = ()
    left_out: Sequence[LeftOut] = ()

    def __init__(self, upstream: Upstream, wanted: Sequence[str], *, scratch: Path) -> None:
        self._upstream = upstream
        self._wanted = wanted
        self._scratch = scratch

    @property
    def door(self) -> Door:
        """As they are."""
        return receive

    def names(self) -> Sequence[str]:
        """Those that are wanted, or all that it lists."""
        if self._wanted:
            return self._wanted
        listing = cast("Listing", self._upstream.project_list())  # whoever names no ETag gets one
        return sorted(each.name for each in listing.projects)

    def holding(self, name: str) -> Holding:
        """What its page says."""
        answer = cast("Answer", self._upstream.project(ProjectName(name)))
        return holding_of(name, answer.project, opener=self._fetched, provenance=self._upstream.provenance, times={})

    @contextmanager
    def _fetched(self, file: UpstreamFile) -> Iterator[BinaryIO]:
        with TemporaryFile(dir=self._scratch) as into:
            self._upstream.download(file, into)
            into.seek(0)
            yield into


def wanted_projects(lines: str) -> Sequence[str]:
    """The projects that a text names, one to a line; what follows a # is a comment. Raises Refused("invalid-name")."""
    names = [line.partition("#")[0].strip() for line in lines.splitlines()]
    return [ProjectName(name) for name in names if name]
