"""Refusals of the domain, as pages."""

import math
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from entrepot.api import problems
from entrepot.monitoring.observation import current
from entrepot.refusal import Refused, TooMany, Unavailable


def refuse(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """A page that says what was refused and why; for programs, what they expect instead."""
    match = request.resolver_match
    if match is not None and (match.namespace == "api" or match.url_name == "upload"):
        return problems.answer(request.headers.get("Accept", ""), refusal)
    status: HTTPStatus = problems.STATUS[type(refusal)]
    current().code = refusal.code
    response = render(request, "refused.html", {"refusal": refusal, "status": status}, status=status)
    response["Cache-Control"] = "no-store"
    if isinstance(refusal, Unavailable):
        response["Retry-After"] = "30"
    if isinstance(refusal, TooMany):
        response["Retry-After"] = str(math.ceil(refusal.seconds))
    return response
