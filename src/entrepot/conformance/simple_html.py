"""The HTML form of simple pages."""

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from entrepot.conformance import clauses
from entrepot.conformance.anchors import Anchor, HtmlPage
from entrepot.conformance.core import Area, Level
from entrepot.conformance.hashes import UNDERSTOOD, is_hash
from entrepot.conformance.index import Index, hash_of, normalized
from entrepot.conformance.judging import offered, require

AREA = Area("html", "Simple pages as HTML")
HATCH = re.compile(r"<a [^>]+>([^<]+)</a>")
SIDECARS = ("data-core-metadata", "data-dist-info-metadata")


def _pages(index: Index) -> Iterator[HtmlPage]:
    yield index.html_list()
    if index.found:
        yield from index.html_pages()


def _anchors(index: Index) -> Iterator[Anchor]:
    for page in index.html_pages():
        yield from page.anchors


def _with(index: Index, attribute: str) -> list[Anchor]:
    """The links that have an attribute. Raises NotOffered when none has."""
    found = [each for each in _anchors(index) if each.has(attribute)]
    offered(bool(found), f"No link that was looked at has {attribute}.")
    return found


@AREA.case(Level.MUST, clauses.PEP_503)
def is_html5(index: Index) -> None:
    """Pages are HTML5 documents: they begin with the document type."""
    for page in _pages(index):
        require(page.is_html5, f"{page.url} has no <!DOCTYPE html>.")


@AREA.case(Level.MUST, clauses.PEP_503)
def list_names_projects(index: Index) -> None:
    """Each link of the list has the project's name as its text, and leads to the normalized name with a slash."""
    for anchor in index.html_list().anchors:
        name = normalized(anchor.text)
        path = urlsplit(anchor.url).path
        require(path.endswith(f"/{name}/"), f"{anchor.text!r} leads to {anchor.url}.")


@AREA.case(Level.MUST, clauses.PEP_503)
def file_once(index: Index) -> None:
    """The page of a project has a single link for each file."""
    for page in index.html_pages():
        twice = [name for name, times in Counter(each.last for each in page.anchors).items() if times > 1]
        require(not twice, f"{page.url} lists {', '.join(twice)} more than once.")


@AREA.case(Level.MUST, clauses.PEP_503)
def text_is_filename(index: Index) -> None:
    """The text of a link is the last segment of its path, the name of the file."""
    for anchor in _anchors(index):
        require(anchor.text == anchor.last, f"{anchor.text!r} leads to {anchor.url}.")


@AREA.case(Level.SHOULD, clauses.PEP_503)
def hash_is_told(index: Index) -> None:
    """The address of a file has a hash as its fragment."""
    for anchor in _anchors(index):
        require(bool(hash_of(anchor.fragment)), f"{anchor.last} has no hash.")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def hash_is_understood(index: Index) -> None:
    """The fragment is a hash that all installers understand, of the right length: uv gives up the page otherwise."""
    for anchor in _anchors(index):
        for name, value in hash_of(anchor.fragment).items():
            require(
                name in UNDERSTOOD and is_hash(name, value),
                f"{anchor.last} has the fragment {anchor.fragment[:100]!r}.",
            )


@AREA.case(Level.MUST, clauses.PEP_503)
def requires_python_is_escaped(index: Index) -> None:
    """In data-requires-python < and > are written as &lt; and &gt;."""
    for anchor in _with(index, "data-requires-python"):
        raw = anchor.raw("data-requires-python")
        require(not re.search("[<>]", raw), f"{anchor.last} has data-requires-python={raw!r}.")


@AREA.case(Level.MUST, clauses.CORE_METADATA)
def requires_python_is_valid(index: Index) -> None:
    """data-requires-python is a version specifier."""
    for anchor in _with(index, "data-requires-python"):
        value = anchor.value("data-requires-python")
        require(is_specifier(value), f"{anchor.last} has data-requires-python={value!r}.")


@AREA.case(Level.MUST, clauses.PEP_714)
def metadata_by_its_name(index: Index) -> None:
    """Metadata is announced as data-core-metadata; data-dist-info-metadata, if there, says the same."""
    for anchor in [each for each in _anchors(index) if any(map(each.has, SIDECARS))] or _with(index, SIDECARS[0]):
        new, old = (anchor.attributes.get(each) for each in SIDECARS)
        require(anchor.has(SIDECARS[0]), f"{anchor.last} has data-dist-info-metadata alone.")
        require(not anchor.has(SIDECARS[1]) or new == old, f"{anchor.last} says {new!r}, and by the old name {old!r}.")


@AREA.case(Level.MUST, clauses.PEP_658)
def metadata_value(index: Index) -> None:
    """data-core-metadata is true, or the hash of the metadata: pip takes even false as being there."""
    for anchor in _with(index, SIDECARS[0]):
        value = anchor.value(SIDECARS[0])
        hashes = hash_of(value)
        right = value == "true" or (bool(hashes) and all(is_hash(*each) for each in hashes.items()))
        require(right, f"{anchor.last} has data-core-metadata={value!r}.")


@AREA.case(Level.CLIENTS, clauses.BY_PIP)
def yanked_has_a_value(index: Index) -> None:
    """data-yanked has a value, if an empty one: without it pip does not see that the file is yanked."""
    for anchor in _with(index, "data-yanked"):
        require(anchor.attributes["data-yanked"] is not None, f"{anchor.last} has data-yanked without a value.")


@AREA.case(Level.MUST, clauses.PEP_503)
def signature_is_true_or_false(index: Index) -> None:
    """data-gpg-sig is true or false."""
    for anchor in _with(index, "data-gpg-sig"):
        value = anchor.value("data-gpg-sig")
        require(value in {"true", "false"}, f"{anchor.last} has data-gpg-sig={value!r}.")


@AREA.case(Level.MUST, clauses.PEP_740)
def provenance_is_absolute(index: Index) -> None:
    """data-provenance is a whole address on a secure origin."""
    for anchor in _with(index, "data-provenance"):
        value = anchor.value("data-provenance")
        require(is_secure(value), f"{anchor.last} has data-provenance={value!r}.")


@AREA.case(Level.SHOULD, clauses.PEP_629)
def version_is_told(index: Index) -> None:
    """Every page tells the version of the repository, in a meta element."""
    for page in _pages(index):
        require("pypi:repository-version" in page.metas, f"{page.url} has no pypi:repository-version.")


@AREA.case(Level.MUST, clauses.PEP_629)
def version_is_known(index: Index) -> None:
    """The version of the repository is Major.Minor, and its major is 1: clients give up over any other."""
    told = [each for each in _pages(index) if "pypi:repository-version" in each.metas]
    offered(bool(told), "No page tells the version of the repository.")
    for page in told:
        version = page.metas["pypi:repository-version"]
        require(re.fullmatch(r"1\.\d+", version) is not None, f"{page.url} has version {version!r}.")


@AREA.case(Level.CLIENTS, clauses.BY_HATCH)
def link_is_plain(index: Index) -> None:
    """A link has no other element in its text, and no > in an attribute: Hatch reads with a regular expression."""
    for page in index.html_pages():
        seen = {text.strip() for text in HATCH.findall(page.source)}
        missed = [each.text for each in page.anchors if each.text not in seen]
        require(not missed, f"{page.url} has links that cannot be read so, such as {missed[:1]}.")


def is_specifier(value: str) -> bool:
    """Whether it is a set of version specifiers: PEP 440."""
    try:
        SpecifierSet(value)
    except InvalidSpecifier:
        return False
    return True


def is_secure(url: str) -> bool:
    """Whether it is a whole address on a secure origin."""
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.netloc)
