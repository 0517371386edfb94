"""Our side of django-allauth, where no page leads to."""

from collections.abc import Iterator

import pytest
from allauth.account.models import EmailAddress
from allauth.core import context
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.session import SessionStorage
from django.contrib.sessions.backends.db import SessionStore
from django.db import DataError, IntegrityError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from entrepot.accounts import actions, factors
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.adapter import Accounts, site_of_keys
from entrepot.accounts.models import User
from entrepot.web.gate import Gate


@pytest.fixture
def request_of_nobody() -> Iterator[HttpRequest]:
    request = RequestFactory().get("/")
    request.session = SessionStore()
    request.user = AnonymousUser()
    request._messages = SessionStorage(request)  # type: ignore[attr-defined]
    with context.request_context(request):
        yield request


def new_user(name: str) -> User:
    password = "quiet lamp over the harbour"
    return actions.create_user(name, by=OPERATOR, email=f"{name}@example.org", password=password)


@pytest.mark.django_db(transaction=True)
def test_an_address_becomes_one_persons(request_of_nobody: HttpRequest) -> None:
    """A14: whoever shows it later does not get it."""
    new_user("alice")
    claim = EmailAddress.objects.create(user=new_user("bob"), email="alice@example.org", verified=False)
    assert not Accounts().confirm_email(request_of_nobody, claim)


@pytest.mark.django_db(transaction=True)
def test_no_code_is_right_without_an_app() -> None:
    assert factors.accept_totp(new_user("alice"), "000000") is None


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://index.example", "index.example"),
        ("http://127.0.0.1:8000", "localhost"),
        ("http://[::1]:8000", "localhost"),
        ("http://192.0.2.7", "192.0.2.7"),
    ],
)
def test_keys_answer_to_the_configured_host(monkeypatch: pytest.MonkeyPatch, url: str, site: str) -> None:
    """O-A2.2: on this machine by its name, since an address is none to them."""
    monkeypatch.setenv("ENTREPOT_PUBLIC_URL", url)
    assert site_of_keys() == site


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status"),
    [(IntegrityError(), 409), (RecursionError(), 400), (DataError(), 400), (ZeroDivisionError(), None)],
)
def test_what_is_nobodys_fault_is_told_as_that(error: Exception, status: int | None) -> None:
    answer = Gate(lambda _request: HttpResponse()).process_exception(RequestFactory().get("/"), error)
    assert (None if answer is None else answer.status_code) == status
