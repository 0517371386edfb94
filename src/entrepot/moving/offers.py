"""What the simple page of a project offers, wherever the bytes of its files lie."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO

from entrepot.arrivals import Arrival
from entrepot.moving import formats
from entrepot.moving.source import Holding, LeftOut, Offered
from entrepot.names import is_distribution
from entrepot.upstream.page import UpstreamFile, UpstreamProject

Opener = Callable[[UpstreamFile], AbstractContextManager[BinaryIO]]


def holding_of(
    project: str,
    page: UpstreamProject,
    *,
    opener: Opener,
    provenance: Callable[[UpstreamFile], str] = lambda _file: "",
    times: Mapping[str, datetime],
) -> Holding:
    """A project that is spelled like this. `times` of upload, by filename, are for pages that do not tell them."""

    def offered(file: UpstreamFile) -> Offered:
        arrival = Arrival(
            project=project,
            filename=file.filename,
            hashes=file.hashes,
            uploaded_at=file.uploaded_at or times.get(file.filename),
            requires_python=file.requires_python,
        )
        return Offered(arrival, lambda: opener(file), lambda: provenance(file))

    taken = [each for each in page.files if is_distribution(each.filename)]
    others = [formats.left_out(each.filename) for each in page.files if not is_distribution(each.filename)]
    return Holding(
        [offered(each) for each in taken],
        yanked={each.filename: each.yanked for each in taken if each.yanked is not None},
        status=page.status,
        status_reason=page.reason,
        left_out=[*others, *(LeftOut(each, "It makes no sense.") for each in page.faults)],
    )
