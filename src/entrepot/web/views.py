"""Pages for people."""

from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from entrepot.config import Config
from entrepot.projects.news import newest_projects, newest_releases
from entrepot.projects.queries import index_at_root
from entrepot.projects.totals import totals
from entrepot.web.caching import SHORTLY, shared

NEWEST = 5  # of the newest projects, and as many releases


@require_safe
@shared("front", surrogate=SHORTLY)
def front(request: HttpRequest) -> HttpResponse:
    """What this index has, how to find something in it, to install from it and to upload to it."""
    url = Config.current().public_url
    try:
        context = {
            "url": url,
            "trusted_host": trusted_host(url),
            "profile": index_at_root().profile,
            "totals": totals(),
            "projects": newest_projects(NEWEST),
            "releases": newest_releases(NEWEST),
        }
    except OperationalError:
        response = render(request, "500.html", status=HTTPStatus.SERVICE_UNAVAILABLE)
        response["Retry-After"] = "30"
        return response
    return render(request, "front.html", context)


def trusted_host(url: str) -> str:
    """The host, with its port, that pip has to be told to trust (`--trusted-host`) before it installs from this URL.

    Empty for https and for this machine: what pip calls a secure origin.
    """
    parts = urlsplit(url)
    return "" if parts.scheme == "https" or _is_this_machine(parts.hostname or "") else parts.netloc


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
