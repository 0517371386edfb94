"""The images of descriptions, fetched by us: who reads a page is not seen by whoever hosts its images.

Only URLs that a description shows are fetched: each has our signature in front. What comes is sent on when it is an
image by its first bytes as well as by what it is called, and then as one, in a sandbox: an SVG that somebody opens by
itself runs nothing and loads nothing.
"""

import hmac
import logging
import re
from functools import cache
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response
from django.views.decorators.http import require_GET

from entrepot.config import Config
from entrepot.ports.fetching import Absent, Crowded, Fetched, Fetcher, NotFetched, Turns, resolver, via
from entrepot.projects.descriptions import image_signatures

logger = logging.getLogger(__name__)

AGENT = "entrepot-images"
LARGEST = 5 * 1024 * 1024  # bytes
TURNS = Turns(in_all=16, of_one_host=4, patience=2.0)
KEPT = "public, max-age=86400, stale-while-revalidate=604800, stale-if-error=604800"
MISSED = "public, max-age=300"
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"

_SIGNS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/avif": re.compile(rb"....ftyp.{0,40}avi[fs]", re.DOTALL),
    "image/svg+xml": re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<[?!].{0,4000})?<svg\b", re.DOTALL),
}


@require_GET
def image(request: HttpRequest, signature: str, address: str) -> HttpResponse:
    """The image at the URL `address`, which is hexadecimal UTF-8 and has our signature."""
    if not hmac.compare_digest(signature, image_signatures()(address)):
        return _missed(HTTPStatus.FORBIDDEN, "Only images of descriptions are shown here.")
    if Config.current().images == "off" or via(AGENT) in request.headers.get("Via", ""):
        return _only_now(HTTPStatus.NOT_FOUND, "No image is shown here.")
    try:
        return _shown(fetcher().get(bytes.fromhex(address).decode()))
    except Absent:
        return _missed(HTTPStatus.NOT_FOUND, "The image is not there any more.")
    except Crowded:
        busy = _only_now(HTTPStatus.SERVICE_UNAVAILABLE, "Too many images are being fetched.")
        busy["Retry-After"] = "5"
        return _no_error(request, busy, "too many images are being fetched")
    except NotFetched as reason:
        missed = _missed(HTTPStatus.BAD_GATEWAY, "The image cannot be fetched.")
        return _no_error(request, missed, str(reason))


@cache
def fetcher() -> Fetcher:
    """The one of this process, so that its turns are counted."""
    return Fetcher(
        agent=AGENT,
        accept=", ".join(_SIGNS),
        largest=LARGEST,
        resolve=resolver(Config.current().nameserver()),
        turns=TURNS,
    )


def _shown(fetched: Fetched) -> HttpResponse:
    """Raises NotFetched when it is no image."""
    called = fetched.content_type.partition(";")[0].strip().lower()
    if called not in _SIGNS or not _SIGNS[called].match(fetched.body):
        raise NotFetched(f"no image: {called!r}")
    return _answer(fetched.body, called, KEPT)


def _no_error(request: HttpRequest, response: HttpResponse, reason: str) -> HttpResponse:
    """Logged as what it is: strangers decide which hosts are asked, and what fails there is no error of ours.

    The status says that it is one, so that caches go on with the image that they have.
    """
    told = "an image was not fetched: %s"
    log_response(told, reason, response=response, request=request, logger=logger, level="info")
    return response


def _only_now(status: HTTPStatus, words: str) -> HttpResponse:
    """Because of who asks, or when: nobody else is told the same."""
    response = _missed(status, words)
    response["Cache-Control"] = "no-store"
    return response


def _missed(status: HTTPStatus, words: str) -> HttpResponse:
    response = _answer(f"{words}\n".encode(), "text/plain; charset=utf-8", MISSED)
    response.status_code = status
    return response


def _answer(body: bytes, content_type: str, kept: str) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    response["Cache-Control"] = kept
    response["Content-Security-Policy"] = SANDBOX
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
