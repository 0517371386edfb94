"""The management API: what a token with the right permission does, and what no other does."""

import itertools
import json
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

import inside
from archives import forge
from entrepot.accounts.macaroons import Macaroon
from entrepot.accounts.tokens import Permission
from serving import PASSWORD, Answer, Server
from uploading import upload

_count = itertools.count(1)


def published(server: Server, *versions: str) -> str:
    """A new project of alice's, with a wheel and an sdist of each version."""
    name = f"managed{next(_count):04}"
    for version in versions or ("1.0",):
        for built in (forge.wheel(name, version), forge.sdist(name, version)):
            assert upload(server, built.filename, built.data, name=name, version=version).status == 200
    return name


def ask(server: Server, token: str, method: str, path: str, body: object = None) -> Answer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = b""
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    return server.request(method, f"/api/v1{path}", data, headers)


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["request_id"]) == (answer.status, answer.headers["x-request-id"])
    return answer.status, told["code"]


def made(server: Server, user: str, *permissions: str, project: str = "") -> str:
    """A token of the user's with these permissions."""
    words = [word for each in permissions for word in ("--may", each)]
    return server.new_token(user, *words, *(("--project", project) if project else ()))


@pytest.fixture(scope="session")
def tokens(server: Server) -> dict[str, str]:
    """A token of alice's for each permission, and tokens of a maintainer and of a stranger that have all of them."""
    everything = [each.value for each in Permission]
    for name in ("mallory", "marge"):
        email = f"{name}@example.org"
        server.command("user", "create", name, "--email", email, "--password-stdin", stdin=PASSWORD)
    return {
        **{each.value: made(server, "alice", each.value) for each in Permission},
        "maintainer": made(server, "marge", *everything),
        "stranger": made(server, "mallory", *everything),
        "owner": made(server, "alice", *everything),
    }


def maintained(server: Server) -> str:
    """A project of alice's, which marge maintains."""
    name = published(server)
    inside.query(
        server,
        "INSERT INTO projects_role (project_id, user_id, name, at) SELECT ?, id, 'Maintainer', '2026-01-01' "
        "FROM accounts_user WHERE username = 'marge'",
        inside.project_id(server, name),
    )
    for action in ("yank", "unyank"):  # now the pages of the release say so, too
        server.command(action, name, "1.0")
    return name


REASON = {"reason": "broken"}
FILE = "/releases/1.0/files/{name}-1.0-py3-none-any.whl"
ROUTES: dict[str, tuple[str, str, object, str]] = {
    "show": ("GET", "", None, "read"),
    "status": ("PUT", "/status", {"status": "archived"}, "manage"),
    "delete project": ("DELETE", "", None, "manage"),
    "delete release": ("DELETE", "/releases/1.0", None, "manage"),
    "delete file": ("DELETE", FILE, None, "manage"),
    "yank release": ("PUT", "/releases/1.0/yank", REASON, "yank"),
    "unyank release": ("DELETE", "/releases/1.0/yank", None, "yank"),
    "yank file": ("PUT", f"{FILE}/yank", REASON, "yank"),
    "unyank file": ("DELETE", f"{FILE}/yank", None, "yank"),
}
ACCOUNT: dict[str, tuple[str, str, str]] = {
    "projects": ("GET", "/projects", "read"),
    "tokens": ("GET", "/tokens", "read"),
    "revoke": ("DELETE", f"/tokens/{uuid.UUID(int=0)}", "manage"),
    "events": ("GET", "/events", "read"),
}


def test_every_route_is_in_the_tables_of_these_tests(server: Server) -> None:
    described = ask(server, "", "GET", "/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    there = {
        (method.upper(), path.removeprefix("/api/v1").replace("{name}/releases/{version}/files/{filename}", "…"))
        for path, methods in described["paths"].items()
        for method in methods
    }
    of_projects = {
        (method, f"/projects/{{name}}{path}".replace("/releases/1.0", "/releases/{version}"))
        for method, path, _, _ in ROUTES.values()
    }
    tabled = {
        (method, path.replace("{name}/releases/{version}/files/{name}-1.0-py3-none-any.whl", "…"))
        for method, path in of_projects
    } | {(method, path.replace(str(uuid.UUID(int=0)), "{identifier}")) for method, path, _ in ACCOUNT.values()}
    assert there == tabled


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_do_what_with_a_project(server: Server, tokens: dict[str, str], route: str) -> None:
    method, path, body, permission = ROUTES[route]
    name = maintained(server)
    for undo in (action for action in ("release", "file") if route == f"unyank {action}"):
        server.command("yank", name, "1.0", *((f"{name}-1.0-py3-none-any.whl",) if undo == "file" else ()))
    target = f"/projects/{name}{path.format(name=name)}"
    scoped = made(server, "alice", permission, project=published(server))
    before = inside.trace(server)
    expected = {"": "invalid-auth", "stranger": "not-a-maintainer", "scoped": "token-not-for-project"}
    expected |= {each.value: "token-not-for-project" for each in Permission if each != permission}
    if permission != "read":
        expected["maintainer"] = "not-an-owner"
    for holder, code in expected.items():
        token = scoped if holder == "scoped" else tokens.get(holder, "")
        assert refused(ask(server, token, method, target, body)) == (403, code), holder
    after = inside.trace(server)
    assert (after.serial, after.stored) == (before.serial, before.stored)
    answer = ask(server, tokens["maintainer" if permission == "read" else permission], method, target, body)
    assert answer.status == 200, answer
    assert answer.json().get("published", True) is True


@pytest.mark.parametrize("route", ACCOUNT)
def test_who_may_do_what_with_an_account(server: Server, tokens: dict[str, str], route: str) -> None:
    method, path, permission = ACCOUNT[route]
    name = published(server)
    assert refused(ask(server, "", method, path)) == (403, "invalid-auth")
    scoped = made(server, "alice", permission, project=name)
    for token in (scoped, *(tokens[each.value] for each in Permission if each != permission)):
        assert refused(ask(server, token, method, path)) == (403, "token-not-for-account")
    answer = ask(server, tokens[permission], method, path)
    if route == "revoke":
        assert refused(answer) == (404, "no-such-token")
    else:
        assert answer.status == 200


def test_a_project_from_its_yank_to_its_end(server: Server, tokens: dict[str, str]) -> None:
    name, token = published(server, "1.0", "2.0"), tokens["owner"]

    def done(method: str, path: str, body: object = None) -> None:
        answer = ask(server, token, method, f"/projects/{name}{path}", body)
        assert answer.status == 200, answer
        told = answer.json()
        assert (told["serial"], told["published"]) == (inside.serial(server), True)

    done("PUT", "/releases/1.0.0/yank", REASON)
    assert [file["yanked"] for file in server.page(name)["files"]] == ["broken"] * 2 + [False] * 2
    done("DELETE", "/releases/1.0/yank")
    done("PUT", f"/releases/1.0/files/{name}-1.0.tar.gz/yank", REASON)
    assert [bool(file["yanked"]) for file in server.page(name)["files"]] == [False, True, False, False]
    done("DELETE", f"/releases/1.0/files/{name}-1.0.tar.gz/yank")
    done("PUT", "/status", {"status": "deprecated", "reason": "use another"})
    assert server.page(name)["project-status"] == {"status": "deprecated", "reason": "use another"}
    shown = ask(server, token, "GET", f"/projects/{name.upper()}").json()
    assert (shown["name"], shown["status"], shown["roles"]) == (
        name,
        "deprecated",
        [{"role": "Owner", "user": "alice"}],
    )
    assert [(each["version"], len(each["files"])) for each in shown["releases"]] == [("1.0", 2), ("2.0", 2)]
    assert shown["releases"][0]["files"][0]["filename"] == f"{name}-1.0-py3-none-any.whl"
    done("DELETE", f"/releases/1.0/files/{name}-1.0.tar.gz")
    done("DELETE", "/releases/2.0")
    assert [file["filename"] for file in server.page(name)["files"]] == [f"{name}-1.0-py3-none-any.whl"]
    done("DELETE", "")
    assert server.get(f"/simple/{name}/").status == 404
    assert refused(ask(server, token, "GET", f"/projects/{name}")) == (404, "no-such-project")


def test_what_is_quarantined_is_for_the_operator_alone(server: Server, tokens: dict[str, str]) -> None:
    name, token = published(server), tokens["owner"]
    server.command("status", name, "quarantined")
    for method, path, body, permission in ROUTES.values():
        if permission != "read":
            answer = ask(server, token, method, f"/projects/{name}{path.format(name=name)}", body)
            assert refused(answer) == (403, "project-quarantined")
    assert ask(server, token, "GET", f"/projects/{name}").json()["status"] == "quarantined"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/projects/--", None, 400, "invalid-name"),
        ("GET", "/projects/nobody-has-this", None, 404, "no-such-project"),
        ("GET", "/projects/" + "x" * 101, None, 400, "invalid-request"),
        ("PUT", "/projects/{name}/status", {"status": "quarantined"}, 403, "project-quarantined"),
        ("PUT", "/projects/{name}/status", {"status": "active"}, 400, "status-unchanged"),
        ("PUT", "/projects/{name}/status", {}, 400, "invalid-request"),
        ("PUT", "/projects/{name}/releases/1.0/yank", {"reason": "x" * 1001}, 400, "invalid-request"),
        ("PUT", "/projects/{name}/releases/1.0/yank", None, 400, "invalid-request"),
        ("DELETE", "/projects/{name}/releases/1.0/yank", None, 400, "not-yanked"),
        ("DELETE", "/projects/{name}/releases/9", None, 404, "no-such-release"),
        ("DELETE", "/projects/{name}/releases/x", None, 400, "invalid-version"),
        ("DELETE", "/projects/{name}/releases/1.0/files/x", None, 404, "no-such-file"),
        ("DELETE", "/tokens/x", None, 400, "invalid-request"),
        ("GET", "/events?limit=0", None, 400, "invalid-request"),
        ("GET", "/events?before=yesterday", None, 400, "invalid-request"),
    ],
)
def test_what_makes_no_sense_is_named(
    server: Server, tokens: dict[str, str], method: str, path: str, body: object, status: int, code: str
) -> None:
    name = published(server)
    assert refused(ask(server, tokens["owner"], method, path.format(name=name), body)) == (status, code)


def test_a_body_that_is_no_json(server: Server, tokens: dict[str, str]) -> None:
    name = published(server)
    headers = {"Authorization": f"Bearer {tokens['owner']}", "Content-Type": "application/json"}
    answer = server.request("PUT", f"/api/v1/projects/{name}/status", b"{", headers)
    assert refused(answer) == (400, "invalid-request")


@pytest.mark.embedded
def test_without_the_database_everybody_is_asked_to_come_again(own_server: Server) -> None:
    token = made(own_server, "alice", "read")
    file = own_server.data / "entrepot.sqlite3"
    hidden = file.rename(file.with_name("hidden"))
    try:
        answer = ask(own_server, token, "GET", "/projects")
        assert (refused(answer), answer.headers["retry-after"]) == ((503, "try-later"), "30")
    finally:
        hidden.rename(file)
    assert list(ask(own_server, token, "GET", "/projects").json()) == []


def test_ones_own_tokens_and_nobody_elses(server: Server, tokens: dict[str, str]) -> None:
    email = "tess@example.org"
    server.command("user", "create", "tess", "--email", email, "--password-stdin", stdin=PASSWORD)
    token, other = made(server, "tess", "manage", "read"), made(server, "tess", "upload")
    identifiers = [str(uuid.UUID(bytes=Macaroon.load(each).identifier)) for each in (token, other)]
    shown = ask(server, token, "GET", "/tokens").json()
    assert [each["id"] for each in shown] == identifiers
    assert [each["permissions"] for each in shown] == [["manage", "read"], ["upload"]]
    assert (shown[0]["last_used_from"], shown[0]["last_used_for"]) == ("127.0.0.1", "read")
    for identifier in identifiers:
        assert refused(ask(server, tokens["owner"], "DELETE", f"/tokens/{identifier}")) == (404, "no-such-token")
    assert ask(server, token, "DELETE", f"/tokens/{identifiers[1]}").status == 204
    assert [each["id"] for each in ask(server, token, "GET", "/tokens").json()] == identifiers[:1]
    assert ask(server, token, "DELETE", f"/tokens/{identifiers[0]}").status == 204
    assert refused(ask(server, token, "GET", "/tokens")) == (403, "invalid-auth")


def test_ones_own_events_a_page_at_a_time(server: Server) -> None:
    server.command("user", "create", "eve", "--email", "eve@example.org", "--password-stdin", stdin=PASSWORD)
    token = made(server, "eve", "read", "upload")
    built = forge.wheel("eventsofeve")
    assert upload(server, built.filename, built.data, name="eventsofeve", version="1.0", token=token).status == 200
    whole = events(server, token)
    actions = ["add py3 file", "new release", "add Owner eve", "create", "token:create", "account:create"]
    assert [each["action"].partition(" eventsofeve")[0] for each in whole] == actions
    assert [each["serial"] is None for each in whole] == [False] * 4 + [True] * 2
    assert events(server, token, limit="5") == whole[:5]
    assert events(server, token, limit="2") == whole[:4]  # an upload happens in one moment
    assert events(server, token, limit="2", before=whole[3]["at"]) == whole[4:]
    assert events(server, token, before=whole[-1]["at"]) == []


def events(server: Server, token: str, **query: str) -> list[dict[str, Any]]:
    return list(ask(server, token, "GET", f"/events?{urlencode(query)}").json())
