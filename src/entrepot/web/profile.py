"""The pages about who somebody is: one's own, to change it, and the one that everybody may see."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from entrepot.accounts import people
from entrepot.accounts.addresses import verified_of
from entrepot.accounts.queries import events_of, token_names
from entrepot.accounts.sessions import Member, actor_of
from entrepot.api.upload import is_shown
from entrepot.config import Config
from entrepot.projects import members
from entrepot.projects.people import invitations_for
from entrepot.projects.portfolio import portfolio_of
from entrepot.refusal import Refused
from entrepot.web.caching import SHORTLY, shared
from entrepot.web.moving import moved_to
from entrepot.web.paging import page_in
from entrepot.web.telling import before_in, earlier_than, rows

AT_ONCE = 50  # events on a page
PROJECTS_AT_ONCE = 50  # on the page of somebody
EXPORTED_AT_ONCE = 1000  # events that are read together
COLOURS = 137  # degrees: neighbours among the ids are far from each other on the wheel


class Profile(forms.Form):
    """How everybody sees somebody."""

    display_name = forms.CharField(label=gettext_lazy("Name to be shown"), max_length=100, required=False)
    display_name.widget.attrs["autocomplete"] = "name"
    public_email = forms.ChoiceField(label=gettext_lazy("Public e-mail address"), required=False)

    def __init__(self, addresses: Sequence[str], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        chosen = self.fields["public_email"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101 - it is, above
        chosen.choices = [("", _("None")), *((each, each) for each in addresses)]


class Name(forms.Form):
    """Another user name, or the present one, typed to be sure."""

    name = forms.CharField(label=gettext_lazy("User name"), max_length=50)
    name.widget.attrs["autocomplete"] = "off"


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Member) -> HttpResponse:
    """Choose what everybody sees of oneself."""
    user = request.user
    shown = {"display_name": user.display_name, "public_email": people.public_address_of(user)}
    form = Profile(verified_of(user), request.POST or None, initial=shown)
    if form.is_valid():
        try:
            people.set_profile(user, by=actor_of(request, user), **form.cleaned_data)
        except Refused as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, _("This is how everybody sees you now."))
            return redirect("account_profile")
    return render(request, "account/profile.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: Member) -> HttpResponse:
    """Take another user name. The one before stays one's own, and leads here."""
    user = request.user
    form = Name(request.POST or None)
    if form.is_valid():
        try:
            serial = members.rename(user, form.cleaned_data["name"], by=actor_of(request, user))
        except Refused as refusal:
            form.add_error("name", refusal.message)
        else:
            is_shown(serial)
            messages.success(request, _("This is your name now. Links to the one before lead to it."))
            return redirect("account_profile")
    again = people.may_rename_at(user)
    return render(request, "account/rename.html", {"form": form, "again": again if again > timezone.now() else None})


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: Member) -> HttpResponse:
    """Delete the account, after its name was typed."""
    user = request.user
    form = Name(request.POST or None)
    if form.is_valid() and form.cleaned_data["name"] != user.username:
        form.add_error("name", _("This is not your user name."))
    elif form.is_valid():
        name, by = user.username, actor_of(request, user)
        try:
            serial = members.delete_account(user, by=by)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            logout(request)
            is_shown(serial)
            return redirect("user", name)
    return render(request, "account/delete.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def export(request: Member) -> HttpResponseBase:
    """Take along all that is known of oneself, as JSON."""
    if request.method != "POST":
        return render(request, "account/export.html")
    user = request.user
    people.note_export(user, by=actor_of(request, user))
    roles = [{"project": each.project, "role": each.role} for each in members.memberships_of(user)]
    invitations = [asdict(each) for each in invitations_for(user)]
    all_of_it = {**people.export_of(user), "roles": roles, "invitations": invitations}
    about = json.dumps(all_of_it, cls=DjangoJSONEncoder, indent=1)
    response = StreamingHttpResponse(_with_events(about, request), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{user.username}.json"'
    return response


async def _with_events(about: str, request: Member) -> AsyncIterator[str]:
    """The object, with the list of all events added, a thousand in memory at a time."""
    page, before = sync_to_async(events_of), timezone.now()
    yield about.rstrip().removesuffix("}").rstrip() + ',\n "events": ['
    separator = "\n  "
    while told := await page(request.user, before=before, limit=EXPORTED_AT_ONCE):
        yield separator + ",\n  ".join(json.dumps(each) for each in told)
        before, separator = datetime.fromisoformat(str(told[-1]["at"])), ",\n  "
    yield "\n ]\n}\n"


@require_safe
def events(request: Member) -> HttpResponse:
    """What one did, and what happened to the account, the newest first; as JSON with `?format=json`."""
    ask = partial(events_of, request.user)
    told = ask(before=before_in(request), limit=AT_ONCE)
    if request.GET.get("format") == "json":
        return JsonResponse({"events": told})
    shown = rows(told, token_names(told, of=request.user))
    return render(request, "account/events.html", {"events": shown, "earlier": earlier_than(told, ask)})


@require_safe
@shared("user/{name}", surrogate=SHORTLY)
def show(request: HttpRequest, name: str) -> HttpResponse:
    """What everybody may know of somebody, with 50 of their projects, by `?page=`."""
    user = people.user_known_as(name)
    if user.deleted_at is not None:
        return render(request, "user_gone.html", {"name": user.username}, status=410)
    if user.username != name:
        return redirect(moved_to(request, "user", user.username), permanent=True)
    context: dict[str, object] = {"person": user, "url": Config.current().public_url}
    if user.is_active:
        number = page_in(request)
        held = portfolio_of(user, start=(number - 1) * PROJECTS_AT_ONCE, limit=PROJECTS_AT_ONCE)
        pages = -(-held.total // PROJECTS_AT_ONCE)
        context |= {"portfolio": held, "number": number, "pages": pages, "address": people.public_address_of(user)}
    return render(request, "user.html", context)


@require_safe
@cache_control(public=True, max_age=24 * 60 * 60)
def avatar(request: HttpRequest, name: str) -> HttpResponse:
    """A picture of somebody: the initial, on a colour of one's own."""
    user = people.user_known_as(name)
    if user.username != name:
        return redirect("user_avatar", user.username, permanent=True)
    about = {"initial": name[0].upper(), "hue": user.pk * COLOURS % 360}
    return render(request, "avatar.svg", about, content_type="image/svg+xml")
