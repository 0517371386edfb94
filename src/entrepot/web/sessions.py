"""The cookie of a session is signed: a copy of the database, which holds the keys, opens none."""

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse

HINT = "signed-in"
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
        if cookie is not None:
            _hint(response, signed_in=SESSION_KEY in request.session)
        return response


def _hint(response: HttpResponse, *, signed_in: bool) -> None:
    """Let the scripts of pages, which are the same for everybody, know whether it is worth asking who is here."""
    if signed_in:
        age = settings.SESSION_COOKIE_AGE
        response.set_cookie(HINT, "yes", max_age=age, secure=settings.SECURE, samesite="Lax")
    else:
        response.delete_cookie(HINT, samesite="Lax")
