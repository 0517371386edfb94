"""The pages about one project that everybody may see."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from entrepot.config import Config
from entrepot.names import ProjectName
from entrepot.projects import dependents as dependencies
from entrepot.projects import history as releases
from entrepot.projects import pages
from entrepot.projects.pages import Head, ReleasePage
from entrepot.refusal import Missing, Refused
from entrepot.stats.queries import recent
from entrepot.web import described, installing, tags
from entrepot.web.caching import shared
from entrepot.web.moving import moved_to
from entrepot.web.paging import page_in
from entrepot.web.views import trusted_host

LINES = 100  # releases on one page of the history

OfProject = Callable[..., HttpResponse]


def of_project(view: OfProject) -> OfProject:
    """Give the view the project instead of a name. What is not there, or not to be seen, is told kindly.

    Every other spelling of the name leads to the normalized one, for ever.
    """

    @wraps(view)
    def answer(request: HttpRequest, name: str, **rest: str) -> HttpResponse:
        try:
            normalized = ProjectName(name)
        except Refused:
            return _unknown(request, name, [])
        match = request.resolver_match
        assert match is not None  # noqa: S101 - Django has just found the view
        if normalized != name:
            return redirect(moved_to(request, str(match.url_name), normalized, *rest.values()), permanent=True)
        head = pages.head_of(normalized)
        if head is None:
            return _unknown(request, name, pages.near(normalized))
        if head.deleted_at is not None:
            return _gone(request, head)
        if head.is_quarantined:
            return render(request, "project/quarantined.html", {"project": head})
        return view(request, head, **rest)

    return answer


def or_gone(view: OfProject) -> OfProject:
    """Tell of a project that was deleted as its own page does, where the view finds none of this name."""

    @wraps(view)
    def answer(request: HttpRequest, name: str, **rest: str) -> HttpResponse:
        try:
            return view(request, name=name, **rest)
        except Missing:
            head = pages.head_of(ProjectName(name))
            if head is None or head.deleted_at is None:
                raise
            return _gone(request, head)

    return answer


def _gone(request: HttpRequest, head: Head) -> HttpResponse:
    return _fresh(render(request, "project/deleted.html", {"project": head}, status=HTTPStatus.GONE))


def _unknown(request: HttpRequest, name: str, near: list[str]) -> HttpResponse:
    found = {"name": name, "near": near}
    return _fresh(render(request, "project/unknown.html", found, status=HTTPStatus.NOT_FOUND))


def _fresh(response: HttpResponse) -> HttpResponse:
    """What may be otherwise any moment is asked for anew each time."""
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
@shared("project/{name}", "described/{name}")
@of_project
def project(request: HttpRequest, head: Head) -> HttpResponse:
    """The project, by the release that stands for it."""
    lines = releases.lines_of(head.pk)
    shown = releases.shown(lines)
    if shown is None:
        return render(request, "project/empty.html", {"project": head, "people": pages.people_of(head.pk)})
    address = reverse("project", args=[head.name])
    return _about(request, pages.release_page(head, lines, shown, page=page_in(request)), address)


@require_safe
@shared("project/{name}", "described/{name}")
@of_project
def release(request: HttpRequest, head: Head, version: str) -> HttpResponse:
    """One release. Other spellings of an equal version lead to the one in use, which may be another one some day."""
    lines = releases.lines_of(head.pk)
    try:
        line = pages.line_of(lines, version)
    except Refused:
        line = None
    if line is None:
        told = {"project": head, "version": version, "lines": releases.dated(lines[: pages.RECENT])}
        return _fresh(render(request, "project/no_release.html", told, status=HTTPStatus.NOT_FOUND))
    if line.version != version:
        return _fresh(redirect(moved_to(request, "project_release", head.name, line.version)))
    address = reverse("project_release", args=[head.name, line.version])
    return _about(request, pages.release_page(head, lines, line, page=page_in(request)), address)


@require_safe
@shared("project/{name}")
@of_project
def history(request: HttpRequest, head: Head) -> HttpResponse:
    """All releases, those that were deleted, too."""
    lines = releases.lines_of(head.pk)
    told = releases.with_deleted(lines, releases.deleted_of(head.pk, lines))
    page = Paginator(told, LINES).get_page(request.GET.get("page"))
    found = {"lines": releases.dated(page), "page": page, "latest": releases.shown(lines)}
    return render(request, "project/history.html", {"project": head, **found})


@require_safe
@shared("project/{name}")
@of_project
def dependents(request: HttpRequest, head: Head) -> HttpResponse:
    """The projects that depend on this one."""
    found = dependencies.dependents(head.pk, head.name, page=page_in(request))
    return render(request, "project/dependents.html", {"project": head, "found": found})


def _about(request: HttpRequest, page: ReleasePage, address: str) -> HttpResponse:
    url, about = Config.current().public_url, page.metadata
    line = page.line
    pinned = "" if page.is_latest and not (line.prerelease or line.yanked) else f"=={line.version}"
    canonical = url + (reverse("project", args=[page.project.name]) if page.is_latest else address)
    links, keywords = described.links(about), described.keywords(about.keywords)
    context = {
        "page": page,
        "recent": recent(page.project.pk, today=timezone.now().date()),
        "project": page.project,
        "line": line,
        "about": about,
        "description": page.description,
        "canonical": canonical,
        "site": url,
        "files": [(each, *tags.words(each.filename, ProjectName(page.project.name))) for each in page.files.shown],
        "commands": installing.commands(page.project.display_name + pinned, url=url, trusted_host=trusted_host(url)),
        "links": links,
        "authors": described.authors(about.author, about.author_email),
        "maintainers": described.authors(about.maintainer, about.maintainer_email),
        "keywords": keywords,
        "classifiers": described.classifiers(about.classifiers),
        "linked_data": described.linked_data(page, links, keywords, url=url, address=canonical),
    }
    return render(request, "project/project.html", context)
