"""Finding projects: the page, the same as JSON, and suggestions while somebody types.

All of it is for everybody. A cache in front keeps an answer for a minute, as nothing tells it what has changed.
"""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from entrepot.config import Config
from entrepot.edge.negotiate import prefers_json
from entrepot.search.engines import engine
from entrepot.search.port import PER_PAGE, Hit, Query, Results
from entrepot.web.asking import Asked, address, asked_for, elsewhere, lists
from entrepot.web.caching import SHORTLY, shared

SUGGESTED_FOR = 100  # characters


@require_safe
@shared("search", surrogate=SHORTLY)
def search(request: HttpRequest) -> HttpResponse:
    """Projects, 20 on a page: those that fit best, or the newest. JSON with `format=json` or where it is preferred."""
    asked = asked_for(request.GET)
    results = engine().find(asked.query)
    if results.meant and asked.is_filtered:  # it may be the filters that leave little, and not the words
        results = replace(results, meant=engine().find(Query(asked.text)).meant)
    response: HttpResponse
    if request.GET.get("format") == "json" or prefers_json(request.headers.get("Accept", "")):
        response = JsonResponse(_document(asked, results))
    else:
        response = render(request, "search/search.html", _context(asked, results))
    patch_vary_headers(response, ["Accept"])
    return response


@require_safe
@shared("search", surrogate=SHORTLY)
def suggestions(request: HttpRequest) -> HttpResponse:
    """Names that begin as what somebody has typed, as OpenSearch Suggestions 1.1 have it: `["sp", ["spam", …]]`."""
    text = request.GET.get("q", "")[:SUGGESTED_FOR]
    return JsonResponse([text, engine().suggest(text)], safe=False, content_type="application/x-suggestions+json")


def _pages(results: Results) -> int:
    return -(-results.total // PER_PAGE)


def _context(asked: Asked, results: Results) -> dict[str, object]:
    last = _pages(results)
    return {
        "asked": asked,
        "results": results,
        "pages": last,
        "previous": asked.address(min(asked.page - 1, last)) if asked.page > 1 and last else "",
        "next": asked.address(asked.page + 1) if asked.page < last else "",
        "meant": address([("q", results.meant)]),
        "unfiltered": address([("q", asked.text)]),
        "lists": lists(asked),
        "elsewhere": elsewhere(asked),
    }


def _document(asked: Asked, results: Results) -> dict[str, object]:
    site, last = Config.current().public_url, _pages(results)
    return {
        "total": results.total,
        "more_than_total": results.capped,
        "page": asked.page,
        "pages": last,
        "next": f"{site}{asked.address(asked.page + 1)}&format=json" if asked.page < last else None,
        "did_you_mean": results.meant or None,
        "some_words_only": results.partly,
        "projects": [_project(each, site) for each in results.hits],
    }


def _project(hit: Hit, site: str) -> dict[str, object]:
    return {
        "name": hit.name,
        "display_name": hit.display_name,
        "version": hit.version,
        "summary": hit.summary,
        "status": hit.status,
        "released_at": hit.released_at,
        "url": f"{site}/project/{hit.name}/",
    }
