"""What people read for the actions of the record. Those of the journal are told as mirrors read them."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _

from entrepot.accounts.queries import names_of
from entrepot.refusal import Refused

TOLD = {
    "account:create": _("The account was made"),
    "account:delete": _("The account was deleted"),
    "account:export": _("All data was downloaded"),
    "account:freeze": _("The account was frozen"),
    "account:profile": _("The profile was changed"),
    "account:rename": _("The user name was changed"),
    "account:thaw": _("The account was opened again"),
    "banner:put-up": _("A banner was put up"),
    "banner:take-down": _("A banner was taken down"),
    "email:primary": _("Another address became the primary one"),
    "email:remove": _("An address was removed"),
    "email:unverify": _("An address no longer counts: mail does not reach it"),
    "email:verify": _("An address was verified"),
    "factor:add-key": _("A security key or passkey was added"),
    "factor:add-totp": _("An authenticator app was added"),
    "factor:copied-key": _("A copy of a security key was refused"),
    "factor:fail": _("A wrong code was given"),
    "factor:locked": _("Too many wrong codes were given"),
    "factor:remove-key": _("A security key or passkey was removed"),
    "factor:remove-totp": _("The authenticator app was removed"),
    "factor:reset": _("All second factors were taken away by the operator"),
    "flag:off": _("A flag was turned off"),
    "flag:on": _("A flag was turned on"),
    "invitation:accept": _("An invitation was accepted"),
    "invitation:create": _("Somebody was invited to a project"),
    "invitation:decline": _("An invitation was declined"),
    "invitation:revoke": _("An invitation was taken back"),
    "name:allow": _("A name was taken from the list of prohibited ones"),
    "name:prohibit": _("A name was prohibited or reserved"),
    "password:change": _("The password was changed"),
    "password:leaked": _("The password had become known, and was made useless"),
    "password:remove": _("The password was given up"),
    "password:reset": _("A new password was set, by mail"),
    "recovery:generate": _("Recovery codes were made"),
    "recovery:use": _("A recovery code was used"),
    "project:keys": _("Whether security keys are asked for was changed"),
    "project:limits": _("How large a project may be was decided"),
    "role:add": _("A role in a project was given"),
    "role:change": _("A role in a project was changed"),
    "role:remove": _("A role in a project was taken away"),
    "session:end": _("A session was ended"),
    "sign-in": _("Signed in"),
    "sign-in:fail": _("Somebody tried to sign in, with a wrong password"),
    "token:leaked": _("A token was found where everybody can read it, and revoked"),
    "token:create": _("A token was made"),
    "token:revoke": _("A token was revoked"),
}


def rows(events: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Events as people read them, with the name of whoever did it."""
    names = names_of({int(str(each["by"])) for each in events if each["by"] is not None})
    return [
        {
            **each,
            "at": datetime.fromisoformat(str(each["at"])),
            "action": TOLD.get(str(each["action"]), each["action"]),
            "name": names.get(each["by"], ""),
        }
        for each in events
    ]


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
        raise Refused("invalid-request", now("The time in this address is none."), "before") from None
