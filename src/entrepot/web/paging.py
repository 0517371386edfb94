"""Which page of a list an address asks for."""

from django.http import HttpRequest


def page_in(request: HttpRequest) -> int:
    """The number in `?page=`, from 1 on; the first for what is no number, or an absurd one."""
    asked = request.GET.get("page", "")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
