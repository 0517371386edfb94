"""The index that is judged: its pages in both forms, and the projects and files of it that are looked at.

Whatever size the index has, what is asked of it is bounded: at most SAMPLE projects unless they are named, two files
of each, and of those only what is not too large.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urldefrag, urljoin

from entrepot.conformance import anchors
from entrepot.conformance.anchors import Anchor, HtmlPage
from entrepot.conformance.asking import PLAIN, Reply, Session
from entrepot.conformance.judging import offered
from entrepot.conformance.shapes import items, mapping, number, strings, words
from entrepot.conformance.uploads import Uploads

JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
HTML = "text/html"
HTML_TYPES = {HTML, V1_HTML}
TYPES = {JSON, *HTML_TYPES}
AS_JSON = {"Accept": JSON}
AS_HTML = {"Accept": HTML}
AS_INSTALLER = {"Accept": f"{JSON}, {HTML};q=0.1"}
SAMPLE = 5  # projects
LARGE = 50_000_000  # bytes of a file


@dataclass(frozen=True, slots=True)
class JsonPage:
    """A page in its JSON form: its address and its object, empty when it is none."""

    url: str
    value: Mapping[str, object]

    @property
    def version(self) -> tuple[int, int]:
        """The version of the API that it names; 1.0 when it names none."""
        found = re.fullmatch(r"(\d+)\.(\d+)", words(mapping(self.value.get("meta")).get("api-version")))
        return (int(found[1]), int(found[2])) if found else (1, 0)

    @property
    def files(self) -> Sequence[Mapping[str, object]]:
        """Its files, those that are objects."""
        return [mapping(each) for each in items(self.value.get("files"))]


@dataclass(frozen=True, slots=True)
class File:
    """A file as a page tells of it. `sidecar` has the hashes of its metadata, None when that is not offered."""

    project: str
    filename: str
    url: str
    hashes: Mapping[str, str]
    sidecar: Mapping[str, str] | None
    requires_python: str
    size: int | None

    @property
    def is_wheel(self) -> bool:
        """Whether its name says so."""
        return self.filename.endswith(".whl")


class Index:
    """An index at the address of its list of projects, `…/simple/`. All of it may raise NoAnswer."""

    def __init__(
        self, url: str, session: Session, *, projects: Sequence[str] = (), uploads: Uploads | None = None
    ) -> None:
        self.url = f"{url.rstrip('/')}/"
        self.session = session
        self.uploads = uploads
        self._named = [normalized(each) for each in projects]

    @property
    def site(self) -> str:
        """The address above the list, where the JSON API and XML-RPC would be."""
        return urljoin(self.url, "../")

    def page(self, project: str, headers: Mapping[str, str]) -> Reply:
        """The page of a project."""
        return self.session.get(f"{self.url}{project}/", headers)

    @cached_property
    def projects(self) -> Sequence[str]:
        """The projects to look at, normalized: those that were named, or some from all over the list."""
        if self._named:
            return self._named
        names = self._listed()
        step = max(len(names) - 1, 1) / (SAMPLE - 1)
        return list(dict.fromkeys(names[round(place * step)] for place in range(min(SAMPLE, len(names)))))

    @cached_property
    def found(self) -> Sequence[str]:
        """Those of them that have a page."""
        return [each for each in self.projects if self.page(each, AS_INSTALLER).status == 200]

    def looked_at(self) -> Sequence[str]:
        """The same. Raises NotOffered when there are none."""
        offered(bool(self.found), "There is no project to look at.")
        return self.found

    def html_list(self) -> HtmlPage:
        """The list of projects as HTML. Raises NotOffered."""
        return self._html_list

    def html_pages(self) -> Sequence[HtmlPage]:
        """The pages of the projects as HTML. Raises NotOffered."""
        return [_html(self.page(each, AS_HTML)) for each in self.looked_at()]

    def json_list(self) -> JsonPage:
        """The list of projects as JSON. Raises NotOffered."""
        return self._json_list

    def json_pages(self) -> Sequence[JsonPage]:
        """The pages of the projects as JSON. Raises NotOffered."""
        return [_json(self.page(each, AS_JSON)) for each in self.looked_at()]

    @cached_property
    def files(self) -> Sequence[File]:
        """All files of these projects, by the richer form that there is."""
        return [file for project in self.found for file in self.files_of(project)]

    def files_of(self, project: str) -> Sequence[File]:
        """The files of a project, by the richer form that there is."""
        return _files(project, self.page(project, AS_INSTALLER))

    def files_now(self, project: str) -> Sequence[File]:
        """The same, asked anew."""
        headers = {**AS_INSTALLER, "Cache-Control": "no-cache"}
        return _files(project, self.session.anew(f"{self.url}{project}/", headers))

    def sample(self) -> Sequence[File]:
        """The files to fetch: of each project the smallest wheel and the smallest other. Raises NotOffered."""
        chosen = [file for project in self.found for file in self._smallest(project)]
        offered(bool(chosen), "There is no file to look at.")
        return chosen

    def fetch(self, file: File) -> Reply:
        """A file, whole."""
        return self.session.get(file.url, PLAIN)

    @cached_property
    def _html_list(self) -> HtmlPage:  # of a large index it takes a while to read
        return _html(self.session.get(self.url, AS_HTML))

    @cached_property
    def _json_list(self) -> JsonPage:
        return _json(self.session.get(self.url, AS_JSON))

    def _smallest(self, project: str) -> Sequence[File]:
        files = sorted((each for each in self.files if each.project == project), key=lambda each: each.size or 0)
        small = [each for each in files if (each.size or 0) <= LARGE]
        kinds: Sequence[Callable[[File], bool]] = (lambda each: each.is_wheel, lambda each: not each.is_wheel)
        return [next(filter(kind, small)) for kind in kinds if any(map(kind, small))]

    def _listed(self) -> Sequence[str]:
        reply = self.session.get(self.url, AS_INSTALLER)
        if reply.type == JSON:
            named = [words(mapping(each).get("name")) for each in items(mapping(reply.json).get("projects"))]
        else:
            named = [each.last for each in anchors.read(reply.text, reply.url).anchors]
        return [normalized(each) for each in named if each]


def normalized(name: str) -> str:
    """A name as addresses have it: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def hash_of(fragment: str) -> Mapping[str, str]:
    """The hash that a fragment names, or an attribute: `sha256=…`."""
    name, equals, value = fragment.partition("=")
    return {name: value} if equals else {}


def _html(reply: Reply) -> HtmlPage:
    offered(reply.status == 200 and reply.type in HTML_TYPES, f"{reply.url} has no HTML form.")
    return anchors.read(reply.text, reply.url)


def _json(reply: Reply) -> JsonPage:
    offered(reply.status == 200 and reply.type == JSON, f"{reply.url} has no JSON form.")
    return JsonPage(reply.url, mapping(reply.json))


def _files(project: str, reply: Reply) -> Sequence[File]:
    if reply.status != 200:
        return []
    if reply.type == JSON:
        page = JsonPage(reply.url, mapping(reply.json))
        return [_from_json(project, page.url, each) for each in page.files if words(each.get("url"))]
    return [_from_html(project, each) for each in anchors.read(reply.text, reply.url).anchors]


def _from_json(project: str, page: str, entry: Mapping[str, object]) -> File:
    metadata = entry.get("core-metadata")
    return File(
        project,
        words(entry.get("filename")),
        urldefrag(urljoin(page, words(entry.get("url"))))[0],
        strings(entry.get("hashes")),
        strings(metadata) if metadata else None,
        words(entry.get("requires-python")),
        number(entry.get("size")),
    )


def _from_html(project: str, anchor: Anchor) -> File:
    metadata = next((each for each in ("data-core-metadata", "data-dist-info-metadata") if anchor.has(each)), "")
    return File(
        project,
        anchor.last,
        anchor.url,
        hash_of(anchor.fragment),
        hash_of(anchor.value(metadata)) if metadata else None,
        anchor.value("data-requires-python"),
        None,
    )
