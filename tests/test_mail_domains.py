"""Addresses whose domain is given up: asked of a real resolver and a real registry, both in this process."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUDPServer
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from entrepot.accounts.models import Event, Letter, MailDomain, User
from entrepot.followers import domains, loop
from world import new_world

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
HOUR = timedelta(hours=1)


@dataclass
class Names:
    """What the resolver knows: the records of names, by kind; an rcode for those that have none of their own."""

    records: dict[tuple[str, str], str] = field(default_factory=dict)
    rcodes: dict[str, dns.rcode.Rcode] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        if name in self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if record := self.records.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, record))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(self.rcodes.get(name, dns.rcode.NXDOMAIN))
        return answer.to_wire()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    known = Names()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            answer = known.answer(self.request[0])
            if answer is not None:
                self.request[1].sendto(answer, self.client_address)

    with ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("ENTREPOT_DNS", f"127.0.0.1:{server.server_address[1]}")
        monkeypatch.setattr(domains, "PATIENCE", 0.3)
        yield known
        server.shutdown()


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    location: str = ""


def registered(*events: tuple[str, datetime]) -> Answer:
    told = [{"eventAction": action, "eventDate": at.isoformat()} for action, at in events]
    return Answer(body=json.dumps({"objectClassName": "domain", "events": told}).encode())


@contextmanager
def registry(answer: Callable[[str], Answer]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = answer(self.path)
            self.send_response(told.status)
            if told.location:
                self.send_header("Location", told.location)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def new_user(name: str, *emails: str) -> User:
    user = User.objects.create(username=name, email=emails[0], public_email=emails[0])
    for each in emails:
        EmailAddress.objects.create(user=user, email=each, verified=True, primary=each == emails[0])
    return user


def look(hours: float = 0) -> int:
    """How many domains were looked at so many hours from now."""
    return sum(1 for _ in domains.look(now=NOW + hours * HOUR))


def verified() -> set[str]:
    return set(EmailAddress.objects.filter(verified=True).values_list("email", flat=True))


def test_a_domain_that_is_gone_twice(names: Names) -> None:
    alice = new_user("alice", "alice@gone.example", "alice@kept.example")
    new_user("bob", "bob@gone.example")
    new_user("carol", "carol@sub.gone.example")
    for name in ("kept.example", "sub.gone.example"):
        names.records[name, "MX"] = "10 mx.example."
    assert look() == 3
    assert look(0.5) == 0
    assert len(verified()) == 4
    assert look(6) == 1
    assert verified() == {"alice@kept.example", "carol@sub.gone.example"}
    alice.refresh_from_db()
    assert alice.public_email == ""
    assert {(each.action, each.details["email"]) for each in Event.objects.all()} == {
        ("email:unverify", "alice@gone.example"),
        ("email:unverify", "bob@gone.example"),
    }
    (letter,) = Letter.objects.all()
    assert letter.to == "alice@kept.example"
    assert "Address: alice@gone.example\nReason: Its domain no longer exists.\n" in letter.text
    names.records["gone.example", "MX"] = "10 mx.example."
    look(24)
    assert "alice@gone.example" not in verified()  # it comes back by the person alone
    assert set(MailDomain.objects.values_list("name", flat=True)) == {"kept.example", "sub.gone.example"}


@pytest.mark.parametrize("kind", ["MX", "A", "AAAA"])
def test_a_domain_that_takes_mail(names: Names, kind: str) -> None:
    new_user("alice", "alice@index.example")
    names.records["index.example", kind] = {"MX": "10 mx.example.", "A": "192.0.2.1", "AAAA": "2001:db8::1"}[kind]
    for hours in (0, 6, 12, 24):
        look(hours)
    assert verified() == {"alice@index.example"}


def test_a_domain_that_takes_none_and_one_that_comes_back(names: Names) -> None:
    new_user("alice", "alice@web.example")
    new_user("bob", "bob@back.example")
    names.records["web.example", "TXT"] = '"nothing but this"'
    look()
    names.records["back.example", "A"] = "192.0.2.1"
    look(6)
    assert verified() == {"bob@back.example"}
    del names.records["back.example", "A"]
    look(24)
    assert verified() == {"bob@back.example"}
    look(30)
    assert verified() == set()


@pytest.mark.parametrize("how", ["servfail", "silent", "malformed"])
def test_what_does_not_answer_says_nothing(names: Names, how: str, caplog: pytest.LogCaptureFixture) -> None:
    domain = f"{'x' * 64}.example" if how == "malformed" else "index.example"
    new_user("alice", f"alice@{domain}")
    names.rcodes["index.example"] = dns.rcode.SERVFAIL
    names.silent = {"index.example"} if how == "silent" else set()
    for hours in (0, 6, 12, 24):
        assert look(hours) == 1
    assert verified() == {f"alice@{domain}"}
    assert MailDomain.objects.get().checked_at is None


def test_a_resolver_that_never_answers_is_given_up(names: Names, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(5):
        new_user(f"user{number}", f"me@d{number}.example")
        names.rcodes[f"d{number}.example"] = dns.rcode.SERVFAIL
    assert look() == domains.SILENT - 1
    assert "does not answer" in caplog.text


def test_a_domain_that_nobody_uses_is_forgotten(names: Names) -> None:
    names.records["index.example", "A"] = "192.0.2.1"
    alice = new_user("alice", "alice@index.example")
    assert look() == 1
    alice.delete()
    assert look(12) == 0
    assert not MailDomain.objects.exists()


def test_nobody_is_asked_when_it_is_off(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_DNS", "off")
    new_user("alice", "alice@gone.example")
    assert look() == 0
    assert names.asked == []


def test_the_resolver_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_DNS", "")
    assert domains._resolver().nameservers is not None


def test_the_worker_looks_when_it_tidies_up(names: Names, tmp_path: Path) -> None:
    world = new_world(tmp_path / "store")
    for number in range(2):
        new_user(f"user{number}", f"me@d{number}.example")

    def tidy(stops: bool) -> datetime:
        asked = len(names.asked)
        return loop.step(
            store=world.store,
            cdn=world.cdn,
            now=NOW + 24 * HOUR,
            tidied=NOW,
            stopped=lambda _seconds: stops and len(names.asked) > asked,
        )

    assert tidy(stops=True) == NOW
    assert MailDomain.objects.exclude(checked_at=None).count() == 1
    assert tidy(stops=False) == NOW + 24 * HOUR
    assert MailDomain.objects.exclude(checked_at=None).count() == 2


class TestRegistration:
    @pytest.fixture(autouse=True)
    def _there(self, names: Names) -> None:
        names.records["mail.index.example", "MX"] = "10 mx.example."
        new_user("alice", "alice@mail.index.example", "alice@kept.invalid")
        names.records["kept.invalid", "A"] = "192.0.2.1"
        look()

    def check(self, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Answer]) -> bool:
        """Whether the address still counts."""
        with registry(answer) as url:
            monkeypatch.setenv("ENTREPOT_RDAP_URL", f"{url}/rdap/")
            look(12)
        return "alice@mail.index.example" in verified()

    def test_registered_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def answer(path: str) -> Answer:
            asked.append(path)
            if path == "/rdap/domain/index.example":
                return registered(
                    ("registration", NOW - 900 * HOUR), ("reregistration", NOW + HOUR), ("expiration", NOW)
                )
            return Answer(404)

        assert not self.check(monkeypatch, answer)
        assert "/rdap/domain/mail.index.example" not in asked
        letter = Letter.objects.get()
        assert letter.to == "alice@kept.invalid"
        assert "registered anew" in letter.text
        EmailAddress.objects.update(verified=True)  # the person has confirmed it once more
        look(24)
        assert self.check(monkeypatch, answer)

    def test_registered_long_ago(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.check(monkeypatch, lambda _: registered(("registration", NOW - HOUR), ("last changed", NOW + HOUR)))

    def test_registered_below_what_looks_like_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`index.example` stands for `co.uk` here: some registries tell of it, too."""

        def answer(path: str) -> Answer:
            mine = path == "/rdap/domain/mail.index.example"
            return registered(("registration", NOW + HOUR)) if mine else registered()

        assert not self.check(monkeypatch, answer)

    def test_sent_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with registry(lambda _: registered(("registration", NOW + HOUR))) as other:
            assert not self.check(monkeypatch, lambda _: Answer(302, location=f"{other}/here"))

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(500),
            Answer(body=b"not JSON"),
            Answer(body=b'{"events": [{"eventAction": "registration", "eventDate": "2999-01-01"}]}'),
            Answer(body=b'{"events": [{"eventAction": "registration"}]}'),
            Answer(body=b" " * (domains.LONGEST_ANSWER + 1)),
            Answer(302, location="/rdap/again"),
            Answer(302, location="ftp://rdap.example/"),
            Answer(302, location="https://127.0.0.1/"),
        ],
    )
    def test_what_is_no_answer_says_nothing(self, monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
        assert self.check(monkeypatch, lambda _: answer)

    def test_no_registry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        monkeypatch.setenv("ENTREPOT_RDAP_URL", f"http://127.0.0.1:{port}")
        look(12)
        assert "alice@mail.index.example" in verified()
