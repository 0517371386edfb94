"""Asking for what comes next while what came is being taken up; and what is fetched like that."""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from entrepot.upstream.client import Upstream
from entrepot.upstream.page import UpstreamFile

CONNECTIONS = 4  # at once, to one index
HEARTBEAT = 0.1  # seconds after which somebody who waits for a file looks up: others may have something to do

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it came, and its provenance object, if it has one."""

    data: BinaryIO
    provenance: str


def fetched(file: UpstreamFile, upstream: Upstream, folder: Path, stopped: Callable[[], bool]) -> Fetched:
    """Fetch a file into a nameless one in `folder`. Raises Refused, as `Upstream` does."""
    data = cast("BinaryIO", tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - whoever takes it closes it
    try:
        upstream.download(file, data, stopped)
        return Fetched(data, upstream.provenance(file))
    except BaseException:
        data.close()
        raise


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], stopped: Callable[[], bool]
) -> Iterator[tuple[T, Future[R]] | None]:
    """What `work` gave for each item, in order, with a few of them begun beforehand; None while it lasts."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    left = iter(items)
    for _ in range(CONNECTIONS):
        _begin(pool, work, left, waiting)
    try:
        while waiting and not stopped():
            item, future = waiting[0]
            if not wait([future], HEARTBEAT).done:
                yield None
                continue
            waiting.popleft()
            _begin(pool, work, left, waiting)
            yield item, future
    finally:
        for _item, future in waiting:
            future.add_done_callback(_discard)


def _discard(future: "Future[Any]") -> None:
    """Let go what nobody takes any more."""
    if not future.cancel() and future.exception() is None and isinstance(future.result(), Fetched):
        future.result().data.close()


def _begin(
    pool: ThreadPoolExecutor, work: Callable[[T], R], left: Iterator[T], waiting: deque[tuple[T, Future[R]]]
) -> None:
    for item in left:
        waiting.append((item, pool.submit(work, item)))
        return
