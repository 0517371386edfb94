"""Addresses and names."""

import secrets

from entrepot.conformance import clauses
from entrepot.conformance.anchors import last_segment
from entrepot.conformance.asking import SENT_ON
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import AS_HTML, AS_INSTALLER, Index, normalized
from entrepot.conformance.judging import offered, require

AREA = Area("names", "Addresses and names")


@AREA.case(Level.MUST, clauses.PEP_503)
def list_is_there(index: Index) -> None:
    """The root of the index answers with the list of projects."""
    reply = index.session.get(index.url, AS_INSTALLER)
    require(reply.status == 200, f"{index.url} answers {reply.status}.")


@AREA.case(Level.MUST, clauses.PEP_503)
def listed_is_there(index: Index) -> None:
    """Below the root every project has a page, at its normalized name."""
    offered(bool(index.projects), "There is no project to look at.")
    for project in index.projects:
        reply = index.page(project, AS_INSTALLER)
        require(reply.status == 200, f"The page of {project} answers {reply.status}.")


@AREA.case(Level.SHOULD, clauses.PEP_503)
def slash_is_added(index: Index) -> None:
    """The address of a page without the slash at its end redirects to the one with it."""
    for project in index.looked_at():
        reply = index.session.send("GET", f"{index.url}{project}", AS_HTML)
        where = reply.header("location")
        require(reply.status in SENT_ON, f"{reply.url} answers {reply.status}, and redirects nowhere.")
        require(
            where.partition("?")[0].endswith("/") and last_segment(where) == project, f"{reply.url} leads to {where!r}."
        )


@AREA.case(Level.SHOULD, clauses.PEP_503)
def other_spelling_leads_home(index: Index) -> None:
    """Another spelling of a project's name leads to the same project, if it leads anywhere."""
    for project in index.looked_at():
        spelled = f"{project.replace('-', '_').upper()}"
        reply = index.page(spelled, AS_INSTALLER)
        require(reply.status < 500, f"{index.url}{spelled}/ answers {reply.status}.")
        offered(reply.status == 200, f"Only normalized names are found: {spelled} answers {reply.status}.")
        found = last_segment(reply.url)
        require(normalized(found) == project, f"{index.url}{spelled}/ leads to {reply.url}.")


@AREA.case(Level.CLIENTS, clauses.INSTALLERS)
def unknown_is_404(index: Index) -> None:
    """The page of a project that does not exist answers 404: installers go on with the next index."""
    name = f"no-such-project-{secrets.token_hex(8)}"
    reply = index.page(name, AS_INSTALLER)
    require(reply.status == 404, f"The page of a project that does not exist answers {reply.status}.")


@AREA.case(Level.CLIENTS, clauses.BY_MIRRORS)
def list_without_slash(index: Index) -> None:
    """The list is found without the slash at the end of its address, as bandersnatch asks for it."""
    reply = index.session.get(index.url.rstrip("/"), AS_INSTALLER)
    require(reply.status == 200, f"{index.url.rstrip('/')} answers {reply.status}.")
