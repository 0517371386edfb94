"""The page that somebody asked for and gets later, when the account is as safe as it has to be for that."""

from django.http import HttpRequest
from django.urls import reverse

_KEY = "wanted"  # in the session


def keep(request: HttpRequest) -> None:
    """Remember what was asked for; what was sent is lost."""
    if request.method == "GET":
        request.session[_KEY] = request.get_full_path()


def take(request: HttpRequest, otherwise: str) -> str:
    """Where to go on to: what was remembered, once, else the page of the name `otherwise`."""
    path: str = request.session.pop(_KEY, reverse(otherwise))
    return path
