"""Browsers that people have signed in with before.

A browser keeps a random secret in a cookie; the row of each of its users has a hash. Who signs in with what can be
phished, a password and perhaps a code, from a browser that is not known, confirms it by a mail.
"""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from entrepot.accounts import sealing
from entrepot.accounts.address import address_of
from entrepot.accounts.models import Device, User

COOKIE = f"{'__Host-' if settings.SECURE else ''}device"
LIFE = 400 * 24 * 60 * 60  # seconds: the longest that browsers keep a cookie


def known(request: HttpRequest, user: User) -> Device | None:
    """The browser that the request is from, if the user has signed in with it before."""
    cookie = request.COOKIES.get(COOKIE, "")
    return user.devices.filter(digest=sealing.digest("device", cookie)).first() if cookie else None


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Know this browser from now on."""
    cookie = request.COOKIES.get(COOKIE) or secrets.token_urlsafe(32)
    now, address = timezone.now(), address_of(request)
    seen = {"agent": request.headers.get("User-Agent", "")[:200], "address": address, "used_at": now}
    user.devices.update_or_create(
        digest=sealing.digest("device", cookie), defaults=seen, create_defaults={**seen, "known_since": now}
    )
    response.set_cookie(COOKIE, cookie, max_age=LIFE, secure=settings.SECURE, httponly=True, samesite="Lax")
