"""Addresses of an older time, which tools and links still use: each leads to where that is now."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from entrepot.api.xmlrpc import xmlrpc
from entrepot.names import ProjectName, canonical_version, parse_version
from entrepot.refusal import Refused
from entrepot.web.caching import shared
from entrepot.web.classifiers import VALID

PLAIN = "text/plain; charset=utf-8"
UPLOADED = "Files are uploaded to /legacy/."
NOW: Mapping[str, str] = {"": "front", "rss": "rss_updates", "packages_rss": "rss_packages"}
GONE: Mapping[str, str] = {
    "doap": "DOAP is not made any more. The JSON document at /pypi/NAME/json says the same.",
    **dict.fromkeys(("file_upload", "submit", "submit_pkg_info", "doc_upload"), UPLOADED),
}


@csrf_exempt
def pypi(request: HttpRequest) -> HttpResponse:
    """What was the whole site once: `:action` says what is wanted; a POST without one is XML-RPC."""
    action = request.GET.get(":action", "")
    if action in GONE:
        return _gone(GONE[action])
    if request.method == "POST":
        return xmlrpc(request)
    response: HttpResponse = _wanted(request, action)
    return response


@require_safe
def _wanted(request: HttpRequest, action: str) -> HttpResponse:
    if action in NOW:
        return redirect(NOW[action], permanent=True)
    if action in {"search", "browse"}:
        text = request.GET.get("term") or request.GET.get("name") or ""
        return HttpResponsePermanentRedirect(f"{reverse('search')}?{urlencode({'q': text})}")
    if action in {"files", "display"}:
        return project(request, request.GET.get("name", ""), request.GET.get("version"))
    return _classifiers(request) if action == "list_classifiers" else _unknown(request)


@require_safe
def project(request: HttpRequest, name: str, version: str | None = None) -> HttpResponse:
    """To the page of a project, or of a release of it."""
    try:
        normalized = ProjectName(name)
        released = canonical_version(parse_version(version)) if version else ""
    except Refused:
        return _unknown(request)
    if released:
        return redirect("project_release", permanent=True, name=normalized, version=released)
    return redirect("project", permanent=True, name=normalized)


@shared("classifiers")
def _classifiers(_request: HttpRequest) -> HttpResponse:
    """All that projects can have, each on a line: flit reads them."""
    return HttpResponse("".join(f"{each}\n" for each in VALID), content_type=PLAIN)


def _gone(sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=410, reason=sentence, content_type=PLAIN)


def _unknown(request: HttpRequest) -> HttpResponse:
    return render(request, "404.html", status=404)
