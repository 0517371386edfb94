"""The management API, at /api/v1/: what programs do in the name of a user, with a token that has the permission.

Answers are JSON, refusals problem documents (RFC 9457); `/api/v1/openapi.json` describes all of it (OpenAPI 3.1).
"""

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError

from entrepot.api import problems
from entrepot.api.described import DescribedAPI
from entrepot.api.manage import account, downloads, people, projects
from entrepot.refusal import Refused, Unavailable

api = DescribedAPI(
    title="Entrepot",
    version="1",
    description="Look after projects, releases, files, roles and tokens. Send an API token as `Authorization: Bearer`.",
    docs_url=None,
    urls_namespace="api",
)
for each in (projects, people, account, downloads):
    api.add_router("", each.router)


@api.exception_handler(Refused)
def _refuse(_request: HttpRequest, refusal: Refused) -> HttpResponse:
    return problems.answer(problems.PROBLEM, refusal)


@api.exception_handler(ValidationError)
def _refuse_form(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    where = ".".join(str(each) for each in first["loc"])
    return problems.answer(problems.PROBLEM, Refused("invalid-request", f"{where}: {first['msg']}.", where))


@api.exception_handler(HttpError)
def _refuse_body(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problems.answer(problems.PROBLEM, Refused("invalid-request", f"{error.message}.", "body"))


@api.exception_handler(OperationalError)
def _try_later(_request: HttpRequest, _error: OperationalError) -> HttpResponse:
    again = Unavailable("try-later", "The index cannot do this at this moment. Please try again.")
    return problems.answer(problems.PROBLEM, again)
