"""Figures for Prometheus.

The processes of one supervisor keep their counts in files of one directory, so whichever of them is asked tells about
all (prometheus-client's multiprocess mode, which `PROMETHEUS_MULTIPROC_DIR` turns on; without it a process tells of
itself). Figures that are the same whoever looks, such as those of the database, are not counted here but looked up
when they are asked for.
"""

import os
import platform
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from entrepot import __version__
from entrepot.monitoring.observation import HUNG_UP, Observation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds

_HOT_ROUTES = {ord("i"): "simple", ord("a"): "file", ord("y"): "json"}  # by the third byte of a target
_HOT_STATUS = {ord("2"): "200", ord("3"): "304", ord("4"): "404"}  # by the tenth byte of a head
_READ_ROUTES = {"simple": "simple", "packages": "file", "pypi": "json"}


class _Durations(Histogram):
    """A histogram that takes many observations in one go."""

    def add(self, counts: Iterable[int], seconds: float) -> None:
        """So many observations in each bucket, which together took so long."""
        self._sum.inc(seconds)
        for bucket, count in zip(self._buckets, counts, strict=True):
            bucket.inc(count)


_REQUESTS = Counter("entrepot_requests", "Requests that were answered", ["plane", "route", "status"])
_DURATIONS = _Durations(
    "entrepot_request_duration_seconds",
    "Time to answer; on the read plane to the first byte, and without what was answered from memory at once",
    ["plane", "route"],
    buckets=BUCKETS,
)
_UPLOADS = Counter("entrepot_uploads", "Uploads by what became of them, and why", ["outcome", "code"])
_PUBLICATION = Histogram(
    "entrepot_publication_duration_seconds", "Time in which an upload's own documents were published", buckets=BUCKETS
)
_PURGES = Counter("entrepot_purge_failures", "Purges of the CDN that failed, or did not show")
_LEAKED = Counter("entrepot_leaked_passwords_failures", "Passwords that the list of leaked ones was not there to judge")


class Tally:
    """Counts of one process's read plane, in plain numbers: adding to the figures costs as much as a hot answer.

    `at_once` counts the answers from memory, by the tenth byte of the answer's head and the third of the target,
    which say whether it went out and what was asked. Used by one thread.
    """

    def __init__(self) -> None:
        self.at_once = {head: [0] * 256 for head in _HOT_STATUS}
        self._answers: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))

    def note(self, path: str, status: int, seconds: float) -> None:
        """One answer to a request for `path` that took so long to begin."""
        route = _READ_ROUTES.get(path[1 : path.find("/", 1)], "other")
        self._answers[route, status] += 1
        self._seconds[route] += seconds
        self._buckets[route][bisect_left(BUCKETS, seconds)] += 1

    def flush(self) -> None:
        """Add to the figures what was counted since the last time."""
        for head, status in _HOT_STATUS.items():
            for target, route in _HOT_ROUTES.items():
                if count := self.at_once[head][target]:
                    _REQUESTS.labels("read", route, status).inc(count)
                    self.at_once[head][target] = 0
        for (route, code), count in self._answers.items():
            _REQUESTS.labels("read", route, str(code)).inc(count)
        for route, buckets in self._buckets.items():
            _DURATIONS.labels("read", route).add(buckets, self._seconds[route])
        for counted in (self._answers, self._seconds, self._buckets):
            counted.clear()


def request(seen: Observation, seconds: float) -> None:
    """A request to the control plane was answered."""
    _REQUESTS.labels("control", seen.route, str(seen.status)).inc()
    _DURATIONS.labels("control", seen.route).observe(seconds)
    if seen.route == "upload" and seen.method == "POST":
        _UPLOADS.labels(_outcome(seen.status), seen.code).inc()


def publication() -> AbstractContextManager[object]:
    """Around the publication of an upload's own documents."""
    return _PUBLICATION.time()


def purge_failed() -> None:
    """A purge of the CDN failed, or the CDN still shows what was purged."""
    _PURGES.inc()


def leaked_list_failed() -> None:
    """The list of leaked passwords did not answer, and a password was taken without it."""
    _LEAKED.inc()


def gauge(name: str, meaning: str, value: float) -> Metric:
    """A figure as it is at this moment."""
    return GaugeMetricFamily(f"entrepot_{name}", meaning, value)


def exposition(figures: Iterable[Metric]) -> bytes:
    """All figures in Prometheus's text form: what was counted, the build, and `figures`."""
    counted = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    looked_up = CollectorRegistry()
    looked_up.register(_Figures([_build(), *figures]))
    return generate_latest(counted) + generate_latest(looked_up)


class _Figures(Collector):
    def __init__(self, figures: Iterable[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from self._figures


def _build() -> Metric:
    about = {"version": __version__, "python": platform.python_version()}
    return InfoMetricFamily("entrepot_build", "The program that runs", about)


def _outcome(status: int) -> str:
    if status < 400:
        return "taken"
    if status == HUNG_UP:
        return "aborted"
    return "refused" if status < 500 else "unavailable"
