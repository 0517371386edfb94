"""Letters on their way: to a real SMTP server, in TLS or not at all, once, whatever breaks."""

import ast
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.db import connections
from django.utils import timezone

from entrepot.accounts import letters, notices, record
from entrepot.accounts.actor import OPERATOR, Actor, Session
from entrepot.accounts.adapter import NOTICES as OF_ALLAUTH
from entrepot.accounts.limits import COUNTING, Limit, Room
from entrepot.accounts.models import Event, Letter, User
from entrepot.config import Config
from entrepot.followers import loop, mail
from entrepot.ports.mailserver import MailServer, Security, mail_server_from_url
from entrepot.refusal import Refused, Unavailable
from mail_server import Certificate, Mailbox, new_certificate, receiving, receiving_by
from world import new_world

pytestmark = pytest.mark.django_db(transaction=True)

SOURCE = Path(letters.__file__).parents[1]
ALICE = "alice@example.org"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """One that this process trusts."""
    made = new_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    return made


@pytest.fixture
def alice() -> User:
    user = User.objects.create(username="alice", email=ALICE)
    EmailAddress.objects.create(user=user, email=ALICE, verified=True, primary=True)
    EmailAddress.objects.create(user=user, email="alice@example.net", verified=True)
    EmailAddress.objects.create(user=user, email="alice@example.com", verified=False)
    return user


def use(monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, scheme: str = "smtp+plain", user: str = "") -> None:
    monkeypatch.setenv("ENTREPOT_MAIL_URL", f"{scheme}://{user}127.0.0.1:{mailbox.port}")


def write(to: str = ALICE, code: str = "ABC-DEF", **more: timedelta) -> None:
    letters.write(to, "confirm-address", {"code": code}, **more)


def deliver(**later: float) -> int:
    """How many letters were tried of those that are due by now, or so much later."""
    return sum(1 for _ in mail.deliver(due=timezone.now() + timedelta(**later)))


def test_each_mail_is_for_one_in_text_and_html(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        write()
        write("bob@example.org")
        assert deliver() == 2
    first, second = mailbox.mails
    assert (first.recipients, second.recipients) == ([ALICE], ["bob@example.org"])
    assert first.message["To"] == ALICE
    assert first.message["From"] == Config.current().sender == "Entrepot <no-reply@[127.0.0.1]>"
    assert first.subject == "Your code: ABC-DEF"
    assert first.message["Auto-Submitted"] == "auto-generated"
    assert first.message["Date"].datetime is not None
    assert re.fullmatch(r"<[0-9-]+@\[127\.0\.0\.1\]>", first.message["Message-ID"])
    assert first.message["Message-ID"] != second.message["Message-ID"]
    assert "List-Unsubscribe" not in first.message
    assert "    ABC-DEF\n" in first.text
    page = first.body("html")
    assert "ABC-DEF" in page
    assert f'<a href="{Config.current().public_url}">' in page
    assert not Letter.objects.exists()
    assert mail.next_due() is None


def test_nobody_writes_headers_or_links_into_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        write(code="1\r\nBcc: eve@example.org\r\n\r\nhttps://evil.example/ <b>x</b>")
        assert deliver() == 1
    (one,) = mailbox.mails
    assert one.recipients == [ALICE]
    assert one.message.get_all("Bcc") is None
    assert one.subject == "Your code: 1"
    assert "evil.example" in one.body("html")
    assert "<b>" not in one.body("html")
    assert re.findall('href="([^"]*)"', one.body("html")) == [Config.current().public_url]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_in_tls_with_a_user(monkeypatch: pytest.MonkeyPatch, certificate: Certificate, scheme: str) -> None:
    with receiving_by(scheme, certificate) as mailbox:
        use(monkeypatch, mailbox, scheme, "entrepot:p%40ss%20word@")
        write()
        assert deliver() == 1
    (one,) = mailbox.mails
    assert (one.recipients, one.user) == ([ALICE], "entrepot")
    assert one.encrypted or scheme == "smtps"  # of what it begins with aiosmtpd tells nothing


def test_without_starttls_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox, "smtp")
        write()
        write("bob@example.org")
        assert deliver() == 0
        assert deliver() == 0
    assert mailbox.mails == []
    assert [each.attempts for each in Letter.objects.all()] == [1, 1]
    assert "SMTPNotSupportedError" in caplog.text
    assert "@" not in caplog.text


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("host", ["127.0.0.1", "mail.example"])
def test_a_certificate_that_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str, host: str
) -> None:
    """Of an authority that nobody knows; of one that is known, for another host."""
    shown = new_certificate(tmp_path, host)
    if host == "mail.example":
        monkeypatch.setenv("SSL_CERT_FILE", str(shown.path))
    with receiving_by(scheme, shown) as mailbox:
        use(monkeypatch, mailbox, scheme)
        write()
        assert deliver() == 0
    assert mailbox.mails == []
    assert Letter.objects.get().attempts == 1


def test_a_wrong_password_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(starttls=certificate) as mailbox:
        use(monkeypatch, mailbox, "smtp", "entrepot:wrong-password@")
        write()
        assert deliver() == 0
    assert "SMTPAuthenticationError 535" in caplog.text
    assert "wrong-password" not in caplog.text + repr(Config.current()) + repr(Config.current().mail_server())


def test_after_an_outage_they_go_out_late(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as gone:
        pass
    use(monkeypatch, gone)
    write()
    for attempt in range(1, 10):
        assert deliver(hours=attempt) == 0
        letter = Letter.objects.get()
        assert letter.attempts == attempt
        pause = min(30 * 2 ** (attempt - 1), 3600)
        assert abs((letter.due_at - timezone.now()).total_seconds() - pause) < 5
    with receiving(port=gone.port) as mailbox:
        assert deliver() == 0
        assert deliver(hours=1) == 1
    assert mailbox.to(ALICE)


def test_a_server_that_hangs_or_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("ENTREPOT_MAIL_URL", f"smtp+plain://127.0.0.1:{silent.getsockname()[1]}")
        write()
        assert deliver() == 0
    assert Letter.objects.get().attempts == 1


@pytest.mark.parametrize("answer", ["451 4.3.0 later", "554 5.6.0 not such a mail"])
def test_one_mail_that_is_not_taken_stops_no_other(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answers = iter([answer])
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        mailbox.answer_mail = lambda: next(answers, "250 OK")
        write()
        write("bob@example.org")
        assert deliver() == 2
        assert [each.recipients for each in mailbox.mails] == [["bob@example.org"]]
        assert deliver(minutes=1) == 1
    assert mailbox.to(ALICE)


@pytest.mark.parametrize("answer", ["450 4.2.1 full", f"550 5.7.1 {ALICE}: we do not know you"])
def test_a_recipient_that_is_not_taken_now(
    monkeypatch: pytest.MonkeyPatch, alice: User, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        mailbox.answer_recipient = lambda _to: answer
        write()
        assert deliver() == 1
    assert Letter.objects.get().attempts == 1
    assert EmailAddress.objects.get(email=ALICE).verified
    assert "@" not in caplog.text


def test_a_recipient_that_is_refused_for_good(
    monkeypatch: pytest.MonkeyPatch, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        mailbox.answer_recipient = lambda to: f"550 5.1.1 {to}" if to == ALICE else "250 OK"
        write()
        assert deliver() == 1
        assert deliver() == 1
    assert not EmailAddress.objects.get(email=ALICE).verified
    (told,) = mailbox.mails
    assert told.recipients == ["alice@example.net"]
    assert f"Address: {ALICE}\n" in told.text
    assert "no such mailbox" in told.text
    (event,) = Event.objects.filter(action="email:unverify")
    assert (event.user, event.by, event.details["email"]) == (alice.pk, None, ALICE)
    assert not Letter.objects.exists()
    assert "550" in caplog.text
    assert "@" not in caplog.text


def test_two_workers_send_each_letter_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        for number in range(30):
            write(f"user{number}@example.org")

        def work(_: int) -> int:
            try:
                return deliver()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as threads:
            assert sum(threads.map(work, range(2))) == 30
    assert len({each.recipients[0] for each in mailbox.mails}) == len(mailbox.mails) == 30


def test_a_round_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        for number in range(mail.AT_ONCE + 1):
            write(f"user{number}@example.org")
        assert deliver() == mail.AT_ONCE
        assert [each.recipients[0] for each in mailbox.mails] == [f"user{n}@example.org" for n in range(mail.AT_ONCE)]


@pytest.mark.parametrize("after", [0, 1])
def test_a_worker_that_is_told_to_stop_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: int) -> None:
    world = new_world(tmp_path / "store")
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        for number in range(3):
            write(f"user{number}@example.org")
        now = timezone.now()
        loop.step(
            store=world.store,
            cdn=world.cdn,
            now=now,
            tidied=now,
            stopped=lambda _seconds: len(mailbox.mails) == after,
        )
    assert len(mailbox.mails) == after


def test_what_a_dead_worker_was_sending_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        write()
        assert mail._claim(timezone.now()) is not None
        assert deliver() == 0
        assert deliver(seconds=mail.LEASE.total_seconds() + 1) == 1
    assert mailbox.to(ALICE)


def test_a_mail_that_has_expired_is_not_sent(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with receiving() as mailbox:
        use(monkeypatch, mailbox)
        write(lasting=timedelta(minutes=15))
        assert deliver(minutes=16) == 0
    assert not Letter.objects.exists()
    assert "gave up 1 mails" in caplog.text
    assert mailbox.mails == []


def test_without_a_mail_server_they_become_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_DATA", str(tmp_path))
    write()
    write("bob@example.org")
    assert deliver() == 2
    folder = tmp_path / "mail"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = sorted(folder.iterdir())
    assert [each.suffix for each in files] == [".eml", ".eml"]
    assert [each.stat().st_mode & 0o777 for each in files] == [0o600, 0o600]
    assert b"ABC-DEF" in files[0].read_bytes()


def test_what_cannot_be_written_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_DATA", str(tmp_path))
    (tmp_path / "mail").touch()
    write()
    assert deliver() == 1
    (tmp_path / "mail").unlink()
    assert deliver(minutes=1) == 1
    assert len(list((tmp_path / "mail").iterdir())) == 1


class TestHowMany:
    def test_one_address_gets_a_few_of_what_anybody_can_ask_for(self, caplog: pytest.LogCaptureFixture) -> None:
        for number in range(7):
            write(code=str(number))
        write("bob@example.org")
        assert Letter.objects.filter(to=ALICE).count() == 5
        assert Letter.objects.filter(to="bob@example.org").count() == 1
        assert "confirm-address was not written" in caplog.text
        assert "@" not in caplog.text

    def test_and_of_notices_what_there_is(self, alice: User) -> None:
        for number in range(7):
            record.note("recovery:use", by=OPERATOR, at=timezone.now(), user=alice, details={"left": number})
        assert Letter.objects.filter(to=ALICE).count() == 7

    def test_the_very_same_waits_once(self, alice: User) -> None:
        """A token for three projects is recorded three times."""
        now = timezone.now()
        for project in (1, 2, 3):
            record.note("token:create", by=OPERATOR, at=now, user=alice, project=project, details={"description": "ci"})
        assert Letter.objects.filter(to=ALICE).count() == 1

    def test_when_nobody_counts_none_is_written(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def spend(_limit: Limit, _key: str) -> Room:
            raise Unavailable("limits-unavailable", "no")

        monkeypatch.setattr(COUNTING, "spend", spend)
        write()
        assert not Letter.objects.exists()
        assert "nobody counts" in caplog.text


class TestNotices:
    def test_every_action_of_the_record_is_decided_about(self) -> None:
        noted = {
            node.args[0].value
            for path in SOURCE.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).rpartition(".")[2] in {"note", "_note", "_end", "_tell"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and not str(node.args[0].value).startswith("project:")  # which is about no account
        }
        assert {"account:freeze", "token:create"} <= noted
        decided = notices.NOTICES.keys() | notices.QUIET
        assert noted | set(OF_ALLAUTH.values()) <= decided, (noted | set(OF_ALLAUTH.values())) - decided
        assert not notices.NOTICES.keys() & notices.QUIET

    def test_an_action_that_nobody_decided_about(self, alice: User) -> None:
        with pytest.raises(LookupError):
            record.note("account:teleport", by=OPERATOR, at=timezone.now(), user=alice)
        with pytest.raises(LookupError):
            notices.tell([alice], "teleport project", project="demo", by=OPERATOR, at=timezone.now())

    @pytest.mark.parametrize("action", sorted(notices.NOTICES))
    def test_each_goes_to_all_verified_addresses(self, alice: User, action: str) -> None:
        by = Actor(alice, Session(alice, "the key of the session"), "192.0.2.7")
        details = {"email": "old@example.org", "reason": "because\nof that", "secret": "hunter2", "token": "an id"}
        record.note(action, by=by, at=timezone.now(), user=alice, details=details)
        removed = ["old@example.org"] if action == "email:remove" else []
        assert list(Letter.objects.order_by("pk").values_list("to", flat=True)) == [
            ALICE,
            "alice@example.net",
            *removed,
        ]
        letter = Letter.objects.filter(to=ALICE).get()
        assert letter.subject == notices.NOTICES[action].subject
        for line in ("Account: alice", "How: on the site, signed in", "By: alice", "From: 192.0.2.7"):
            assert f"{line}\n" in letter.text
        assert "Reason: because of that\n" in letter.text
        assert re.search(r"^When: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", letter.text, re.MULTILINE)
        assert "/account/\n" in letter.text
        for secret in ("hunter2", "the key of the session", "an id"):
            assert secret not in letter.text + letter.html

    def test_what_is_about_no_account_goes_to_nobody(self, alice: User) -> None:
        record.note("project:keys", by=Actor(alice), at=timezone.now(), project=1)
        assert not Letter.objects.exists()

    def test_an_address_of_somebody_else_is_theirs(self, alice: User) -> None:
        bob = User.objects.create(username="bob")
        by = Actor(bob, Session(bob, "key"), "192.0.2.7")
        notices.tell(
            [alice], "yank file demo-1.0.whl", project="demo", version="1.0", reason="bad", by=by, at=timezone.now()
        )
        letter = Letter.objects.filter(to=ALICE).get()
        assert letter.subject == "demo: file yanked"
        for line in ("Project: demo", "Release: 1.0", "What: demo-1.0.whl", "Reason: bad", "By: bob"):
            assert f"{line}\n" in letter.text
        assert "192.0.2.7" not in letter.text

    @pytest.mark.parametrize("action", sorted(notices.QUIET))
    def test_nothing_is_sent_of_what_changes_nothing(self, alice: User, action: str) -> None:
        record.note(action, by=Actor(alice), at=timezone.now(), user=alice)
        assert not Letter.objects.exists()


class TestSettings:
    @pytest.mark.parametrize(
        ("url", "server"),
        [
            ("smtp://mail.example", MailServer("mail.example", 587, Security.STARTTLS)),
            ("smtp://me:p%40ss@mail.example:25/", MailServer("mail.example", 25, Security.STARTTLS, "me", "p@ss")),
            ("smtps://mail.example", MailServer("mail.example", 465, Security.TLS)),
            ("smtp+plain://localhost:1025", MailServer("localhost", 1025, Security.NONE)),
            ("smtp+plain://[::1]", MailServer("::1", 25, Security.NONE)),
        ],
    )
    def test_a_mail_server(self, url: str, server: MailServer) -> None:
        assert mail_server_from_url(url) == server
        assert Config.current({"ENTREPOT_MAIL_URL": url}).mail_server() == server

    @pytest.mark.parametrize(
        "url",
        [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://mail.example/x",
            "smtp://mail.example?tls=no",
            "smtp://mail.example#x",
            "smtp://me@mail.example",
            "smtp://:hunter2@mail.example",
            "smtp://me:hunter2@mail.example:port",
            "smtp://me:hunter2@mail.example:99999",
            "smtp+plain://me:hunter2@mail.example",
            "smtp+plain://192.0.2.1",
        ],
    )
    def test_a_mail_server_that_cannot_be(self, url: str) -> None:
        with pytest.raises(Refused, match="ENTREPOT_MAIL_URL") as refused:
            Config.current({"ENTREPOT_MAIL_URL": url})
        assert refused.value.code == "invalid-setting"
        assert "hunter2" not in str(refused.value)

    def test_whose_mail_it_is(self) -> None:
        assert (
            Config.current({"ENTREPOT_PUBLIC_URL": "https://index.example"}).sender
            == "Entrepot <no-reply@index.example>"
        )
        assert Config.current({"ENTREPOT_HOST": "::"}).sender == "Entrepot <no-reply@[IPv6:::1]>"
        assert Config.current({"ENTREPOT_MAIL_FROM": "Us <us@index.example>"}).sender == "Us <us@index.example>"

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("MAIL_FROM", "nobody"),
            ("MAIL_FROM", "a@index.example, b@index.example"),
            ("MAIL_FROM", "Us\r\nBcc: x <us@index.example>"),
            ("DNS", "nowhere"),
            ("DNS", "192.0.2.1:dns"),
            ("RDAP_URL", "rdap.example"),
            ("RDAP_URL", "ftp://rdap.example"),
            ("BOUNCE_SECRET", "secret"),
            ("BOUNCE_SECRET", "whsec_c2hvcnQ="),
            ("BOUNCE_SECRET", "whsec_!"),
        ],
    )
    def test_a_setting_that_cannot_be_is_named(self, variable: str, value: str) -> None:
        with pytest.raises(Refused, match=f"ENTREPOT_{variable}") as refused:
            Config.current({f"ENTREPOT_{variable}": value})
        assert refused.value.code == "invalid-setting"

    def test_resolvers(self) -> None:
        found = [
            Config.current({"ENTREPOT_DNS": each}).nameserver() for each in ("", "192.0.2.1", "[2001:db8::1]:5353")
        ]
        assert found == [None, ("192.0.2.1", 53), ("2001:db8::1", 5353)]
