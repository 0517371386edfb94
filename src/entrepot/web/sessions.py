"""The cookie of a session is signed: a copy of the database, which holds the keys, opens none."""

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse

SIGNER = Signer(salt="session", sep=".")


class SignedSessions(SessionMiddleware):
    """Django's sessions behind a signature."""

    def process_request(self, request: HttpRequest) -> None:
        """Take a cookie for what it says only when it is ours."""
        name = settings.SESSION_COOKIE_NAME
        if name in request.COOKIES:
            try:
                request.COOKIES[name] = SIGNER.unsign(request.COOKIES[name])
            except BadSignature:
                del request.COOKIES[name]
        super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Sign the key of a session that begins or goes on."""
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            signed = SIGNER.sign(cookie.value)
            cookie.set(cookie.key, signed, signed)
        return response
