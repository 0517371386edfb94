"""What the pages about what was done have in common."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts.queries import names_of
from entrepot.refusal import Refused
from entrepot.web.told import action_said, credential_said, details_said


def rows(events: Sequence[dict[str, object]], token_names: Mapping[str, str]) -> list[dict[str, object]]:
    """Events as people read them, with the name of whoever did it, and those of tokens, by their ids."""
    names = names_of({int(str(each["by"])) for each in events if each["by"] is not None})
    return [
        {
            **each,
            "at": datetime.fromisoformat(str(each["at"])),
            "action": action_said(str(each["action"])),
            "credential": credential_said(str(each["credential"]), token_names),
            "details": list(details_said(_details_of(each))),
            "name": names.get(each["by"], ""),
        }
        for each in events
    ]


def _details_of(event: Mapping[str, object]) -> Mapping[str, object]:
    """Those of an event; what is told of a change beside it is the reason."""
    details = event.get("details")
    return details if isinstance(details, Mapping) else {"reason": event["reason"]}


def earlier_than(told: Sequence[dict[str, object]], ask: Callable[..., Sequence[dict[str, object]]]) -> str | None:
    """The time before which there is more than was `told`, if there is any: `ask(before=…, limit=…)` tells it."""
    if not told:
        return None
    last = str(told[-1]["at"])
    return last if ask(before=datetime.fromisoformat(last), limit=1) else None


def before_in(request: HttpRequest) -> datetime:
    """The time that the page ends at: `?before=`, else now. Raises Refused("invalid-request")."""
    given = request.GET.get("before")
    if given is None:
        return timezone.now()
    try:
        return datetime.fromisoformat(given).astimezone(timezone.get_default_timezone())
    except (ValueError, OverflowError):
        raise Refused("invalid-request", _("The time in this address is none."), "before") from None
