r"""Lines of logs, of whatever server or CDN wrote them.

Three forms are known, each line by itself:

- JSON objects, which the read plane writes: `time` (seconds since 1970, or ISO 8601), `path` (or `url`), `agent` (or
  `user_agent`), and where there are any `status`, `range`, `method` and `count`.
- The "combined" form of Apache, nginx and varnishncsa; quotes in it are escaped as `\"` or `\x22`.
- What linehaul reads, version 3: `download|Sat, 21 Nov 2026 20:00:00 GMT|…|/packages/…|…|…|…|…|…|agent`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from entrepot import layout

LONGEST = 16 * 1024  # characters of a line that is read
LONGEST_AGENT = 1000  # characters of what a program says of itself; thousands of these are remembered

_COMBINED = re.compile(
    r"\S+ \S+ .*?\[(?P<time>[^\]]+)\] "
    r'"(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" (?P<status>\d{3}) \S+ "(?:[^"\\]|\\.)*" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")
_LINEHAUL = "download|"
_BEGINNING = "bytes=0-"


@dataclass(frozen=True, slots=True)
class Download:
    """`count` times, on a `day`, somebody with this user agent fetched a file."""

    day: date
    blake2: str
    filename: str
    agent: str
    count: int = 1


class Malformed(ValueError):
    """A line that nobody understands."""


def download_in(line: str) -> Download | None:
    """What a line tells; None when that is no download of a distribution file. Raises Malformed."""
    try:
        if line.startswith("{"):
            return _of_json(json.loads(line))
        if line.startswith(_LINEHAUL):
            return _of_linehaul(line)
        return _of_combined(line)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise Malformed(str(error)) from error


def _of_json(said: Mapping[str, object]) -> Download | None:
    if said.keys() == {"log"}:  # the first line of our own
        return None
    path, agent = said["path"] if "path" in said else said["url"], said.get("agent") or said.get("user_agent") or ""
    time, count = said["time"], int(str(said.get("count", 1)))
    day = datetime.fromtimestamp(time, UTC).date() if isinstance(time, int | float) else _iso(str(time))
    if not 0 < count < 1_000_000:
        raise Malformed("a count that cannot be")
    asked = str(said.get("range") or "").removeprefix("-")  # as some write what is not there
    begins = _is_beginning(int(str(said.get("status", 200))), asked)
    counts = str(said.get("method") or "GET") == "GET" and begins
    return _download(day, str(path), str(agent), count) if counts else None


def _of_linehaul(line: str) -> Download | None:
    _kind, time, _country, url, _tls, _cipher, _project, _version, _type, agent = line.split("|", 9)
    return _download(_rfc_1123(time), url, agent, 1)


def _of_combined(line: str) -> Download | None:
    found = _COMBINED.match(line)
    if found is None:
        raise Malformed("not a line of an access log")
    day = _apache(found["time"])
    if found["method"] != "GET" or not _is_beginning(int(found["status"]), ""):
        return None
    return _download(day, found["path"], _ESCAPED.sub(_unescaped, found["agent"]), 1)


def _is_beginning(status: int, asked: str) -> bool:
    """Whether a file went out from its first byte; 302 sends the client to the store, which sends what was asked for.

    The log of a part (206) has to say of which.
    """
    return (
        status == 200
        or (status == 206 and asked.startswith(_BEGINNING))
        or (status == 302 and (asked or _BEGINNING).startswith(_BEGINNING))
    )


def _download(day: date, url: str, agent: str, count: int) -> Download | None:
    path = unquote(urlsplit(url).path)
    found = layout.package_at(path.removeprefix("/")) if path.startswith("/packages/") else None
    if found is None or found[1].endswith(".metadata"):
        return None
    return Download(day, found[0], found[1], agent[:LONGEST_AGENT], count)


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


@lru_cache(1024)
def _apache(time: str) -> date:
    return datetime.strptime(time, "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC).date()


@lru_cache(1024)
def _iso(time: str) -> date:
    """A time without a zone is in UTC."""
    moment = datetime.fromisoformat(time)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()


@lru_cache(1024)
def _rfc_1123(time: str) -> date:
    return datetime.strptime(time, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).date()
