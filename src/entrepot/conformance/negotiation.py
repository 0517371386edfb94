"""Which form a client gets."""

from collections.abc import Mapping

from entrepot.conformance import clauses
from entrepot.conformance.asking import Reply
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import AS_HTML, AS_INSTALLER, AS_JSON, HTML, HTML_TYPES, JSON, TYPES, V1_HTML, Index
from entrepot.conformance.judging import offered, require

AREA = Area("negotiation", "Which form a client gets")
CLIENTS: Mapping[str, str] = {
    "pip": f"{JSON}, {V1_HTML}; q=0.1, {HTML}; q=0.01",
    "uv": f"{JSON}, {V1_HTML};q=0.2, {HTML};q=0.01",
    "Poetry": f"{JSON}, */*;q=0.1",
    "devpi": f"{V1_HTML};q=0.2, {JSON}, {HTML};q=0.01",
    "a browser": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
}


def _asked(index: Index, accept: str) -> Reply:
    """The list, for this header."""
    return index.session.get(index.url, {"Accept": accept})


def _both_forms(index: Index) -> None:
    """Raises NotOffered unless the list is there in both."""
    index.json_list()
    index.html_list()


@AREA.case(Level.MUST, clauses.CONTENT_TYPES)
def type_is_told(index: Index) -> None:
    """Every page says in Content-Type which form it has, by one of the three names."""
    for reply in [
        index.session.get(index.url, AS_INSTALLER),
        *(index.page(each, AS_INSTALLER) for each in index.found),
    ]:
        require(reply.type in TYPES, f"{reply.url} has the Content-Type {reply.header('content-type')!r}.")


@AREA.case(Level.MUST, clauses.NEGOTIATION)
def only_what_is_accepted(index: Index) -> None:
    """Who accepts one form only gets that form, the server's usual one, or 406."""
    for accept, types in ((JSON, TYPES), (HTML, {HTML}), (V1_HTML, TYPES - {JSON})):
        reply = _asked(index, accept)
        right = (reply.status == 200 and reply.type in types) or reply.status == 406
        require(right, f"For {accept} the list answers {reply.status} with {reply.header('content-type')!r}.")


@AREA.case(Level.CLIENTS, clauses.INSTALLERS)
def clients_get_pages(index: Index) -> None:
    """What each client sends as Accept gets a page in a form that it names."""
    for client, accept in CLIENTS.items():
        reply = _asked(index, accept)
        right = reply.status == 200 and (reply.type in accept or "*/*" in accept)
        require(right, f"{client} gets {reply.status} with {reply.header('content-type')!r}.")


@AREA.case(Level.MUST, clauses.ACCEPT)
def without_accept(index: Index) -> None:
    """Who sends no Accept takes anything."""
    reply = index.session.get(index.url)
    require(reply.status == 200, f"Without Accept the list answers {reply.status}.")


@AREA.case(Level.CLIENTS, clauses.BY_HATCH)
def html_for_everybody_else(index: Index) -> None:
    """Who accepts anything gets HTML: Hatch and older tools read nothing else."""
    index.html_list()
    reply = _asked(index, "*/*")
    require(reply.type in HTML_TYPES, f"For */* the list is sent as {reply.header('content-type')!r}.")


@AREA.case(Level.CLIENTS, clauses.BY_MIRRORS)
def json_type_is_exact(index: Index) -> None:
    """The Content-Type of JSON has no parameters: devpi-server and Pulp compare all of it."""
    index.json_list()
    kind = _asked(index, JSON).header("content-type")
    require(kind == JSON, f"The list is sent as {kind!r}.")


@AREA.case(Level.SHOULD, clauses.WEIGHTS)
def weights_are_weighed(index: Index) -> None:
    """The form with the greater weight is sent, in whichever order they stand; weight 0 rules one out."""
    _both_forms(index)
    for accept, types in (
        (f"{HTML};q=0.1, {JSON};q=0.9", {JSON}),
        (f"{JSON};q=0.1, {HTML};q=0.9", {HTML}),
        (f"{JSON};q=0, */*", HTML_TYPES),
        (f"{HTML};q=0, {V1_HTML};q=0, {JSON};q=0.001", {JSON}),
    ):
        reply = _asked(index, accept)
        require(reply.type in types, f"For {accept} the list is sent as {reply.header('content-type')!r}.")


@AREA.case(Level.MUST, clauses.PEP_691)
def latest_is_resolved(index: Index) -> None:
    """Who asks for the latest version gets one whose Content-Type names a version."""
    index.json_list()
    reply = _asked(index, JSON.replace("v1", "latest"))
    offered(reply.status == 200 and "json" in reply.type, "The version `latest` is not known.")
    require(reply.type == JSON, f"The latest version is sent as {reply.header('content-type')!r}.")


@AREA.case(Level.SHOULD, clauses.PEP_691)
def unacceptable_is_no_fault(index: Index) -> None:
    """Who accepts nothing that there is gets 406, or the usual form, and no failure of the server."""
    for accept in ("image/png", "application/vnd.pypi.simple.v9+json", "nonsense", "text/html;q=many"):
        reply = _asked(index, accept)
        right = reply.status == 406 or (reply.status == 200 and reply.type in TYPES)
        require(right, f"For {accept} the list answers {reply.status} with {reply.header('content-type')!r}.")


@AREA.case(Level.SHOULD, clauses.PEP_691)
def format_in_the_address(index: Index) -> None:
    """?format= goes before Accept, if it is known."""
    _both_forms(index)
    reply = index.session.get(f"{index.url}?format={JSON.replace('+', '%2B')}", AS_HTML)
    offered(reply.type == JSON, "?format= is not known.")
    reply = index.session.get(f"{index.url}?format={HTML}", AS_JSON)
    require(reply.type == HTML, f"?format={HTML} is sent as {reply.header('content-type')!r}.")


@AREA.case(Level.SHOULD, clauses.VARY)
def vary_names_accept(index: Index) -> None:
    """Where there are several forms, Vary names Accept: caches would mix them up."""
    _both_forms(index)
    for headers in (AS_JSON, AS_HTML):
        told = index.session.get(index.url, headers).header("vary").lower()
        require("*" in told or "accept" in [each.strip() for each in told.split(",")], f"Vary is {told!r}.")
