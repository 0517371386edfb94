"""What every page of the site says at its top, for a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import record
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import Banner
from entrepot.refusal import Refused

FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Shown:
    """A banner that is to be seen until `ends_at`, if ever; `texts` by code of language."""

    level: str
    texts: Mapping[str, str]
    link: str
    begins_at: datetime
    ends_at: datetime | None

    def text(self, language: str) -> str:
        """What it says to who reads this language ("de", "pt-br")."""
        return self.texts.get(language) or self.texts.get(language.partition("-")[0]) or self.texts[FALLBACK]

    def is_on(self, at: datetime) -> bool:
        """Whether it is to be seen at that moment."""
        return self.begins_at <= at and (self.ends_at is None or at < self.ends_at)


def shown(banner: Banner) -> Shown:
    """What there is to be seen of it."""
    return Shown(banner.level, banner.texts, banner.link, banner.begins_at, banner.ends_at)


def coming(at: datetime) -> list[Shown]:
    """All that are to be seen at that moment, or will be, the oldest first."""
    rows = Banner.objects.filter(Q(ends_at=None) | Q(ends_at__gt=at)).order_by("begins_at", "pk")
    return [shown(each) for each in rows]


@transaction.atomic(durable=True)
def put_up(
    texts: Mapping[str, str],
    *,
    by: Actor,
    reason: str,
    level: str,
    link: str,
    begins_at: datetime | None,
    ends_at: datetime | None,
) -> None:
    """Have all pages say it, from `begins_at` (None: now) until `ends_at`. Raises Refused("banner-over")."""
    now = timezone.now()
    begins_at = begins_at or now
    if ends_at is not None and ends_at <= max(begins_at, now):
        raise Refused("banner-over", _("The banner would be over before anybody sees it."), "ends_at")
    Banner.objects.create(
        level=level, texts=dict(texts), link=link, begins_at=begins_at, ends_at=ends_at, by=by.origin.user, at=now
    )
    record.note("banner:put-up", by=by, at=now, details={"text": texts[FALLBACK], "link": link, "reason": reason})


@transaction.atomic(durable=True)
def take_down(banner: int, *, by: Actor, reason: str) -> None:
    """Have pages say it no longer. Raises Refused("banner-over") when it is over, or was taken down."""
    now = timezone.now()
    held = Banner.objects.select_for_update().filter(Q(ends_at=None) | Q(ends_at__gt=now), pk=banner).first()
    if held is None:
        raise Refused("banner-over", _("The banner is over already."))
    held.ends_at = now
    held.save(update_fields=["ends_at"])
    record.note("banner:take-down", by=by, at=now, details={"text": held.texts[FALLBACK], "reason": reason})
