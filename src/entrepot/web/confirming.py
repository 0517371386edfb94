"""The pages of confirming, by mail, that a new browser is one's own."""

from allauth.account.stages import LoginStageController
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from entrepot.accounts.confirming import ConfirmDevice


@require_safe
def wait(request: HttpRequest) -> HttpResponse:
    """What to do now: look into the mailbox."""
    if _waiting(request) is None:
        return redirect("account_login")
    return render(request, "account/new_browser.html")


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A button; pressed in the browser that waits, it signs in. Those who only look at links do nothing."""
    stage = _waiting(request)
    if stage is None or not stage.is_confirmed_by(token):
        return render(request, "account/new_browser_elsewhere.html", status=403)
    if request.method == "POST":
        signed_in: HttpResponse = stage.exit()
        return signed_in
    return render(request, "account/new_browser_confirm.html")


def _waiting(request: HttpRequest) -> ConfirmDevice | None:
    """The step of signing in at which this browser is."""
    stage: ConfirmDevice | None = LoginStageController.enter(request, ConfirmDevice.key)
    return stage
