"""Refusals as HTTP answers, in one place.

The sentence goes into the body and into the reason phrase, where twine looks for it. Who asks for JSON gets a problem
document (RFC 9457) with the stable code.
"""

import math
from http import HTTPStatus

from django.http import HttpResponse, JsonResponse

from entrepot.monitoring.observation import current
from entrepot.refusal import Forbidden, Missing, Refused, TooLarge, TooMany, Unavailable

PROBLEM = "application/problem+json"
TRY_AGAIN = Unavailable("try-later", "The index cannot do this at this moment. Please try again.")

STATUS = {
    Refused: HTTPStatus.BAD_REQUEST,
    Forbidden: HTTPStatus.FORBIDDEN,
    Missing: HTTPStatus.NOT_FOUND,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def answer(accepted: str, refusal: Refused, status: HTTPStatus | None = None) -> HttpResponse:
    """The HTTP answer that says what was refused and why, in a type that the Accept header `accepted` names.

    `status` is for those that the kind of refusal does not imply.
    """
    status = status or STATUS[type(refusal)]
    current().code = refusal.code
    response: HttpResponse
    if PROBLEM in accepted or "application/json" in accepted:
        problem = {
            "type": f"about:blank#{refusal.code}",
            "title": status.phrase,
            "status": status.value,
            "detail": refusal.message,
            "code": refusal.code,
            "field": refusal.field,
            "request_id": current().id,
        }
        response = JsonResponse(problem, content_type=PROBLEM)
    else:
        response = HttpResponse(f"{refusal.message}\n", content_type="text/plain; charset=utf-8")
    response.status_code = status
    response.reason_phrase = refusal.message
    response["Cache-Control"] = "no-store"
    for name, value in refusal.headers.items():
        response[name] = value
    if isinstance(refusal, Unavailable):
        response["Retry-After"] = "30"
    if isinstance(refusal, TooMany):
        response["Retry-After"] = str(math.ceil(refusal.seconds))
    return response
