"""Our side of django-allauth: what it asks the site to decide, to record and to tell."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from entrepot.accounts import (
    actions,
    addresses,
    devices,
    factors,
    letters,
    passwords,
    people,
    record,
    sealing,
    usernames,
)
from entrepot.accounts.address import address_of
from entrepot.accounts.models import User
from entrepot.accounts.queries import user_of_login
from entrepot.accounts.sessions import actor_of, end_all
from entrepot.config import Config

# What allauth tells people of, and what the record calls it.
NOTICES = {
    "account/email/email_changed": "email:primary",
    "account/email/email_deleted": "email:remove",
    "account/email/password_changed": "password:change",
    "account/email/password_reset": "password:reset",
    "account/email/password_set": "password:change",
    "mfa/email/totp_activated": "factor:add-totp",
    "mfa/email/totp_deactivated": "factor:remove-totp",
    "mfa/email/webauthn_added": "factor:add-key",
    "mfa/email/webauthn_removed": "factor:remove-key",
}
# What it sends to one address, and our template for it.
LETTERS = {
    "account/email/email_confirmation": "confirm-address",
    "account/email/email_confirmation_signup": "confirm-address",
    "account/email/password_reset_code": "reset-password",
    "account/email/unknown_account": "unknown-account",
}
CODES_LIVE = timedelta(minutes=15)


class Accounts(DefaultAccountAdapter):
    """Accounts: who may register, how names and addresses are judged, and the record of what happens."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Unless the installation says otherwise."""
        return Config.current().registration != "closed"

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """The name, when it may be taken. Raises ValidationError."""
        usernames.check_spelling(username)
        username = super().clean_username(username, shallow)
        usernames.check_not_reserved(username)
        usernames.check(username)
        return username

    def clean_email(self, email: str) -> str:
        """The address as it is kept, unless its domain gives addresses to throw away. Raises ValidationError."""
        kept = addresses.canonical(email)
        addresses.check_kept(kept)
        return kept

    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> User:
        """The new user, with the name reserved and the record begun."""
        user.language = get_language() or ""
        saved: User = super().save_user(request, user, form, commit)
        usernames.take(saved.username, saved)
        record.note("account:create", by=actor_of(request, saved), at=timezone.now(), user=saved)
        return saved

    def get_login_stages(self) -> list[str]:
        """Allauth's, and before the question whether to trust the browser, whether it is known."""
        stages = super().get_login_stages()
        at = stages.index("allauth.mfa.stages.TrustStage")
        return [*stages[:at], "entrepot.accounts.confirming.ConfirmDevice", *stages[at:]]

    def post_login(self, request: HttpRequest, user: User, **hooks: object) -> HttpResponse:
        """Note that somebody has signed in, and know the browser."""
        if hooks.get("signup"):  # in this very browser they have just chosen the password, and typed the mailed code
            record_authentication(request, user, "password")
        response: HttpResponse = super().post_login(request, user, **hooks)
        devices.remember(request, response, user)
        record.note("sign-in", by=actor_of(request, user), at=timezone.now(), user=user)
        return response

    def authenticate(self, request: HttpRequest, **credentials: str) -> User | None:
        """Whose name and password these are. Raises ValidationError when others know the password, too.

        It opens nothing any more then: a new one has to be set, by who has the mailbox.
        """
        given = credentials["password"][: passwords.LONGEST + 1]  # no password is longer: what follows costs time only
        user: User | None = super().authenticate(request, **(credentials | {"password": given}))
        if user is None or not passwords.is_leaked(given):
            return user
        people.retire_password(user, by=actor_of(request, user))
        logout(request)
        raise ValidationError(
            format_html(
                '{} <a href="{}">{}</a>',
                _("This password has become known, by a leak elsewhere: others try it. It opens this account no more."),
                reverse("account_reset_password"),
                _("Set a new one"),
            ),
            code="password_leaked",
        )

    def authentication_failed(self, request: HttpRequest, **credentials: object) -> None:
        """Note it for whom it was about, if there is such a user."""
        found = user_of_login(str(credentials.get("username") or credentials.get("email")))
        if found is not None:
            record.note("sign-in:fail", by=actor_of(request, found), at=timezone.now(), user=found)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Whether the address could be verified: nobody else has done so before."""
        verified: bool = super().confirm_email(request, email_address)
        if verified:
            user, details = email_address.user, {"email": email_address.email}
            record.note("email:verify", by=actor_of(request, user), at=timezone.now(), user=user, details=details)
        return verified

    def is_reauthentication_required(self, app: str) -> bool:  # noqa: ARG002 - allauth's signature
        """Never by allauth's rules: `web.gate` has one for all pages."""
        return False

    def get_reauthentication_methods(self, user: User) -> list[dict[str, str]]:
        """What is asked of the user to show anew who they are: a second factor of whoever has one.

        A password alone would let whoever has it, and a session that was left open, remove the factors.
        """
        if not user.is_authenticated:
            return []
        ways = {each["id"]: each for each in super().get_reauthentication_methods(user)}
        if factors.has_factor(user):
            ways.pop("reauthenticate", None)
        if factors.has_proven_codes(user):
            code = {"id": "mfa_reauthenticate", "description": _("Use a code"), "url": reverse("mfa_reauthenticate")}
            ways.setdefault("mfa_reauthenticate", code)
        return list(ways.values())

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address, or one that is nobody's."""
        return address_of(request) or "::"

    def send_mail(self, template_prefix: str, email: str, context: Mapping[str, object]) -> None:
        """Our own mail for what allauth wants to tell one address."""
        given = {key: context[key] for key in ("user", "code") if key in context}
        to, purpose = addresses.canonical(email), LETTERS[template_prefix]
        owner = addresses.owner_of(to)
        if purpose == "confirm-address" and owner is not None:  # somebody else: the code would do nothing
            purpose = "account-exists"
        with nullcontext() if owner is None else letters.language_of(owner):
            letters.write(to, purpose, given, lasting=CODES_LIVE)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: Mapping[str, object] | None = None,
        email: str | None = None,  # noqa: ARG002 - allauth tells one address; the record tells all of them
    ) -> None:
        """Record what happened to the account: the record tells everybody who has to know."""
        details = {
            "email" if key == "deleted_email" else key: str(value)
            for key, value in (context or {}).items()
            if key.endswith("email")
        }
        action = NOTICES[template_prefix]
        if action == "factor:add-totp":
            factors.spend_codes(user)
        if action.startswith("factor:add-"):  # they began without it
            end_all(user, but=self.request.session.session_key)
        record.note(action, by=actor_of(self.request, user), at=timezone.now(), user=user, details=details)
        if action == "password:reset":  # whoever had the password may have made them
            actions.revoke_all(user, by=actor_of(self.request, user), reason="the password was reset")


class Factors(DefaultMFAAdapter):
    """Second factors: secrets sealed, and one site that keys answer to."""

    def encrypt(self, text: str) -> str:
        """Sealed."""
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Unsealed."""
        return sealing.unseal(encrypted_text)

    def _get_user_identifier(self, user: User) -> str:
        """What authenticator apps and keys show."""
        return user.username

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """This site by its configured name, whatever a request calls it."""
        return {"id": site_of_keys(), "name": "Entrepot"}


class Sessions(DefaultUserSessionsAdapter):
    """Sessions, which people can end."""

    def end_sessions(self, sessions: list[object]) -> None:
        """End them, and record it."""
        super().end_sessions(sessions)
        user = self.request.user
        record.note("session:end", by=actor_of(self.request, user), at=timezone.now(), user=user)


def site_of_keys() -> str:
    """The host that keys answer to. On this machine they need it by its name: an address is none."""
    host = urlsplit(Config.current().public_url).hostname or ""
    try:
        return "localhost" if ip_address(host).is_loopback else host
    except ValueError:
        return host
