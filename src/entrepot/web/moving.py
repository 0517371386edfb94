"""From another spelling of an address to the one in use."""

from django.http import HttpRequest
from django.urls import reverse

LONGEST = 1000  # characters of a query that goes along; no page of ours reads more of it


def moved_to(request: HttpRequest, view: str, *args: object) -> str:
    """The address of the view with these arguments, and with what the request asks for in its query."""
    url, query = reverse(view, args=args), request.META["QUERY_STRING"]
    return f"{url}?{query}" if query and len(query) <= LONGEST else url
