"""The moderator's pages: Django's admin, without anything that would write past the domain, or sign anybody in.

Who gets here is decided by `web.gate` alone: it closes every page of this namespace, whatever is added.
"""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from entrepot.accounts.models import Banner, Event, Flag, ProhibitedName, User
from entrepot.journal.models import Entry
from entrepot.moderation.packages import Files, Projects, Releases
from entrepot.moderation.people import Users
from entrepot.moderation.record import Changes, Events
from entrepot.moderation.rules import Banners, Flags, ProhibitedNames
from entrepot.moderation.table import Table
from entrepot.projects.models import File, Project, Release

TABLES: dict[type, type[Table]] = {
    User: Users,
    Event: Events,
    ProhibitedName: ProhibitedNames,
    Flag: Flags,
    Banner: Banners,
    Project: Projects,
    Release: Releases,
    File: Files,
    Entry: Changes,
}


class Site(admin.AdminSite):
    """All tables, and nothing else of Django's admin."""

    site_header = site_title = _("Moderation")
    index_title = _("What there is to look after")
    index_template = "moderation/index.html"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """For superusers; staff alone opens nothing."""
        return bool(request.user.is_active and request.user.is_superuser)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """The index and the tables; signing in and out are the site's own."""
        tables = [
            path(f"{table.opts.app_label}/{table.opts.model_name}/", include(table.get_urls()))
            for table in self._registry.values()
        ]
        return [
            path("", self.admin_view(self.index), name="index"),
            path("login/", RedirectView.as_view(pattern_name="account_login"), name="login"),
            path("logout/", RedirectView.as_view(pattern_name="account_logout"), name="logout"),
            path("jsi18n/", self.admin_view(self.i18n_javascript, cacheable=True), name="jsi18n"),
            *tables,
            path("<str:app_label>/", self.admin_view(self.app_index), name="app_list"),
        ]


site = Site()
for _model, _table in TABLES.items():
    site.register(_model, _table)
