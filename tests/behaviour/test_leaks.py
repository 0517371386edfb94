"""Tokens that somebody found where everybody can read them: who may say so, and what comes of it."""

import base64
import json
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pypitoken
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

import inside
from apart import installed, running, written
from archives import forge
from entrepot.accounts.actor import Actor, Scanner
from entrepot.accounts.macaroons import Macaroon
from entrepot.accounts.models import User
from entrepot.accounts.tokens import Permission, restrictions
from entrepot.projects import rights
from entrepot.refusal import Forbidden
from serving import PASSWORD, Answer, Server, run, serving
from uploading import authorization, upload

ROOT = Path(__file__).parents[2]
KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
FOUND = "https://forge.example/bob/demo/blob/main/ci.yml"
URL = "/api/v1/leaked-tokens"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def key_file(path: Path, *keys: Mapping[str, object]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"keys": keys}))
    return str(path)


ONE = {"key_identifier": "one", "name": "Example forge", "key": pem(KEY)}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy that takes reports which are signed with KEY."""
    data = tmp_path_factory.mktemp("scanned")
    keys = key_file(data / "keys.json", ONE)
    with serving(data, ENTREPOT_SCANNER_KEYS=keys, ENTREPOT_PROXIES="1") as running:
        running.command("user", "create", "bob", "--email", "bob@example.org", "--password-stdin", stdin=PASSWORD)
        yield running


def signature(body: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    return base64.b64encode(key.sign(body, ec.ECDSA(SHA256()))).decode()


def send(
    server: Server, body: bytes, *, sender: str = "Entrepot", address: str = "192.0.2.1", **headers: str
) -> Answer:
    told = {
        f"{sender}-Public-Key-Identifier": headers.get("identifier", "one"),
        f"{sender}-Public-Key-Signature": headers.get("signed", signature(body)),
        "X-Forwarded-For": address,
    }
    return server.request("POST", URL, body, told)


def report(server: Server, *tokens: str, url: str | None = FOUND, source: str | None = "content") -> Answer:
    body = json.dumps([{"token": each, "type": "entrepot_token", "url": url, "source": source} for each in tokens])
    return send(server, body.encode())


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, str(answer.json()["code"])


def works(server: Server, token: str) -> bool:
    sent = {**authorization(token), "X-Forwarded-For": f"198.51.100.{secrets.randbelow(250)}"}
    answer = server.request("POST", "/legacy/", headers=sent)
    assert answer.status in {400, 403}
    return answer.status == 400  # it came as far as the form


def identifier(token: str) -> str:
    return str(uuid.UUID(bytes=Macaroon.load(token).identifier))


def leaks_of(server: Server, user: str) -> list[dict[str, object]]:
    """The events of leaked tokens, the newest first."""
    events = [json.loads(line) for line in server.command("user", "events", user).stdout.splitlines()]
    return [each for each in events if each["action"] == "token:leaked"]


class TestReported:
    """O-Z3.2, C10: revoked and recorded before the scanner has its answer."""

    @pytest.mark.parametrize("sender", ["Entrepot", "GitHub"])
    def test_a_token(self, scanned: Server, sender: str) -> None:
        token = scanned.new_token("bob", "--description", "the build server", "--expires-in-days", "9")
        assert works(scanned, token)
        record = {"token": token, "type": "entrepot_token", "url": FOUND, "source": "content", "more": 1}
        answer = send(scanned, json.dumps([record]).encode(), sender=sender)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["ratelimit-policy"] == '"leak-reports";q=600;w=3600'
        assert not works(scanned, token)
        event = leaks_of(scanned, "bob")[0]
        assert (event["by"], event["credential"], event["address"]) == (None, "scanner Example forge", "192.0.2.1")
        details = event["details"]
        assert isinstance(details, dict)
        assert details.pop("expires_at") is not None
        assert details == {
            "token": identifier(token),
            "description": "the build server",
            "permissions": ["upload"],
            "url": FOUND,
            "source": "content",
        }
        assert token not in json.dumps(event)

    def test_for_a_project(self, scanned: Server) -> None:
        built = forge.wheel("leaky")
        assert upload(scanned, built.filename, built.data, name="leaky", version="1.0").status == 200
        token = scanned.new_token("alice", "--project", "leaky")
        assert report(scanned, token).status == 204
        assert not works(scanned, token)
        assert leaks_of(scanned, "alice")[0]["project"] == inside.project_id(scanned, "leaky")

    def test_one_that_its_holder_narrowed(self, scanned: Server) -> None:
        token = scanned.new_token("bob")
        narrowed = pypitoken.Token.load(token).restrict(project_names=["demo"]).dump()
        assert report(scanned, narrowed).status == 204
        assert not works(scanned, token)

    def test_one_of_a_frozen_account(self, scanned: Server) -> None:
        """Else it would be valid again as soon as the account is."""
        token = scanned.new_token("bob")
        scanned.command("user", "freeze", "bob")
        assert report(scanned, token).status == 204
        scanned.command("user", "thaw", "bob")
        assert not works(scanned, token)

    def test_many_in_many_records_amid_other_text(self, scanned: Server) -> None:
        tokens = [scanned.new_token("bob") for _ in range(4)]
        text = f"password={tokens[0]};\nTWINE_PASSWORD='{tokens[1]}=='"
        assert report(scanned, text, "nothing", tokens[2], tokens[2]).status == 204
        assert [works(scanned, each) for each in tokens] == [False, False, False, True]

    def test_again(self, scanned: Server) -> None:
        """C11: a report that is sent again, or holds what is unknown, is answered alike and changes nothing."""
        token = scanned.new_token("bob")
        first = report(scanned, token)
        events = leaks_of(scanned, "bob")
        again, unknown = report(scanned, token), report(scanned, "entrepot-" + "A" * 120)
        for answer in (again, unknown):
            same = {"date", "x-request-id", "ratelimit", "content-security-policy"}  # the last in any order
            assert {key: value for key, value in answer.headers.items() if key not in same} == {
                key: value for key, value in first.headers.items() if key not in same
            }
            assert (answer.status, answer.body) == (204, b"")
        assert leaks_of(scanned, "bob") == events

    def test_a_forged_one_changes_nothing(self, scanned: Server) -> None:
        """C11: who knows the id of a token, which is no secret, cannot have it revoked."""
        token = scanned.new_token("bob")
        loaded = Macaroon.load(token)
        forged = Macaroon.mint(b"guessed", loaded.identifier, loaded.caveats).dump()
        before = inside.trace(scanned)
        assert report(scanned, forged, Macaroon(loaded.identifier, (), loaded.signature).dump()).status == 204
        assert inside.trace(scanned) == before
        assert works(scanned, token)

    @pytest.mark.parametrize(
        ("url", "kept"),
        [
            *((None, ""), ("", ""), ("ftp://forge.example/x", ""), ("javascript:alert(1)", "")),
            ("https://forge.example/" + "x" * 600, ("https://forge.example/" + "x" * 600)[:500]),
            ("http://forge.example/a\x00b\n", "http://forge.example/a"),
            ("https://alice:hunter22@forge.example/", "https://[secret]@forge.example/"),
        ],
    )
    def test_where_it_was_found_is_kept_when_it_is_a_url(self, scanned: Server, url: str | None, kept: str) -> None:
        assert report(scanned, scanned.new_token("bob"), url=url, source=None).status == 204
        details = leaks_of(scanned, "bob")[0]["details"]
        assert isinstance(details, dict)
        assert (details["url"], details["source"]) == (kept, "")

    def test_nothing_that_is_kept_holds_the_token(self, scanned: Server) -> None:
        token = scanned.new_token("bob")
        assert report(scanned, token, url=f"{FOUND}?q={token}", source=f"a\x00\x1b {token}").status == 204
        details = leaks_of(scanned, "bob")[0]["details"]
        assert isinstance(details, dict)
        assert (details["url"], details["source"]) == (f"{FOUND}?q=[secret]", "a [secret]")


class TestRefused:
    """C11: nobody but the scanners that the operator knows is listened to."""

    @pytest.mark.parametrize(
        "wrong", ["none", "empty", "other key", "other body", "unknown key", "no base64", "no der"]
    )
    def test_what_they_did_not_sign(self, scanned: Server, wrong: str) -> None:
        token = scanned.new_token("bob")
        body = json.dumps([{"token": token, "url": FOUND}]).encode()
        signed = {
            "none": {"identifier": "", "signed": ""},
            "empty": {"signed": ""},
            "other key": {"signed": signature(body, OTHER)},
            "other body": {"signed": signature(body + b" ")},
            "unknown key": {"identifier": "two"},
            "no base64": {"signed": "!"},
            "no der": {"signed": base64.b64encode(b"x" * 70).decode()},
        }[wrong]
        before = inside.trace(scanned)
        answer = send(scanned, body, address="192.0.2.50", **signed)
        assert refused(answer) == (400, "invalid-signature")
        assert answer.headers["ratelimit-policy"] == '"bad-leak-report";q=100;w=300'
        assert inside.trace(scanned) == before
        assert works(scanned, token)

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{}", b"null", b"[", b"[1]", b"[{}]", b'[{"token": 1}]', b"\xff", b'[{"token": "\\ud800"}]'),
            *(
                b"[" * 100_000,
                b'{"token": "x"}',
                b'[{"token": "x", "url": 1}]',
                b"[" + b'{"token":""},' * 1000 + b'{"token":""}]',
            ),
        ],
        ids=lambda body: body[:20].decode("latin-1"),
    )
    def test_what_is_no_report(self, scanned: Server, body: bytes) -> None:
        assert refused(send(scanned, body)) == (400, "invalid-report")

    def test_a_thousand_records_are_taken(self, scanned: Server) -> None:
        token = scanned.new_token("bob")
        assert report(scanned, *["x"] * 999, token).status == 204
        assert not works(scanned, token)

    def test_more_than_a_megabyte(self, scanned: Server) -> None:
        assert send(scanned, b"[" + b" " * (1 << 20) + b"]").status == 413

    def test_another_method(self, scanned: Server) -> None:
        assert scanned.get(URL).status == 405

    def test_without_keys_there_is_no_such_place(self, server: Server) -> None:
        assert refused(send(server, b"[]")) == refused(server.get(URL)) == (404, "no-scanners")

    def test_too_many(self, scanned: Server) -> None:
        """Without a signature nobody uses up what a scanner may send."""
        body = b"[]"
        assert send(scanned, body).status == 204
        for name, amount, address in (
            ("bad-leak-report 192.0.2.60", 100, "192.0.2.60"),
            ("leak-reports key one", 600, ""),
        ):
            inside.query(scanned, "DELETE FROM accounts_counter WHERE name = ?", name)
            now = datetime.now(UTC).timestamp()
            uses = json.dumps([now] * amount)
            inside.query(
                scanned, "INSERT INTO accounts_counter (name, uses, until) VALUES (?, ?, ?)", name, uses, now + 3600
            )
            if address:
                assert send(scanned, body, address=address).status == 204
                full = send(scanned, body, address=address, signed="")
            else:
                full = send(scanned, body)
            assert refused(full) == (429, "too-many-reports")
            assert int(full.headers["retry-after"]) > 200
            inside.query(scanned, "DELETE FROM accounts_counter WHERE name = ?", name)

    @pytest.mark.embedded
    def test_without_the_database(self, scanned: Server) -> None:
        file = scanned.data / "entrepot.sqlite3"
        hidden = file.rename(file.with_name("hidden"))
        try:
            answer = send(scanned, b"[]")
            assert (refused(answer), answer.headers["retry-after"]) == ((503, "try-later"), "30")
        finally:
            hidden.rename(file)


class TestKeys:
    """C11: keys are the operator's, in a file; nothing in a request says where to fetch one."""

    def test_the_file_is_read_for_each_report(self, scanned: Server) -> None:
        file = scanned.data / "keys.json"
        before = file.read_text()
        try:
            key_file(file, {**ONE, "key_identifier": "two", "key": pem(OTHER)})
            assert refused(send(scanned, b"[]")) == (400, "invalid-signature")
            assert send(scanned, b"[]", identifier="two", signed=signature(b"[]", OTHER)).status == 204
            file.write_text("{")
            answer = send(scanned, b"[]")
            assert (refused(answer), answer.headers["retry-after"]) == ((503, "invalid-setting"), "30")
        finally:
            file.write_text(before)

    @pytest.mark.parametrize("wrong", ["absent", "no json", "no pem", "rsa", "another curve", "no name"])
    def test_a_file_that_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
        file = tmp_path / "keys.json"
        changed = {
            "no pem": {"key": "x"},
            "rsa": {"key": pem(rsa.generate_private_key(65537, 2048))},
            "another curve": {"key": pem(ec.generate_private_key(ec.SECP384R1()))},
            "no name": {"name": ""},
        }
        if wrong == "no json":
            file.write_text("{")
        if wrong in changed:
            key_file(file, {**ONE, **changed[wrong]})
        monkeypatch.setenv("ENTREPOT_SCANNER_KEYS", str(file))
        done = run(tmp_path / "data", "verify", check=False)
        assert (done.returncode, "ENTREPOT_SCANNER_KEYS names no file" in done.stderr) == (1, True), done

    @pytest.mark.parametrize("permission", Permission)
    def test_a_scanner_may_do_nothing_else(self, permission: Permission) -> None:
        scanner = Actor(None, Scanner(User(pk=1), "Example forge"))
        with pytest.raises(Forbidden):
            rights.account_of(scanner, permission, datetime.now(UTC))


def test_every_token_matches_what_scanners_are_told_and_nothing_else_does() -> None:
    """O-Z1.2: the pattern of docs/api.md, and those of others."""
    (told,) = re.findall(r"^ {4}(entrepot-\S+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    pattern = re.compile(told)
    now = datetime.now(UTC)
    made = [
        Macaroon.mint(secrets.token_bytes(32), uuid.uuid4().bytes, restrictions(projects, may, now, until)).dump()
        for projects in ([], [1], list(range(100)))
        for may in ([Permission.UPLOAD], list(Permission))
        for until in (None, now)
        for _ in range(50)
    ]
    narrowed = [pypitoken.Token.load(each).restrict(project_names=["demo"]).dump() for each in made]
    assert all(pattern.fullmatch(each) for each in (*made, *narrowed))
    others = [
        *("entrepot-1.0-py3-none-any.whl", "entrepot-" + "A" * 150, made[0].replace("entrepot", "pypi")),
        *("ghp_" + "a" * 36, "glpat-" + "a" * 20, "npm_" + "a" * 36, "AKIA" + "A" * 16, "xoxb-1-" + "a" * 24),
    ]
    assert not any(pattern.search(each) for each in others)
    theirs = re.compile(
        r"pypi-AgE[A-Za-z0-9_-]{50,}|gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|npm_[A-Za-z0-9]{36}"
        r"|xox[abprs]-[0-9]|sk_live_[A-Za-z0-9]{24}|dop_v1_[a-f0-9]{64}|SG\.[A-Za-z0-9_-]{22}\.|hf_[A-Za-z]{34}"
    )
    assert not any(theirs.search(each) for each in made)


def test_a_token_is_taken_from_the_header_only_and_no_log_holds_it(tmp_path: Path) -> None:
    """C14: not from the query, a cookie or the form; what was sent there by mistake is not written down."""
    data = tmp_path / "data"
    token = installed(data)
    bearer = run(data, "token", "create", "alice", "--may", "read").stdout.strip()
    keys = key_file(data / "keys.json", ONE)
    with running("web", data, ENTREPOT_SCANNER_KEYS=keys) as web:
        for name in ("token", "access_token", "Authorization", "password"):
            assert web.get(f"/api/v1/projects?{name}={bearer}", cookie=f"{name}={bearer}").status == 403
            built = forge.wheel("inthequery")
            answer = web.request("POST", f"/legacy/?{name}={token}&:action=file_upload", built.data)
            assert answer.status == 403
        answer = upload(web, "x-1.0.tar.gz", b"x", name="x", version="1.0", token="", password=token, token_=token)
        assert answer.status == 403
        assert web.get("/api/v1/projects", authorization=f"Bearer {bearer}").status == 200
        assert upload(web, "x-1.0.tar.gz", b"x", name="x", version="1.0", token=token).status == 400
        assert web.get(f"/{token}").status == 404
        assert report(web, token).status == 204
        last = send(web, token.encode()).headers["x-request-id"]
        inside.eventually(lambda: last in written(data, "web"))
        for secret in (token, bearer, token[-43:], bearer[-43:], authorization(token)["Authorization"]):
            assert secret not in written(data, "web")
