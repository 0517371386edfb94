"""What holds for every request that Django is to answer, before it reads anything of it; and what is noted of it."""

from django.http import HttpRequest

from entrepot.form import MAX_TEXT
from entrepot.monitoring.observation import current
from entrepot.policy import LARGEST_FILE
from entrepot.refusal import TooLarge

UPLOADS = "/legacy/"
FRAMING = 1 << 20  # bytes that hold the parts of a form together
LARGEST_UPLOAD = LARGEST_FILE + MAX_TEXT + FRAMING
LARGEST_OTHER = 1 << 20


def check_size(path: str, size: int) -> None:
    """Whether a request for the path may have a body of so many bytes. Raises TooLarge("request-too-large")."""
    limit = LARGEST_UPLOAD if path == UPLOADS else LARGEST_OTHER
    if size > limit:
        raise TooLarge("request-too-large", f"File too large. A request may have {limit >> 20} MB.")


def note_route(request: HttpRequest) -> None:
    """Note which URL of the site the request was for."""
    if request.resolver_match is not None:
        current().route = str(request.resolver_match.url_name)
