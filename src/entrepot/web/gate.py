"""One rule for all pages: whatever is not open to everybody needs somebody who signed in, and lately.

A page that nobody lists here is closed. In a public index it also needs a second factor, with recovery codes that were
kept, but for the pages where these are set up.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.db import DataError, IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import ResolverMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from entrepot.accounts import factors, flags
from entrepot.accounts.flags import Switch
from entrepot.accounts.sessions import key_shown_at
from entrepot.config import Config
from entrepot.projects.queries import index_at_root
from entrepot.refusal import Forbidden, Missing, Refused
from entrepot.web import limits, wanted
from entrepot.web.refusing import refuse

LATELY = 15 * 60  # seconds since somebody has shown who they are

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)"

# The same for everybody who asks.
SHARED = frozenset(
    {
        "badge",
        "changes",
        "classifiers",
        "design",
        "front",
        "help",
        "image",
        "inside",
        "inside_member",
        "old_project",
        "opensearch",
        "policies",
        "policy",
        "project",
        "project_dependents",
        "project_history",
        "project_release",
        "pypi",
        "robots",
        "rss_packages",
        "rss_releases",
        "rss_updates",
        "search",
        "search_suggestions",
        "security",
        "security_txt",
        "sitemap",
        "sitemaps",
        "stats",
        "status",
        "upload",
        "user",
        "user_avatar",
    }
)
# For everybody, and kept by nobody. What is under /api/ and /legacy/ knows its users by tokens.
OPEN = SHARED | frozenset(
    {"leaked-tokens", "xmlrpc", "bounces", "language", "whoami", "well_known_password"}
    | {"account_login", "account_signup", "account_logout", "account_inactive", "account_email_verification_sent"}
    | {"account_reset_password", "account_confirm_password_reset_code", "account_complete_password_reset"}
    | {"account_password_reset_completed", "account_confirm_device", "account_confirm_device_link"}
    | {"mfa_authenticate", "mfa_login_webauthn", "mfa_trust"}
)
# For whoever has signed in, however long ago: to read, and to show once more who they are.
READING = frozenset(
    {"account", "account_events", "account_tokens", "projects", "project_people", "project_events", "usersessions_list"}
    | {"project_releases", "own_release", "project_files", "project_settings"}
)
AGAIN = frozenset({"account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"})
# For superusers, who have shown a security key lately: what imitates the site gets nothing that would open these.
OPERATORS = frozenset({"operator_record"})
MODERATION = "admin"  # the namespace of the moderator's pages, all of which are theirs, too
# While nothing is changed by anybody: to come in, to go, and to shut others out.
CALM = frozenset(
    {"account_token_revoke", "usersessions_list", "account_change_password", "account_reset_password"}
    | {"account_confirm_password_reset_code", "account_complete_password_reset"}
    | {"account_login", "account_logout", "account_reauthenticate", "account_confirm_device"}
    | {"account_confirm_device_link", "mfa_authenticate", "mfa_login_webauthn", "mfa_trust", "mfa_reauthenticate"}
    | {"mfa_reauthenticate_webauthn", "pypi", "xmlrpc"}
    | {"upload", "leaked-tokens", "bounces"}  # the first says so itself, the others help
)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Without a second factor: to get one, to be safe without one, or to leave.
ALONE = frozenset(
    {"account", "account_events", "account_reauthenticate", "account_email", "account_change_password"}
    | {"account_set_password", "account_profile", "account_export", "account_delete", "account_recovery"}
    | {"mfa_index", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "mfa_activate_totp", "mfa_deactivate_totp"}
    | {"mfa_list_webauthn", "mfa_add_webauthn", "mfa_remove_webauthn", "mfa_edit_webauthn", "usersessions_list"}
)


class Gate:
    """Stands before every view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The response, with what the limits leave, and kept by nobody if it is for one person."""
        response = self._get_response(request)
        if response.status_code == 405 and "text/html" in request.headers.get("Accept", ""):
            response = _wrong_method(request, response)
        limits.tell(request, response)
        response["Permissions-Policy"] = PERMISSIONS
        match = request.resolver_match
        if match is not None and match.namespace != "api" and match.view_name not in SHARED:
            response["Cache-Control"] = "no-store"
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """What to answer instead of the page, if anything."""
        match = request.resolver_match
        assert match is not None  # noqa: S101 - Django has just found the view
        try:
            _check_encrypted(request)
            limits.spend(request, match)
            _check_switches(request, match)
            return None if is_open(match) else _for_members(request, match)
        except (Refused, OperationalError) as error:
            return self.process_exception(request, error)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What to answer when a page could not be made: never that something broke when it did not."""
        if isinstance(error, Refused):
            return refuse(request, error)
        if isinstance(error, RecursionError | DataError):  # of what was sent: as deep as it goes, or beyond a column
            return render(request, "400.html", status=400)
        if isinstance(error, IntegrityError):
            return render(request, "409.html", status=409)
        if isinstance(error, OperationalError):
            response = render(request, "503.html", status=503)
            response["Retry-After"] = "30"
            return response
        return None


def _wrong_method(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A page for people who came where only buttons lead."""
    page = render(request, "405.html", status=405)
    page["Allow"] = response["Allow"]
    return page


def is_open(match: ResolverMatch) -> bool:
    """Whether everybody may ask for it."""
    return match.namespace == "api" or match.view_name in OPEN


def is_for_operators(match: ResolverMatch) -> bool:
    """Whether it is for those who look after the index: also what is added to the moderator's pages some day."""
    return match.view_name in OPERATORS or MODERATION in match.namespaces


def _check_switches(request: HttpRequest, match: ResolverMatch) -> None:
    """Raises Unavailable while a moderator has switched off what is asked for. The API asks for itself."""
    if match.view_name == "account_signup":
        flags.check(Switch.NO_REGISTRATIONS, Switch.READ_ONLY)
    changes = request.method not in SAFE and match.namespace != "api" and match.view_name not in CALM
    if changes and not is_for_operators(match):
        flags.check(Switch.READ_ONLY)


def _check_encrypted(request: HttpRequest) -> None:
    """Raises Refused when a site that is reached by https was asked over http, where others read along.

    Not a redirect: a program that sends its token in the clear would do so for ever.
    """
    if settings.SECURE and request.headers.get("X-Forwarded-Proto") == "http" and Config.current().proxies:
        raise Forbidden(
            "https-needed", _("This site is reached over https: what was just sent could be read on its way.")
        )


def _for_members(request: HttpRequest, match: ResolverMatch) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if _is_due(request):
        UserSession.objects.create_from_request(request)
    if index_at_root().policy.needs_second_factor and match.view_name not in ALONE:
        if not factors.has_factor(request.user):
            told = _("Set up a second factor first: here, whoever has a role has one.")
            return _safer_first(request, told, "mfa_index")
        if not factors.has_proven_codes(request.user):
            told = _(
                "You have no recovery codes that you have tried: "
                "whoever loses the second factor then loses the account."
            )
            return _safer_first(request, told, "account_recovery")
    if is_for_operators(match):
        return None if request.user.is_superuser and _has_shown_key_lately(request) else _to_a_key(request)
    reads = match.view_name in READING and request.method in {"GET", "HEAD"}
    if reads or match.view_name in AGAIN or _has_shown_lately(request):
        return None
    ways = get_adapter().get_reauthentication_methods(request.user)
    return _and_back(request, ways[0]["url"]) if ways else redirect("account_reset_password")


def _safer_first(request: HttpRequest, told: str, page: str) -> HttpResponse:
    """To the page where the account is made safer, which says why, and later to what was asked for."""
    messages.warning(request, told)
    wanted.keep(request)
    return redirect(page)


def _to_a_key(request: HttpRequest) -> HttpResponse:
    """Where a superuser shows a security key, or gets one. Raises Missing("no-such-page") for everybody else."""
    if not request.user.is_superuser:
        raise Missing("no-such-page", _("There is nothing at this address."))
    if not factors.has_key(request.user):
        return redirect("mfa_list_webauthn")
    return _and_back(request, reverse("mfa_reauthenticate_webauthn"))


def _and_back(request: HttpRequest, url: str) -> HttpResponse:
    """To the page `url`, and then to this one; what was sent is not kept, so then to the page that it was sent from."""
    path = request.get_full_path()
    if request.method != "GET":
        messages.warning(request, _("Nothing was changed yet: please show who you are, and then do it once more."))
        sent_from = urlsplit(request.headers.get("Referer", ""))
        path = sent_from.path if sent_from.netloc == request.get_host() else reverse("account")
    return redirect(f"{url}?{urlencode({REDIRECT_FIELD_NAME: path})}")


def _is_due(request: HttpRequest) -> bool:
    """Whether it is time to note that the session is in use: once a minute."""
    now = time.time()
    if now - request.session.get("seen", 0) < 60:
        return False
    request.session["seen"] = now
    return True


def _has_shown_lately(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < LATELY


def _has_shown_key_lately(request: HttpRequest) -> bool:
    shown = key_shown_at(request, request.user)
    return shown is not None and time.time() - shown < LATELY
