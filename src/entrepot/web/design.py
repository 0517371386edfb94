"""The page that shows every element of the site in every state, for whoever changes how it looks."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from entrepot.web.caching import shared


class Sample(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_("Text"), help_text=_("What the field is for, in one sentence."))
    secret = forms.CharField(label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "off"}))
    choice = forms.ChoiceField(label=_("One of several"), choices=[("a", _("The first")), ("b", _("The second"))])
    several = forms.MultipleChoiceField(
        label=_("Any of several"),
        choices=[("a", _("The first")), ("b", _("The second"))],
        widget=forms.CheckboxSelectMultiple,
    )
    agreed = forms.BooleanField(label=_("A yes or no"))
    text = forms.CharField(label=_("Longer text"), widget=forms.Textarea(attrs={"rows": 3}))


@require_safe
@shared("design")
def design(request: HttpRequest) -> HttpResponse:
    """Headings, text, forms with and without errors, tables, messages, and all the rest."""
    forms_shown = {"fresh": Sample(prefix="fresh"), "wrong": Sample({}, prefix="wrong")}
    return render(request, "design.html", forms_shown | {"tokens": TOKENS})


# The custom properties of site.css, and what each is for.
TOKENS = {
    "paper": _("the ground of the page"),
    "sheet": _("what lies on it"),
    "ink": _("text"),
    "muted": _("text beside the point"),
    "line": _("lines between things"),
    "edge": _("edges of what can be used"),
    "accent": _("links, buttons, and what has the focus"),
    "accent-soft": _("the ground of what is chosen or well"),
    "blank": _("what needs attention, and blanks to fill in"),
    "warn-soft": _("the ground of what needs attention"),
}
