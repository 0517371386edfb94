"""The page of a project's settings: what it is marked as, and the ways to its people, its tokens, and its end."""

from http import HTTPStatus

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from entrepot.accounts.sessions import Member
from entrepot.projects import actions
from entrepot.refusal import Refused
from entrepot.web.own_project import Reason, opened, publish, refuse_in

TOLD = {
    "active": gettext_lazy("The project is active now."),
    "archived": gettext_lazy("The project is archived now: it takes no new files."),
    "deprecated": gettext_lazy("The project is marked as deprecated now."),
}


class Status(Reason):
    """What the project is marked as (PEP 792); the operator alone quarantines."""

    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        widget=forms.RadioSelect,
        choices=[
            ("active", gettext_lazy("Active: as usual")),
            ("archived", gettext_lazy("Archived: it takes no new files, and what it has stays")),
            ("deprecated", gettext_lazy("Deprecated: it takes files still, and tools may warn of it")),
        ],
    )
    field_order = ("status", "reason")


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: Member, name: str) -> HttpResponse:
    """What the project is marked as, to change it."""
    own = opened(request, name)
    marked = {"status": own.project.status, "reason": own.project.status_reason}
    form, answer = Status(request.POST or None, initial=marked), HTTPStatus.OK
    if form.is_valid():
        status = form.cleaned_data["status"]
        try:
            serial = actions.set_status(own.project, status, by=own.by, reason=form.cleaned_data["reason"])
        except Refused as refusal:
            answer = refuse_in(form, refusal)
        else:
            publish(request, serial, str(TOLD[status]))
            return redirect("project_settings", own.project.name)
    return render(request, "projects/settings.html", {"own": own, "form": form}, status=answer)
