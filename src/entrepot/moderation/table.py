"""Tables that are read, and changed by deeds only: nothing here writes a row past the domain."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from entrepot.accounts.actor import Actor, Moderator
from entrepot.accounts.address import address_of
from entrepot.accounts.models import User
from entrepot.accounts.sessions import Member
from entrepot.moderation.deeds import MOST, Deed, Text, Tool, attempt
from entrepot.refusal import Missing, Refused

Choice = tuple[Callable[..., Any], str, Text]
LOOKUPS = ("exact", "gte", "lt")  # by which Django's filters choose a value, or a time


class Table(admin.ModelAdmin):  # type: ignore[type-arg]  # django-stubs' parameter is unknown when it runs
    """One table: `deeds` are done to rows that were chosen, `tools` to what a form names."""

    deeds: Sequence[Deed] = ()
    tools: Sequence[Tool] = ()
    list_per_page = 50
    list_max_show_all = MOST
    show_full_result_count = False
    change_list_template = "moderation/list.html"
    change_form_template = "moderation/row.html"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """For superusers, of whom the gate has seen a key."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """What the filters beside the list ask for: an address can ask for nothing else, such as digests."""
        field, _separator, how = lookup.partition("__")
        return field in self.get_list_filter(request) and how in LOOKUPS

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The rows that an address asks for. Raises Refused("odd-filter")."""
        try:
            return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, OverflowError) as error:  # a time that no calendar has
            raise Refused("odd-filter", _("The list cannot be filtered as this address wants it.")) from error

    def get_actions(self, request: HttpRequest) -> dict[str, Choice]:  # type: ignore[override]  # noqa: ARG002
        """What can be done to several rows."""
        return {each.name: (partial(_ask, deed=each), each.name, each.label) for each in self.deeds if each.most > 1}

    def get_urls(self) -> list[URLPattern]:
        """The list, a row, and the pages that ask before something is done."""
        known, closed = self.opts, self.admin_site.admin_view
        name = f"{known.app_label}_{known.model_name}"
        return [
            path("", closed(self.changelist_view), name=f"{name}_changelist"),
            path("do/<str:name>/", closed(self.use), name=f"{name}_use"),
            path("do/<str:name>/<path:keys>/", closed(self.do), name=f"{name}_do"),
            path("<path:object_id>/change/", closed(self.change_view), name=f"{name}_change"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the tools above it. Raises Missing("no-such-page") when what was chosen can be no row."""
        if not all(self._is_key(each) for each in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise Missing("no-such-page", _("There is nothing at this address."))
        return super().changelist_view(request, {**(extra_context or {}), "tools": self._links("use", self.tools)})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A row, with the deeds above it."""
        links = self._links("do", self.deeds, unquote(object_id))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "tools": links})

    def _links(self, kind: str, deeds: Iterable[Deed | Tool], *keys: str) -> list[tuple[str, Text]]:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{kind}"
        return [(reverse(name, args=[each.name, *keys]), each.label) for each in deeds]

    def use(self, request: Member, name: str) -> HttpResponse:
        """Ask for what a tool needs to know, and use it. Raises Missing("no-such-page")."""
        tool = next((each for each in self.tools if each.name == name), None)
        if tool is None:
            raise Missing("no-such-page", _("There is nothing at this address."))
        form = tool.form(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._page(request, tool, form, [])
        return self._carry_out(request, tool, tool.things(form.cleaned_data), form.cleaned_data)

    def do(self, request: Member, name: str, keys: str) -> HttpResponse:
        """Ask for the reason, and do it to the rows with these keys. Raises Missing("no-such-page")."""
        deed = next((each for each in self.deeds if each.name == name), None)
        chosen = self.get_queryset(request).filter(pk__in=[each for each in keys.split(",") if self._is_key(each)])
        if deed is None or not 0 < len(chosen) <= deed.most:
            raise Missing("no-such-page", _("There is nothing at this address."))
        form = deed.form(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._page(request, deed, form, [str(each) for each in chosen])
        return self._carry_out(request, deed, list(chosen), form.cleaned_data)

    def _is_key(self, text: str) -> bool:
        return len(text) < 19 and text.isascii() and text.isdecimal()

    def _page(self, request: Member, deed: Deed | Tool, form: Any, chosen: Sequence[str]) -> HttpResponse:
        shown = {"title": deed.label, "deed": deed, "form": form, "chosen": chosen, "opts": self.opts}
        status = 400 if form.is_bound else 200
        return render(request, "moderation/ask.html", {**self.admin_site.each_context(request), **shown}, status=status)

    def _carry_out(
        self, request: Member, deed: Deed | Tool, things: Sequence[Any], given: dict[str, Any]
    ) -> HttpResponse:
        by = moderator_of(request)
        for thing in things:
            outcome = attempt(deed, thing, by=by, given=given)
            messages.add_message(request, messages.SUCCESS if outcome.done else messages.ERROR, outcome.sentence)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def moderator_of(request: Member) -> Actor:
    """Who asks, as the operator: the gate has let them in."""
    return Actor(request.user, Moderator(request.user, request.session.session_key or ""), address_of(request))


def _ask(table: Table, request: HttpRequest, rows: QuerySet[Model], deed: Deed) -> HttpResponse | None:
    """On to the page that asks before it is done."""
    keys = [str(key) for key in rows.values_list("pk", flat=True)[: deed.most + 1]]
    if not keys:
        messages.error(request, _("What was chosen is not there any more."))
        return None
    if len(keys) > deed.most:
        many = ngettext(
            "This is done to %(n)d at once at the most.", "This is done to %(n)d at once at the most.", deed.most
        )
        messages.error(request, many % {"n": deed.most})
        return None
    known = table.opts
    return redirect(f"admin:{known.app_label}_{known.model_name}_do", deed.name, ",".join(keys))


def listed(rows: Iterable[object]) -> SafeString:
    """A list of what strangers may have written."""
    return format_html("<ul>{}</ul>", format_html_join("", '<li dir="auto">{}</li>', ([each] for each in rows)))


def linked(row: Model, label: str) -> SafeString:
    """A link to the page of a row in another table."""
    known = row._meta  # noqa: SLF001 - which is what Django's documents call it
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:{known.app_label}_{known.model_name}_change", args=[row.pk]), label
    )


def user_name(column: str) -> Subquery:
    """The name of the user whose id is in this column, for an annotation."""
    return Subquery(User.objects.filter(pk=OuterRef(column)).values("username")[:1])
