"""The page to register, with the question whether it is a person where the operator wants it asked."""

from collections.abc import Mapping

from allauth.account.views import SignupView
from csp.decorators import csp_update
from django import forms

from entrepot.accounts.captcha import is_on, service
from entrepot.config import Config
from entrepot.web.whole import whole


class Challenge(forms.Widget):
    """Where the script of the service puts its question, and finds the answer in the form."""

    template_name = "captcha.html"

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        """What the template shows."""
        about = {"service": service(), "site_key": Config.current().captcha_site_key}
        return {**super().get_context(name, value, attrs), **about}

    def value_from_datadict(self, data: Mapping[str, str], _files: object, _name: str) -> str | None:
        """The answer, which the script gives a name of its own."""
        return data.get(service().field)

    def id_for_label(self, _id: str) -> str:
        """None: the question is in a frame of its own."""
        return ""


def _allowed() -> dict[str, list[str]]:
    origins = [*service().origins] if is_on() else []
    return {name: origins for name in ("script-src", "frame-src", "style-src", "connect-src") if origins}


# The scripts of others run on this page, and on no other.
signup = csp_update(_allowed())(whole(SignupView).as_view())
