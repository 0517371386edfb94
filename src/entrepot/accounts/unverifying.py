"""Addresses that no longer reach the person: they stop to be a way into the account.

Whose mailbox is gone may have a domain that somebody else takes over, and then gets the mail. Such an address is never
verified again by itself: the person confirms it anew.
"""

import hashlib
from datetime import datetime
from enum import StrEnum

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.translation import gettext as _

from entrepot.accounts import record
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.limits import COUNTING, Limit
from entrepot.accounts.models import User


class Bounce(StrEnum):
    """What came back: there is no such mailbox; its owner does not want our mail; it could not be delivered now."""

    HARD = "hard"
    COMPLAINT = "complaint"
    SOFT = "soft"


SOFT_BOUNCES = Limit("soft-bounces", 5, 7 * 24 * 60 * 60)  # one more, and the address is taken for gone


@transaction.atomic
def bounced(email: str, bounce: Bounce, *, at: datetime) -> None:
    """Mail to the address came back. Raises Unavailable("limits-unavailable")."""
    if bounce is Bounce.HARD:
        unverify(email, reason=_("Mail to it came back: there is no such mailbox."), at=at)
    elif bounce is Bounce.COMPLAINT:
        unverify(email, reason=_("Whoever reads it has called our mail unwanted."), at=at)
    elif not COUNTING.spend(SOFT_BOUNCES, hashlib.sha256(email.casefold().encode()).hexdigest()).admitted:
        unverify(email, reason=_("Mail to it came back again and again."), at=at)


@transaction.atomic
def unverify(email: str, *, reason: str, at: datetime) -> None:
    """Whoever has this address has to confirm it anew; their other addresses are told."""
    for found in EmailAddress.objects.select_for_update().filter(email__iexact=email, verified=True):
        found.verified = False
        found.save(update_fields=["verified"])
        User.objects.filter(pk=found.user_id, public_email__iexact=found.email).update(public_email="")
        details = {"email": found.email, "reason": reason}
        record.note("email:unverify", by=OPERATOR, at=at, user=found.user, details=details)
