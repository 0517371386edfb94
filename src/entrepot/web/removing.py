"""The pages that stand before what cannot be undone: deleting a file, a release, a project."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from entrepot.accounts.sessions import Member
from entrepot.projects import actions, managing, queries
from entrepot.refusal import Refused
from entrepot.web.own_project import opened, publish, refuse_in


class Typed(forms.Form):
    """The name of what is to go, typed to be sure: exactly so, but for white space around it."""

    confirmation = forms.CharField(label=gettext_lazy("Type it here, to be sure"), max_length=200)
    confirmation.widget.attrs.update(autocomplete="off", autocapitalize="none", spellcheck="false")

    def __init__(self, wanted: str, data: Mapping[str, str] | None) -> None:
        super().__init__(data)
        self._wanted = wanted

    def clean_confirmation(self) -> str:
        """What was typed. Raises ValidationError when it is anything else than the name."""
        typed: str = self.cleaned_data["confirmation"]
        if typed != self._wanted:
            raise forms.ValidationError(_("This is not “%(wanted)s”."), params={"wanted": self._wanted})
        return typed


@require_http_methods(["GET", "HEAD", "POST"])
def project(request: Member, name: str) -> HttpResponse:
    """Delete the project, after its name was typed."""
    own = opened(request, name)
    shown = {"own": own, "contents": managing.contents_of(own.project)}
    return _removed(
        request,
        "projects/delete_project.html",
        shown,
        typed=own.project.display_name,
        remove=lambda: actions.delete_project(own.project, by=own.by),
        told=_("Project %(name)s is deleted.") % {"name": own.project.display_name},
        to=reverse("projects"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def release(request: Member, name: str, version: str) -> HttpResponse:
    """Delete a release, after its version was typed."""
    own = opened(request, name)
    to = reverse("project_releases", args=[own.project.name])
    try:
        one = managing.one_release(own.project, version)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(to)
    return _removed(
        request,
        "projects/delete_release.html",
        {"own": own, "release": one},
        typed=one.version,
        remove=lambda: actions.delete_release(one.release, by=own.by),
        told=_("Release %(version)s is deleted.") % {"version": one.version},
        to=to,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def file(request: Member, name: str, version: str, filename: str) -> HttpResponse:
    """Delete a file, after its name was typed."""
    own = opened(request, name)
    try:
        one = managing.one_release(own.project, version)
        found = one.file(filename)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("own_release", own.project.name, version)
    return _removed(
        request,
        "projects/delete_file.html",
        {"own": own, "release": one, "file": found},
        typed=filename,
        remove=lambda: actions.delete_file(queries.file_of(one.release, filename), by=own.by),
        told=_("File %(filename)s is deleted.") % {"filename": filename},
        to=reverse("own_release", args=[own.project.name, one.version]),
    )


def _removed(
    request: Member,
    template: str,
    shown: Mapping[str, object],
    *,
    typed: str,
    remove: Callable[[], int],
    told: str,
    to: str,
) -> HttpResponse:
    """Remove it and go on to another page, when its name was `typed`; else the page that asks for that."""
    form = Typed(typed, request.POST or None)
    status = HTTPStatus.OK
    if form.is_valid():
        try:
            serial = remove()
        except Refused as refusal:
            status = refuse_in(form, refusal)
        else:
            publish(request, serial, told)
            return redirect(to)
    return render(request, template, {**shown, "form": form, "typed": typed}, status=status)
