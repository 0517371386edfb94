"""Forms for people."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from allauth.account.forms import BaseConfirmCodeForm, ConfirmEmailVerificationCodeForm, SignupForm
from allauth.core import context
from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from entrepot.accounts import captcha
from entrepot.accounts.addresses import check_unused
from entrepot.accounts.tokens import Permission
from entrepot.web.registering import Challenge


class Register(SignupForm):
    """A new account: all of it or nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        trap = self.fields[settings.ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD]
        trap.label = _("Leave this empty")
        trap.widget.attrs = {"class": "trap", "tabindex": "-1", "autocomplete": "off"}
        if captcha.is_on():
            self.fields["captcha"] = forms.CharField(
                label=_("Show that you are a person"),
                widget=Challenge,
                error_messages={"required": _("Please show that you are a person, and not a program.")},
            )

    def clean(self) -> dict[str, object]:
        """What was given, when whoever judges captchas takes it for a person's. Raises Unavailable."""
        given: dict[str, object] = super().clean()
        # Asked last: an answer counts once.
        if captcha.is_on() and not self.errors and not captcha.is_person(context.request, str(given["captcha"])):
            self.add_error("captcha", _("You were taken for a program. Please try once more."))
        return given

    def validate_unique_email(self, value: str) -> str:
        """The address, whoever else has it: that is told by mail alone, to its owner (`adapter.Accounts.send_mail`)."""
        return value

    @transaction.atomic
    def try_save(self, request: HttpRequest) -> tuple[object, HttpResponse | None]:
        """The new user, who cannot do anything before the address is verified."""
        made: tuple[object, HttpResponse | None] = super().try_save(request)
        return made


class ConfirmAddress(ConfirmEmailVerificationCodeForm):
    """The code that was mailed to an address: whoever types it has the address, whatever others have said."""

    def clean_code(self) -> str:
        """The code. Raises ValidationError when it is another, or when somebody else was faster."""
        code: str = BaseConfirmCodeForm.clean_code(self)
        check_unused(self.email)
        return code


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


class NewToken(forms.Form):
    """What a new API token is for."""

    description = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is for, so that you know later: the machine, the workflow."),
    )
    projects = forms.MultipleChoiceField(
        label=_("Projects"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None means all of them, and new ones. A new project needs such a token once."),
    )
    permissions = forms.MultipleChoiceField(
        label=_("It may"),
        widget=forms.CheckboxSelectMultiple,
        initial=[Permission.UPLOAD],
        choices=[
            (Permission.UPLOAD.value, _("upload files")),
            (Permission.YANK.value, _("yank releases and files, and offer them again")),
            (Permission.MANAGE.value, _("manage: delete, change status, people and tokens")),
            (Permission.READ.value, _("read what only you see: roles, tokens, the record")),
        ],
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        initial=90,
        choices=[(7, _("a week")), (30, _("30 days")), (90, _("90 days")), (365, _("a year")), (0, _("ever"))],
        help_text=_("A token that ends does no harm when it is found years later."),
    )

    def __init__(self, projects: Iterable[tuple[int, str]], data: Mapping[str, str] | None) -> None:
        super().__init__(data)
        field = cast("forms.MultipleChoiceField", self.fields["projects"])
        field.choices = [(str(number), name) for number, name in projects]


class Role(forms.Form):
    """What somebody may do with a project."""

    role = forms.ChoiceField(
        label=_("Role"),
        initial="Maintainer",
        choices=[("Maintainer", _("Maintainer: uploads files")), ("Owner", _("Owner: everything"))],
    )


class Invite(Role):
    """Whom to invite."""

    user = forms.CharField(label=_("User name"), max_length=50)
    field_order = ("user", "role")
