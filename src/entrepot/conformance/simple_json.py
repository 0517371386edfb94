"""The JSON form of simple pages."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from urllib.parse import urljoin

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)

from entrepot.conformance import clauses
from entrepot.conformance.anchors import last_segment
from entrepot.conformance.core import Area, Level
from entrepot.conformance.hashes import SECURE, UNDERSTOOD, is_hash
from entrepot.conformance.index import Index, JsonPage, normalized
from entrepot.conformance.judging import offered, require
from entrepot.conformance.shapes import items, mapping, number, strings, words
from entrepot.conformance.simple_html import is_secure, is_specifier

AREA = Area("json", "Simple pages as JSON")
NAME = re.compile(r"([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])", re.IGNORECASE | re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
NEVER_NULL = ("filename", "url", "hashes", "size", "upload-time", "yanked")
Entry = Mapping[str, object]

# What an optional key may hold. null stands where no answer is known to harm anybody.
SHAPES: Mapping[str, Callable[[object], bool]] = {
    "requires-python": lambda value: value is None or isinstance(value, str),
    "core-metadata": lambda value: isinstance(value, bool) or (bool(value) and strings(value) == value),
    "gpg-sig": lambda value: value is None or isinstance(value, bool),
    "yanked": lambda value: isinstance(value, bool) or bool(words(value)),
    "upload-time": lambda value: isinstance(value, str),
    "provenance": lambda value: value is None or isinstance(value, str),
}


def _pages(index: Index) -> Iterator[JsonPage]:
    yield index.json_list()
    if index.found:
        yield from index.json_pages()


def _files(index: Index) -> Iterator[tuple[JsonPage, Entry]]:
    for page in index.json_pages():
        for entry in page.files:
            yield page, entry


def _with(index: Index, key: str) -> list[Entry]:
    """The files that have a key with a value. Raises NotOffered when none has."""
    found = [entry for _page, entry in _files(index) if entry.get(key) is not None]
    offered(bool(found), f"No file that was looked at has {key}.")
    return found


@AREA.case(Level.MUST, clauses.JSON_FORM)
def is_object_with_version(index: Index) -> None:
    """Each answer is an object, whose meta.api-version is a string with major version 1."""
    for page in _pages(index):
        version = mapping(page.value.get("meta")).get("api-version")
        right = isinstance(version, str) and re.fullmatch(r"1\.\d+", version)
        require(bool(right), f"{page.url} has the api-version {version!r}.")


@AREA.case(Level.MUST, clauses.LIST_JSON)
def list_names_projects(index: Index) -> None:
    """The list has an array of projects, each with a name that is valid."""
    page = index.json_list()
    require(isinstance(page.value.get("projects"), list), f"{page.url} has no array of projects.")
    for each in items(page.value.get("projects")):
        name = mapping(each).get("name")
        require(isinstance(name, str) and NAME.fullmatch(name) is not None, f"{page.url} lists {name!r}.")


@AREA.case(Level.SHOULD, clauses.LIST_JSON)
def project_once(index: Index) -> None:
    """The list names every project once."""
    page = index.json_list()
    names = Counter(normalized(words(mapping(each).get("name"))) for each in items(page.value.get("projects")))
    twice = [name for name, times in names.items() if times > 1]
    require(not twice, f"{page.url} lists {', '.join(twice)} more than once.")


@AREA.case(Level.MUST, clauses.DETAIL_JSON)
def name_is_normalized(index: Index) -> None:
    """The page of a project tells its name, normalized."""
    for project, page in zip(index.looked_at(), index.json_pages(), strict=True):
        name = page.value.get("name")
        require(name == project, f"{page.url} has the name {name!r}.")


@AREA.case(Level.MUST, clauses.DETAIL_JSON)
def file_has_what_it_needs(index: Index) -> None:
    """The page has an array of files; each has filename and url, and hashes, which may be empty."""
    for page in index.json_pages():
        require(isinstance(page.value.get("files"), list), f"{page.url} has no array of files.")
        for entry in page.files:
            name = entry.get("filename")
            right = all(isinstance(entry.get(key), str) for key in ("filename", "url"))
            require(right, f"{page.url} has a file without filename or url: {name!r}.")
            hashes = entry.get("hashes")
            require(isinstance(hashes, dict) and strings(hashes) == hashes, f"{name} has the hashes {hashes!r}.")


@AREA.case(Level.SHOULD, clauses.DETAIL_JSON)
def file_once(index: Index) -> None:
    """The page of a project lists every file once."""
    for page in index.json_pages():
        names = Counter(words(entry.get("filename")) for entry in page.files)
        twice = [name for name, times in names.items() if times > 1]
        require(not twice, f"{page.url} lists {', '.join(twice)} more than once.")


@AREA.case(Level.MUST, clauses.DETAIL_JSON)
def optional_keys_have_their_shape(index: Index) -> None:
    """What a file may have is of the right kind: yanked a boolean or a reason, core-metadata a boolean or hashes, …"""
    for _page, entry in _files(index):
        for key in SHAPES.keys() & entry.keys():
            require(SHAPES[key](entry[key]), f"{entry.get('filename')} has {key} {entry[key]!r}.")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def nothing_is_null(index: Index) -> None:
    """What is unknown is left out, not null: uv gives up the whole page over a null."""
    for page, entry in _files(index):
        nulls = [key for key in NEVER_NULL if key in entry and entry[key] is None]
        require(not nulls, f"{entry.get('filename')} has null for {', '.join(nulls)}.")
        status = page.value.get("project-status", {})
        require(status is not None, f"{page.url} has null for project-status.")


@AREA.case(Level.SHOULD, clauses.DETAIL_JSON)
def hash_is_secure(index: Index) -> None:
    """A file has at least one hash by a secure function that everybody has, named in lower case."""
    for _page, entry in _files(index):
        names = strings(entry.get("hashes"))
        require(any(name in SECURE for name in names), f"{entry.get('filename')} has hashes by {sorted(names)}.")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def hash_is_a_hash(index: Index) -> None:
    """Hashes are hexadecimal, in lower case and of the right length."""
    for _page, entry in _files(index):
        for name, value in strings(entry.get("hashes")).items():
            right = name not in UNDERSTOOD or is_hash(name, value)
            require(right, f"{entry.get('filename')} has {name} {value[:150]!r}.")


@AREA.case(Level.MUST, clauses.PEP_700)
def size_is_told(index: Index) -> None:
    """From version 1.1 on each file has a size, in bytes."""
    for page, entry in _files(index):
        offered(page.version >= (1, 1), f"The version is {page.version[0]}.{page.version[1]}.")
        require((number(entry.get("size")) or -1) >= 0, f"{entry.get('filename')} has the size {entry.get('size')!r}.")


@AREA.case(Level.MUST, clauses.PEP_700)
def versions_are_told(index: Index) -> None:
    """From version 1.1 on a page has an array of different versions, and among them is the one of every file."""
    for page in index.json_pages():
        offered(page.version >= (1, 1), f"The version is {page.version[0]}.{page.version[1]}.")
        versions = page.value.get("versions")
        require(isinstance(versions, list), f"{page.url} has the versions {versions!r}.")
        told = [words(each) for each in items(versions)]
        require(all(told) and len(set(told)) == len(told), f"{page.url} has versions that are no texts, or the same.")
        known = {canonicalize_version(each) for each in told}
        names = [words(entry.get("filename")) for entry in page.files]
        missing = [name for name in names if (version := version_in(name)) and version not in known]
        require(not missing, f"{page.url} has {missing[:1]}, whose version it does not list.")


@AREA.case(Level.MUST, clauses.PEP_700)
def upload_time_is_utc(index: Index) -> None:
    """upload-time is yyyy-mm-ddThh:mm:ss, with six more digits at most, and Z."""
    for entry in _with(index, "upload-time"):
        value = words(entry["upload-time"])
        require(bool(TIME.fullmatch(value)) and is_time(value), f"{entry.get('filename')} has {value!r}.")


@AREA.case(Level.MUST, clauses.CORE_METADATA)
def requires_python_is_valid(index: Index) -> None:
    """requires-python is a version specifier, without any escaping of HTML."""
    for entry in _with(index, "requires-python"):
        value = words(entry["requires-python"])
        require(is_specifier(value), f"{entry.get('filename')} has requires-python {value!r}.")


@AREA.case(Level.CLIENTS, clauses.PEP_714)
def metadata_by_its_name(index: Index) -> None:
    """Metadata is announced as core-metadata, never as dist-info-metadata, over which older pips stumble."""
    for _page, entry in _files(index):
        require("dist-info-metadata" not in entry, f"{entry.get('filename')} has dist-info-metadata.")


@AREA.case(Level.MUST, clauses.PEP_740)
def provenance_is_absolute(index: Index) -> None:
    """provenance is a whole address on a secure origin."""
    for entry in _with(index, "provenance"):
        value = words(entry["provenance"])
        require(is_secure(value), f"{entry.get('filename')} has provenance {value!r}.")


@AREA.case(Level.MUST, clauses.PEP_752)
def namespaces_from_1_5(index: Index) -> None:
    """Who names namespaces says version 1.5, and who says 1.5 names them: null, or an array."""
    for page in index.json_pages():
        there = "namespaces" in page.value
        require(there == (page.version >= (1, 5)), f"{page.url} has version {page.version}, and namespaces: {there}.")
        offered(there, "The index has no namespaces.")
        value = page.value["namespaces"]
        require(value is None or isinstance(value, list), f"{page.url} has the namespaces {value!r}.")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def url_ends_in_filename(index: Index) -> None:
    """The address of a file ends in its name: uv reads the name there."""
    for page, entry in _files(index):
        name, url = words(entry.get("filename")), urljoin(page.url, words(entry.get("url")))
        require(last_segment(url) == name, f"{name} is at {url}.")


@AREA.case(Level.SHOULD, clauses.CONTENT_TYPES)
def says_what_html_says(index: Index) -> None:
    """Both forms of a page list the same files, with the same hash."""
    for page, html in zip(index.json_pages(), index.html_pages(), strict=True):
        told = {words(entry.get("filename")): strings(entry.get("hashes")) for entry in page.files}
        shown = {anchor.last: anchor.fragment for anchor in html.anchors}
        differing = sorted(told.keys() ^ shown.keys())
        require(not differing, f"{page.url} has {differing[:3]} in one form only.")
        for name, fragment in shown.items():
            kind, _, value = fragment.partition("=")
            require(told[name].get(kind, value) == value, f"{name} has another {kind} in each form.")


def version_in(filename: str) -> str:
    """The version in the name of a file, as versions are compared; empty for a name that says none."""
    try:
        return canonicalize_version(
            parse_wheel_filename(filename)[1] if filename.endswith(".whl") else parse_sdist_filename(filename)[1]
        )
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""


def is_time(value: str) -> bool:
    """Whether there is such a moment."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
