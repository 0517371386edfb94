"""Whether a program would guess a password. Apart, since what it knows of words takes room in memory."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from zxcvbn import zxcvbn

from entrepot.accounts.addresses import verified_of
from entrepot.accounts.models import User
from entrepot.config import Config

WEIGHED = 72  # characters of a password that are looked at: what follows them makes it only stronger
STRONG_ENOUGH = 2  # of 4: more than 10**6 guesses
SHORTEST_WORD = 3  # characters: shorter ones stand in every password


class Guessable:
    """Refuses what a program would guess, knowing the person's own words."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises ValidationError."""
        if zxcvbn(password[:WEIGHED], user_inputs=sorted(_own_words(user)))["score"] < STRONG_ENOUGH:
            raise ValidationError(
                _("This password would be guessed soon. Some words that do not belong together make a better one."),
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        """What people are told before they choose."""
        return _("Some words that do not belong together are easy to keep, and hard to guess.")


def _own_words(user: User | None) -> set[str]:
    """What those who guess would try first: names and addresses of the person and of the site, and their parts."""
    given = ["entrepot", urlsplit(Config.current().public_url).hostname or "", *_words_of(user)]
    parts = (part for each in given for part in re.split(r"[\W_]+", each))
    return {word for word in (*given, *parts) if len(word) >= SHORTEST_WORD}


def _words_of(user: User | None) -> Iterator[str]:
    if user is not None:
        yield from (user.username, user.email)
        if user.pk is not None:  # else there is nothing more yet
            yield from (user.display_name, *verified_of(user))
