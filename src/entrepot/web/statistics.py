"""What is fetched most, and badges: small pictures that say something of one project, for pages elsewhere."""

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from entrepot.edge.negotiate import prefers_json
from entrepot.names import ProjectName
from entrepot.projects import badges
from entrepot.stats import queries
from entrepot.stats.queries import Top
from entrepot.web.caching import SHORTLY, shared
from entrepot.web.moving import moved_to

PERIODS = ("day", "week", "month")
LETTER = 7  # pixels of a letter in a badge, about; the browser fits the text to it
PADDING = 12
LONGEST = 40  # letters of what a badge says
UNKNOWN = "unknown"


@require_safe
@shared("statistics", surrogate=SHORTLY)
def stats(request: HttpRequest) -> HttpResponse:
    """The projects that are fetched most, and those that are largest; as JSON for programs."""
    lists = queries.top()
    response: HttpResponse
    if request.GET.get("format") == "json" or prefers_json(request.headers.get("Accept", "")):
        response = JsonResponse(_document(lists))
    else:
        response = render(request, "stats.html", {"month": lists["month"], "size": lists["size"]})
    patch_vary_headers(response, ["Accept"])
    return response


@require_safe
@shared("project/{name}")
def badge(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """A badge. Raises Missing("no-such-project") or Refused("invalid-name")."""
    normalized = ProjectName(name)
    if normalized != name:
        return redirect(moved_to(request, "badge", normalized, kind), permanent=True)
    project = queries.project_shown(name)
    label, value = kind, (BADGES[kind](project.pk, request.GET.get("period", "")) or UNKNOWN)[:LONGEST]
    left, right = len(label) * LETTER + PADDING, len(value) * LETTER + PADDING
    about = {
        "label": label,
        "value": value,
        "left": left,
        "right": right,
        "width": left + right,
        "label_at": left // 2,
        "value_at": left + right // 2,
        "label_length": left - PADDING,
        "value_length": right - PADDING,
    }
    return render(request, "badge.svg", about, content_type="image/svg+xml")


def short(number: int) -> str:
    """A number as a badge has room for it: 999, 1.2k, 34k, 5.6M."""
    for letter, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= unit:
            return f"{number // unit}{letter}" if number >= 10 * unit else f"{number * 10 // unit / 10:g}{letter}"
    return str(number)


def _downloads(project: int, period: str) -> str:
    asked = period if period in PERIODS else "month"
    recent = queries.recent(project, today=timezone.now().date())
    return f"{short({'day': recent.day, 'week': recent.week, 'month': recent.month}[asked])}/{asked}"


BADGES: Mapping[str, Callable[[int, str], str]] = {
    "downloads": _downloads,
    "python": lambda project, _period: badges.python_of(project),
    "version": lambda project, _period: badges.version_of(project),
}


def _document(lists: Mapping[str, Top]) -> dict[str, object]:
    return {
        "total_packages_size": lists["size"].whole,
        "top_packages": {each.display_name: {"size": each.amount} for each in lists["size"].places},
        "downloads": {
            period: {
                "total": lists[period].whole,
                "top": [{"name": each.display_name, "downloads": each.amount} for each in lists[period].places],
            }
            for period in PERIODS
        },
    }
