"""What the pages about one's own project have in common: how it is opened, and how a change ends."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from entrepot.accounts.sessions import Member, actor_of
from entrepot.api import problems
from entrepot.api.upload import is_shown
from entrepot.projects import managing
from entrepot.projects.changing import LONGEST_REASON
from entrepot.projects.managing import Opened
from entrepot.refusal import Refused


class Reason(forms.Form):
    """Why something is done; readers see it."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        required=False,
        help_text=gettext_lazy("Optional, one line; everybody can read it."),
    )
    reason.widget.attrs["autocomplete"] = "off"


def opened(request: Member, name: str) -> Opened:
    """The project, for somebody who has a role in it. Raises Missing, or Forbidden."""
    return managing.opened(name, by=actor_of(request, request.user))


def publish(request: HttpRequest, serial: int, told: str) -> None:
    """Let readers see the change with this serial, and say on the next page what was done."""
    messages.success(request, told)
    if not is_shown(serial):
        messages.info(request, _("Readers see it in a moment."))


def refuse_in(form: forms.Form, refusal: Refused) -> HTTPStatus:
    """Say in the form why it was refused, at the field at fault if it has that; with which status to answer."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
    return problems.STATUS[type(refusal)]
