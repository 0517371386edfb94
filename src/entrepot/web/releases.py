"""The pages about the releases of one's own project: to take them back, or to offer them again."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from entrepot.accounts.sessions import Member
from entrepot.projects import actions, managing, yanking
from entrepot.projects.managing import OneRelease, Opened
from entrepot.refusal import Refused
from entrepot.web.own_project import Reason, opened, publish, refuse_in

AT_ONCE = 100  # releases on a page


class Yank(Reason):
    """Whether to yank, or to offer again."""

    act = forms.ChoiceField(choices=[("yank", ""), ("unyank", "")])


class Selection(Yank):
    """What to yank, or to offer again."""

    selected = forms.MultipleChoiceField(
        error_messages={
            "required": gettext_lazy("Nothing was chosen yet."),
            "invalid_choice": gettext_lazy("%(value)s is not there any more."),
        }
    )

    def __init__(self, there: Iterable[str], data: Mapping[str, str] | None) -> None:
        super().__init__(data, auto_id="chosen_%s")
        cast("forms.MultipleChoiceField", self.fields["selected"]).choices = [(each, each) for each in there]
        self.chosen = self["selected"].value() or ()


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: Member, name: str) -> HttpResponse:
    """All releases, the newest version first; several are yanked or offered again together."""
    own = opened(request, name)
    releases = managing.releases_of(own.project)
    form = Selection((each.version for each in releases), request.POST or None)
    status = HTTPStatus.OK
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data["selected"]
        act = {"yank": yanking.yank_releases, "unyank": yanking.unyank_releases}[form.cleaned_data["act"]]
        try:
            done = act(own.project, chosen, by=own.by, reason=form.cleaned_data["reason"])
        except Refused as refusal:
            status = refuse_in(form, refusal)
        else:
            publish(request, done.serial, _told_of_releases(form.cleaned_data["act"], done.count))
            return redirect(request.get_full_path())
    wanted = request.GET.get("q", "").strip()
    found = Paginator([each for each in releases if wanted in each.version], AT_ONCE)
    shown = {"own": own, "form": form, "page": found.get_page(request.GET.get("page")), "q": wanted}
    return render(request, "projects/releases.html", {**shown, "total": len(releases)}, status=status)


def _told_of_releases(act: str, count: int) -> str:
    if act == "yank":
        text = ngettext("%(count)d release is yanked now.", "%(count)d releases are yanked now.", count)
    else:
        text = ngettext("%(count)d release is offered again.", "%(count)d releases are offered again.", count)
    return text % {"count": count}


@require_http_methods(["GET", "HEAD", "POST"])
def release(request: Member, name: str, version: str) -> HttpResponse:
    """One release with its files; as a whole it is yanked, or offered again."""
    return _on_release(request, name, version, _yank_release)


@require_http_methods(["GET", "HEAD", "POST"])
def files(request: Member, name: str, version: str) -> HttpResponse:
    """The same page; files that were chosen are yanked, or offered again."""
    return _on_release(request, name, version, _yank_files)


def _on_release(
    request: Member, name: str, version: str, act: Callable[[Member, Opened, OneRelease], HttpResponse]
) -> HttpResponse:
    own = opened(request, name)
    try:
        one = managing.one_release(own.project, version)
    except Refused as refusal:  # it may have been deleted since one looked
        messages.error(request, refusal.message)
        return redirect("project_releases", own.project.name)
    return act(request, own, one)


def _yank_release(request: Member, own: Opened, one: OneRelease) -> HttpResponse:
    form = Yank(request.POST or None)
    if not form.is_valid():
        return _page(request, own, one, form)
    act, reason = form.cleaned_data["act"], form.cleaned_data["reason"]
    try:
        if act == "yank":
            serial = actions.yank_release(one.release, by=own.by, reason=reason)
            told = _("Release %(version)s is yanked now.")
        else:
            serial = actions.unyank_release(one.release, by=own.by, reason=reason)
            told = _("Release %(version)s is offered again, with all its files.")
    except Refused as refusal:
        return _page(request, own, one, form, status=refuse_in(form, refusal))
    publish(request, serial, told % {"version": one.version})
    return redirect("own_release", own.project.name, one.version)


def _yank_files(request: Member, own: Opened, one: OneRelease) -> HttpResponse:
    form = Selection((each.filename for each in one.files), request.POST or None)
    if not form.is_valid():
        return _page(request, own, one, Yank(None), form)
    act, reason, chosen = (form.cleaned_data[each] for each in ("act", "reason", "selected"))
    try:
        if act == "yank":
            done = yanking.yank_files(one.release, chosen, by=own.by, reason=reason)
            told = ngettext("%(count)d file is yanked now.", "%(count)d files are yanked now.", done.count)
        else:
            done = yanking.unyank_files(one.release, chosen, by=own.by, reason=reason)
            told = ngettext("%(count)d file is offered again.", "%(count)d files are offered again.", done.count)
    except Refused as refusal:
        return _page(request, own, one, Yank(None), form, status=refuse_in(form, refusal))
    publish(request, done.serial, told % {"count": done.count})
    return redirect("own_release", own.project.name, one.version)


def _page(
    request: Member,
    own: Opened,
    one: OneRelease,
    form: Yank,
    selection: Selection | None = None,
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    selection = selection or Selection((each.filename for each in one.files), None)
    shown = {"own": own, "release": one, "form": form, "selection": selection}
    return render(request, "projects/release.html", shown, status=status)
