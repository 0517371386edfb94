"""What a project says of its state."""

from collections.abc import Mapping

from entrepot.conformance import clauses
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import Index
from entrepot.conformance.judging import offered, require
from entrepot.conformance.shapes import items, mapping, words

AREA = Area("status", "Project status")
MARKERS = {"active", "archived", "quarantined", "deprecated"}
META = "pypi:project-status"


def _told(index: Index) -> Mapping[str, Mapping[str, object]]:
    """The status of each project by its address, where it is told. Raises NotOffered when none is."""
    told = {page.url: page.value for page in index.json_pages() if "project-status" in page.value}
    offered(bool(told), "No project that was looked at has project-status.")
    return {url: mapping(value["project-status"]) for url, value in told.items()}


@AREA.case(Level.MUST, clauses.PEP_792)
def json_marker(index: Index) -> None:
    """project-status has a status, which is one of the four, and maybe a reason."""
    for url, status in _told(index).items():
        marker = status.get("status")
        require(words(marker) in MARKERS, f"{url} has the status {marker!r}.")
        require(isinstance(status.get("reason", ""), str), f"{url} has the reason {status.get('reason')!r}.")


@AREA.case(Level.MUST, clauses.PEP_792)
def html_marker(index: Index) -> None:
    """The meta element pypi:project-status has one of the four."""
    told = [page for page in index.html_pages() if META in page.metas]
    offered(bool(told), "No page that was looked at has pypi:project-status.")
    for page in told:
        require(page.metas[META] in MARKERS, f"{page.url} has the status {page.metas[META]!r}.")


@AREA.case(Level.SHOULD, clauses.PEP_792)
def forms_agree(index: Index) -> None:
    """Both forms of a page tell the same status."""
    _told(index)
    for page, html in zip(index.json_pages(), index.html_pages(), strict=True):
        told = words(mapping(page.value.get("project-status")).get("status")) or "active"
        shown = html.metas.get(META, "active")
        require(told == shown, f"{page.url} is {told} as JSON, and {shown} as HTML.")


@AREA.case(Level.MUST, clauses.PEP_792)
def quarantined_offers_nothing(index: Index) -> None:
    """A project in quarantine offers no files."""
    pages = [page for page in index.json_pages() if _told(index).get(page.url, {}).get("status") == "quarantined"]
    offered(bool(pages), "No project that was looked at is in quarantine.")
    for page in pages:
        require(not items(page.value.get("files")), f"{page.url} is quarantined, and offers files.")
