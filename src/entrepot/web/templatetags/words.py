"""Values of ours that people read: in their words."""

from collections.abc import Iterable, Sized

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

register = template.Library()

WORDS: dict[str, Promise] = {
    "Owner": _("Owner"),
    "Maintainer": _("Maintainer"),
    "upload": _("upload"),
    "yank": _("yank"),
    "manage": _("manage"),
    "read": _("read"),
}


@register.filter
def said(value: str) -> str:
    """A role or a permission as people call it; anything else as it is."""
    return str(WORDS.get(value, value))


@register.filter
def all_said(values: Iterable[str]) -> list[str]:
    """Each of them."""
    return [said(each) for each in values]


@register.filter
def beyond(values: Sized, shown: int) -> str:
    """How many there are after the first `shown`; nothing, where that is all."""
    left = len(values) - shown
    return ngettext("and %(count)d more", "and %(count)d more", left) % {"count": left} if left > 0 else ""
