"""Sitemaps (protocol 0.9): which pages there are, for search engines.

Bucket 0 has the pages of the site itself, each of the others 10,000 projects by their ids, so that a new project
changes the last one only. People are not told of.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from entrepot.config import Config
from entrepot.projects import news
from entrepot.refusal import Missing
from entrepot.web.caching import shared
from entrepot.web.standing import POLICIES

XML = "application/xml; charset=utf-8"


@require_safe
@shared("sitemaps")
def index(request: HttpRequest) -> HttpResponse:
    """The list of all buckets."""
    context = {"url": Config.current().public_url, "buckets": range(news.buckets() + 1)}
    return render(request, "sitemaps.xml", context, content_type=XML)


@require_safe
@shared("sitemaps")
def bucket(request: HttpRequest, number: int) -> HttpResponse:
    """The pages of one bucket."""
    if number > news.buckets():
        raise Missing("no-such-page", _("There is nothing at this address."))
    pages = [reverse(each) for each in ("front", "help", "security", "policies", "classifiers")]
    pages += [reverse("policy", args=[each]) for each in POLICIES]
    context = {
        "url": Config.current().public_url,
        "pages": [] if number else pages,
        "projects": news.bucket(number) if number else [],
    }
    return render(request, "sitemap.xml", context, content_type=XML)
