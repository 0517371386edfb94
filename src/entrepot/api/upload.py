"""The legacy upload API, at /legacy/: what twine, uv, flit, hatch, poetry and pdm speak. No standard describes it."""

import logging
import re
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus

from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from entrepot.api import problems
from entrepot.api.credentials import TRY_LATER, uploader_of
from entrepot.api.form import Form, read_form
from entrepot.config import Config
from entrepot.followers import pages
from entrepot.monitoring import metrics
from entrepot.policy import LARGEST_FILE
from entrepot.projects.queries import index_at_root
from entrepot.publishing import DIGEST_FIELDS, Upload, publish
from entrepot.refusal import Refused

logger = logging.getLogger(__name__)

GONE = {"submit", "submit_pkg_info", "doc_upload"}
LONGEST_COMMENT = 1000  # characters; it is repeated in JSON documents
KINDS = {"sdist", "bdist_wheel"}

_HEX = {"md5": r"[0-9a-f]{32}", "sha256": r"[0-9a-f]{64}", "blake2": r"[0-9a-f]{64}"}

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
        wanted = _upload(form, action)
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


def _upload(form: Form, action: str) -> Upload:
    if action != "file_upload":
        raise Refused("unknown-action", f"Unknown action '{action}': files come with ':action' file_upload.", ":action")
    if form.get("protocol_version") not in {"", "1"}:
        raise Refused("unknown-protocol", "Unknown protocol version.", "protocol_version")
    for name in ("metadata_version", "name", "version"):
        if not form.get(name):
            raise Refused("field-missing", f"{name}: This field is required.", name)
    if form.get("filetype") not in KINDS:
        raise Refused("invalid-filetype", "Invalid value for filetype. Error: Use a known file type.", "filetype")
    _check_python_version(form)
    if len(form.get("comment")) > LONGEST_COMMENT:
        raise Refused("comment-too-long", f"comment: has more than {LONGEST_COMMENT} characters.", "comment")
    claimed = _claimed_digests(form)
    if form.content is None:
        raise Refused("no-file", "Upload payload does not have a file.", "content")
    if form.content.type.lower().startswith("image/"):
        raise Refused("invalid-distribution", "Invalid distribution file. It is said to be an image.", "content")
    return Upload(
        file=form.content.file,
        digests=form.content.digests,
        filename=form.content.filename,
        name=form.get("name"),
        version=form.get("version"),
        kind=form.get("filetype"),
        comment=form.get("comment"),
        claimed=claimed,
    )


def _check_python_version(form: Form) -> None:
    wheel, tag = form.get("filetype") == "bdist_wheel", form.get("pyversion")
    if wheel and not tag:
        raise Refused("field-missing", "Python version is required for binary distribution uploads.", "pyversion")
    if not wheel and tag not in {"", "source"}:
        raise Refused("invalid-pyversion", "Use 'source' as Python version for an sdist.", "pyversion")


def _claimed_digests(form: Form) -> Mapping[str, str]:
    claimed = {name: form.get(field).lower() for name, field in DIGEST_FIELDS.items() if form.get(field)}
    for name, digest in claimed.items():
        if not re.fullmatch(_HEX[name], digest):
            raise Refused(
                "invalid-digest", f"{DIGEST_FIELDS[name]}: Use a valid, hex-encoded, digest.", DIGEST_FIELDS[name]
            )
    if not claimed.keys() - {"md5"}:
        raise Refused(
            "no-digest", "Include at least one message digest: sha256_digest or blake2_256_digest.", "sha256_digest"
        )
    return claimed
