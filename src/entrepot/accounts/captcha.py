"""The question, on the form to register only, whether it is a person: asked by whomever ENTREPOT_CAPTCHA_URL names.

hCaptcha, Turnstile and reCAPTCHA, and what imitates them, speak one protocol: a script of theirs puts an answer into
the form; the site sends it to their `siteverify`, with its secret, and gets to hear whether it was a person's.
"""

import logging
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2
from django.http import HttpRequest
from django.utils.translation import gettext as _

from entrepot.accounts.address import address_of
from entrepot.config import Config
from entrepot.refusal import Unavailable

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Service:
    """Whose script it is, what it looks for in the page, the field that it adds, and from where it loads more."""

    script: str
    kind: str
    origins: tuple[str, ...]

    @property
    def field(self) -> str:
        """What the form has the answer in."""
        return f"{self.kind}-response"


SERVICES = {
    "hcaptcha.com": Service(
        "https://js.hcaptcha.com/1/api.js", "h-captcha", ("https://hcaptcha.com", "https://*.hcaptcha.com")
    ),
    "cloudflare.com": Service(
        "https://challenges.cloudflare.com/turnstile/v0/api.js", "cf-turnstile", ("https://challenges.cloudflare.com",)
    ),
    "google.com": Service(
        "https://www.google.com/recaptcha/api.js", "g-recaptcha", ("https://www.google.com", "https://www.gstatic.com")
    ),
}


def is_on() -> bool:
    """Whether anybody is to be asked."""
    return bool(Config.current().captcha_url)


def service() -> Service:
    """Who asks: one that is known by its host; else one of one's own, with the script `api.js` beside `siteverify`."""
    url = Config.current().captcha_url
    parts = urlsplit(url)
    known = SERVICES.get(".".join((parts.hostname or "").split(".")[-2:]))
    return known or Service(urljoin(url, "api.js"), "g-recaptcha", (f"{parts.scheme}://{parts.netloc}",))


def is_person(request: HttpRequest, answer: str) -> bool:
    """Whether the service takes the answer for a person's. Raises Unavailable("captcha-unavailable")."""
    config = Config.current()
    sent = {"secret": config.captcha_secret, "response": answer, "remoteip": address_of(request) or ""}
    try:
        told = httpx2.post(config.captcha_url, data=sent, timeout=PATIENCE)
        told.raise_for_status()
        return told.json().get("success") is True
    except (httpx2.HTTPError, ValueError, AttributeError) as error:
        logger.warning("the captcha service does not answer: %s", type(error).__name__)
        raise Unavailable(
            "captcha-unavailable",
            _("Nobody can register at this moment: the service that tells people from programs does not answer."),
        ) from error
