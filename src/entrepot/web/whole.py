"""Allauth's pages, so that each change happens together with its record and its mails, or not at all.

Only what follows a valid form is in the transaction: to judge one may take seconds, when others have to be asked.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.views import ConfirmEmailVerificationCodeView, EmailView, email_verification_sent
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP, clear_totp_secret
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext as _
from django.views import View

from entrepot.accounts import factors, people
from entrepot.web import wanted


@contextmanager
def _together(request: HttpRequest) -> Iterator[None]:
    """One transaction, to which the session belongs: it may have been given another key."""
    session = request.session
    key = session.session_key
    try:
        with transaction.atomic():
            yield
    except Exception:
        request.session = type(session)(key)
        raise


class _Whole:
    request: HttpRequest

    def form_valid(self, form: Form) -> HttpResponse:
        with _together(self.request):
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        return response


class _Addresses(EmailView):  # type: ignore[misc]
    """Its buttons have no form."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        with _together(request):
            response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class _ActivateApp(ActivateTOTPView):  # type: ignore[misc]
    """Allauth would record it after the commit."""

    def form_valid(self, form: ActivateTOTPForm) -> HttpResponse:
        with _together(self.request):
            TOTP.activate(self.request.user, form.secret)
            clear_totp_secret(self.request)
            get_adapter(self.request).send_notification_mail("mfa/email/totp_activated", self.request.user)
        messages.success(self.request, _("Authenticator app activated."))
        return redirect(wanted.take(self.request, "mfa_index"))


class _RemoveKey(RemoveWebAuthnView):  # type: ignore[misc]
    """The last passkey of who has no password stays."""

    def form_valid(self, form: Form) -> HttpResponse:
        with _together(self.request):
            people.hold(self.request.user)  # who gives up the password at the same moment waits
            factors.check_removable(self.get_object())
            response: HttpResponse = super().form_valid(form)
        return response


_OURS = {EmailView: _Addresses, ActivateTOTPView: _ActivateApp, RemoveWebAuthnView: _RemoveKey}


def whole(view: Any) -> Any:
    """The view, whose changes are whole."""
    return _OURS.get(view) or type(view.__name__, (_Whole, view), {})


def all_whole(patterns: Iterable[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """The patterns, each with a view whose changes are whole."""
    found = list(patterns)
    for each in found:
        if isinstance(each, URLResolver):
            all_whole(each.url_patterns)
            continue
        choosing = each.callback is email_verification_sent  # between a code, which we ask for, and a link
        view = ConfirmEmailVerificationCodeView if choosing else getattr(each.callback, "view_class", View)
        if hasattr(view, "form_valid"):
            each.callback = whole(view).as_view()
    return found
