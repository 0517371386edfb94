"""The step of signing in that asks the mailbox, when a browser is new and what was shown could have been phished.

The link in the mail works once, and only in the browser that began to sign in: whoever has somebody type password and
code into an imitation of this site still lacks the mailbox, and whoever opens the link at home opens nothing for them.
"""

import secrets
from datetime import timedelta

from allauth.account.stages import LoginStage
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from entrepot.accounts import devices, letters, sealing
from entrepot.accounts.address import address_of
from entrepot.accounts.addresses import verified_of
from entrepot.accounts.sessions import used_key
from entrepot.config import Config

LIVES = timedelta(minutes=15)


class ConfirmDevice(LoginStage):
    """Goes on at once where there is nothing to confirm: after a passkey, in a known browser, or just registered.

    Without a mail server nothing can be confirmed, and nothing is asked.
    """

    key = "confirm_device"
    urlname = "account_confirm_device"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Send the link and wait, or go on."""
        user = self.login.user
        if user is None or self.login.signup or not Config.current().mail_url or used_key(self.request, user):
            return None, True
        if devices.known(self.request, user) is not None:
            return None, True
        token = secrets.token_urlsafe(32)
        self.state["digest"] = sealing.digest("confirm device", token)
        link = Config.current().public_url + reverse("account_confirm_device_link", args=[token])
        about = {"user": user, "link": link, "address": address_of(self.request)}
        about["agent"] = self.request.headers.get("User-Agent", "")[:200]
        with letters.language_of(user):  # not of whoever signs in
            letters.write(verified_of(user)[0], "new-device", about, lasting=LIVES)
        return HttpResponseRedirect(reverse(self.urlname)), True

    def is_confirmed_by(self, token: str) -> bool:
        """Whether this is what was mailed for this very browser."""
        return secrets.compare_digest(self.state["digest"], sealing.digest("confirm device", token))
