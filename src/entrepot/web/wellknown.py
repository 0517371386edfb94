"""Files that programs look for at an address which somebody else has fixed."""

from datetime import UTC, datetime, time, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from entrepot.config import Config
from entrepot.web.caching import shared

PLAIN = "text/plain; charset=utf-8"
YEAR = timedelta(days=365)
# What is for installers or for one person, and what would be made anew for each of endless queries.
CLOSED = (
    *("/simple/", "/packages/", "/search/", "/account/", "/admin/", "/operator/", "/image/"),
    *("/project/*/files/", "/project/*/changes/", "/classifiers/?"),
)


@require_safe
@shared()
def robots(_request: HttpRequest) -> HttpResponse:
    """What robots leave alone (RFC 9309), and where the sitemap is."""
    lines = ["User-agent: *", *(f"Disallow: {each}" for each in CLOSED), ""]
    return HttpResponse("\n".join([*lines, f"Sitemap: {Config.current().public_url}/sitemap.xml", ""]), PLAIN)


@require_safe
@shared()
def security_txt(_request: HttpRequest) -> HttpResponse:
    """Where weaknesses are reported (RFC 9116); good for a year from the beginning of today."""
    config = Config.current()
    expires = datetime.combine(timezone.now().date(), time(), UTC) + YEAR
    lines = [
        f"Contact: {config.security_contact}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Policy: {config.public_url}/security/",
        f"Canonical: {config.public_url}/.well-known/security.txt",
    ]
    return HttpResponse("\n".join([*lines, ""]), PLAIN)


@require_safe
def change_password(_request: HttpRequest) -> HttpResponse:
    """Where password managers send people to change theirs (W3C, A Well-Known URL for Changing Passwords)."""
    return redirect("account_change_password")


@require_safe
@shared()
def opensearch(request: HttpRequest) -> HttpResponse:
    """How browsers search here (OpenSearch 1.1)."""
    context = {"url": Config.current().public_url}
    return render(request, "opensearch.xml", context, content_type="application/opensearchdescription+xml")
