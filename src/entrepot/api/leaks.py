"""Reports of leaked tokens, at /api/v1/leaked-tokens: what secret scanners send, as GitHub's partner program has it.

The answer never says which tokens there were.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from entrepot.accounts import actions, leaks, limits, tokens
from entrepot.accounts.actor import Actor, Scanner
from entrepot.accounts.address import address_of, household
from entrepot.accounts.leaks import ScannerKey
from entrepot.accounts.limits import Limit
from entrepot.api import problems
from entrepot.config import Config
from entrepot.monitoring.logs import scrubbed
from entrepot.refusal import Missing, Refused, TooMany

MOST = 1000  # records of a report
LONGEST = 500  # characters of a URL that is kept
REPORTS = Limit("leak-reports", 600, 60 * 60)  # with a key
UNSIGNED = Limit("bad-leak-report", 100, 5 * 60)  # from an address
SENDERS = ("Entrepot", "GitHub")

_URL = re.compile(r"https?://[!-~]+")


class Finding(BaseModel):
    """A match, and where it was found. Whatever else the record has is passed by, its type too."""

    token: str
    url: str | None = ""
    source: str | None = ""


_REPORT = TypeAdapter(Annotated[list[Finding], Field(max_length=MOST)])


@csrf_exempt
def report(request: HttpRequest) -> HttpResponse:
    """Take a report: 204 when all tokens that it names are invalid, whether there were any or not."""
    try:
        return _take(request)
    except Refused as refusal:
        return problems.answer(problems.PROBLEM, refusal)
    except OperationalError:
        return problems.answer(problems.PROBLEM, problems.TRY_AGAIN)


def _take(request: HttpRequest) -> HttpResponse:
    config = Config.current()
    keys = leaks.scanner_keys(config.scanner_keys)
    if not keys:
        raise Missing("no-scanners", "This index takes no reports of leaked tokens.")
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    identifier, key = _sender(request, keys)
    room = limits.COUNTING.spend(REPORTS, f"key {identifier}")
    told = limits.headers([room])
    if not room.admitted:
        raise TooMany("too-many-reports", f"Too many reports: {REPORTS.amount} are taken in an hour.", room.wait, told)
    for finding in _findings(request.body):
        for text in leaks.tokens_in(finding.token):
            _revoke(text, finding, key.name, request)
    return HttpResponse(status=HTTPStatus.NO_CONTENT, headers=dict(told))


def _sender(request: HttpRequest, keys: Mapping[str, ScannerKey]) -> tuple[str, ScannerKey]:
    """Whose key the body is signed with, and the key's identifier. Raises Refused and TooMany."""
    for sender in SENDERS:
        identifier = request.headers.get(f"{sender}-Public-Key-Identifier", "")
        signature = request.headers.get(f"{sender}-Public-Key-Signature", "")
        if identifier in keys and keys[identifier].signed(request.body, signature):
            return identifier, keys[identifier]
    room = limits.count_failure(UNSIGNED, household(address_of(request)))
    told = limits.headers([room])
    if room.admitted:
        raise Refused("invalid-signature", "The report is not signed with a key that this index knows.", headers=told)
    raise TooMany(
        "too-many-reports", "Too many reports came from this address without a valid signature.", room.wait, told
    )


def _findings(body: bytes) -> Sequence[Finding]:
    try:
        return _REPORT.validate_json(body)
    except ValidationError as error:
        sentence = f"The report is no JSON list of at most {MOST} objects with a token."
        raise Refused("invalid-report", sentence) from error


def _revoke(text: str, finding: Finding, scanner: str, request: HttpRequest) -> None:
    leaked = tokens.genuine(text, secret=Config.current().secret())
    if leaked is None:
        return
    found = _URL.match(finding.url or "")
    source = "".join(each for each in finding.source or "" if each.isprintable())
    actions.revoke_leaked(
        leaked.token,
        by=Actor(None, Scanner(leaked.user, scanner), address_of(request)),
        url=scrubbed(found[0])[:LONGEST] if found else "",
        source=scrubbed(source)[:100],
    )
