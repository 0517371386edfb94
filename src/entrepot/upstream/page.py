"""What other indexes say on their simple pages, in HTML and in JSON, of any version 1 and in any spelling in use.

Indexes differ in what they leave out and in how they write "nothing"; what installers forgive is forgiven here. A file
that cannot be understood is left out, and told in `faults`, so that one odd line costs nobody the whole page.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, unquote, urldefrag, urljoin, urlsplit

from entrepot.digests import HASHES
from entrepot.names import ProjectName, is_distribution
from entrepot.refusal import Refused

STATUSES = ("active", "archived", "deprecated", "quarantined")
LARGEST_SERIAL = 2**63 - 1  # that a database keeps
_DIGEST = re.compile(r"(?:[0-9a-fA-F]{2}){16,64}")
# A century either way, so that days can be added to it and taken away.
_TIME = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|\+00:00)")
_UNFIT = re.compile("[\0\ud800-\udfff]")  # halves of characters, which JSON can hold, and what databases refuse


@dataclass(frozen=True, slots=True)
class UpstreamFile:
    """A distribution file as another index offers it. What is unknown is None, or empty.

    `url` is absolute and without a fragment, `size` in bytes; `hashes` maps algorithms to hexadecimal digests; `yanked`
    is the reason, which may be empty, None where it is not yanked; `provenance` is a URL.
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    size: int | None = None
    requires_python: str = ""
    uploaded_at: datetime | None = None
    yanked: str | None = None
    metadata_sha256: str = ""
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamProject:
    """A project's page: its status marker with the reason (PEP 792), and its files."""

    status: str
    reason: str
    files: tuple[UpstreamFile, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpstreamListed:
    """A project of the list, as it is spelled there; `serial` is that of its last change, None where none is told."""

    name: str
    serial: int | None = None


def read_project(body: bytes, content_type: str, url: str) -> UpstreamProject:
    """The project's page that `url` gave. Raises Refused("upstream-unreadable")."""
    if _is_json(content_type):
        document = _document(body, url)
        given = document.get("project-status")
        status: Mapping[str, Any] = given if isinstance(given, dict) else {}
        return _project(
            _text(status.get("status")), _text(status.get("reason")), _entries(document, "files", url), url, _of_json
        )
    page = _parsed(body, url)
    found = _project(
        page.metas.get("project-status", ""),
        page.metas.get("project-status-reason", ""),
        page.anchors,
        page.base,
        _of_anchor,
    )
    if not page.metas and not any(is_distribution(each.filename) for each in found.files):
        # Whoever is out of order answers with some page, too: it is no reason to remove anything.
        raise _unreadable(url, "it has no files, and does not say that it is a page of an index")
    return found


def read_list(body: bytes, content_type: str, url: str) -> tuple[UpstreamListed, ...]:
    """The projects on the list that `url` gave, each once. Raises Refused("upstream-unreadable")."""
    if _is_json(content_type):
        entries = [each for each in _entries(_document(body, url), "projects", url) if isinstance(each, dict)]
        named = [(_text(each.get("name")), _serial(each.get("_last-serial"))) for each in entries]
    else:
        page = _parsed(body, url)
        named = [(_last_part(each.get("href") or ""), None) for each in page.anchors]
    found = [UpstreamListed(name, serial) for name, serial in named if _is_name(name)]
    return tuple({ProjectName(each.name): each for each in found}.values())


def _last_part(link: str) -> str:
    """The last part of its path; empty where it is no link."""
    try:
        return unquote(urlsplit(link).path.rstrip("/").rpartition("/")[2])
    except ValueError:
        return ""


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower().endswith("json")


def _is_name(name: str) -> bool:
    try:
        ProjectName(name)
    except Refused:
        return False
    return True


def _document(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(url, f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise _unreadable(url, "it is no JSON object")
    meta = document.get("meta")
    _check_version(_text(meta.get("api-version")) if isinstance(meta, dict) else "", url)
    return document


def _entries(document: Mapping[str, Any], key: str, url: str) -> list[Any]:
    """Raises Refused: without them, who knows what this is."""
    entries = document.get(key)
    if not isinstance(entries, list):
        raise _unreadable(url, f"it has no list of {key}")
    return entries


def _check_version(version: str, url: str) -> None:
    """None is 1.0 (PEP 629)."""
    if version and version.partition(".")[0] != "1":
        raise _unreadable(url, f"it is of version {version[:20]} of the simple API")


def _parsed(body: bytes, url: str) -> "_Page":
    page = _Page(url)
    page.feed(_fit(body.decode(errors="replace")))
    page.close()
    _check_version(page.metas.get("repository-version", ""), url)
    return page


class _Page(HTMLParser):
    """The anchors of a page, with their attributes; its metas that are the index's; what its links begin with."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base = url
        self.metas: dict[str, str] = {}
        self.anchors: list[Mapping[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As the parser calls it."""
        given = dict(reversed(attrs))  # of two the first one counts
        if tag == "a":
            self.anchors.append(given)
        elif tag == "base" and given.get("href"):
            with suppress(ValueError):
                self.base = urljoin(self.base, given["href"])
        elif tag == "meta" and (name := given.get("name") or "").startswith("pypi:"):
            self.metas[name.removeprefix("pypi:")] = given.get("content") or ""


def _project(
    status: str, reason: str, entries: list[Any], base: str, read: Callable[[Any, str], UpstreamFile | None]
) -> UpstreamProject:
    """Files by their names: of two with one name the first one counts."""
    files: dict[str, UpstreamFile] = {}
    faults = []
    for entry in entries:
        try:
            file = read(entry, base)
        except (ValueError, TypeError, AttributeError) as error:
            faults.append(f"{str(entry)[:200]!a}: {error}")
        else:
            if file is not None:
                files.setdefault(file.filename, file)
    known = status if status in STATUSES else "active"
    return UpstreamProject(known, " ".join(reason.split()), tuple(files.values()), tuple(faults))


def _of_json(entry: Any, base: str) -> UpstreamFile:
    """Raises ValueError, TypeError or AttributeError where it cannot be meant."""
    yanked = entry.get("yanked")
    metadata = entry.get("core-metadata", entry.get("data-dist-info-metadata"))
    size = entry.get("size")
    return UpstreamFile(
        filename=_filename(_text(entry["filename"]) if "filename" in entry else ""),
        url=_url(base, _text(entry.get("url"))),
        hashes=_hashes((entry.get("hashes") or {}).items()),
        size=size if type(size) is int and size >= 0 else None,
        requires_python=_text(entry.get("requires-python")),
        uploaded_at=_time(_text(entry.get("upload-time"))),
        yanked=None if yanked is None or yanked is False else _text(yanked),
        metadata_sha256=_text(metadata.get("sha256")) if isinstance(metadata, dict) else "",
        provenance=_provenance(base, _text(entry.get("provenance"))),
    )


def _of_anchor(given: Mapping[str, str | None], base: str) -> UpstreamFile | None:
    """None for an anchor that leads to no file. Raises ValueError where it cannot be meant."""
    link, fragment = urldefrag((given.get("href") or "").strip())
    filename = unquote(urlsplit(link).path.rpartition("/")[2])
    if not filename:
        return None
    metadata = given.get("data-core-metadata", given.get("data-dist-info-metadata")) or ""
    return UpstreamFile(
        filename=_filename(filename),
        url=_url(base, link),
        hashes=_hashes(parse_qsl(fragment)),
        requires_python=given.get("data-requires-python") or "",
        uploaded_at=_time(given.get("data-upload-time") or ""),
        yanked=(given["data-yanked"] or "") if "data-yanked" in given else None,
        metadata_sha256=metadata.removeprefix("sha256=") if metadata.startswith("sha256=") else "",
        provenance=_provenance(base, given.get("data-provenance") or ""),
    )


def _filename(name: str) -> str:
    if not name or "/" in name or "\\" in name or not name.isprintable():
        raise ValueError("no filename")
    return name


def _url(base: str, link: str) -> str:
    url = urldefrag(urljoin(base, link))[0] if link else ""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("no URL on the web")
    return url


def _provenance(base: str, link: str) -> str:
    return _url(base, link) if link else ""


def _hashes(given: Any) -> Mapping[str, str]:
    return {
        name.lower(): digest.lower() for name, digest in given if name.lower() in HASHES and _DIGEST.fullmatch(digest)
    }


def _time(text: str) -> datetime | None:
    """Fractions of a second are cut off after six digits."""
    if not _TIME.fullmatch(text):
        return None
    whole, _dot, fraction = text.removesuffix("Z").removesuffix("+00:00").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}").replace(tzinfo=UTC)
    except ValueError:
        return None


def _serial(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST_SERIAL else None


def _text(value: Any) -> str:
    return _fit(value) if isinstance(value, str) else ""


def _fit(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def _unreadable(url: str, why: str) -> Refused:
    return Refused("upstream-unreadable", f"What is at {url} cannot be read: {why}.")
