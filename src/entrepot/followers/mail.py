"""Sends the letters that wait (`accounts.letters`), one at a time.

A letter is claimed by moving the time on at which it is due, so two workers never send one twice; it is removed once
the server has taken it. Who dies in between leaves it claimed for LEASE, and then it is sent, perhaps once more, with
the same Message-ID. What a server does not take now is tried again, ever later, until the letter expires.
"""

import logging
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from email.utils import format_datetime, parseaddr

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from entrepot.accounts import unverifying
from entrepot.accounts.models import Letter
from entrepot.config import Config
from entrepot.ports.mailserver import MailServer, Security

logger = logging.getLogger(__name__)

AT_ONCE = 20  # letters of one round
PATIENCE = 10  # seconds for one answer of a mail server
LEASE = timedelta(minutes=3)  # to send what was claimed
NO_MAILBOX = ("5.1.1 ", "5.1.2 ", "5.1.3 ", "5.1.6 ", "5.1.10 ", "5.2.1 ")  # what begins the reasons that say so
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


class Folder(BaseEmailBackend):
    """Where there is no mail server: each mail becomes a file that mail programs open, for its owner's eyes only."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write them. Raises OSError."""
        folder = Config.current().mails
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in email_messages:
            name = each.extra_headers["Message-ID"].strip("<>").partition("@")[0]
            draft = folder / f".{name}"
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600)
            draft.write_bytes(each.message().as_bytes())
            draft.replace(folder / f"{name}.eml")
        return len(email_messages)


def post_of(server: MailServer | None) -> BaseEmailBackend:
    """The way to the mail server, not open yet; without one, to a folder."""
    if server is None:
        return Folder()
    return EmailBackend(
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.security is Security.STARTTLS,
        use_ssl=server.security is Security.TLS,
        timeout=PATIENCE,
    )


def next_due() -> datetime | None:
    """When the next letter is due, which may have been already; None when none waits."""
    due: datetime | None = Letter.objects.aggregate(next=Min("due_at"))["next"]
    return due


def deliver(*, due: datetime) -> Iterator[None]:
    """Send what is due by then, the oldest first, and AT_ONCE at most; stops after each letter.

    While the server cannot be reached at all, everything that is due waits.
    """
    with closing(post_of(Config.current().mail_server())) as post:
        for _ in range(AT_ONCE):
            letter = _claim(due)
            if letter is None:
                return
            try:
                post.open()
            except OSError as error:
                logger.warning("the mail server cannot be reached: %s", _told(error))
                _postpone([letter, *Letter.objects.filter(due_at__lte=due)])
                return
            _send(letter, post)
            yield


def _claim(due: datetime) -> Letter | None:
    """The oldest letter that is due, which is this worker's for a while. Those that have expired are dropped."""
    waiting = Letter.objects.filter(due_at__lte=due).order_by("written_at", "pk")
    if not waiting.exists():  # so that nobody is held up by a transaction that changes nothing
        return None
    with transaction.atomic():
        dropped, _ = Letter.objects.filter(due_at__lte=due, expires_at__lte=due).delete()
        letter = waiting.select_for_update(skip_locked=True).first()
        if letter is not None:
            Letter.objects.filter(pk=letter.pk).update(due_at=timezone.now() + LEASE)
    if dropped:
        logger.warning("gave up %d mails that could not be sent in time", dropped)
    return letter


def _send(letter: Letter, post: BaseEmailBackend) -> None:
    try:
        _message(letter, post).send()
    except smtplib.SMTPRecipientsRefused as refused:
        ((code, text),) = refused.recipients.values()
        _refused(letter, code, text.decode(errors="replace"))
    except OSError as error:
        logger.warning("mail %d (%s) was not taken: %s", letter.pk, letter.purpose, _told(error))
        post.close()  # whatever state the conversation is in
        _postpone([letter])
    else:
        letter.delete()


def _message(letter: Letter, post: BaseEmailBackend) -> EmailMultiAlternatives:
    sender = Config.current().sender
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        sender,
        [letter.to],
        connection=post,
        headers={
            "Message-ID": f"<{letter.written_at:%Y%m%d-%H%M%S}-{letter.pk}@{domain}>",
            "Date": format_datetime(letter.written_at),
            "Auto-Submitted": "auto-generated",  # RFC 3834: nobody is to answer by a machine
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message


def _refused(letter: Letter, code: int, text: str) -> None:
    """The server does not take mail to this address: for now, or for good.

    For good is only what says that there is no such mailbox (RFC 3463, X.1.1 to X.1.3, X.1.6, X.1.10 and X.2.1): the
    rest may be about us, or about a mailbox that is full.
    """
    logger.warning("the recipient of mail %d (%s) was refused: %d", letter.pk, letter.purpose, code)
    if code < 500 or not text.startswith(NO_MAILBOX):
        _postpone([letter])
        return
    with transaction.atomic():
        letter.delete()
        unverifying.bounced(letter.to, unverifying.Bounce.HARD, at=timezone.now())


def _postpone(letters: Sequence[Letter]) -> None:
    now = timezone.now()
    for each in letters:
        pause = min(FIRST_PAUSE * 2 ** min(each.attempts, 16), LONGEST_PAUSE)
        Letter.objects.filter(pk=each.pk).update(due_at=now + pause, attempts=each.attempts + 1)


def _told(error: OSError) -> str:
    """What is wrong, without what the server said: that may name whom the mail is for."""
    code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
    return f"{type(error).__name__}{code}"
