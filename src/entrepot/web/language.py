"""In which language a page is: the one that somebody chose, kept in a cookie, else the first that the browser asks for.

Programs are answered in English: some compare the sentences, and a status line has no other letters.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from entrepot.accounts import people

A_YEAR = 365 * 24 * 60 * 60  # seconds
FOR_PROGRAMS = ("/api/", "/image/", "/legacy/", "/mail/")


class Language(LocaleMiddleware):
    """Django's choice, but for programs."""

    def process_request(self, request: HttpRequest) -> None:
        """Speak the reader's language."""
        if request.path_info.startswith(FOR_PROGRAMS):
            translation.activate(settings.LANGUAGE_CODE)
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Say which language it is, and to caches that there are others."""
        if request.path_info.startswith(FOR_PROGRAMS):
            return response
        return super().process_response(request, response)


@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    """Go back to the page `next` in the language `to`; who has signed in gets mails in it, too."""
    to, back = request.GET.get("to", ""), request.GET.get("next", "/")
    here = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    response = HttpResponseRedirect(back if here else "/")
    # A link of another site's chooses nothing.
    if to in dict(settings.LANGUAGES) and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin":
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, to, max_age=A_YEAR, secure=settings.SECURE, httponly=True, samesite="Lax"
        )
        if request.user.is_authenticated:
            people.set_language(request.user, to)
    return response
