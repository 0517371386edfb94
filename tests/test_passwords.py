"""Passwords: what is taken, who is asked about it, and what becomes of one that has leaked.

The ids are those of the threats that a test is about.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from prometheus_client import REGISTRY

import inside
from entrepot.accounts.models import User
from entrepot.accounts.passwords import LONGEST, is_leaked
from serving import PASSWORD, Server, free_port, serving
from visiting import Visitor, mailed_code, newcomer, token_of, words

KNOWN = "correct horse battery staple 17"
STRONG = "quiet lamp over the harbour"


def digest(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()  # noqa: S324


class List:
    """Who keeps a list of leaked passwords, by the first five digits of their SHA-1; `asked` is what was asked."""

    def __init__(self, *passwords: str) -> None:
        self.known = [digest(each) for each in passwords]
        self.asked: list[str] = []
        self.status = 200
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kept.asked.append(f"{self.path} {self.headers['Add-Padding']}")
                self.send_response(kept.status)
                self.end_headers()
                self.wfile.write(kept.answer(self.path.rpartition("/")[2]).encode())

            def log_message(self, *_what: object) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/range"

    def answer(self, start: str) -> str:
        """The rest of those that begin so, how often each was seen, and padding, which was never seen."""
        rows = [f"{each[5:]}:3" for each in self.known if each.startswith(start)]
        return "\r\n".join([f"{digest('padding')[5:]}:0", *rows, f"{digest('other')[5:]}:12"])


@contextmanager
def listing(*passwords: str) -> Iterator[List]:
    kept = List(*passwords)
    thread = Thread(target=kept.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        kept.server.shutdown()
        kept.server.server_close()
        thread.join()


def failures() -> float:
    return REGISTRY.get_sample_value("entrepot_leaked_passwords_failures_total") or 0.0


class TestList:
    def test_five_digits_are_all_that_leaves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """O-A2.4"""
        with listing(KNOWN) as kept:
            monkeypatch.setenv("ENTREPOT_LEAKED_PASSWORDS_URL", f"{kept.url}/")
            assert (is_leaked(KNOWN), is_leaked(STRONG), is_leaked("größer")) == (True, False, False)
            assert kept.asked == [f"/range/{digest(each)[:5]} true" for each in (KNOWN, STRONG, "größer")]

    def test_padding_was_never_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with listing() as kept:
            monkeypatch.setenv("ENTREPOT_LEAKED_PASSWORDS_URL", kept.url)
            assert not is_leaked("padding")
            assert is_leaked("other")

    def test_nobody_is_asked_unless_the_operator_says_whom(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ENTREPOT_LEAKED_PASSWORDS_URL", raising=False)
        assert not is_leaked(KNOWN)

    @pytest.mark.parametrize("status", [0, 404, 500])
    def test_when_it_does_not_answer_the_password_is_taken_and_that_is_told(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        """O-A2.4"""
        before = failures()
        with listing(KNOWN) as kept, caplog.at_level(logging.WARNING):
            kept.status = status
            url = kept.url if status else f"http://127.0.0.1:{free_port()}"
            monkeypatch.setenv("ENTREPOT_LEAKED_PASSWORDS_URL", url)
            assert not is_leaked(KNOWN)
        assert failures() == before + 1
        assert "the list of leaked passwords does not answer" in caplog.text
        assert KNOWN not in caplog.text


def said(password: str, user: User | None = None) -> list[str]:
    """Why the password is refused."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        return [str(each.code) for each in error.error_list]
    return []


class TestRules:
    @pytest.mark.parametrize(
        ("password", "codes"),
        [
            ("short", ["password_too_short", "password_guessable"]),
            ("password123", ["password_guessable"]),
            ("entrepot2026", ["password_guessable"]),
            ("x" * 5000, ["password_too_long", "password_guessable"]),
            (STRONG, []),
            (f"{STRONG} " * 100, []),
        ],
    )
    def test_whoever_it_is(self, password: str, codes: list[str]) -> None:
        assert said(password) == codes

    def test_own_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENTREPOT_PUBLIC_URL", "https://warehousing.acmetools.example")
        user = User(username="wilhelmina_q", email="wq.brandt@northwind.example")
        for word in ("wilhelmina", "brandt", "northwind", "acmetools", "warehousing"):
            assert said(f"{word}{word}1", user) == ["password_guessable"], word
        assert said("wilhelmina brews tea for nobody", user) == []

    @pytest.mark.django_db
    def test_own_words_of_who_is_there_already(self) -> None:
        user = User.objects.create(username="wil", display_name="Zephyrine Quux", email="wil@example.org")
        assert said("Zephyrine quux", user) == ["password_guessable"]
        assert said("Zephyrine quux") == []


@pytest.fixture(scope="class")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, List]]:
    """A site that asks a list, which does not know anything at first."""
    folder: Path = tmp_path_factory.mktemp("guarded")
    with (
        listing() as kept,
        serving(folder, ENTREPOT_LEAKED_PASSWORDS_URL=kept.url, ENTREPOT_PROXIES="1") as running,
    ):
        yield running, kept


class TestSite:
    def test_one_that_is_known_is_not_taken(self, guarded: tuple[Server, List]) -> None:
        """O-A2.4"""
        site, kept = guarded
        kept.known.append(digest(KNOWN))
        fields = {"username": "newcomer", "email": "newcomer@example.org", "homepage": ""}
        page = Visitor(site).post("/account/signup/", password1=KNOWN, password2=KNOWN, **fields)
        assert "has become known" in words(page)
        long = "many words " * 1000
        assert "4,096 characters" in words(
            Visitor(site).post("/account/signup/", password1=long, password2=long, **fields)
        )
        assert inside.query(site, "SELECT 1 FROM accounts_user WHERE username = 'newcomer'") == []

    def test_one_that_becomes_known_opens_nothing_any_more(self, guarded: tuple[Server, List]) -> None:
        """O-A2.4, B02"""
        site, kept = guarded
        newcomer(site, "carol")
        before = Visitor(site)
        assert "Signed in as carol" in words(before.sign_in("carol"))
        kept.known.append(digest(PASSWORD))
        wrong = Visitor(site).sign_in("carol", "wrong")
        assert "Set a new one" not in words(wrong)
        assert "Signed in as carol" in words(before.get("/account/"))
        page = Visitor(site).sign_in("carol")
        assert "It opens this account no more. Set a new one" in words(page)
        assert 'href="/account/password/reset/"' in page.text
        assert "/account/login/" in str(before.get("/account/").url)
        again = words(Visitor(site).sign_in("carol"))
        assert "Signed in" not in again
        assert "has become known" not in again
        actions = inside.query(
            site,
            'SELECT action FROM accounts_event JOIN accounts_user ON accounts_user.id = "user" '
            "WHERE username = 'carol' ORDER BY accounts_event.id",
        )
        assert actions[-3:] == [("sign-in:fail",), ("password:leaked",), ("sign-in:fail",)]

        person = Visitor(site)
        page = person.post("/account/password/reset/", email="carol@example.org")
        page = person.post_here(page, code=mailed_code(site, "carol@example.org"))
        refused = person.post_here(page, password1=PASSWORD, password2=PASSWORD)
        assert "has become known" in words(refused)
        assert person.post_here(refused, password1=STRONG, password2=STRONG).status_code == 200
        assert "Signed in as carol" in words(Visitor(site).sign_in("carol", STRONG))

    def test_one_that_becomes_known_while_somebody_is_here(self, guarded: tuple[Server, List]) -> None:
        """O-A2.4"""
        site, kept = guarded
        kept.known.clear()
        newcomer(site, "dan")
        person = Visitor(site)
        person.sign_in("dan")
        kept.known.append(digest(PASSWORD))
        page = person.post("/account/reauthenticate/", password=PASSWORD)
        assert "Set a new one" in words(page)
        assert "/account/login/" in str(person.get("/account/").url)

    def test_people_sign_in_while_nobody_answers(self, guarded: tuple[Server, List]) -> None:
        """O-A2.4"""
        site, kept = guarded
        kept.known.clear()
        newcomer(site, "erin")
        kept.known.append(digest(PASSWORD))
        kept.status = 503
        assert "Signed in as erin" in words(Visitor(site).sign_in("erin"))
        kept.status = 200
        figures = site.get("/_metrics/").text
        assert "\nentrepot_leaked_passwords_failures_total 1.0" in figures

    def test_more_than_a_password_has_is_not_hashed(self, guarded: tuple[Server, List]) -> None:
        site, kept = guarded
        kept.known.clear()
        newcomer(site, "frank")
        person = Visitor(site)
        form = token_of(person.get("/account/login/"))
        fields = {"csrfmiddlewaretoken": form, "login": "frank"}
        for password in (PASSWORD + "x" * LONGEST, "x" * 10_000):
            page = person.client.post("/account/login/", data={**fields, "password": password})
            assert (page.status_code, "Signed in" in words(page)) == (200, False)
