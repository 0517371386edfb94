"""What programs may do so often and no oftener: tokens that are tried, calls of the management API, new releases."""

import json
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from archives import forge
from entrepot import policy
from entrepot.accounts.limits import Limit
from entrepot.accounts.macaroons import Macaroon
from entrepot.api import credentials, leaks, xmlrpc
from entrepot.web import limits
from inside import query, use_up
from serving import PASSWORD, Answer, Server, serving
from uploading import authorization, upload

ROOT = Path(__file__).parents[2]
NUMBERS = count()
PROBLEM = {"Accept": "application/problem+json"}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy, which says where requests come from."""
    with serving(tmp_path_factory.mktemp("limited"), ENTREPOT_PROXIES="1") as running:
        yield running


def try_token(server: Server, token: str, address: str, path: str = "/legacy/") -> Answer:
    sent = {**authorization(token), **PROBLEM, "X-Forwarded-For": address}
    return server.request("GET" if "api" in path else "POST", path, headers=sent)


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, str(answer.json()["code"])


class TestBadTokens:
    """O-A1.5: nobody guesses a token, and who tries many is told to wait, before any body is read."""

    def test_a_hundred_in_five_minutes(self, limited: Server) -> None:
        token, bad = limited.new_token("alice", "--may", "upload", "--may", "read"), f"{limited.token}x"
        for left in range(99, -1, -1):
            answer = try_token(limited, bad, "192.0.2.1", "/legacy/" if left % 2 else "/api/v1/projects")
            assert refused(answer) == (403, "invalid-auth")
            assert answer.headers["ratelimit-policy"] == '"bad-token";q=100;w=300'
            assert answer.headers["ratelimit"].startswith(f'"bad-token";r={left};t=')
        for path in ("/legacy/", "/api/v1/projects"):
            full = try_token(limited, bad, "192.0.2.1", path)
            assert refused(full) == (429, "too-many-bad-tokens")
            assert 0 < int(full.headers["retry-after"]) <= 300
            assert full.headers["ratelimit"].startswith('"bad-token";r=0;t=')
        assert try_token(limited, token, "192.0.2.1", "/api/v1/projects").status == 200
        built = forge.wheel("fromthere")
        sent = {"X-Forwarded-For": "192.0.2.1"}
        answer = upload(limited, built.filename, built.data, name="fromthere", version="1.0", token=token, headers=sent)
        assert answer.status == 200
        assert refused(try_token(limited, bad, "192.0.2.2")) == (403, "invalid-auth")

    def test_a_body_is_not_waited_for(self, limited: Server) -> None:
        use_up(limited, "bad-token 192.0.2.9", 100)
        parts = urlsplit(limited.url)
        secret = authorization("entrepot-bad")["Authorization"]
        head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.9\r\nAuthorization: {secret}\r\n"
        with closing(socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20)) as connection:
            connection.sendall(f"{head}Content-Length: 1000000000\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 429 ")

    def test_a_customer_with_many_addresses_is_one(self, limited: Server) -> None:
        use_up(limited, "bad-token 2001:db8:0:1::/64", 100)
        assert try_token(limited, "entrepot-bad", "2001:db8:0:1::77").status == 429
        assert try_token(limited, "entrepot-bad", "2001:db8:0:2::77").status == 403

    @pytest.mark.parametrize(
        "headers", [{}, {"Authorization": "Digest x"}, authorization(PASSWORD, "alice"), authorization("")]
    )
    def test_what_is_no_token_is_not_counted(self, limited: Server, headers: Mapping[str, str]) -> None:
        sent = {**headers, "X-Forwarded-For": "192.0.2.20"}
        answer = limited.request("POST", "/legacy/", headers=sent)
        assert (answer.status, "ratelimit" in answer.headers) == (403, False)
        assert query(limited, "SELECT 1 FROM accounts_counter WHERE name = 'bad-token 192.0.2.20'") == []

    def test_who_is_told_to_wait_writes_nothing(self, limited: Server) -> None:
        use_up(limited, "bad-token 192.0.2.30", 100)
        found = "SELECT uses FROM accounts_counter WHERE name = 'bad-token 192.0.2.30'"
        before = query(limited, found)
        assert try_token(limited, "entrepot-bad", "192.0.2.30").status == 429
        assert query(limited, found) == before


class TestCalls:
    def test_3600_in_an_hour_with_a_token(self, limited: Server) -> None:
        token, other = (limited.new_token("alice", "--may", "read", "--may", "upload") for _ in range(2))
        use_up(limited, f"api token {uuid.UUID(bytes=Macaroon.load(token).identifier)}", 3599)
        last, full, more = (try_token(limited, token, "192.0.2.1", "/api/v1/projects") for _ in range(3))
        assert (last.status, last.headers["ratelimit-policy"]) == (200, '"api";q=3600;w=3600')
        assert last.headers["ratelimit"].startswith('"api";r=0;t=3')
        assert refused(full) == refused(more) == (429, "too-many-calls")
        assert 3500 < int(full.headers["retry-after"]) <= 3600
        assert full.headers["ratelimit-policy"] == '"api";q=3600;w=3600'
        assert try_token(limited, other, "192.0.2.1", "/api/v1/projects").status == 200
        built = forge.wheel(f"called{next(NUMBERS)}")
        name = built.filename.partition("-")[0]
        assert upload(limited, built.filename, built.data, name=name, version="1.0", token=token).status == 200


class TestReleases:
    """C13: with a stolen token nobody publishes a release of everything that its user has."""

    def test_a_hundred_new_releases_in_an_hour(self, limited: Server) -> None:
        name, token = self.maintained(limited)
        assert self.add(limited, token, name, "1.1").status == 200
        ((user,),) = query(limited, "SELECT max(id) FROM accounts_user")
        ((uses,),) = query(limited, "SELECT uses FROM accounts_counter WHERE name = ?", f"new-releases user {user}")
        assert len(json.loads(str(uses))) == 1
        use_up(limited, f"new-releases user {user}", 100)
        full = self.add(limited, token, name, "1.2")
        assert refused(full) == (429, "too-many-releases")
        assert 3500 < int(full.headers["retry-after"]) <= 3600
        assert full.headers["ratelimit-policy"] == '"new-releases";q=100;w=3600'
        assert [file["filename"] for file in limited.page(name)["files"]] == [
            *(f"{name}-1.0-py3-none-any.whl", f"{name}-1.1-py3-none-any.whl")
        ]
        sdist = forge.sdist(name, "1.1")
        answer = upload(limited, sdist.filename, sdist.data, name=name, version="1.1", token=token)
        assert answer.status == 200
        assert self.add(limited, token, f"{name}new", "1.0").status == 200

    def test_a_private_index_and_superusers(self, own_server: Server) -> None:
        own_server.command("policy", "private")
        name, token = self.maintained(own_server)
        own_server.command("policy", "public")
        assert self.add(own_server, own_server.token, "others", "1.0").status == 200
        assert self.add(own_server, own_server.token, "others", "1.1").status == 200
        assert query(own_server, "SELECT name FROM accounts_counter") == []
        own_server.command("policy", "private")
        assert self.add(own_server, token, name, "1.1").status == 200
        assert query(own_server, "SELECT name FROM accounts_counter") == []

    def maintained(self, server: Server) -> tuple[str, str]:
        """A new project, and a token of its owner, who is nobody special."""
        user = f"owner{next(NUMBERS)}"
        server.command("user", "create", user, "--email", f"{user}@example.org", "--password-stdin", stdin=PASSWORD)
        name, token = f"released{next(NUMBERS)}x", server.new_token(user)
        assert self.add(server, token, name, "1.0").status == 200
        return name, token

    def add(self, server: Server, token: str, name: str, version: str) -> Answer:
        built = forge.wheel(name, version)
        return upload(server, built.filename, built.data, name=name, version=version, token=token, headers=PROBLEM)


def all_limits() -> Iterator[Limit]:
    for rules in (*limits.RULES.values(), *limits.LOOKS.values(), limits.OTHERS):
        yield from (limit for limit, _ in rules)
    yield from (credentials.BAD_TOKENS, credentials.CALLS, leaks.REPORTS, leaks.UNSIGNED, xmlrpc.CALLS)
    yield Limit("new-projects", policy.PUBLIC.new_projects or 0)
    yield Limit("new-releases", policy.PUBLIC.new_releases or 0)


def test_the_table_of_limits_is_true() -> None:
    """O-A1.5: every limit is documented as it is."""
    seconds = {"5 minutes": 300, "an hour": 3600, "a day": 86400}
    table = (ROOT / "docs/api.md").read_text().partition("## Limits")[2].partition("\n## ")[0]
    told = {
        Limit(name, int(amount.replace(",", "")), seconds[span])
        for line in table.splitlines()
        if line.startswith("| `")
        for name, amount, span in [[cell.strip(" `") for cell in line.split("|")[1:4]]]
    }
    assert told == set(all_limits())
