"""Mails: written in the transaction of the change that they tell of, and sent by the worker (`followers.mail`)."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from entrepot.accounts.limits import COUNTING, Limit
from entrepot.accounts.models import Letter, User
from entrepot.config import Config
from entrepot.journal import workers
from entrepot.refusal import Unavailable

logger = logging.getLogger(__name__)

KEPT = timedelta(days=3)  # then a mail that could not be sent is given up
# What anybody can have sent to an address that is not theirs, and how much of it together.
ASKED_FOR = frozenset(
    {"account-exists", "confirm-address", "invitation", "new-device", "reset-password", "unknown-account"}
)
TO_ONE = Limit("letters", 5)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a mail. It is a link only if it is nothing but a URL of this site: others may say what they like."""

    text: str
    is_link: bool


def language_of(user: User) -> AbstractContextManager[None]:
    """While it lasts, what is said is said in the user's language."""
    return translation.override(user.language or settings.LANGUAGE_CODE)


def write(to: str, purpose: str, context: Mapping[str, object], *, lasting: timedelta = KEPT) -> None:
    """Have the mail `purpose` sent to one address: templates mail/PURPOSE.txt, whose first line is the subject.

    In the language of the moment: see `language_of`. It is not sent any more when it could not be for so long as
    `lasting`; nor is what says the very same as one that waits, nor more of what anybody can ask for than an address
    has to bear.
    """
    if purpose in ASKED_FOR and not _has_room(to, purpose):
        return
    site = Config.current().public_url
    given = {**context, "site": site, "to": to}
    subject, _newline, text = render_to_string(f"mail/{purpose}.txt", given).strip().partition("\n")
    subject, text = " ".join(subject.split()), text.strip()
    if Letter.objects.filter(to=to, subject=subject, text=f"{text}\n").exists():
        return
    shown = {"subject": subject, "paragraphs": list(_paragraphs(text, site))}
    now = timezone.now()
    Letter.objects.create(
        to=to,
        purpose=purpose,
        subject=subject,
        text=f"{text}\n",
        html=render_to_string("mail/letter.html", shown),
        written_at=now,
        expires_at=now + lasting,
        due_at=now,
    )
    workers.ring()


def _has_room(to: str, purpose: str) -> bool:
    try:
        if COUNTING.spend(TO_ONE, f"{purpose} {hashlib.sha256(to.casefold().encode()).hexdigest()}").admitted:
            return True
        logger.warning("one address was to get too many mails: %s was not written", purpose)
    except Unavailable:
        logger.warning("nobody counts how many mails an address gets: %s was not written", purpose)
    return False


def _paragraphs(text: str, site: str) -> Iterator[list[Line]]:
    for paragraph in text.split("\n\n"):
        lines = [each.strip() for each in paragraph.strip().split("\n")]
        yield [Line(each, each == site or (each.startswith(f"{site}/") and " " not in each)) for each in lines]
