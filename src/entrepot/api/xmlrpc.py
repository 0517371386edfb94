"""XML-RPC at /pypi and /RPC2, as PyPI has it: what older mirrors follow, and a few questions.

Every call is answered with 200; what fails is a fault inside of it. The numbers are those of the specification for
fault code interoperability, version 20010516. Methods that PyPI has given up are refused by a sentence that says what
to use instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NoReturn, TypeAlias
from xmlrpc.client import Fault, Unmarshaller, dumps

from defusedxml.xmlrpc import DefusedExpatParser
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from pydantic import Field, TypeAdapter, ValidationError

from entrepot.accounts import limits
from entrepot.accounts.address import address_of, household
from entrepot.accounts.limits import Limit, Room
from entrepot.monitoring.observation import current
from entrepot.names import ProjectName
from entrepot.projects import changelog
from entrepot.refusal import Refused, Unavailable
from entrepot.search.engines import engine
from entrepot.search.port import AT_MOST, SHOWN, Query

CALLS = Limit("xml-rpc", 3600, 60 * 60)  # from an address
NOT_WELL_FORMED, NO_METHOD, WRONG_PARAMETERS, FAILED, AWAY = -32700, -32601, -32602, -32500, -32403

Answer: TypeAlias = Any  # what `dumps` takes
Serial = Annotated[int, Field(ge=0, lt=1 << 31, strict=True)]


@dataclass(frozen=True, slots=True)
class Method:
    """What can be called, and the parameters that it takes."""

    parameters: TypeAdapter[tuple[object, ...]]
    answer: Callable[..., Answer]


@csrf_exempt
def xmlrpc(request: HttpRequest) -> HttpResponse:
    """Answer one call."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    headers: Mapping[str, str] = {}
    try:
        room = limits.COUNTING.spend(CALLS, household(address_of(request)))
        headers = limits.headers([room])
        answer = _called(request.body) if room.admitted else _too_many(room)
        body = dumps((answer,), methodresponse=True, allow_none=True)
    except (Error, Unavailable):
        body = _fault(AWAY, "The index does not answer such questions at the moment; please try again later.")
    except Fault as fault:
        body = _fault(fault.faultCode, fault.faultString)
    return HttpResponse(body, content_type="text/xml; charset=utf-8", headers={**headers, "Cache-Control": "no-store"})


def _too_many(room: Room) -> NoReturn:
    said = f"{CALLS.amount} calls are answered in an hour. Try again in {room.wait:.0f} seconds."
    raise Fault(FAILED, f"HTTPTooManyRequests: {said}")


def _fault(code: int, sentence: str) -> str:
    current().code = f"fault{code}"
    return dumps(Fault(code, sentence), methodresponse=True)


def _called(body: bytes) -> Answer:
    """Raises Fault."""
    name, given = _parsed(body)
    if name in GONE:
        raise Fault(FAILED, f"RuntimeError: {name} is gone. {GONE[name]}")
    if name not in METHODS:
        raise Fault(NO_METHOD, f"server error; requested method not found: {name[:100]!r}")
    try:
        parameters = METHODS[name].parameters.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Fault(WRONG_PARAMETERS, f"client error; parameter {where}: {first['msg']}") from None
    return METHODS[name].answer(*parameters)


def _parsed(body: bytes) -> tuple[str, tuple[object, ...]]:
    """The method that is called, and with what. Raises Fault."""
    found = Unmarshaller(use_builtin_types=True)
    parser = DefusedExpatParser(found, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
        given, name = found.close(), found.getmethodname()
    except Exception as error:  # whatever comes out of the library's parser when elements are nested wrongly
        raise Fault(NOT_WELL_FORMED, "parse error; not well formed") from error
    return str(name), tuple(given)


def _roles_in(name: str) -> Answer:
    try:
        return changelog.roles_in(ProjectName(name))
    except Refused:
        return []


def _browse(classifiers: Sequence[str]) -> Answer:
    """The release that stands for each project that has them all. Raises Fault for more than can be told."""
    found: list[tuple[str, str]] = []
    query = Query(classifiers=tuple(classifiers), statuses=SHOWN, newest=True)
    while (results := engine().find(query)).hits:
        if results.capped:
            raise Fault(FAILED, f"ValueError: more than {AT_MOST} projects have these classifiers. Name more of them.")
        found += [(each.display_name, each.version) for each in results.hits]
        query = replace(query, page=query.page + 1)
    return found


_NOTHING: TypeAdapter[tuple[object, ...]] = TypeAdapter(tuple[()])
_SERIAL: TypeAdapter[tuple[object, ...]] = TypeAdapter(tuple[Serial])
_NAME: TypeAdapter[tuple[object, ...]] = TypeAdapter(tuple[Annotated[str, Field(max_length=200)]])
_NAMES: TypeAdapter[tuple[object, ...]] = TypeAdapter(
    tuple[Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=20)]]
)
METHODS: Mapping[str, Method] = {
    "changelog_last_serial": Method(_NOTHING, changelog.last_serial),
    "changelog_since_serial": Method(_SERIAL, changelog.changes),
    "list_packages_with_serial": Method(_NOTHING, changelog.serials),
    "package_roles": Method(_NAME, _roles_in),
    "user_packages": Method(_NAME, changelog.roles_of),
    "browse": Method(_NAMES, _browse),
}
_JSON = "The JSON documents at /pypi/NAME/json tell it."
_SIMPLE = "The simple pages at /simple/ tell it."
GONE: Mapping[str, str] = {
    "changelog": "Use changelog_since_serial.",
    "list_packages": "Use list_packages_with_serial, or the page /simple/.",
    "package_data": _JSON,
    "package_releases": _SIMPLE,
    "package_urls": _JSON,
    "release_data": _JSON,
    "release_urls": _SIMPLE,
    "search": "Use the page /search/, which answers in JSON, too.",
    "system.multicall": "Make single calls.",
    "top_packages": "Nothing takes its place.",
}
