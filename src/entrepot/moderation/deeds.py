"""What a moderator can do: buttons that ask for a reason, say what they will do, and do it with its record.

A deed is done to each of several things by itself, and each tells its own outcome: a thing is changed with all that
belongs to the change, or not at all, and one that refuses keeps no other from being changed.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from django import forms
from django.db import DatabaseError
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts.actor import Actor
from entrepot.api.upload import is_shown
from entrepot.refusal import Refused

logger = logging.getLogger(__name__)

MOST = 100  # things at once

Text = str | Promise
Given: TypeAlias = Mapping[str, Any]  # what a form has made of what was sent
Thing: TypeAlias = Any  # a row, or what a form names
Do: TypeAlias = Callable[[Thing, Actor, Given], int | None]


class Action(Protocol):
    """A change that needs to know no more than to what, by whom, and why."""

    def __call__(self, thing: Thing, /, *, by: Actor, reason: str) -> int | None:
        """Make it; gives the serial of what readers are to see, if they are."""


def because(action: Action) -> Do:
    """Do it for the reason that the form has asked for."""

    def do(thing: Thing, by: Actor, given: Given) -> int | None:
        return action(thing, by=by, reason=given["reason"])

    return do


class Reason(forms.Form):
    """Why something is done, which has to be said."""

    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that can be done to rows. `do` returns the serial of what readers are to see, if they are.

    `name` is its place in addresses, and `says` what the page tells before it is done. `most` is to how many rows at
    once; what asks for more than a reason brings a `form` of its own.
    """

    name: str
    label: Text
    says: Text
    do: Do
    form: type[Reason] = Reason
    most: int = MOST


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that can be done without any row, to whatever `things` finds in the form."""

    name: str
    label: Text
    says: Text
    do: Do
    form: type[Reason]
    things: Callable[[Given], Sequence[Thing]] = field(default=lambda _given: [None])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of one thing."""

    done: bool
    sentence: str


def attempt(deed: Deed | Tool, thing: Thing, *, by: Actor, given: Given) -> Outcome:
    """Do it to one thing, and publish what readers are to see."""
    what = f"{deed.label}: {thing}" if thing is not None else str(deed.label)
    try:
        serial = deed.do(thing, by, given)
    except Refused as refusal:
        return Outcome(False, gettext("%(what)s. Not done: %(why)s") % {"what": what, "why": refusal.message})
    except DatabaseError:
        logger.exception("what a moderator wanted could not be done")
        why = gettext("The database did not take it. Nothing of it was changed.")
        return Outcome(False, gettext("%(what)s. Not done: %(why)s") % {"what": what, "why": why})
    if serial and not is_shown(serial):
        return Outcome(True, gettext("%(what)s. Done; readers will see it in moments.") % {"what": what})
    return Outcome(True, gettext("%(what)s. Done.") % {"what": what})
