"""What is promised of pages that are the same for everybody, and small things that pages say."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from entrepot.moderation.people import _address
from entrepot.web.caching import shared
from entrepot.web.inside import _decoded


def test_a_page_for_everybody_that_looks_at_who_asks_is_a_mistake(rf: RequestFactory) -> None:
    @shared("somewhere")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"Hello, {request.session.get('name')}!")

    request = rf.get("/")
    request.session = SessionStore()
    with pytest.raises(RuntimeError, match="view is for everybody, and has looked at who asks"):
        view(request)


def test_a_text_that_is_cut_within_a_character_loses_that_one_only() -> None:
    text = "größer".encode()
    assert _decoded(text[:3], is_cut=True) == ("gr", "UTF-8")
    assert _decoded(text[:3], is_cut=False) == ("gr\N{LATIN CAPITAL LETTER A WITH TILDE}", "ISO 8859-1")


@pytest.mark.parametrize(
    ("primary", "said"), [(True, "a@b.example (verified) (primary)"), (False, "a@b.example (verified)")]
)
def test_what_moderators_read_of_an_address(primary: bool, said: str) -> None:
    assert _address(EmailAddress(email="a@b.example", verified=True, primary=primary)) == said
