"""What those who run an index ask each of its processes: is it alive, is it ready, what are its figures?

Known to no Django, so that all parts answer alike. Nothing here says where anything is, or hands out a secret.
"""

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address

from prometheus_client.core import Metric

from entrepot.monitoring import metrics
from entrepot.monitoring.recent import Recent

HEALTH, READY, METRICS = "/_health/", "/_ready/", "/_metrics/"
PATHS = {HEALTH, READY, METRICS}

_FORWARDED = {"forwarded", "via", "x-forwarded-for", "x-real-ip"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the path, the request headers (names in lower case), the address of whoever is connected."""

    path: str
    headers: Mapping[str, str]
    client: str


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to it."""

    status: HTTPStatus
    type: str
    body: bytes
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the answer."""
        fixed = {"content-type": self.type, "content-length": str(len(self.body)), "cache-control": "no-store"}
        return [*fixed.items(), *self.more.items()]


class Operations:
    """Answers for one process.

    `checks` are what it needs, by name: the process is ready when each has an answer and it is not stopping. `figures`
    are looked up for each scrape, beside what was counted; `token` is what a scrape has to show, if it is not empty.
    """

    def __init__(
        self, checks: Mapping[str, Recent[object]], figures: Callable[[], Iterable[Metric]], token: str
    ) -> None:
        self._checks = checks
        self._figures = figures
        self._token = token
        self.stopping = False

    def tell(self, asked: Asked) -> Told:
        """The answer; it may take as long as `recent.PATIENCE` unless only HEALTH is asked."""
        if asked.path == HEALTH:
            return _text(HTTPStatus.OK, "OK")
        if asked.path == READY:
            return self._readiness()
        return self._scrape(asked)

    def _readiness(self) -> Told:
        checks = {**self._look(), "accepting": not self.stopping}
        ready = all(checks.values())
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Told(status, "application/json", json.dumps({"ready": ready, "checks": checks}).encode())

    def _scrape(self, asked: Asked) -> Told:
        if self._token:
            shown = asked.headers.get("authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
                told = _text(HTTPStatus.UNAUTHORIZED, "The figures are for whoever has the token for them")
                return Told(told.status, told.type, told.body, {"www-authenticate": "Bearer"})
        elif not _from_here(asked):
            return _text(HTTPStatus.NOT_FOUND, "Not Found")
        up = [
            metrics.gauge(f"{name}_up", f"Whether this check passes: {name}", float(passed))
            for name, passed in self._look().items()
        ]
        return Told(HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.exposition([*up, *self._figures()]))

    def _look(self) -> dict[str, bool]:
        for check in self._checks.values():
            check.begin()
        return {name: check.holds() for name, check in self._checks.items()}


def _from_here(asked: Asked) -> bool:
    """Whether somebody on this machine asks, and not through a proxy that stands on it."""
    if _FORWARDED & asked.headers.keys():
        return False
    try:
        return ip_address(asked.client.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False


def _text(status: HTTPStatus, text: str) -> Told:
    return Told(status, "text/plain; charset=utf-8", text.encode())
