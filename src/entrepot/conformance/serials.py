"""Serials, by which mirrors find what has changed, and XML-RPC, by which older ones ask."""

from collections.abc import Mapping
from typing import Any
from xmlrpc.client import Fault, Unmarshaller, dumps

from defusedxml.xmlrpc import DefusedExpatParser

from entrepot.conformance import clauses
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import AS_JSON, Index, normalized
from entrepot.conformance.judging import Failed, offered, require
from entrepot.conformance.shapes import items, mapping, number, words

AREA = Area("serials", "Serials and XML-RPC")
SERIAL = "x-pypi-last-serial"


def _listed(index: Index) -> Mapping[str, int]:
    """The serial of each project in the list. Raises NotOffered when none has one."""
    entries = [mapping(each) for each in items(index.json_list().value.get("projects"))]
    told = [(words(each.get("name")), number(each.get("_last-serial"))) for each in entries]
    found = {normalized(name): serial for name, serial in told if serial is not None}
    offered(bool(found), "The list names no _last-serial.")
    return found


def _call(index: Index, method: str, *parameters: int) -> Any:
    """What a method answers. Raises Fault; NotOffered where there is no XML-RPC."""
    headers = {"Content-Type": "text/xml"}
    reply = index.session.send("POST", f"{index.site}pypi", headers, dumps(parameters, method).encode())
    offered(reply.status == 200 and reply.type == "text/xml", f"{index.site}pypi has no XML-RPC.")
    try:
        unmarshaller = Unmarshaller()
        parser = DefusedExpatParser(unmarshaller, forbid_dtd=True)
        parser.feed(reply.body)
        parser.close()
        values = unmarshaller.close()
    except Fault:
        raise
    except Exception as error:  # the parser and the standard library's reader have errors of many kinds
        raise Failed(f"{method} answers what cannot be read: {error}") from error
    return values[0]


def _answered(index: Index, method: str, *parameters: int) -> Any:
    try:
        return _call(index, method, *parameters)
    except Fault as fault:
        raise Failed(f"{method} answers the fault {fault.faultCode}: {fault.faultString[:200]}") from fault


@AREA.case(Level.CLIENTS, clauses.BY_MIRRORS)
def every_project_has_one(index: Index) -> None:
    """Each project in the list has a _last-serial: bandersnatch passes by one without it."""
    listed = _listed(index)
    names = [normalized(words(mapping(each).get("name"))) for each in items(index.json_list().value.get("projects"))]
    missing = [name for name in names if name not in listed]
    require(not missing, f"{missing[:3]} have none.")


@AREA.case(Level.CLIENTS, clauses.BY_MIRRORS)
def page_is_not_older_than_the_list(index: Index) -> None:
    """X-PyPI-Last-Serial of a project's page is the page's _last-serial, and not less than the list tells."""
    listed = _listed(index)
    for project in [each for each in index.looked_at() if each in listed]:
        reply = index.page(project, AS_JSON)
        header, told = reply.header(SERIAL), mapping(mapping(reply.json).get("meta")).get("_last-serial")
        offered(bool(header), "Pages have no X-PyPI-Last-Serial.")
        require(header.isdigit() and header == str(told), f"{project} has {told!r}, and the header {header!r}.")
        require(int(header) >= listed[project], f"{project} has {header}, and the list says {listed[project]}.")


@AREA.case(Level.CLIENTS, clauses.XML_RPC)
def rpc_last_serial(index: Index) -> None:
    """changelog_last_serial answers an integer."""
    found = _answered(index, "changelog_last_serial")
    require(number(found) is not None, f"It answers {found!r}.")


@AREA.case(Level.CLIENTS, clauses.XML_RPC)
def rpc_projects(index: Index) -> None:
    """list_packages_with_serial answers an integer by name, none of them greater than the last serial."""
    found = _answered(index, "list_packages_with_serial")
    last = number(_answered(index, "changelog_last_serial")) or 0
    right = isinstance(found, dict) and all((number(each) or last + 1) <= last for each in found.values())
    require(right, f"It answers {str(found)[:200]}, and the last serial is {last}.")


@AREA.case(Level.CLIENTS, clauses.XML_RPC)
def rpc_changes(index: Index) -> None:
    """changelog_since_serial answers what is newer, ascending: name, version, time, action, serial."""
    last = number(_answered(index, "changelog_last_serial")) or 0
    since = max(last - 20, 0)
    found = _answered(index, "changelog_since_serial", since)
    rows = [each for each in items(found) if isinstance(each, list) and len(each) == 5]
    require(isinstance(found, list) and len(rows) == len(found), f"It answers {str(found)[:200]}.")
    serials = [number(each[4]) or 0 for each in rows]
    require(
        serials == sorted(serials) and all(each > since for each in serials), f"Since {since} it answers {serials}."
    )


@AREA.case(Level.CLIENTS, clauses.XML_RPC)
def rpc_fault(index: Index) -> None:
    """A method that does not exist is a fault, in an answer with status 200."""
    try:
        found = _call(index, "no_such_method")
    except Fault:
        return
    raise Failed(f"It answers {str(found)[:200]}.")
