"""The banners at the top of every page: read once in half a minute by each process, and no query in between."""

import logging
import time
from dataclasses import dataclass, field

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language

from entrepot.accounts.banners import FALLBACK, Shown, coming

logger = logging.getLogger(__name__)

FRESH = 30.0  # seconds


@dataclass(slots=True)
class _Known:
    """What was found at a moment of this machine's clock."""

    until: float = 0.0
    banners: list[Shown] = field(default_factory=list)


_KNOWN = _Known()


def banners(_request: HttpRequest) -> dict[str, object]:
    """What every page says at its top, in the language that it is in: nothing that depends on who asks."""
    if time.monotonic() >= _KNOWN.until:
        _look()
    now, language = timezone.now(), get_language() or FALLBACK
    return {
        "banners": [
            {"text": each.text(language), "level": each.level, "link": each.link}
            for each in _KNOWN.banners
            if each.is_on(now)
        ]
    }


def _look() -> None:
    """Without a database the last ones stay: the page may be the one that says so."""
    _KNOWN.until = time.monotonic() + FRESH
    try:
        _KNOWN.banners = coming(timezone.now())
    except DatabaseError:
        logger.warning("banners could not be read; those from before are shown")
