"""What was done: changes that readers see (the journal), and events of accounts and rights."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts.models import Event, User
from entrepot.accounts.queries import everything, names_of, newest
from entrepot.journal.models import Entry
from entrepot.moderation.table import Table, listed, user_name
from entrepot.projects.models import Project

LATELY = 20  # events on a page about something else
AT_ONCE = 10_000  # events that are taken along


def latest(*, user: User | None = None, project: Project | None = None) -> SafeString:
    """What happened to somebody or something, the newest first."""
    told = everything(user=user, project=None if project is None else project.pk, before=timezone.now(), limit=LATELY)
    names = names_of({int(str(each["by"])) for each in told if each["by"] is not None})
    return listed(
        " ".join(
            str(part)
            for part in (
                f"{datetime.fromisoformat(str(each['at'])):%Y-%m-%d %H:%M:%S}",
                each["action"],
                each.get("version", ""),
                names.get(each["by"], ""),
                each.get("reason", ""),
            )
            if part
        )
        for each in told
    )


def record_of(**about: str) -> SafeString:
    """A link to all of it."""
    url = f"{reverse('operator_record')}?{urlencode(about)}"
    return format_html('<a href="{}">{}</a>', url, gettext("The whole record"))


class Told(Table):
    """Rows of the record: by action, credential, address; and by names of users and projects, past ones too."""

    list_filter = ("at",)
    search_fields = ("action",)
    people: Sequence[str] = ("by",)  # the columns that hold a user

    def get_urls(self) -> list[URLPattern]:
        """With all that was found, as JSON."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export), name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """The list, and where the same is as JSON."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")
        return super().changelist_view(request, {**(extra_context or {}), "export": f"{url}?{request.GET.urlencode()}"})

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Model],
        search_term: str,
    ) -> tuple[QuerySet[Model], bool]:
        """By the name of a user or project, an address or a session; else by a part of the action."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users, projects = _ids_of(term)
        # As text, which no address has to be.
        found = Q(action__contains=term) | Q(address__iexact=term) | Q(credential=term) | Q(project__in=projects)
        for column in self.people:
            found |= Q(**{f"{column}__in": users})
        return queryset.filter(found), False

    def export(self, request: HttpRequest) -> HttpResponse:
        """What the same address of the list finds, the newest first, as the record has it elsewhere."""
        found = self.get_changelist_instance(request).get_queryset(request)
        both = (found, Event.objects.none()) if self.model is Entry else (Entry.objects.none(), found)
        return JsonResponse({"events": newest(*both, before=timezone.now(), limit=AT_ONCE)})


class Events(Told):
    """What happened to accounts, and to who may do what."""

    list_display = ("at", "action", "whom", "about", "doer", "credential", "address")
    ordering = ("-pk",)
    people = ("user", "by")
    fields = readonly_fields = (*list_display, "details")

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the names of all whom it is about."""
        about = Project.objects.filter(pk=OuterRef("project")).values("display_name")[:1]
        return (
            super()
            .get_queryset(request)
            .annotate(user_name=user_name("user"), by_name=user_name("by"), project_name=Subquery(about))
        )

    @admin.display(description=_("User"))
    def whom(self, event: Any) -> str:
        """Whose account it is about."""
        return event.user_name or ""

    @admin.display(description=_("Project"))
    def about(self, event: Any) -> str:
        """Which project it is about."""
        return event.project_name or ""

    @admin.display(description=_("By"))
    def doer(self, event: Any) -> str:
        """Who did it."""
        return event.by_name or ""


class Changes(Told):
    """The journal: what readers see."""

    list_display = ("serial", "at", "name", "version", "action", "by", "credential", "address")
    list_select_related = ("by",)
    ordering = ("-serial",)
    fields = readonly_fields = (*list_display, "reason")


def _ids_of(term: str) -> tuple[list[int], list[int]]:
    """Whose name it is, and which project's, in any case."""
    users = User.objects.filter(username__iexact=term).values_list("pk", flat=True)
    projects = Project.objects.filter(Q(name=term.lower()) | Q(display_name__iexact=term)).values_list("pk", flat=True)
    return list(users), list(projects)
