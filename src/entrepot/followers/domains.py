"""Looks now and then whether the domains of people's addresses still exist.

A domain that is given up can be taken by somebody else, who then gets the mail, and with it new passwords. So the
addresses at a domain that is gone no longer count as verified, nor those at one that was registered anew since we have
known it. What does not answer says nothing.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import httpx2
from allauth.account.models import EmailAddress
from django.db.models import F, Q, Value
from django.db.models.functions import Lower, StrIndex, Substr
from django.utils.translation import gettext as _
from pydantic import AwareDatetime, BaseModel, Field

from entrepot.accounts.models import MailDomain
from entrepot.accounts.unverifying import unverify
from entrepot.config import Config

logger = logging.getLogger(__name__)

# The worker tidies up every six hours. At worst a domain is given up just after a look, is found gone twelve hours
# later and once more at the next round: within the day that OpenSSF's principles leave.
AGAIN = timedelta(hours=11)
SURE = timedelta(hours=1)  # after which a second look must find the domain gone, too
PATIENCE = 5.0  # seconds for a resolver, and for who knows about registrations
SILENT = 3  # looks in a row without any answer, after which it is left for the next time
LONGEST_ANSWER = 1 << 20  # bytes
REDIRECTS = 5


def look(*, now: datetime) -> Iterator[None]:
    """Look at every domain of a verified address that is due, the longest unseen first; stops after each."""
    if Config.current().dns == "off":
        return
    known = set(_domains())
    MailDomain.objects.bulk_create((MailDomain(name=each, first_seen=now) for each in known), ignore_conflicts=True)
    due = Q(checked_at=None) | Q(checked_at__lte=now - AGAIN) | Q(gone_since__isnull=False, checked_at__lte=now - SURE)
    silent = 0
    for domain in MailDomain.objects.filter(due).order_by(F("checked_at").asc(nulls_first=True)):
        if domain.name not in known:
            domain.delete()
            continue
        silent = 0 if _look_at(domain, now) else silent + 1
        if silent == SILENT:
            logger.warning("the resolver of ENTREPOT_DNS does not answer")
            return
        yield


def _domains() -> Iterator[str]:
    domain = Lower(Substr("email", StrIndex("email", Value("@")) + 1))
    yield from EmailAddress.objects.filter(verified=True).values_list(domain, flat=True).distinct().iterator()


def _look_at(domain: MailDomain, now: datetime) -> bool:
    """Whether anything is known of it now."""
    try:
        there = _exists(domain.name)
    except dns.exception.DNSException as error:
        logger.info("nothing is known of a mail domain: %s", type(error).__name__)
        return False
    if there and _registered_since(domain.name, domain.first_seen):
        _give_up(domain, _("Its domain was registered anew, perhaps by somebody else."), now)
    elif there:
        _note(domain, checked_at=now, gone_since=None)
    elif domain.gone_since is not None and domain.gone_since <= now - SURE:
        _give_up(domain, _("Its domain no longer exists."), now)
    else:
        _note(domain, checked_at=now, gone_since=domain.gone_since or now)
    return True


def _note(domain: MailDomain, *, checked_at: datetime, gone_since: datetime | None) -> None:
    MailDomain.objects.filter(pk=domain.pk).update(checked_at=checked_at, gone_since=gone_since)


def _give_up(domain: MailDomain, reason: str, now: datetime) -> None:
    """Forget the domain, too: whoever confirms an address there once more begins anew."""
    found = EmailAddress.objects.filter(verified=True, email__iendswith=f"@{domain.name}")
    for email in found.values_list("email", flat=True):
        unverify(email, reason=reason, at=now)
    domain.delete()


def _exists(domain: str) -> bool:
    """Whether mail can be sent there: it has an MX record, or an address (RFC 5321, section 5.1).

    Raises DNSException when nobody knows.
    """
    resolver = _resolver()
    name = dns.name.from_text(domain)
    for kind in (dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA):
        try:
            resolver.resolve(name, kind, search=False)
        except dns.resolver.NXDOMAIN:
            return False
        except dns.resolver.NoAnswer:
            continue
        return True
    return False


def _resolver() -> dns.resolver.Resolver:
    given = Config.current().nameserver()
    resolver = dns.resolver.Resolver(configure=given is None)
    if given is not None:
        resolver.nameservers, resolver.port = [given[0]], given[1]
    resolver.lifetime = PATIENCE
    return resolver


class _Event(BaseModel):
    """Something that happened to a domain (RFC 9083, section 4.5)."""

    action: str = Field("", alias="eventAction")
    at: AwareDatetime | None = Field(None, alias="eventDate")


class _Registered(BaseModel):
    """What a registry says of a domain, as far as we ask."""

    events: list[_Event] = []

    def since(self) -> list[datetime]:
        """When it was registered, and perhaps when it was once more."""
        anew = {"registration", "reregistration"}
        return [each.at for each in self.events if each.action in anew and each.at is not None]


def _registered_since(domain: str, moment: datetime) -> bool:
    """Whether the registry says that it was; False when nobody is asked, or knows.

    What is registered of a name is found from its end: `example.co.uk` for `mail.example.co.uk`.
    """
    url = Config.current().rdap_url
    if not url:
        return False
    labels = dns.name.from_text(domain).to_text(omit_final_dot=True).split(".")
    with httpx2.Client(timeout=PATIENCE) as client:
        for start in range(len(labels) - 2, -1, -1):
            try:
                since = _ask(client, f"{url}/domain/{'.'.join(labels[start:])}").since()
            except (httpx2.HTTPError, ValueError) as error:
                logger.info("nothing is known of the registration of a mail domain: %s", type(error).__name__)
                continue
            if since:
                return max(since) > moment
    return False


def _ask(client: httpx2.Client, url: str) -> _Registered:
    """The answer of an RDAP server (RFC 7480), which may send us on, but by no other scheme.

    Raises httpx2.HTTPError, and ValueError when it is none.
    """
    scheme = urlsplit(url).scheme
    headers = {"Accept": "application/rdap+json", "Accept-Encoding": "identity"}
    for _hop in range(REDIRECTS):
        with client.stream("GET", url, headers=headers) as answer:
            if answer.next_request is None:
                answer.raise_for_status()
                return _Registered.model_validate_json(_body(answer))
            url = str(answer.next_request.url)
        if urlsplit(url).scheme != scheme:
            raise ValueError("sent on by another scheme")
    raise ValueError("sent on too often")


def _body(answer: httpx2.Response) -> bytes:
    body = b""
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise ValueError("too long an answer")
    return body
