"""Where each published object lies: its key, and how the read plane sends it. The only place that makes keys.

Two classes of object. Packages are content-addressed: their key holds the BLAKE2b-256 of the bytes, so they never
change and caches keep them for ever. Pages are named: they change, so browsers and installers ask again each time (a
304 costs next to nothing, and a file published a second ago is seen), while a CDN keeps them for a day and is purged
by tag.
"""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from entrepot.names import ProjectName

INDEX = "main"  # the slug of the index that is served at the root of the site


class Form(Enum):
    """The two forms of a simple page; the value ends the key."""

    JSON = "json"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Cache:
    """`Cache-Control` for browsers and installers; `Surrogate-Control` for the CDN, empty where it needs none."""

    control: str
    surrogate: str = ""


PAGE = Cache("public, max-age=0, must-revalidate", "max-age=86400, stale-while-revalidate=300, stale-if-error=86400")
PACKAGE = Cache("public, max-age=365000000, immutable")
STALE = Cache("public, max-age=0, must-revalidate", "max-age=10")  # the store could not be asked for the present one
NOTHING = Cache("public, max-age=0, must-revalidate", "max-age=10")  # a 404 may become true any second
ALIAS = Cache(PAGE.control, "max-age=10")  # by another URL than its own, which no cache is asked for after a purge
PACKAGE_ALIAS = Cache(PACKAGE.control, "max-age=10")

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SIMPLE_HTML = "application/vnd.pypi.simple.v1+html"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
INTEGRITY = "application/vnd.pypi.integrity.v1+json"
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Place:
    """One object: `key` in the store, media `type`, `cache` policy, and the surrogate `tags` that purge it.

    `path` is the path of the URL that shows it; for the note that takes a file down, the URL where it is missing then.
    """

    key: str
    type: str
    cache: Cache
    tags: tuple[str, ...]
    path: str


_PACKAGE = re.compile(r"(?:packages|pages/withheld)/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/([^/]+)")
_OF_PROJECT = re.compile(r"pages/[^/]+/(?:simple|pypi|integrity)/([^/]+)/")

_SIMPLE_TYPES = {Form.JSON: SIMPLE_JSON, Form.HTML: HTML}


def entity_tag(etag: str, media_type: str) -> str:
    """The strong ETag of a page, whose bytes have `etag`, as that type: the two HTML types are not the same."""
    return f'{etag[:-1]}-v1"' if media_type == SIMPLE_HTML else etag


def project_list(form: Form, index: str = INDEX) -> Place:
    """The list of all projects, at `/simple/`."""
    return Place(f"pages/{index}/simple/index.{form.value}", _SIMPLE_TYPES[form], PAGE, ("projects",), "/simple/")


def project_page(name: ProjectName, form: Form, index: str = INDEX) -> Place:
    """A project's files, at `/simple/NAME/`."""
    key = f"pages/{index}/simple/{name}/index.{form.value}"
    return Place(key, _SIMPLE_TYPES[form], PAGE, (_tag(name),), f"/simple/{name}/")


def project_json(name: ProjectName, index: str = INDEX) -> Place:
    """The JSON document of a project, at `/pypi/NAME/json`."""
    return Place(f"pages/{index}/pypi/{name}/index.json", JSON, PAGE, (_tag(name),), f"/pypi/{name}/json")


def release_json(name: ProjectName, version: str, index: str = INDEX) -> Place:
    """The JSON document of a release, at `/pypi/NAME/VERSION/json`; `version` is canonical."""
    key = f"pages/{index}/pypi/{name}/{version}/index.json"
    return Place(key, JSON, PAGE, (_tag(name),), f"/pypi/{name}/{version}/json")


def provenance(name: ProjectName, version: str, filename: str, index: str = INDEX) -> Place:
    """The provenance object of a distribution file (PEP 740), beneath `/integrity/`; `version` is canonical."""
    path = f"/integrity/{name}/{version}/{filename}/provenance"
    return Place(f"pages/{index}{path}", INTEGRITY, PAGE, (_tag(name),), path)


def watermark(index: str = INDEX) -> str:
    """The key of what is no page, but says at which serial the last one was built."""
    return f"pages/{index}/serial"


def package(blake2: str, filename: str) -> Place:
    """A distribution file, at `/packages/aa/bb/REST/FILENAME`; `blake2` is the hex BLAKE2b-256 of its bytes."""
    key = f"packages/{_fan(blake2)}/{filename}"
    return Place(key, OCTETS, PACKAGE, (), f"/{key}")


def sidecar(blake2: str, filename: str) -> Place:
    """The core metadata of a distribution file (PEP 658), beside it."""
    key = f"packages/{_fan(blake2)}/{filename}.metadata"
    return Place(key, OCTETS, PACKAGE, (), f"/{key}")


def withheld(blake2: str, filename: str) -> Place:
    """The note that takes a distribution file down: while it stands, the file and its sidecar are not served."""
    key = f"pages/withheld/{_fan(blake2)}/{filename}"
    return Place(key, JSON, NOTHING, (f"package/{blake2}",), package(blake2, filename).path)


def spellings(path: str) -> tuple[str, ...]:
    """A package's path as installers write it: as it is, and as pip does, which encodes an epoch's `!`, say."""
    return tuple(dict.fromkeys((path, quote(path))))


def package_at(key: str) -> tuple[str, str] | None:
    """BLAKE2b-256 and filename that `package`, `sidecar` or `withheld` made the key of; None for any other key.

    The filename of a sidecar ends in `.metadata`.
    """
    found = _PACKAGE.fullmatch(key)
    return (found[1] + found[2] + found[3], found[4]) if found else None


def tags_at(key: str) -> tuple[str, ...]:
    """The tags of the page at `key`, of which nothing else is known; none when it is not about a project."""
    project = _OF_PROJECT.match(key)
    return (_tag(ProjectName(project[1])),) if project else ()


def _fan(blake2: str) -> str:
    return f"{blake2[:2]}/{blake2[2:4]}/{blake2[4:]}"


def _tag(name: ProjectName) -> str:
    return f"project/{name}"
