"""Switches for the whole site, for the hour in which something is wrong: what they refuse, and who turned them.

A flag is a row that is there while it holds, and each change that one concerns asks for it: it holds at once, in all
processes. The operator, and moderators, are not held up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts import record
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import Flag, User
from entrepot.refusal import Refused, Unavailable


class Switch(StrEnum):
    """What can be switched."""

    NO_REGISTRATIONS = "no-registrations"
    NO_NEW_PROJECTS = "no-new-projects"
    NO_UPLOADS = "no-uploads"
    NO_DELETIONS = "no-deletions"
    READ_ONLY = "read-only"


MEANS: Mapping[Switch, Promise] = {
    Switch.NO_REGISTRATIONS: _("Nobody can register."),
    Switch.NO_NEW_PROJECTS: _("No upload makes a new project."),
    Switch.NO_UPLOADS: _("No file is taken."),
    Switch.NO_DELETIONS: _("No project, release or file is deleted."),
    Switch.READ_ONLY: _("Nothing is changed by anybody; signing in, reports of leaked tokens and of mail go on."),
}


@dataclass(frozen=True, slots=True)
class State:
    """A switch; where it is `on`, why, since when, and the name of who turned it (empty: at a command line)."""

    switch: Switch
    on: bool
    reason: str = ""
    by: str = ""
    since: datetime | None = None


def check(*switches: Switch) -> None:
    """Raises Unavailable when one of them is on.

    Codes: "registrations-paused", "new-projects-paused", "uploads-paused", "deletions-paused", "read-only".
    """
    held = Flag.objects.filter(name__in=switches).values_list("name", flat=True).first()
    if held is not None:
        raise _refusal(Switch(held))


def _refusal(switch: Switch) -> Unavailable:
    """What is said to whom it holds up, in their language."""
    refusals = {
        Switch.NO_REGISTRATIONS: Unavailable(
            "registrations-paused", gettext("Nobody can register at this moment. Please try again later.")
        ),
        Switch.NO_NEW_PROJECTS: Unavailable(
            "new-projects-paused",
            gettext(
                "New projects are not taken at this moment. Files for those that exist are. Please try again later."
            ),
        ),
        Switch.NO_UPLOADS: Unavailable(
            "uploads-paused", gettext("Uploads are not taken at this moment. Please try again later.")
        ),
        Switch.NO_DELETIONS: Unavailable(
            "deletions-paused",
            gettext("Nothing can be deleted at this moment. A release can be yanked. Please try again later."),
        ),
        Switch.READ_ONLY: Unavailable(
            "read-only", gettext("The index can be read, but not changed, at this moment. Please try again later.")
        ),
    }
    return refusals[switch]


def check_for(by: Actor, *switches: Switch) -> None:
    """The same, for whoever is not the operator."""
    if not by.operates:
        check(*switches)


def states() -> Sequence[State]:
    """All switches, in their order."""
    held = {each.name: each for each in Flag.objects.all()}
    names = dict(User.objects.filter(pk__in=[each.by for each in held.values()]).values_list("pk", "username"))
    return [
        State(each, True, row.reason, names.get(row.by or 0, ""), row.at)
        if (row := held.get(each))
        else State(each, False)
        for each in Switch
    ]


@transaction.atomic(durable=True)
def turn_on(switch: Switch, *, by: Actor, reason: str) -> None:
    """Let it hold from this moment on. Raises Refused("flag-unchanged")."""
    now = timezone.now()
    given = {"reason": reason, "by": by.origin.user, "at": now}
    if not Flag.objects.get_or_create(name=switch, defaults=given)[1]:
        raise Refused("flag-unchanged", gettext("The flag %(flag)s is on already.") % {"flag": switch})
    record.note("flag:on", by=by, at=now, details={"flag": switch.value, "reason": reason})


@transaction.atomic(durable=True)
def turn_off(switch: Switch, *, by: Actor, reason: str) -> None:
    """Let it hold no longer. Raises Refused("flag-unchanged")."""
    if not Flag.objects.filter(name=switch).delete()[0]:
        raise Refused("flag-unchanged", gettext("The flag %(flag)s is off already.") % {"flag": switch})
    record.note("flag:off", by=by, at=timezone.now(), details={"flag": switch.value, "reason": reason})
