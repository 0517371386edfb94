"""The legacy upload API, at /legacy/: what twine, uv, flit, hatch, poetry and pdm speak. No standard describes it."""

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from entrepot.api import problems
from entrepot.api.credentials import TRY_LATER, uploader_of
from entrepot.claims import claimed_upload
from entrepot.config import Config
from entrepot.followers import pages
from entrepot.form import read_form
from entrepot.monitoring import metrics
from entrepot.policy import LARGEST_FILE
from entrepot.projects.queries import index_at_root
from entrepot.publishing import publish
from entrepot.refusal import Refused

logger = logging.getLogger(__name__)

GONE = {"submit", "submit_pkg_info", "doc_upload"}

View = Callable[[HttpRequest], HttpResponse]


def refusing(view: View) -> View:
    """Turn what the view refuses into an answer."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        accepted = request.headers.get("Accept", "")
        try:
            return view(request)
        except Refused as refusal:
            return problems.answer(accepted, refusal)
        except (OperationalError, OSError):
            logger.exception("an upload could not be taken")
            return problems.answer(accepted, TRY_LATER)

    return guarded


@csrf_exempt
@refusing
def upload(request: HttpRequest) -> HttpResponse:
    """Take an upload: 200 when the file is published, also when it was before with the same bytes."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    config = Config.current()
    # Recognized once more: the token may have been revoked while the body came.
    publisher = uploader_of(request)
    with read_form(
        request,
        content_type=request.headers.get("Content-Type", ""),
        directory=config.uploads,
        limit=LARGEST_FILE,
    ) as form:
        action = form.get(":action") or request.GET.get(":action", "")
        if action in GONE:
            refusal = Refused("action-gone", f"The action '{action}' is gone: projects are made by uploading a file.")
            return problems.answer(request.headers.get("Accept", ""), refusal, HTTPStatus.GONE)
        wanted = claimed_upload(form, action)
        serial = publish(wanted, index=index_at_root(), by=publisher, store=config.store())
    shown = is_shown(serial)
    response = HttpResponse(content_type="text/plain; charset=utf-8")
    if not shown:
        response["X-Entrepot-Publication"] = "pending"
    return response


def to_the_slash() -> HttpResponse:
    """What to say at /legacy: 308, because clients turn other redirects into a GET that looks like success."""
    response = HttpResponse(status=308, reason="An upload of files goes to the URL with a slash at its end")
    response["Location"] = "/legacy/"
    return response


def is_shown(serial: int) -> bool:
    """Whether readers see the change. From here on it has happened, whatever fails: the worker does the rest."""
    config = Config.current()
    try:
        with metrics.publication():
            return pages.publish_own(serial, store=config.store(), cdn=config.cdn())
    except (DatabaseError, OSError):
        logger.exception("the pages of serial %d are left to the worker", serial)
        return False
