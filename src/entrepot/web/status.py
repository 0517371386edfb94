"""The status page: the truth about this index at this moment, for people and for programs."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from entrepot.edge.negotiate import prefers_json
from entrepot.followers import watch
from entrepot.followers.watch import Failing, Figures, Report, State
from entrepot.journal.documents import Kind

KINDS = {
    Kind.FILE: _("Whether a file may be fetched"),
    Kind.RELEASE: _("The JSON document of a release"),
    Kind.PROJECT: _("The pages of a project"),
    Kind.LIST: _("The list of projects"),
}


@require_safe
@cache_control(public=True, max_age=5)
def status(request: HttpRequest) -> HttpResponse:
    """How the index is: 200 while it can be installed from, even when other things fail; else 503."""
    report = watch.report()
    code = HTTPStatus.SERVICE_UNAVAILABLE if report.state is State.DOWN else HTTPStatus.OK
    response: HttpResponse
    if request.GET.get("format") == "json" or prefers_json(request.headers.get("Accept", "")):
        response = JsonResponse(_document(report), status=code)
    else:
        response = render(request, "status.html", {"report": report, "failing": _rows(report)}, status=code)
    patch_vary_headers(response, ["Accept"])
    return response


def _rows(report: Report) -> list[dict[str, object]]:
    named = report.figures.named if report.figures else ()
    return [{"project": each.project, "kind": KINDS[each.kind], "since": each.since} for each in named]


def _document(report: Report) -> dict[str, object]:
    return {
        "state": report.state,
        "database": report.database,
        "store": report.store,
        "worker": report.worker,
        "publishing": report.publishing,
        "figures": None if report.figures is None else _figures(report.figures),
    }


def _figures(figures: Figures) -> dict[str, object]:
    return {
        "serial_committed": figures.committed,
        "serial_published": figures.published,
        "documents_owed": figures.owed,
        "documents_owed_oldest_seconds": round(figures.age),
        "documents_failing": figures.failing,
        "documents_unpurged": figures.unpurged,
        "worker_round": figures.worked,
        "failing": [_failing(each) for each in figures.named],
    }


def _failing(each: Failing) -> dict[str, object]:
    return {"project": each.project, "kind": each.kind.name.lower(), "since": each.since, "attempts": each.attempts}
