"""Every mail of a journey, as it comes out of a real server into a real mailbox; and what comes back."""

import base64
import hashlib
import hmac
import http.cookiejar
import json
import os
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from itertools import count
from pathlib import Path

import pytest

import inside
from archives import forge
from mail_server import Mailbox, new_certificate, receiving
from serving import ENTREPOT, PASSWORD, Answer, Server, environment, serving
from uploading import upload

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
IDS = count()


@dataclass
class Browser:
    """Sends forms as a browser does."""

    server: Server
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
    )

    def send(self, path: str, **fields: str) -> str:
        page = self.opener.open(self.server.url + path, timeout=30).read().decode()
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, page
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        answer: str = self.opener.open(self.server.url + path, body, timeout=30).read().decode()
        return answer


@contextmanager
def mailing(folder: Path, **environ: str) -> Iterator[tuple[Server, Mailbox]]:
    with receiving() as mailbox:
        url = f"smtp+plain://127.0.0.1:{mailbox.port}"
        with serving(folder / "data", ENTREPOT_MAIL_URL=url, ENTREPOT_BOUNCE_SECRET=SECRET, **environ) as server:
            yield server, mailbox


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Mailbox]]:
    with mailing(tmp_path_factory.mktemp("mailed")) as found:
        yield found


def new_user(server: Server, name: str, *more: str) -> str:
    """A user with NAME@example.org, and more verified addresses; the first one."""
    email = f"{name}@example.org"
    server.command("user", "create", name, "--email", email, "--password-stdin", stdin=PASSWORD)
    for each in more:
        add_address(server, name, each)
    return email


def add_address(server: Server, name: str, email: str) -> None:
    inside.query(
        server,
        'INSERT INTO account_emailaddress (email, verified, "primary", user_id) '
        "SELECT ?, ?, ?, id FROM accounts_user WHERE username = ?",
        *(email, True, False, name),
    )


def is_verified(server: Server, email: str) -> bool:
    ((found,),) = inside.query(server, "SELECT verified FROM account_emailaddress WHERE email = ?", email)
    return bool(found)


def bounce(server: Server, *, name: str = "", at: float = 0, key: bytes = b"k" * 32, **body: str) -> Answer:
    """Say that mail came back, in a message that is signed as Standard Webhooks has it."""
    name, moment, content = name or f"msg_{next(IDS)}", f"{time.time() + at:.0f}", json.dumps(body).encode()
    signed = hmac.digest(key, f"{name}.{moment}.".encode() + content, hashlib.sha256)
    signature = f"v1,{base64.b64encode(b'x' * 32).decode()} v1,{base64.b64encode(signed).decode()} v2,abc"
    headers = {"webhook-id": name, "webhook-timestamp": moment, "webhook-signature": signature}
    return server.request("POST", "/mail/bounces/", content, headers | {"Content-Type": "application/json"})


def subjects(mailbox: Mailbox, address: str) -> list[str]:
    return sorted(each.subject for each in mailbox.to(address))


def test_every_mail_of_a_journey(tmp_path: Path) -> None:
    """A person is made, uploads, takes back, deletes, is frozen: all mails of it within a minute, and no other."""
    with mailing(tmp_path) as (server, mailbox):
        email = new_user(server, "bob", "bob@example.net")
        token = server.new_token("bob", "--description", "the build server")
        for version in ("1.0", "2.0"):
            built = forge.wheel("journey", version)
            assert (
                upload(server, built.filename, built.data, name="journey", version=version, token=token).status == 200
            )
        name = forge.wheel("journey", "1.0").filename
        for arguments in (
            ("yank", "journey", "1.0", "--reason", "it is broken", "--by", "bob"),
            ("unyank", "journey", "1.0", "--by", "bob"),
            ("yank", "journey", "1.0", name),
            ("unyank", "journey", "1.0", name),
            ("delete", "journey", "1.0", name),
            ("delete", "journey", "1.0"),
            ("status", "journey", "archived"),
            ("delete", "journey"),
            ("token", "revoke", inside.query(server, "SELECT id FROM accounts_token ORDER BY created_at DESC")[0][0]),
            ("user", "freeze", "bob", "--reason", "he asked for it"),
            ("user", "thaw", "bob"),
        ):
            server.command(*map(str, arguments))
        wanted = [
            *("An API token was made", "An API token was revoked", "Your account was frozen"),
            *("Your account was opened again", "journey: archived", "journey: deleted", "journey: file deleted"),
            *("journey: file offered again", "journey: file yanked", "journey: release deleted"),
            *("journey: release offered again", "journey: release yanked"),
        ]
        inside.eventually(lambda: len(mailbox.mails) >= 3 + 2 * len(wanted), within=60)
        inside.eventually(lambda: inside.query(server, "SELECT 1 FROM accounts_letter") == [])
        assert subjects(mailbox, email) == sorted(["Welcome", *wanted])
        assert subjects(mailbox, "bob@example.net") == wanted
        assert subjects(mailbox, "alice@example.org") == ["An API token was made", "Welcome"]
        assert len(mailbox.mails) == 3 + 2 * len(wanted)
        yanked = next(each for each in mailbox.to(email) if each.subject == "journey: release yanked")
        for line in ("Release: 1.0", "Reason: it is broken", "How: by the index or its operator", "By: bob"):
            assert f"{line}\n" in yanked.text
        assert not any(token in each.text + each.body("html") for each in mailbox.mails)


def test_a_mail_goes_out_within_seconds(mailed: tuple[Server, Mailbox]) -> None:
    server, mailbox = mailed
    email = new_user(server, "quick")
    inside.eventually(lambda: bool(mailbox.to(email)), within=5)


def test_a_worker_that_is_killed_sends_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    with mailing(tmp_path) as (server, mailbox):
        inside.eventually(lambda: len(mailbox.mails) == 2)
        tried: list[str] = []

        def refuse(to: str) -> str:
            tried.append(to)
            return "451 4.3.0 later"

        mailbox.answer_recipient = refuse
        for number in range(3):
            new_user(server, f"user{number}")
        inside.eventually(lambda: len(tried) == 3)
        (worker,) = inside.parts(server, "work")
        os.kill(worker, signal.SIGKILL)
        inside.eventually(lambda: not inside.runs(worker))
        mailbox.answer_recipient = lambda _to: "250 OK"
        inside.query(server, "UPDATE accounts_letter SET due_at = ?", inside.ago(seconds=1))
        inside.eventually(lambda: len(mailbox.mails) == 5)
        inside.eventually(lambda: inside.query(server, "SELECT 1 FROM accounts_letter") == [])
        assert sorted(each.recipients[0] for each in mailbox.mails[2:]) == [f"user{n}@example.org" for n in range(3)]


def test_in_tls_or_not_at_all(tmp_path: Path) -> None:
    certificate = new_certificate(tmp_path)
    for trusted in (True, False):
        environ = {"SSL_CERT_FILE": str(certificate.path)} if trusted else {}
        with receiving(starttls=certificate) as mailbox:
            url = f"smtp://127.0.0.1:{mailbox.port}"
            with serving(tmp_path / f"{trusted}", ENTREPOT_MAIL_URL=url, **environ) as server:
                if trusted:
                    inside.eventually(lambda: len(mailbox.mails) == 2)
                    assert all(each.encrypted for each in mailbox.mails)
                else:
                    tried = "SELECT 1 FROM accounts_letter WHERE attempts > 0"
                    inside.eventually(lambda: len(inside.query(server, tried)) > 0)  # noqa: B023 - at once
                    assert mailbox.mails == []


def test_without_a_mail_server_the_codes_are_in_files(own_server: Server) -> None:
    folder = own_server.data / "mail"
    inside.eventually(lambda: len(list(folder.glob("*.eml"))) == 2)
    assert folder.stat().st_mode & 0o777 == 0o700
    subjects = {str(message_from_bytes(each.read_bytes())["Subject"]) for each in folder.glob("*.eml")}
    assert subjects == {"Welcome", "An API token was made"}


def test_a_setting_that_cannot_be_stops_the_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [*ENTREPOT, "--data", str(tmp_path), "serve", "--port", "0"],
        env=environment(ENTREPOT_MAIL_URL="smtp+plain://me:hunter2@mail.example"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ENTREPOT_MAIL_URL: mail goes without TLS within this machine only" in done.stderr
    assert "hunter2" not in done.stderr


class TestBounces:
    @pytest.mark.parametrize("kind", ["hard", "complaint"])
    def test_an_address_that_cannot_be_reached(self, mailed: tuple[Server, Mailbox], kind: str) -> None:
        server, mailbox = mailed
        email = new_user(server, f"gone-{kind}", f"{kind}@example.net")
        inside.query(server, "UPDATE accounts_user SET public_email = ? WHERE email = ?", email, email)
        inside.eventually(lambda: bool(mailbox.to(email)))
        assert bounce(server, address=email.upper(), kind=kind).status == 204
        assert not is_verified(server, email)
        assert inside.query(server, "SELECT public_email FROM accounts_user WHERE email = ?", email) == [("",)]
        inside.eventually(lambda: bool(mailbox.to(f"{kind}@example.net")))
        assert subjects(mailbox, f"{kind}@example.net") == ["Mail to one of your addresses does not arrive"]
        assert subjects(mailbox, email) == ["Welcome"]
        last, *_ = server.command("user", "events", f"gone-{kind}").stdout.splitlines()
        assert (json.loads(last)["action"], json.loads(last)["details"]["email"]) == ("email:unverify", email)

    def test_no_password_is_set_with_it(self, mailed: tuple[Server, Mailbox]) -> None:
        """Whoever has the mailbox by now, since the domain changed hands, gets no code, nor is it verified."""
        server, mailbox = mailed
        email = new_user(server, "resurrected", "safe@example.net")
        assert bounce(server, address=email, kind="hard").status == 204
        for address in (email, "safe@example.net"):
            Browser(server).send("/account/password/reset/", email=address)
        inside.eventually(lambda: any("code" in each for each in subjects(mailbox, "safe@example.net")))
        inside.eventually(lambda: len(mailbox.to(email)) == 2)
        assert subjects(mailbox, email) == ["There is no account with this address", "Welcome"]
        assert not is_verified(server, email)

    def test_what_comes_back_for_a_while(self, mailed: tuple[Server, Mailbox]) -> None:
        server, _ = mailed
        email = new_user(server, "full")
        for _ in range(5):
            assert bounce(server, address=email, kind="soft").status == 204
        assert is_verified(server, email)
        assert bounce(server, address=email, kind="soft").status == 204
        assert not is_verified(server, email)

    def test_each_message_counts_once(self, mailed: tuple[Server, Mailbox]) -> None:
        server, _ = mailed
        email = new_user(server, "once")
        for _ in range(7):
            assert bounce(server, name="the-same", address=email, kind="soft").status == 204
        assert is_verified(server, email)

    def test_an_address_that_nobody_has(self, mailed: tuple[Server, Mailbox]) -> None:
        assert bounce(mailed[0], address="nobody@example.org", kind="hard").status == 204

    @pytest.mark.parametrize(
        "forged",
        [{"key": b"x" * 32}, {"at": -400}, {"at": 400}],
        ids=["key", "old", "early"],
    )
    def test_what_is_not_signed_changes_nothing(
        self, mailed: tuple[Server, Mailbox], forged: dict[str, object]
    ) -> None:
        server, _ = mailed
        answer = bounce(server, address="alice@example.org", kind="hard", **forged)  # type: ignore[arg-type]
        assert (answer.status, answer.json()["code"]) == (400, "not-signed")
        assert is_verified(server, "alice@example.org")

    @pytest.mark.parametrize(
        ("name", "moment"), [("", "1"), ("id", ""), ("id", "soon"), ("id", "9" * 400), ("id", "1"), ("id", "²")]
    )
    def test_what_is_signed_and_has_no_time(self, mailed: tuple[Server, Mailbox], name: str, moment: str) -> None:
        """The last one is a figure, and no number."""
        signed = hmac.digest(b"k" * 32, f"{name}.{moment}.{{}}".encode("latin-1"), hashlib.sha256)
        headers = {"webhook-id": name, "webhook-timestamp": moment}
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
        answer = mailed[0].request("POST", "/mail/bounces/", b"{}", headers)
        assert (answer.status, answer.json()["code"]) == (400, "not-signed")

    def test_nothing_at_all(self, mailed: tuple[Server, Mailbox]) -> None:
        assert mailed[0].request("POST", "/mail/bounces/", b"{}").json()["code"] == "not-signed"

    @pytest.mark.parametrize("body", [{}, {"address": "x"}, {"address": "x", "kind": "odd"}, {"kind": "hard"}])
    def test_what_says_nothing(self, mailed: tuple[Server, Mailbox], body: dict[str, str]) -> None:
        answer = bounce(mailed[0], **body)  # type: ignore[arg-type]
        assert (answer.status, answer.json()["code"]) == (400, "invalid-request")

    def test_only_where_it_is_wanted(self, mailed: tuple[Server, Mailbox], own_server: Server) -> None:
        assert bounce(own_server, address="alice@example.org", kind="hard").status == 404
        assert mailed[0].get("/mail/bounces/").status == 405


def test_the_figures(mailed: tuple[Server, Mailbox]) -> None:
    server, mailbox = mailed

    def figure(name: str) -> float:
        (line,) = re.findall(rf"^entrepot_letters_waiting{name} (.*)$", server.get("/_metrics/").text, re.MULTILINE)
        return float(line)

    inside.eventually(lambda: figure("") == figure("_oldest_seconds") == 0)
    mailbox.answer_mail = lambda: "451 later"
    new_user(server, "waiting")
    inside.query(server, "UPDATE accounts_letter SET written_at = ?", inside.ago(hours=1))
    inside.eventually(lambda: figure("") == 1 and 3500 < figure("_oldest_seconds") < 3700)
    mailbox.answer_mail = lambda: "250 OK"
