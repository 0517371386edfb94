"""The pages about one's projects: who works on them, who is invited, which tokens act on them, and their record."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from entrepot.accounts.sessions import Member, actor_of
from entrepot.api.upload import is_shown
from entrepot.projects import collaboration, managing, people, queries, rights
from entrepot.refusal import Missing, Refused
from entrepot.web.forms import Invite, Role
from entrepot.web.own_project import opened, refuse_in
from entrepot.web.telling import before_in, earlier_than, rows

AT_ONCE = 50  # events on one page
ABOUT_WHAT_WAS_SENT = frozenset({Refused, Missing})  # rather than about who asks, and when


@require_safe
def index(request: Member) -> HttpResponse:
    """One's projects, those whose names contain `?q=`, and what one is invited to."""
    wanted = request.GET.get("q", "").strip()
    found = managing.own_projects(request.user, containing=wanted, page=request.GET.get("page", "1"))
    shown = {"projects": found, "q": wanted, "invitations": people.invitations_for(request.user)}
    return render(request, "projects/index.html", shown)


@require_safe
def collaborators(request: Member, name: str) -> HttpResponse:
    """Who works on the project; for owners also who is invited, and which tokens there are."""
    return _collaborators(request, name, Invite(None))


def _collaborators(request: Member, name: str, form: Invite, *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    own = opened(request, name)
    shown = {"own": own, "project": own.project, "collaborators": people.collaborators(own.project), "form": form}
    if own.oversees:
        shown["invitations"] = people.invitations_of(own.project)
        shown["tokens"] = people.tokens_of(own.project, seen_by=own.by)
    return render(request, "projects/people.html", shown, status=status)


@require_safe
def events(request: Member, name: str) -> HttpResponse:
    """What happened to the project, the newest first; as JSON with `?format=json`."""
    own = opened(request, name)
    rights.check_overseer(own.by, own.project, timezone.now())
    ask = partial(people.events_of, own.project, seen_by=own.by)
    told = ask(before=before_in(request), limit=AT_ONCE)
    if request.GET.get("format") == "json":
        return JsonResponse({"events": told})
    shown = {
        "own": own,
        "events": rows(told, people.token_names(own.project, told)),
        "earlier": earlier_than(told, ask),
    }
    return render(request, "projects/events.html", shown)


@require_POST
def invite(request: Member, name: str) -> HttpResponse:
    """Invite somebody."""
    form = Invite(request.POST)
    if not form.is_valid():
        return _collaborators(request, name, form)
    project, by = queries.project_named(queries.index_at_root(), name), actor_of(request, request.user)
    try:
        made = collaboration.invite(project, form.cleaned_data["user"], form.cleaned_data["role"], by=by)
    except Refused as refusal:
        if type(refusal) not in ABOUT_WHAT_WAS_SENT:
            raise
        return _collaborators(request, name, form, status=refuse_in(form, refusal))
    told = _("%(user)s was invited to %(project)s.")
    messages.success(request, told % {"user": made.user.username, "project": project.display_name})
    return redirect("project_people", name)


@require_POST
def revoke_invitation(request: Member, name: str, user: str) -> HttpResponse:
    """Take an invitation back."""
    return _change(request, name, lambda project, by: collaboration.revoke_invitation(project, user, by=by))


@require_POST
def change_role(request: Member, name: str, user: str) -> HttpResponse:
    """Give a collaborator another role."""
    form = Role(request.POST)
    if not form.is_valid():
        raise Refused("unknown-role", _("There are owners and maintainers."), "role")
    role = form.cleaned_data["role"]
    return _change(request, name, lambda project, by: collaboration.change_role(project, user, role, by=by))


@require_POST
def remove_role(request: Member, name: str, user: str) -> HttpResponse:
    """Let somebody take part no longer."""
    return _change(request, name, lambda project, by: collaboration.remove_role(project, user, by=by))


@require_POST
def transfer(request: Member, name: str, user: str) -> HttpResponse:
    """Make a maintainer the owner in one's own place."""
    return _change(request, name, lambda project, by: collaboration.transfer(project, user, by=by))


@require_POST
def leave(request: Member, name: str) -> HttpResponse:
    """Take part no longer."""
    return _change(request, name, lambda project, by: collaboration.leave(project, by=by), to="projects")


@require_POST
def ask_for_keys(request: Member, name: str) -> HttpResponse:
    """Let only people with security keys change the project, or everybody who has a role."""
    needed = request.POST.get("needed") == "yes"
    return _change(request, name, lambda project, by: collaboration.set_needs_keys(project, needed, by=by))


@require_POST
def accept(request: Member, name: str) -> HttpResponse:
    """Take the role that one was invited to."""
    return _change(request, name, lambda project, by: collaboration.accept(project, by=by), to="projects")


@require_POST
def decline(request: Member, name: str) -> HttpResponse:
    """Do without it."""
    return _change(request, name, lambda project, by: collaboration.decline(project, by=by), to="projects")


def _change(request: Member, name: str, change: Callable[..., int | None], to: str = "") -> HttpResponse:
    """Call `change(project, by=…)`, publish what readers see of it, and say so on the page `to`, or on that of the
    project's people."""
    try:
        serial = change(queries.project_named(queries.index_at_root(), name), actor_of(request, request.user))
    except Refused as refusal:
        if type(refusal) not in ABOUT_WHAT_WAS_SENT:
            raise
        messages.error(request, refusal.message)
    else:
        if serial is not None:
            is_shown(serial)
        messages.success(request, _("Done."))
    return redirect(to) if to else redirect("project_people", name)
