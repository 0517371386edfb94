"""Who may upload: the credentials of an upload, through the front door."""

import base64
import hashlib
import hmac
import itertools
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pypitoken
import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inside
from archives import forge
from entrepot.accounts import actions
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.address import address_of
from entrepot.accounts.macaroons import Macaroon, caveat
from entrepot.accounts.models import Event, Letter, Token, User
from entrepot.accounts.tokens import Credential, Permission, key_of, recognize
from serving import PASSWORD, Answer, Server
from uploading import authorization, upload

PROBLEM = "application/problem+json"
INVALID = (
    "Invalid or non-existent authentication information. "
    "Use the user name __token__ and an upload token of this index as the password."
)
PASSWORDS = (
    "Username/Password authentication is no longer supported. "
    "Use the user name __token__ and an upload token of this index as the password."
)

_count = itertools.count(1)


def fresh() -> str:
    return f"token{next(_count):05}"


def send(
    server: Server, name: str, token: str = "", headers: Mapping[str, str] | None = None, *, version: str = "1.0"
) -> Answer:
    built = forge.wheel(name, version)
    return upload(server, built.filename, built.data, name=name, version=version, token=token, headers=headers)


def code(answer: Answer) -> str:
    return str(answer.json()["code"]) if answer.status >= 400 else ""


def published(server: Server) -> str:
    name = fresh()
    assert send(server, name, server.token).status == 200
    return name


@pytest.fixture(scope="session")
def bob(server: Server) -> str:
    """A token of a user who owns nothing."""
    server.command("user", "create", "bob", "--email", "bob@example.org", "--password-stdin", stdin=PASSWORD)
    return server.new_token("bob")


def forgive(server: Server) -> None:
    """Forget how many invalid tokens came: there is room for a hundred in five minutes."""
    inside.query(server, "DELETE FROM accounts_counter WHERE name LIKE 'bad-token %'")


@pytest.fixture(scope="session")
def carla(server: Server) -> str:
    """A token that a person made on the site."""
    server.command("user", "create", "carla", "--email", "carla@example.org", "--password-stdin", stdin=PASSWORD)
    token = server.new_token("carla", "--may", "upload", "--may", "read")
    inside.query(server, "UPDATE accounts_token SET by_operator = false WHERE id = ?", identifier_in(token))
    return token


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


def narrowed(token: str, **restrictions: object) -> str:
    """The token, with restrictions that its holder adds by PyPI's own library."""
    return str(pypitoken.Token.load(token).restrict(**restrictions).dump())


def with_caveat(token: str, raw: bytes) -> str:
    """The token with one more caveat, as any tool could add it."""
    loaded = Macaroon.load(token)
    signature = hmac.digest(loaded.signature, raw, hashlib.sha256)
    return Macaroon(loaded.identifier, (*loaded.caveats, raw), signature).dump()


class TestHeader:
    def test_none(self, server: Server) -> None:
        assert_invalid(server, {})

    @pytest.mark.parametrize(
        "header",
        [
            *("", "Basic !", "Basic abc", "Bearer", "Bearer ", "Digest x", "Negotiate x", "token x"),
            *(
                "Bearer entrepot-",
                "Bearer pypi-AgE",
                basic(b"__token__"),
                basic(b"__token__:"),
                basic(b"__token__:\xff"),
            ),
            *(basic(b"__token__:entrepot-AgE"), basic(b"__token__:nonsense"), basic(b"\xff\xfe:x")),
        ],
    )
    def test_malformed(self, server: Server, header: str) -> None:
        assert_invalid(server, {"Authorization": header})

    @pytest.mark.parametrize("user", ["alice", "", "__TOKEN__", "token", "__token__ "])
    def test_another_user_name(self, server: Server, user: str) -> None:
        """C15: also when it comes with a token or with the right password."""
        before = inside.trace(server)
        for password in (PASSWORD, server.token):
            answer = send(server, fresh(), headers={**authorization(password, user), "Accept": PROBLEM})
            assert (answer.status, answer.reason, code(answer)) == (403, PASSWORDS, "password-auth")
        assert inside.trace(server) == before

    @pytest.mark.parametrize(
        "pattern", ["Bearer {}", "bearer {}", "Token {}", "token   {} ", "BASIC {basic}", "Basic   {basic}"]
    )
    def test_schemes(self, server: Server, pattern: str) -> None:
        header = pattern.format(server.token, basic=basic(f"__token__:{server.token}".encode())[6:])
        assert send(server, fresh(), headers={"Authorization": header}).status == 200

    def test_one_in_the_query_is_none(self, server: Server) -> None:
        """C14: nor in a cookie."""
        for name in ("token", "access_token", "Authorization"):
            answer = server.get(f"/api/v1/projects?{name}={server.token}", cookie=f"{name}={server.token}")
            assert (answer.status, code(answer)) == (403, "invalid-auth")

    def test_white_space_around_the_token(self, server: Server) -> None:
        assert send(server, fresh(), f" {server.token}\r\n").status == 200

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=120))
    def test_random_bytes(self, server: Server, data: bytes) -> None:
        forgive(server)
        encoded = base64.b64encode(data).decode()
        for header in (f"Basic {encoded}", f"Bearer {encoded}", f"Bearer entrepot-{encoded}"):
            assert server.request("POST", "/legacy/", headers={"Authorization": header}).status == 403

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(place=st.integers(0, 10**6), change=st.integers(1, 255))
    def test_a_changed_byte(self, server: Server, place: int, change: int) -> None:
        """C03: whatever is changed in a token, it is none any more."""
        forgive(server)
        encoded = server.token.removeprefix("entrepot-")
        data = bytearray(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        location = range(3, 3 + len(b"entrepot"))  # is not signed: it means nothing
        at = place % len(data)
        data[at] ^= change
        token = f"entrepot-{base64.urlsafe_b64encode(bytes(data)).decode()}"
        answer = server.request("POST", "/legacy/", headers=authorization(token))
        assert answer.status == (400 if at in location else 403)


def assert_invalid(server: Server, headers: Mapping[str, str]) -> None:
    name = fresh()
    before = inside.trace(server)
    answer = send(server, name, headers={**headers, "Accept": PROBLEM})
    assert (answer.status, answer.reason, code(answer)) == (403, INVALID, "invalid-auth")
    assert inside.trace(server) == before


class TestTokens:
    def test_revoked(self, server: Server) -> None:
        """C06: from that moment on."""
        token = server.new_token()
        assert send(server, fresh(), token).status == 200
        inside.query(
            server, "DELETE FROM accounts_token WHERE id = ?", uuid.UUID(bytes=Macaroon.load(token).identifier).hex
        )
        assert_invalid(server, authorization(token))

    def test_of_another_installation(self, server: Server) -> None:
        """C01: the id of a token, which people see, is of no use without the secret."""
        loaded = Macaroon.load(server.token)
        assert_invalid(server, authorization(Macaroon.mint(b"guessed", loaded.identifier, loaded.caveats).dump()))
        assert_invalid(server, authorization(Macaroon.mint(b"guessed", b"short", loaded.caveats).dump()))

    def test_of_a_user_whose_account_is_frozen(self, server: Server) -> None:
        server.command("user", "create", "gone", "--email", "gone@example.org", "--password-stdin", stdin=PASSWORD)
        token = server.new_token("gone")
        assert send(server, fresh(), token).status == 200
        for action, complaint in (("freeze", "is frozen already"), ("thaw", "is not frozen")):
            server.command("user", action, "gone")
            again = server.command("user", action, "gone", check=False)
            assert (again.returncode, complaint in again.stderr) == (1, True)
            if action == "freeze":
                assert_invalid(server, authorization(token))
        assert send(server, fresh(), token).status == 200

    def test_of_somebody_else(self, server: Server, bob: str) -> None:
        name = published(server)
        answer = send(server, name, bob, {"Accept": PROBLEM}, version="1.1")
        assert (answer.status, code(answer)) == (403, "not-a-maintainer")
        assert answer.reason == f"The user 'bob' isn't allowed to upload to project '{name}'."
        inside.query(
            server,
            "INSERT INTO projects_role (project_id, user_id, name, at) SELECT ?, id, 'Maintainer', '2026-01-01' "
            "FROM accounts_user WHERE username = 'bob'",
            inside.project_id(server, name),
        )
        assert send(server, name, bob, version="1.1").status == 200
        for action in ("yank", "unyank"):  # now the other release says who may upload, too: the server verifies again
            server.command(action, name, "1.0")

    def test_for_one_project(self, server: Server) -> None:
        """O-Z1.1: the token is for the project's id, and for no other."""
        name, other = published(server), published(server)
        token = server.new_token("alice", "--project", name)
        assert send(server, name, token, version="1.1").status == 200
        for refused in (other, fresh()):
            answer = send(server, refused, token, {"Accept": PROBLEM}, version="1.1")
            assert (answer.status, code(answer)) == (403, "token-not-for-project")
            assert answer.reason == f"The given token isn't allowed to upload to project '{refused}'."

    def test_for_many_projects(self, server: Server) -> None:
        names = [published(server) for _ in range(2)]
        token = server.new_token("alice", *itertools.chain.from_iterable(("--project", name) for name in names * 20))
        for name in names:
            assert send(server, name, token, version="1.1").status == 200

    def test_that_expire(self, server: Server) -> None:
        """C10: a token that ends by itself."""
        token = server.new_token("alice", "--expires-in-days", "1", "--description", "for one day")
        assert send(server, fresh(), token).status == 200
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        listed = server.command("token", "list", "alice").stdout
        assert f"until {tomorrow:%Y-%m-%d}  used {datetime.now(UTC):%Y-%m-%d}" in listed
        (raw,) = Macaroon.load(token).caveats
        kind, until, since = json.loads(raw)
        assert (kind, until - since) == (0, pytest.approx(86400, abs=2))

    def test_for_a_name_that_is_made_anew(self, server: Server) -> None:
        """C05: the token is for the project that was deleted, not for its name, which is never free again."""
        name = published(server)
        token = server.new_token("alice", "--project", name)
        assert json.loads(Macaroon.load(token).caveats[1]) == [2, [str(inside.project_id(server, name))]]
        server.command("delete", name)
        for tried in (token, server.token):
            assert code(send(server, name, tried, {"Accept": PROBLEM}, version="2.0")) == "project-deleted"

    def test_use_is_noted(self, server: Server) -> None:
        """C10: whoever looks sees that somebody else uses it."""
        token = server.new_token()
        (((before),),) = _last_used(server, token)
        assert before is None
        send(server, fresh(), token)
        (((first),),) = _last_used(server, token)
        assert datetime.now(UTC) - datetime.fromisoformat(f"{first}+00:00") < timedelta(minutes=1)


@pytest.mark.usefixtures("bob")
class TestTheAccount:
    """C06, C07: a token is worth no more than its account, whatever it is shown with, from one moment to the next."""

    def asked(self, server: Server, token: str) -> set[str]:
        """The codes of all answers, for each scheme, here and there; empty where it is taken."""
        schemes = (authorization(token), {"Authorization": f"Bearer {token}"}, {"Authorization": f"Token {token}"})
        codes = {code(send(server, fresh(), headers={**each, "Accept": PROBLEM})) for each in schemes}
        return codes | {code(server.request("GET", "/api/v1/projects", headers=each)) for each in schemes}

    def test_that_is_frozen(self, server: Server) -> None:
        token = server.new_token("bob", "--may", "upload", "--may", "read")
        assert self.asked(server, token) == {""}
        server.command("user", "freeze", "bob")
        try:
            assert self.asked(server, token) == {"invalid-auth"}
        finally:
            server.command("user", "thaw", "bob")
        assert self.asked(server, token) == {""}

    def test_that_has_no_second_factor(self, server: Server, carla: str) -> None:
        assert self.asked(server, carla) == {"second-factor-needed"}
        assert "has no second factor" in send(server, fresh(), carla).text
        inside.query(
            server,
            "INSERT INTO mfa_authenticator (type, data, user_id, created_at) "
            "SELECT 'totp', '{}', id, '2026-01-01' FROM accounts_user WHERE username = 'carla'",
        )
        assert self.asked(server, carla) == {""}
        inside.query(server, "DELETE FROM mfa_authenticator")
        before = inside.trace(server)
        assert self.asked(server, carla) == {"second-factor-needed"}
        assert inside.trace(server) == before

    def test_in_a_private_index_needs_none(self, server: Server, carla: str) -> None:
        server.command("policy", "private")
        try:
            assert self.asked(server, carla) == {""}
        finally:
            server.command("policy", "public")

    def test_whose_tokens_the_operator_made(self, server: Server) -> None:
        assert self.asked(server, server.new_token("bob", "--may", "upload", "--may", "read")) == {""}

    def test_that_has_lost_its_role(self, server: Server) -> None:
        token, name = server.new_token("bob", "--may", "upload", "--may", "yank", "--may", "read"), fresh()
        assert send(server, name, token).status == 200
        path, bearer = f"/api/v1/projects/{name}", {"Authorization": f"Bearer {token}"}
        assert server.request("GET", path, headers=bearer).status == 200
        ((alice,),) = inside.query(server, "SELECT id FROM accounts_user WHERE username = 'alice'")
        project = inside.project_id(server, name)
        inside.query(server, "UPDATE projects_role SET user_id = ? WHERE project_id = ?", alice, project)
        assert code(send(server, name, token, {"Accept": PROBLEM}, version="1.1")) == "not-a-maintainer"
        assert code(server.request("GET", path, headers=bearer)) == "not-a-maintainer"
        for action in ("yank", "unyank"):  # now the pages say who owns it
            server.command(action, name, "1.0")

    def test_that_is_somebody_elses(self, server: Server) -> None:
        """C08: nobody sees or revokes the tokens of others, nor learns which there are."""
        token = server.new_token("bob", "--may", "manage", "--may", "read")
        bearer = {"Authorization": f"Bearer {token}"}
        theirs = uuid.UUID(bytes=Macaroon.load(server.token).identifier)
        answers = [
            server.request("DELETE", f"/api/v1/tokens/{each}", headers=bearer) for each in (theirs, uuid.uuid4())
        ]
        assert [(each.status, code(each)) for each in answers] == [(404, "no-such-token")] * 2
        assert str(theirs) not in server.request("GET", "/api/v1/tokens", headers=bearer).text
        assert send(server, fresh(), server.token).status == 200

    def test_that_revokes_a_token(self, server: Server) -> None:
        """C09: what is gone is in the record, with what it was and who revoked it."""
        token, other = server.new_token("bob", "--may", "manage"), server.new_token("bob", "--description", "old")
        gone = uuid.UUID(bytes=Macaroon.load(other).identifier)
        path, bearer = f"/api/v1/tokens/{gone}", {"Authorization": f"Bearer {token}"}
        assert server.request("DELETE", path, headers=bearer).status == 204
        assert_invalid(server, authorization(other))
        event = json.loads(server.command("user", "events", "bob").stdout.splitlines()[0])
        assert (event["action"], event["address"]) == ("token:revoke", "127.0.0.1")
        assert event["credential"] == f"token {uuid.UUID(bytes=Macaroon.load(token).identifier)}"
        assert (event["details"]["token"], event["details"]["description"]) == (str(gone), "old")


@pytest.mark.django_db(transaction=True)
def test_a_password_reset_ends_the_tokens_that_the_account_made(client: Client) -> None:
    """C06: whoever had the password may have made them; those of the operator's stay."""
    user = actions.create_user("carla", by=OPERATOR, email="carla@example.org", password=PASSWORD)
    kept, gone = (
        actions.create_token(user, by=OPERATOR, by_operator=each == "kept", secret="s" * 32, description=each)
        for each in ("kept", "gone")
    )
    client.post(reverse("account_reset_password"), {"email": "carla@example.org"})
    (code,) = re.findall(r"^ {4}(\S+)$", Letter.objects.get(purpose="reset-password").text, re.MULTILINE)
    client.post(reverse("account_confirm_password_reset_code"), {"code": code})
    assert recognize(gone, secret="s" * 32) is not None
    new = {"password1": f"{PASSWORD}, again", "password2": f"{PASSWORD}, again"}
    client.post(reverse("account_complete_password_reset"), new)
    assert recognize(gone, secret="s" * 32) is None
    assert recognize(kept, secret="s" * 32) is not None
    (event,) = Event.objects.filter(action="token:revoke")
    assert (event.user, event.details["description"], event.details["reason"]) == (
        *(user.pk, "gone", "the password was reset"),
    )


@pytest.mark.django_db(transaction=True)
def test_two_reports_of_a_leaked_token_at_once_are_one() -> None:
    """C11: the slower one finds nothing left to do."""
    user = actions.create_user("carla", by=OPERATOR, email="carla@example.org", password=PASSWORD)
    found = recognize(actions.create_token(user, by=OPERATOR, by_operator=True, secret="s" * 32), secret="s" * 32)
    assert found is not None
    for _ in range(2):
        actions.revoke_leaked(found.token, by=OPERATOR, url="https://forge.example/", source="")
    assert Event.objects.filter(action="token:leaked").count() == 1


class TestMaking:
    def test_what_is_stored_makes_no_token(self, server: Server) -> None:
        """C01: a random id of 122 bits and a salt of 256, and neither the token nor its key."""
        token = server.new_token()
        loaded = Macaroon.load(token)
        assert uuid.UUID(bytes=loaded.identifier).version == 4
        ((salt,),) = inside.query(server, "SELECT salt FROM accounts_token WHERE id = ?", identifier_in(token))
        assert isinstance(salt, bytes)
        secret = (server.data / "secret").read_text()
        key = key_of(secret, salt)
        assert (len(salt), loaded.signed_with(key), loaded.signed_with(key_of(secret, bytes(32)))) == (32, True, False)
        rows = repr(inside.trace(server).rows)
        assert not any(
            each in rows for each in (token[-40:], loaded.signature.hex(), repr(loaded.signature), repr(key))
        )

    def test_how_much_of_a_signature_is_right_makes_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """C02: it is compared in constant time, and looked up by a random id, not by itself."""
        compared: list[tuple[bytes, bytes]] = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return one == other

        monkeypatch.setattr(hmac, "compare_digest", compare)
        made = Macaroon.mint(b"key", uuid.uuid4().bytes, [])
        changed = Macaroon(made.identifier, (), made.signature[:-1] + b"\0")
        assert (made.signed_with(b"key"), changed.signed_with(b"key")) == (True, changed == made)
        assert compared == [(made.signature, made.signature), (changed.signature, made.signature)]


class TestRecord:
    def test_what_a_user_did_and_what_was_done_to_the_account(self, server: Server) -> None:
        server.command("user", "create", "told", "--email", "told@example.org", "--password-stdin", stdin=PASSWORD)
        token, name = server.new_token("told", "--may", "upload", "--may", "yank", "--description", "ci"), fresh()
        identifier = str(uuid.UUID(bytes=Macaroon.load(token).identifier))
        assert send(server, name, token, {"X-Forwarded-For": "192.0.2.1"}).status == 200
        server.command("yank", name, "1.0", "--by", "told", "--reason", "broken")
        server.command("user", "freeze", "told", "--reason", "stolen")
        server.command("token", "revoke", identifier)
        lines = server.command("user", "events", "told").stdout.splitlines()
        events = [json.loads(line) for line in reversed(lines)]
        assert [each["action"] for each in events] == [
            *("account:create", "token:create", "create", "add Owner told", "new release"),
            *(f"add py3 file {name}-1.0-py3-none-any.whl", "yank release", "account:freeze", "token:revoke"),
        ]
        assert sorted(each["at"] for each in events) == [each["at"] for each in events]
        by_token = ("127.0.0.1", f"token {identifier}")
        assert [(each["address"], each["credential"]) for each in events] == [
            *([(None, "command")] * 2),
            *([by_token] * 4),
            *([(None, "command")] * 3),
        ]
        assert events[1]["details"] == {
            "token": identifier,
            "description": "ci",
            "permissions": ["upload", "yank"],
            "expires_at": None,
        }
        assert (events[6]["reason"], events[7]["details"]) == ("broken", {"reason": "stolen"})
        assert token not in str(events)

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "address"),
        [
            *(("0", "", "127.0.0.1"), ("0", "192.0.2.1", "127.0.0.1"), ("1", "192.0.2.1", "192.0.2.1")),
            *(
                ("1", "203.0.113.9, 192.0.2.1", "192.0.2.1"),
                ("2", "203.0.113.9, 2001:db8::1, 192.0.2.1", "2001:db8::1"),
            ),
            *(("1", "", None), ("2", "192.0.2.1", None), ("1", "nonsense", None)),
        ],
    )
    def test_the_address_is_what_the_proxies_in_front_say(
        self, monkeypatch: pytest.MonkeyPatch, proxies: str, forwarded: str, address: str | None
    ) -> None:
        monkeypatch.setenv("ENTREPOT_PROXIES", proxies)
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert address_of(RequestFactory(headers=headers).get("/")) == address


def identifier_in(token: str) -> str:
    """The token's id as the database has it."""
    return uuid.UUID(bytes=Macaroon.load(token).identifier).hex


def _last_used(server: Server, token: str) -> list[tuple[object, ...]]:
    identifier = uuid.UUID(bytes=Macaroon.load(token).identifier).hex
    return inside.query(server, "SELECT last_used_at FROM accounts_token WHERE id = ?", identifier)


class TestPermissions:
    def test_only_what_it_was_made_for(self, server: Server) -> None:
        name = published(server)
        for permissions, status in ((["upload"], 200), (["yank", "upload"], 200), (["yank"], 403), (["manage"], 403)):
            token = server.new_token("alice", *(word for each in permissions for word in ("--may", each)))
            answer = send(server, name, token, {"Accept": PROBLEM})
            assert (answer.status, code(answer)) == (status, "" if status == 200 else "token-not-for-project")

    @pytest.mark.parametrize("permission", [each for each in Permission if each is not Permission.UPLOAD])
    def test_whoever_holds_it_cannot_add_any(self, permission: Permission) -> None:
        """C04: what the holder adds narrows, and never widens."""
        added = caveat(100, [*Permission])
        credential = Credential(User(pk=1), Token(permissions=["upload"]), (added,))
        assert credential.allows(Permission.UPLOAD, project=1, name="demo", at=datetime.now(UTC))
        assert not credential.allows(permission, project=1, name="demo", at=datetime.now(UTC))

    def test_one_from_before_they_were_kept_may_upload(self) -> None:
        credential = Credential(User(pk=1), Token(permissions=None), ())
        at = datetime.now(UTC)
        assert [each for each in Permission if credential.allows(each, project=1, name="demo", at=at)] == ["upload"]

    def test_taking_them_away(self, server: Server) -> None:
        token = server.new_token("alice", "--may", "upload", "--may", "yank")
        assert send(server, fresh(), with_caveat(token, caveat(100, ["upload"]))).status == 200
        assert send(server, fresh(), with_caveat(token, caveat(100, ["yank"]))).status == 403


class TestNarrowed:
    """C04: whoever holds a token can narrow it with the tools made for PyPI's, and nothing widens it again."""

    def test_by_name(self, server: Server) -> None:
        name = fresh()
        token = narrowed(server.token, project_names=[name, "other"])
        assert send(server, name, token).status == 200
        assert send(server, name, token, version="1.1").status == 200
        assert code(send(server, fresh(), token, {"Accept": PROBLEM})) == "token-not-for-project"

    def test_by_id(self, server: Server) -> None:
        name = published(server)
        token = narrowed(server.token, project_ids=[str(inside.project_id(server, name))])
        assert send(server, name, token, version="1.1").status == 200
        assert code(send(server, fresh(), token, {"Accept": PROBLEM})) == "token-not-for-project"

    def test_by_time(self, server: Server) -> None:
        now = datetime.now(UTC)
        day = timedelta(days=1)
        for since, until, status in ((-day, day, 200), (-2 * day, -day, 403), (day, 2 * day, 403)):
            token = narrowed(server.token, not_before=now + since, not_after=now + until)
            assert send(server, fresh(), token).status == status

    def test_by_user(self, server: Server) -> None:
        ((alice,),) = inside.query(server, "SELECT id FROM accounts_user WHERE username = 'alice'")
        assert send(server, fresh(), narrowed(server.token, user_id=str(alice))).status == 200
        assert send(server, fresh(), narrowed(server.token, user_id=f"{alice}0")).status == 403

    def test_all_restrictions_have_to_be_met(self, server: Server) -> None:
        name, other = published(server), published(server)
        once = narrowed(server.token, project_names=[name])
        assert send(server, name, narrowed(once, project_names=[name, other]), version="1.1").status == 200
        for tried in (name, other):
            assert send(server, tried, narrowed(once, project_names=[other]), version="1.2").status == 403

    @pytest.mark.parametrize(
        "raw",
        [
            *(
                b"",
                b"\xff",
                b"\0",
                b"{}",
                b"null",
                b"1",
                b'"x"',
                b"[]",
                b"[0]",
                b"[0,1]",
                b"[4]",
                b"[9,1,2]",
                b"nonsense",
            ),
            *(
                b'[0,"9","1"]',
                b'[0,99999999999,"1"]',
                b"[1]",
                b'[1,"x"]',
                b"[1,{}]",
                b"[2,5]",
                b"[3,1]",
                b'["0",9,1]',
            ),
            *(b'{"version":1,"permissions":"user"}', b'{"nbf":0,"exp":99999999999}', b"[0,99999999999,0,1]"),
            *(b"[100]", b'[100,["yank","manage"]]', b'[100,"upload"]', b"[100,[null]]"),
            *(b"[" * 5000, b"[0,1e999,0]", b"[0,NaN,0]", b"[1,[null]]"),
        ],
        ids=lambda raw: raw[:30].decode("latin-1"),
    )
    def test_a_restriction_that_nobody_understands_is_not_met(self, server: Server, raw: bytes) -> None:
        """C03: it is neither passed by nor taken for another."""
        answer = send(server, fresh(), with_caveat(server.token, raw), {"Accept": PROBLEM})
        assert (answer.status, code(answer)) == (403, "token-not-for-project")

    def test_taking_a_restriction_away(self, server: Server) -> None:
        """C03: nor putting them into another order, nor adding one without the signature."""
        name = fresh()
        loaded = Macaroon.load(narrowed(server.token, project_names=["other"]))
        for caveats in (loaded.caveats[:-1], (), loaded.caveats[::-1], (*loaded.caveats, caveat(1, [name]))):
            stolen = Macaroon(loaded.identifier, tuple(caveats), loaded.signature).dump()
            assert code(send(server, name, stolen, {"Accept": PROBLEM})) == "invalid-auth"
