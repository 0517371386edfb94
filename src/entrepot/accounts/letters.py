"""Mails: written in the transaction of the change that they tell of, and sent by the worker (`followers.mail`)."""

from collections.abc import Mapping
from datetime import timedelta

from django.template.loader import render_to_string
from django.utils import timezone

from entrepot.accounts.models import Letter
from entrepot.config import Config

KEPT = timedelta(days=3)  # then a mail that could not be sent is given up


def write(to: str, purpose: str, context: Mapping[str, object], *, lasting: timedelta = KEPT) -> None:
    """Have the mail `purpose` sent to one address: templates mail/PURPOSE.txt, whose first line is the subject.

    It is not sent any more when it could not be for so long as `lasting`.
    """
    given = {**context, "site": Config.current().public_url, "to": to}
    subject, _newline, text = render_to_string(f"mail/{purpose}.txt", given).strip().partition("\n")
    now = timezone.now()
    Letter.objects.create(
        to=to,
        purpose=purpose,
        subject=" ".join(subject.split()),
        text=text.strip() + "\n",
        html=render_to_string("mail/letter.html", {**given, "subject": subject, "text": text.strip()}),
        written_at=now,
        expires_at=now + lasting,
        due_at=now,
    )
