"""Django as a plain WSGI application, for servers that know no ASGI. It is not asked for what the read plane owns.

A body is read from the client when the view reads it, and the view looks at the credentials first. A body whose length
is not declared is none.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import entrepot.boot  # noqa: F401 - before what needs settings

# isort: split
from django.core.handlers.wsgi import WSGIHandler, get_path_info
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from entrepot.api import problems
from entrepot.api.door import UPLOADS, check_size, note_route
from entrepot.api.upload import to_the_slash
from entrepot.config import Config
from entrepot.followers import watch
from entrepot.monitoring.observation import Observation, current, request_id
from entrepot.monitoring.observed import observing
from entrepot.monitoring.operations import PATHS, Asked, Operations
from entrepot.monitoring.telemetry import start
from entrepot.patience import DATABASE
from entrepot.refusal import Refused
from entrepot.server import phrase

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

DATABASE.seconds = 8  # then it counts as lost, and the client is asked to come again


class Handler(WSGIHandler):
    """Django's handler, behind the same door as in ASGI."""

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        """The response, which is noted."""
        seen = current()
        response = self._answer(request)
        response.headers["X-Request-Id"] = seen.id
        response.reason_phrase = phrase(response.reason_phrase).decode("latin-1")
        note_route(request)
        seen.status = response.status_code
        seen.sent = int(response.headers.get("Content-Length", 0))
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if request.path == UPLOADS.rstrip("/"):
            return to_the_slash()
        length = request.META.get("CONTENT_LENGTH") or ""
        try:
            check_size(request.path, int(length) if length.isdecimal() else 0)
        except Refused as refusal:
            return problems.answer(request.headers.get("Accept", ""), refusal)
        return super().get_response(request)


class Application:
    """One installation as a WSGI application."""

    def __init__(self, config: Config) -> None:
        config.uploads.mkdir(parents=True, exist_ok=True)
        self._django = Handler()
        self._operations = Operations(watch.CHECKS, watch.measured, config.metrics_token)
        self._telemetry = start(config)

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        path = get_path_info(environ)
        if path in PATHS:
            return self._tell(path, environ, start_response)
        seen = Observation(
            id=request_id(environ.get("HTTP_X_REQUEST_ID", "")),
            method=environ["REQUEST_METHOD"],
            path=path,
            traceparent=environ.get("HTTP_TRACEPARENT", ""),
        )
        with observing(seen, self._telemetry):
            return self._django(environ, start_response)

    def _tell(self, path: str, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        told = self._operations.tell(Asked(path, headers, environ.get("REMOTE_ADDR", "")))
        start_response(f"{told.status.value} {told.status.phrase}", told.headers)
        return [told.body]


application = Application(Config.current())
