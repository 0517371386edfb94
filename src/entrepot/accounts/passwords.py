"""What a password must be: in no list of leaked ones; and not guessable (`guessing`).

The operator's commands are held to Django's own rules only, which ask nobody else.
"""

import hashlib
import logging

import httpx2
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from entrepot.accounts.models import User
from entrepot.config import Config
from entrepot.monitoring import metrics

logger = logging.getLogger(__name__)

LONGEST = 4096  # characters
PATIENCE = 1.5  # seconds for who keeps the list; without an answer the password is taken


class NotTooLong:
    """Refuses what only costs time to hash."""

    def validate(self, password: str, user: User | None = None) -> None:  # noqa: ARG002 - Django's signature
        """Raises ValidationError."""
        if len(password) > LONGEST:
            raise ValidationError(_("A password may have 4,096 characters."), code="password_too_long")

    def get_help_text(self) -> str:
        """What people are told before they choose."""
        return _("It can have up to 4,096.")


class Leaked:
    """Refuses what stands in a list of leaked passwords."""

    def validate(self, password: str, user: User | None = None) -> None:  # noqa: ARG002 - Django's signature
        """Raises ValidationError."""
        if is_leaked(password):
            raise ValidationError(
                _("This password has become known, by a leak elsewhere: others try it. Please choose another one."),
                code="password_leaked",
            )

    def get_help_text(self) -> str:
        """What people are told before they choose."""
        return _("It should be used nowhere else: what leaks elsewhere is tried here.")


OPERATORS_RULES = (
    UserAttributeSimilarityValidator(),
    MinimumLengthValidator(8),
    NotTooLong(),
    CommonPasswordValidator(),
)


def is_leaked(password: str) -> bool:
    """Whether the list of ENTREPOT_LEAKED_PASSWORDS_URL has it. Five digits of its SHA-1 are all that is sent there.

    False when there is no such list, or when it does not answer, which is logged and counted.
    """
    url = Config.current().leaked_passwords_url
    if not url:
        return False
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    try:
        answer = httpx2.get(f"{url}/{digest[:5]}", timeout=PATIENCE, headers={"Add-Padding": "true"})
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        logger.warning("the list of leaked passwords does not answer: %s", type(error).__name__)
        metrics.leaked_list_failed()
        return False
    found = (line.partition(":") for line in answer.text.splitlines())
    return any(suffix.strip().upper() == digest[5:] and count.strip() != "0" for suffix, _colon, count in found)
