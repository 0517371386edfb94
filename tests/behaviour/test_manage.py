"""The management API: what a token with the right permission does, and what no other does."""

import itertools
import json
import re
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

import inside
from archives import forge
from entrepot.accounts.macaroons import Macaroon, caveat
from entrepot.accounts.tokens import Permission
from serving import PASSWORD, Answer, Server
from test_tokens import narrowed, with_caveat
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
    """A token of alice's for each permission, tokens of a maintainer and of a stranger that have all
    of them, and one of alice's that has, for another project."""
    everything = [each.value for each in Permission]
    for name in ("mallory", "marge"):
        email = f"{name}@example.org"
        server.command("user", "create", name, "--email", email, "--password-stdin", stdin=PASSWORD)
    return {
        **{each.value: made(server, "alice", each.value) for each in Permission},
        "maintainer": made(server, "marge", *everything),
        "stranger": made(server, "mallory", *everything),
        "owner": made(server, "alice", *everything),
        "scoped": made(server, "alice", *everything, project=published(server)),
    }


def maintained(server: Server, owner: str) -> str:
    """A project of alice's, which marge maintains."""
    name = published(server)
    inside.query(
        server,
        "INSERT INTO projects_role (project_id, user_id, name, at) SELECT ?, id, 'Maintainer', '2026-01-01' "
        "FROM accounts_user WHERE username = 'marge'",
        inside.project_id(server, name),
    )
    for method in ("PUT", "DELETE"):  # now the pages of the release say so, too
        assert ask(server, owner, method, f"/projects/{name}/releases/1.0/yank", {}).status == 200
    return name


def invite(server: Server, token: str, name: str, user: str, role: str = "Maintainer") -> None:
    answer = ask(server, token, "POST", f"/projects/{name}/invitations", {"user": user, "role": role})
    assert answer.status == 204, answer


def person(server: Server, name: str) -> str:
    """A new user's token, which may do everything."""
    server.command("user", "create", name, "--email", f"{name}@example.org", "--password-stdin", stdin=PASSWORD)
    return made(server, name, *(each.value for each in Permission))


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
    "roles": ("GET", "/roles", None, "read"),
    "change role": ("PUT", "/roles/marge", {"role": "Owner"}, "manage"),
    "remove role": ("DELETE", "/roles/marge", None, "manage"),
    "transfer": ("POST", "/transfer", {"user": "marge"}, "manage"),
    "invite": ("POST", "/invitations", {"user": "mallory", "role": "Owner"}, "manage"),
    "revoke invitation": ("DELETE", "/invitations/mallory", None, "manage"),
    "keys": ("PUT", "/security-keys", {"needed": True}, "manage"),
    "invitations": ("GET", "/invitations", None, "read"),
    "events": ("GET", "/events", None, "read"),
    "project tokens": ("GET", "/tokens", None, "read"),
}
OVERSEEN = {"invitations", "events", "project tokens"}  # what maintainers do not read
# What people do for themselves, and who is none to do it.
OWN: dict[str, tuple[str, str, str]] = {
    "leave": ("DELETE", "/projects/{name}/roles", "no-such-role"),
    "accept": ("POST", "/invitations/{name}/accept", "no-such-invitation"),
    "decline": ("POST", "/invitations/{name}/decline", "no-such-invitation"),
}
ACCOUNT: dict[str, tuple[str, str, object, str]] = {
    "projects": ("GET", "/projects", None, "read"),
    "invitations": ("GET", "/invitations", None, "read"),
    "tokens": ("GET", "/tokens", None, "read"),
    "new token": ("POST", "/tokens", {"permissions": ["manage"]}, "manage"),
    "revoke": ("DELETE", f"/tokens/{uuid.UUID(int=0)}", None, "manage"),
    "events": ("GET", "/events", None, "read"),
}


FOR_EVERYBODY = {("GET", "/projects/{name}/downloads")}  # `test_statistics.py` asks for it


def test_every_route_is_in_the_tables_of_these_tests(server: Server) -> None:
    described = ask(server, "", "GET", "/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    there = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    of_projects = {(method, f"/projects/{{name}}{path}") for method, path, *_ in ROUTES.values()}
    others = {each[:2] for each in OWN.values()} | {each[:2] for each in ACCOUNT.values()}
    known = of_projects | others | FOR_EVERYBODY
    assert there == {(method, f"/api/v1{templated(path)}") for method, path in known}


def templated(path: str) -> str:
    """The path as the description of the API has it."""
    values = {
        "{name}-1.0-py3-none-any.whl": "{filename}",
        "/1.0": "/{version}",
        "/marge": "/{user}",
        "/mallory": "/{user}",
        str(uuid.UUID(int=0)): "{identifier}",
    }
    for value, name in values.items():
        path = path.replace(value, name)
    return path


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_do_what_with_a_project(server: Server, tokens: dict[str, str], route: str) -> None:
    """E03, E05, E09: each route asks for its own permission, of the token and of the role, and in this project."""
    method, path, body, permission = ROUTES[route]
    name = maintained(server, tokens["owner"])
    if route.startswith("unyank"):
        yanked = f"/projects/{name}{path.format(name=name)}"
        assert ask(server, tokens["owner"], "PUT", yanked, REASON).status == 200
    if route == "revoke invitation":
        invite(server, tokens["owner"], name, "mallory")
    target = f"/projects/{name}{path.format(name=name)}"
    before = inside.trace(server)
    expected = {"": "invalid-auth", "stranger": "not-a-maintainer", "scoped": "token-not-for-project"}
    expected |= {each.value: "token-not-for-project" for each in Permission if each != permission}
    maintainers = permission == "read" and route not in OVERSEEN
    if not maintainers:
        expected["maintainer"] = "not-an-owner"
    for holder, code in expected.items():
        token = tokens.get(holder, "")
        assert refused(ask(server, token, method, target, body)) == (403, code), holder
    after = inside.trace(server)
    assert (after.serial, after.stored) == (before.serial, before.stored)
    for table in ("projects_role", "projects_invitation", "projects_project", "accounts_event"):
        assert after.rows[table] == before.rows[table]
    answer = ask(server, tokens["maintainer" if maintainers else permission], method, target, body)
    assert answer.status in {200, 204}, answer
    told = answer.json() if answer.body else {}
    assert isinstance(told, list) or told.get("published", True) is True


@pytest.mark.parametrize("route", OWN)
def test_who_may_do_what_for_themselves(server: Server, tokens: dict[str, str], route: str) -> None:
    """E05, E07: with a token that may manage the project, or will; nobody in another's place."""
    method, path, code = OWN[route]
    name = maintained(server, tokens["owner"])
    if route != "leave":
        invite(server, tokens["owner"], name, "mallory")
    target = path.format(name=name)
    token = tokens["maintainer" if route == "leave" else "stranger"]
    elsewhere, here = (
        narrowed(token, project_ids=[str(inside.project_id(server, each))]) for each in (published(server), name)
    )
    before = inside.trace(server)
    for each in (elsewhere, *(with_caveat(token, caveat(100, [each])) for each in ("upload", "yank", "read"))):
        assert refused(ask(server, each, method, target)) == (403, "token-not-for-project")
    assert refused(ask(server, "", method, target)) == (403, "invalid-auth")
    other = tokens["stranger" if route == "leave" else "maintainer"]
    assert refused(ask(server, other, method, target)) == (404, code)
    after = inside.trace(server)
    assert (after.serial, after.rows["projects_role"]) == (before.serial, before.rows["projects_role"])
    assert after.rows["projects_invitation"] == before.rows["projects_invitation"]
    assert ask(server, here, method, target).status in {200, 204}
    assert refused(ask(server, token, method, target)) == (404, code)


@pytest.mark.parametrize("route", ACCOUNT)
def test_who_may_do_what_with_an_account(server: Server, tokens: dict[str, str], route: str) -> None:
    """E05: what is about all of an account takes a token for all of it, with the permission."""
    method, path, body, permission = ACCOUNT[route]
    assert refused(ask(server, "", method, path, body)) == (403, "invalid-auth")
    for token in (tokens["scoped"], *(tokens[each.value] for each in Permission if each != permission)):
        assert refused(ask(server, token, method, path, body)) == (403, "token-not-for-account")
    answer = ask(server, tokens[permission], method, path, body)
    if route == "revoke":
        assert refused(answer) == (404, "no-such-token")
    else:
        assert answer.status in {200, 201}


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
    """E11: its owners read it."""
    name, token = published(server), tokens["owner"]
    server.command("status", name, "quarantined")
    for method, path, body, permission in ROUTES.values():
        if permission != "read":
            answer = ask(server, token, method, f"/projects/{name}{path.format(name=name)}", body)
            assert refused(answer) == (403, "project-quarantined")
    assert refused(ask(server, token, "DELETE", f"/projects/{name}/roles")) == (403, "project-quarantined")
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
        ("GET", "/events?before=9999-12-31T23:59:59-12:00", None, 400, "invalid-request"),
        ("PUT", "/projects/{name}/roles/alice", {"role": "Owner"}, 400, "role-unchanged"),
        ("PUT", "/projects/{name}/roles/alice", {"role": "Maintainer"}, 400, "last-owner"),
        ("PUT", "/projects/{name}/roles/alice", {"role": "owner"}, 400, "invalid-request"),
        ("PUT", "/projects/{name}/roles/marge", {"role": "Owner"}, 404, "no-such-role"),
        ("PUT", "/projects/{name}/roles/nobody", {"role": "Owner"}, 404, "no-such-user"),
        ("PUT", "/projects/{name}/roles/%00", {"role": "Owner"}, 400, "invalid-request"),
        ("DELETE", "/projects/{name}/roles", None, 400, "last-owner"),
        ("POST", "/projects/{name}/transfer", {"user": "marge"}, 404, "no-such-role"),
        ("POST", "/projects/{name}/invitations", {"user": "alice", "role": "Owner"}, 400, "already-collaborator"),
        ("DELETE", "/projects/{name}/invitations/marge", None, 404, "no-such-invitation"),
        ("PUT", "/projects/{name}/security-keys", {"needed": False}, 400, "keys-unchanged"),
        ("PUT", "/projects/{name}/status", {"status": "archived", "reason": "\0"}, 400, "invalid-request"),
        ("POST", "/invitations/{name}/accept", None, 404, "no-such-invitation"),
        ("POST", "/tokens", {"permissions": []}, 400, "invalid-request"),
        ("POST", "/tokens", {"permissions": ["everything"]}, 400, "invalid-request"),
        ("POST", "/tokens", {"expires_at": "2020-01-01T00:00:00Z"}, 400, "invalid-request"),
        ("POST", "/tokens", {"expires_at": "9999-12-31T23:59:59-12:00"}, 400, "invalid-request"),
        ("POST", "/tokens", {"projects": ["nobody-has-this"]}, 404, "no-such-project"),
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
    """C08: the token of somebody else is none that there is."""
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


def test_an_invitation_from_its_offer_to_its_end(server: Server, tokens: dict[str, str]) -> None:
    """E07: it is good once; what comes of it is seen by readers when the answer is there."""
    name, owner, token = published(server), tokens["owner"], person(server, "ivan")
    invite(server, owner, name, "ivan")
    target, body = f"/projects/{name}/invitations", {"user": "Ivan", "role": "Owner"}
    assert refused(ask(server, owner, "POST", target, body)) == (400, "already-invited")
    (offered,) = list(ask(server, token, "GET", "/invitations").json())
    told = [offered[each] for each in ("project", "user", "role", "by")]
    assert told == [name, "ivan", "Maintainer", "alice"]
    assert list(ask(server, owner, "GET", target).json()) == [offered]
    assert ask(server, token, "POST", f"/invitations/{name}/decline").status == 204
    invite(server, owner, name, "ivan")
    done = ask(server, token, "POST", f"/invitations/{name}/accept").json()
    assert done == {"serial": inside.serial(server), "published": True}
    assert list(ask(server, token, "GET", "/invitations").json()) == []
    assert roles(server, name) == [("Owner", "alice"), ("Maintainer", "ivan")]
    shown = ask(server, token, "GET", f"/projects/{name}/roles").json()
    assert [(each["user"], each["role"]) for each in shown] == [("alice", "Owner"), ("ivan", "Maintainer")]
    assert refused(ask(server, token, "POST", f"/invitations/{name}/accept")) == (404, "no-such-invitation")
    built = forge.wheel(name, "2.0")
    assert upload(server, built.filename, built.data, name=name, version="2.0", token=token).status == 200
    assert ask(server, owner, "POST", f"/projects/{name}/transfer", {"user": "ivan"}).status == 200
    assert roles(server, name) == [("Owner", "ivan"), ("Maintainer", "alice")]
    assert ask(server, owner, "DELETE", f"/projects/{name}/roles").status == 200
    assert roles(server, name) == [("Owner", "ivan")]


def roles(server: Server, name: str) -> list[tuple[str, str]]:
    """As readers see them."""
    return [(each["role"], each["user"]) for each in server.get(f"/pypi/{name}/json").json()["ownership"]["roles"]]


def test_a_role_that_is_lost_is_lost_at_once(server: Server, tokens: dict[str, str]) -> None:
    """C06: no token outlives it, be it for this very project; nor does one outlive a freeze."""
    name, token = published(server), person(server, "nora")
    invite(server, tokens["owner"], name, "nora", "Owner")
    assert ask(server, token, "POST", f"/invitations/{name}/accept").status == 200
    scoped = made(server, "nora", "read", "upload", "manage", project=name)
    target = f"/projects/{name}"
    assert ask(server, scoped, "GET", f"{target}/tokens").status == 200
    assert ask(server, tokens["owner"], "PUT", f"{target}/roles/nora", {"role": "Maintainer"}).status == 403
    inside.query(server, "UPDATE projects_role SET at = ?", inside.ago(days=4))
    assert ask(server, tokens["owner"], "PUT", f"{target}/roles/nora", {"role": "Maintainer"}).status == 200
    assert refused(ask(server, scoped, "GET", f"{target}/tokens")) == (403, "not-an-owner")
    assert ask(server, scoped, "GET", target).status == 200
    assert ask(server, tokens["owner"], "DELETE", f"{target}/roles/nora").status == 200
    for each in (scoped, token):
        assert refused(ask(server, each, "GET", target)) == (403, "not-a-maintainer")
        built = forge.wheel(name, "3.0")
        answer = upload(server, built.filename, built.data, name=name, version="3.0", token=each)
        assert (answer.status, "isn't allowed to upload" in answer.reason) == (403, True)
    server.command("user", "freeze", "nora")
    assert refused(ask(server, token, "GET", "/tokens")) == (403, "invalid-auth")


def test_a_token_is_for_a_project_and_not_for_its_name(server: Server, tokens: dict[str, str]) -> None:
    """C05: what is deleted comes never again, so nothing else has its name; the list of tokens still knows it."""
    name, token = published(server), person(server, "olga")
    scoped = server.new_token("olga", "--project", name)
    inside.query(
        server,
        "UPDATE projects_role SET user_id = (SELECT id FROM accounts_user WHERE username = 'olga') "
        "WHERE project_id = ?",
        inside.project_id(server, name),
    )
    assert ask(server, token, "DELETE", f"/projects/{name}").status == 200
    built = forge.wheel(name, "2.0")
    answer = upload(server, built.filename, built.data, name=name, version="2.0", token=scoped)
    assert (answer.status, "has since been deleted" in answer.reason) == (400, True)
    assert [each["projects"] for each in ask(server, token, "GET", "/tokens").json()] == [[], [name]]


def test_only_what_a_request_is_for_is_changed(server: Server, tokens: dict[str, str]) -> None:
    """E06, E14: what else a body says has no meaning, be it the name of a column or of another project."""
    name, other = maintained(server, tokens["owner"]), maintained(server, tokens["owner"])
    body = {"role": "Owner", "project": other, "name": other, "user": "mallory", "at": "2000-01-01T00:00:00Z", "by": 1}
    assert ask(server, tokens["owner"], "PUT", f"/projects/{name}/roles/marge", body).status == 200
    assert roles(server, name) == [("Owner", "alice"), ("Owner", "marge")]
    assert roles(server, other) == [("Owner", "alice"), ("Maintainer", "marge")]
    shown = ask(server, tokens["owner"], "GET", f"/projects/{name}/roles").json()
    assert all(each["since"] > "2026" for each in shown)
    made_so = {"user": "mallory", "user_id": 1, "by_operator": False, "id": str(uuid.UUID(int=7)), "salt": "x"}
    text = ask(server, tokens["owner"], "POST", "/tokens", made_so).json()["token"]
    assert uuid.UUID(bytes=Macaroon.load(text).identifier) != uuid.UUID(int=7)
    assert refused(ask(server, text, "GET", f"/projects/{name}")) == (403, "token-not-for-project")
    scoped = made(server, "alice", "manage", project=name)
    answer = ask(server, scoped, "PUT", f"/projects/{other}/status", {"status": "archived", "project": name})
    assert refused(answer) == (403, "token-not-for-project")


class TestNewTokens:
    """C04: a token makes none that may more than itself, and its holder can only have narrowed it."""

    def test_that_may_as_much(self, server: Server) -> None:
        token = person(server, "tom")
        built = forge.wheel("tomsown")
        assert upload(server, built.filename, built.data, name="tomsown", version="1.0", token=token).status == 200
        body = {"description": "nightly", "projects": ["TomsOwn"], "permissions": ["upload", "read"]}
        text = ask(server, token, "POST", "/tokens", body).json()["token"]
        assert ask(server, text, "GET", "/projects/tomsown").status == 200
        assert refused(ask(server, text, "POST", "/tokens")) == (400, "invalid-request")
        assert refused(ask(server, text, "POST", "/tokens", {})) == (403, "token-not-for-account")
        made_by, made_of = ask(server, token, "GET", "/tokens").json()
        assert (made_by["projects"], made_of["projects"], made_of["expires_at"]) == ([], ["tomsown"], None)
        assert (made_of["description"], made_of["permissions"]) == ("nightly", ["read", "upload"])
        flags = inside.query(server, "SELECT by_operator FROM accounts_token WHERE id = ?", key(made_of["id"]))
        assert flags == [(1,)]

    def test_that_would_be_worth_more_than_the_one_that_asks(self, server: Server, tokens: dict[str, str]) -> None:
        for permission in ("upload", "yank", "read"):
            answer = ask(server, tokens["manage"], "POST", "/tokens", {"permissions": ["manage", permission]})
            assert refused(answer) == (403, "token-too-powerful")
        answer = ask(server, person(server, "trudy"), "POST", "/tokens", {"projects": [published(server)]})
        assert refused(answer) == (403, "not-a-maintainer")

    def test_that_would_outlive_the_one_that_asks(self, server: Server) -> None:
        person(server, "tina")
        token = server.new_token("tina", "--may", "manage", "--may", "read", "--expires-in-days", "30")
        (_, given) = ask(server, token, "GET", "/tokens").json()
        ends = datetime.fromisoformat(given["expires_at"])
        shorter = narrowed(token, not_before=1, not_after=int(ends.timestamp()) - 60)
        asked: dict[str, datetime | None] = {"same": ends, "sooner": ends - timedelta(seconds=61), "never": None}
        asked["later"] = ends + timedelta(seconds=1)
        expected = {token: {"same", "sooner"}, shorter: {"sooner"}}
        for each, admitted in expected.items():
            for when, at in asked.items():
                body = {"permissions": ["read"], "expires_at": None if at is None else at.isoformat()}
                answer = ask(server, each, "POST", "/tokens", body)
                if when in admitted:
                    assert answer.status == 201, (when, answer)
                else:
                    assert refused(answer) == (403, "token-too-powerful"), when

    def test_by_the_hundred(self, server: Server) -> None:
        token = person(server, "theo")
        for _ in range(30):
            assert ask(server, token, "POST", "/tokens", {}).status == 201
        answer = ask(server, token, "POST", "/tokens", {})
        assert refused(answer) == (429, "too-many-tokens")
        assert 3000 < int(answer.headers["retry-after"]) <= 3600


def key(identifier: str) -> object:
    """The id of a token as its database has it."""
    return uuid.UUID(identifier).hex


def test_what_owners_see_of_their_project(server: Server, tokens: dict[str, str]) -> None:
    """E12: what was done, and with which tokens; not from where others did it."""
    token, name = person(server, "olivia"), "seenbyolivia"
    built = forge.wheel(name)
    assert upload(server, built.filename, built.data, name=name, version="1.0", token=token).status == 200
    invite(server, token, name, "marge")
    assert ask(server, tokens["maintainer"], "POST", f"/invitations/{name}/accept").status == 200
    made(server, "marge", "read", project=published(server))
    server.new_token("marge", "--project", name, "--description", "nightly", "--expires-in-days", "3")
    server.command("status", name, "archived")
    seen = list(ask(server, token, "GET", f"/projects/{name}/events").json())
    actions = ["project archived", "token:create", "add Maintainer marge", "invitation:create"]
    assert [each["action"] for each in seen[:4]] == actions
    assert (seen[0]["address"], seen[1]["address"], seen[3]["address"]) == (None, None, "127.0.0.1")
    assert re.fullmatch("[0-9a-f]{16}", seen[2]["address"])
    page = ask(server, token, "GET", f"/projects/{name}/events?limit=2").json()
    assert list(page) == seen[:2]
    query = urlencode({"before": seen[1]["at"], "limit": 2})
    assert list(ask(server, token, "GET", f"/projects/{name}/events?{query}").json()) == seen[2:4]
    listed = list(ask(server, token, "GET", f"/projects/{name}/tokens").json())
    assert [each["last_used_from"] for each in listed if each["user"] == "olivia"] == ["127.0.0.1"]
    theirs = listed[-1]
    assert (theirs["user"], theirs["description"], theirs["permissions"]) == ("marge", "nightly", ["upload"])
    assert [each["user"] for each in listed].count("marge") == 2
    assert {each["last_used_from"] for each in listed if each["user"] == "marge"} == {None}
    own = list(ask(server, tokens["maintainer"], "GET", "/events").json())
    invited = next(each for each in own if each["action"] == "invitation:create")
    assert invited["address"] == next(each for each in seen if each["action"] == "add Maintainer marge")["address"]
