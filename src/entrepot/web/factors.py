"""Forms of second factors: allauth's, with codes that are used once, and keys that answer to this site alone."""

import json
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from fido2.utils import websafe_decode

from entrepot.accounts import factors
from entrepot.accounts.adapter import site_of_keys
from entrepot.accounts.sessions import actor_of
from entrepot.config import Config


class _Once(BaseAuthenticateForm):
    """Takes a code of an authenticator app, or one of the recovery codes; each of them once."""

    authenticator: Authenticator | None

    def clean_code(self) -> str:
        """The code. Raises ValidationError."""
        code, by = factors.canonical(self.cleaned_data["code"]), actor_of(context.request, self.user)
        self.authenticator = factors.accept_totp(self.user, code)
        if self.authenticator is None and not factors.use_recovery_code(self.user, code, by=by):
            factors.note_failure(self.user, by=by)
            raise get_adapter().validation_error("incorrect_code")
        return code


class Authenticate(_Once, AuthenticateForm):
    """The second step of signing in."""

    def save(self) -> None:
        """Note in the session what was shown."""
        if self.authenticator is None:
            record_authentication(context.request, self.user, "mfa", type="recovery_codes")
        else:
            super().save()


class Reauthenticate(_Once, ReauthenticateForm):
    """Showing once more who one is."""

    def save(self) -> None:
        """Note in the session what was shown."""
        if self.authenticator is None:
            record_authentication(context.request, self.user, "mfa", type="recovery_codes", reauthenticated=True)
        else:
            super().save()


class AddKey(AddWebAuthnForm):
    """A new security key or passkey."""

    def clean_credential(self) -> dict[str, object]:
        """What the key sent, when it is new here and spoke to this site. Raises ValidationError."""
        credential: dict[str, object] = self.cleaned_data["credential"]
        _check_origin(credential)
        if Authenticator.objects.filter(data__credential__id=credential.get("id")).exists():
            raise ValidationError(_("This key is in use already."), code="key_in_use")
        return credential


class _Key(AuthenticateWebAuthnForm):
    """Takes an answer of a key, when it was given to this site, and the key has not been copied."""

    def clean_credential(self) -> Authenticator:
        """The key. Raises ValidationError."""
        credential = self.cleaned_data["credential"]
        _check_origin(credential)
        found: Authenticator = super().clean_credential()
        counter = auth.parse_authentication_response(credential).response.authenticator_data.counter
        if not factors.count_key(found, counter, by=actor_of(context.request, found.user)):
            raise get_adapter().validation_error("incorrect_code")
        return found


class AuthenticateKey(_Key):
    """The second step of signing in."""


class ReauthenticateKey(_Key, ReauthenticateWebAuthnForm):
    """Showing once more who one is."""


class LoginKey(_Key, LoginWebAuthnForm):
    """Signing in with a passkey alone."""


def origin_of_keys() -> str:
    """The origin that browsers have to have spoken to."""
    parts = urlsplit(Config.current().public_url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{site_of_keys()}{port}"


def _check_origin(credential: object) -> None:
    """Raises ValidationError when a key answered to another page, be it one of a neighbouring host."""
    try:
        sent = json.loads(websafe_decode(credential["response"]["clientDataJSON"]))  # type: ignore[index]
        ours = sent["origin"] == origin_of_keys()
    except (KeyError, TypeError, ValueError, RecursionError):
        ours = False
    if not ours:
        raise get_adapter().validation_error("incorrect_code")
