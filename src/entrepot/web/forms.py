"""Forms for people."""

from collections.abc import Callable, Mapping

from allauth.account.forms import SignupForm
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _


class Register(SignupForm):
    """A new account: all of it or nothing."""

    @transaction.atomic
    def try_save(self, request: HttpRequest) -> tuple[object, HttpResponse | None]:
        """The new user; none when the address belongs to somebody, who is told by mail."""
        made: tuple[object, HttpResponse | None] = super().try_save(request)
        return made


class ProveCode(forms.Form):
    """One of the recovery codes, to show that they were kept."""

    code = forms.CharField(label=_("One of your recovery codes"), max_length=40)
    code.widget.attrs["autocomplete"] = "off"

    def __init__(self, use: Callable[[str], bool], data: Mapping[str, str] | None) -> None:
        super().__init__(data)
        self._use = use

    def clean_code(self) -> str:
        """The code, used up. Raises ValidationError."""
        code: str = self.cleaned_data["code"]
        if not self._use(code):
            raise forms.ValidationError(_("This is none of your codes, or it was used already."), code="wrong_code")
        return code
