"""What the record and the journal have is told in the reader's words: actions, details, and with what it was done."""

import ast
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import entrepot
import inside
from archives import forge
from entrepot.accounts import adapter, notices
from entrepot.web.told import action_said
from serving import Server
from uploading import upload
from visiting import Visitor, member, newcomer, words

SOURCE = Path(entrepot.__file__).parent
FLOORS = ("journal", "accounts", "projects", "mirror")
# Which argument of a function the action is.
SAYING = {"record.note": 0, "event_of": 1}
ROLES = ["Maintainer", "Owner"]
# What is filled in there is one of these; anything else is a name.
FILLED_IN = {
    "status": ["active", "archived", "deprecated", "quarantined"],
    **dict.fromkeys(["role", "role.name", "held.name", "each.name"], ROLES),
}
FILLED_IN_AFTER = {"change ": ROLES}  # where the names of variables say less
NAMES = (f"teller{number}x" for number in itertools.count(100))


def actions() -> set[str]:
    """Every action that the source records, with examples of what is filled in."""
    found = set()
    for path in (path for floor in FLOORS for path in sorted((SOURCE / floor).glob("*.py"))):
        functions = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.FunctionDef)]
        for function, (name, position) in itertools.product(functions, SAYING.items()):
            for call in calls_of(name, function):
                found |= set(texts(call.args[position], function, functions))
        for function in functions:
            for call in calls_of("Entry.objects.create", function):
                (given,) = (each.value for each in call.keywords if each.arg == "action")
                found |= set(texts(given, function, functions))
    return found - {f"change {role} name to {role}" for role in ROLES}  # that is no change


def calls_of(name: str, function: ast.FunctionDef) -> Iterator[ast.Call]:
    """Where the function calls the one of that name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def texts(given: ast.expr, function: ast.FunctionDef, functions: list[ast.FunctionDef]) -> Iterator[str]:
    """What an expression in a function may be: a constant, one with names in it, or what the module's own callers give
    it. Raises ValueError when that cannot be told, so that nothing is forgotten."""
    match given:
        case ast.Constant(str(text)):
            yield text
        case ast.JoinedStr(parts):
            pieces: list[list[str]] = []
            for part in parts:
                before = pieces[0][0] if len(pieces) == 1 else ""
                pieces.append(list(filled(part, before, function, functions)))
            yield from ("".join(each) for each in itertools.product(*pieces))
        case ast.Name(name) if name in [each.arg for each in arguments(function)]:
            position = [each.arg for each in arguments(function)].index(name)
            for caller in functions:
                for call in calls_of(function.name, caller):
                    yield from texts(call.args[position], caller, functions)
        case ast.Name(name):
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                    yield from texts(node.value, function, functions)
        case ast.Subscript(ast.Name("NOTICES")):
            yield from adapter.NOTICES.values()
        case _:
            raise ValueError(ast.unparse(given))


def filled(part: ast.expr, before: str, function: ast.FunctionDef, functions: list[ast.FunctionDef]) -> Iterator[str]:
    """What a part of a text that is filled in may be, after what stands before it."""
    if not isinstance(part, ast.FormattedValue):
        yield from texts(part, function, functions)
    elif ast.unparse(part.value) == "action":
        yield from texts(part.value, function, functions)
    else:
        yield from FILLED_IN_AFTER.get(before) or FILLED_IN.get(ast.unparse(part.value), ["name"])


def arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return function.args.args


def test_every_action_that_is_recorded_is_told_in_words() -> None:
    found = actions()
    assert {each for each in found if action_said(each).language} == set()
    assert (notices.NOTICES.keys() | notices.QUIET) - found <= {"invitation:accept"}  # the journal has it, as a role
    assert {" ".join(each.split()[:2]) for each in found} >= {
        each for each in notices.CHANGES if not each.endswith(("files", "releases"))
    }


@pytest.fixture(scope="module")
def owner(site: Server) -> Visitor:
    return member(site, next(NAMES))


@pytest.fixture(scope="module")
def project(site: Server, owner: Visitor) -> str:
    """A project that was made with a token which has a name, and another file of which came with one that has none."""
    name = next(NAMES)
    for built, options in ((forge.wheel(name), ["--description", "the laptop <b>"]), (forge.sdist(name), [])):
        token = site.new_token(owner.name, *options)
        assert upload(site, built.filename, built.data, name=name, version="1.0", token=token).status == 200
    return name


def record(server: Server, name: str, action: str, details: Mapping[str, object], credential: str = "command") -> None:
    """An event of the account, as whatever version has written it."""
    number = user_id(server, name)
    inside.query(
        server,
        'INSERT INTO accounts_event (at, action, "user", "by", credential, details) VALUES (?, ?, ?, ?, ?, ?)',
        *(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f+00}", action, number, number, credential, json.dumps(details)),
    )


def user_id(server: Server, name: str) -> int:
    ((found,),) = inside.query(server, "SELECT id FROM accounts_user WHERE username = ?", name)
    return int(str(found))


class TestTheProject:
    def test_what_was_published(self, site: Server, owner: Visitor, project: str) -> None:
        site.command("yank", project, "1.0", "--reason", "broken")
        page = f"/account/projects/{project}/events/"
        told = owner.get(page)
        seen = words(told)
        for sentence in (
            *("The project was made", f"{owner.name} became an owner", "A release was made", "A release was yanked"),
            *(f"The file {project}-1.0.tar.gz was added", f"The file {project}-1.0-py3-none-any.whl was added"),
            *("Reason: broken", "API token the laptop <b>", "A command, or the index itself"),
        ):
            assert sentence in seen
        assert f"<bdi>{project}-1.0.tar.gz</bdi>" in told.text
        events = owner.get(f"{page}?format=json").json()["events"]
        (unnamed,) = {each["credential"] for each in events if each["action"].endswith(".tar.gz")}
        assert f"API {unnamed}" in seen

    def test_programs_read_what_was_stored(self, owner: Visitor, project: str) -> None:
        events = owner.get(f"/account/projects/{project}/events/?format=json").json()["events"]
        assert {"create", "new release", f"add Owner {owner.name}"} <= {each["action"] for each in events}
        assert any(each["credential"].startswith("token ") for each in events)


class TestTheAccount:
    def test_details(self, site: Server, owner: Visitor) -> None:
        expires = "2031-02-03T04:05:00+00:00"
        made = {
            "description": "ci",
            "permissions": ["upload", "yank"],
            "expires_at": expires,
            "url": "",
            "source": None,
        }
        record(site, owner.name, "token:create", made)
        record(site, owner.name, "recovery:use", {"left": 0})
        record(site, owner.name, "role:add", {"project": "spam", "role": "Owner"})
        record(site, owner.name, "project:keys", {"needed": True})
        told = owner.get("/account/events/")
        seen = words(told)
        for detail in (
            *("Token: ci", "May: upload, yank", "Recovery codes left: 0", "Role: Owner", "Project: spam"),
            *("Only with a security key: yes", "Valid until: Feb. 3, 2031, 4:05 a.m."),
        ):
            assert detail in seen, detail
        assert f'<time datetime="{expires}">' in told.text
        assert "Found" not in seen

    def test_with_what(self, site: Server, owner: Visitor) -> None:
        """A token by its name, to whoever has it only."""
        other = next(NAMES)
        newcomer(site, other)
        for name in (owner.name, other):
            site.new_token(name, "--description", f"named by {name}")
        mine, theirs = (
            inside.query(site, "SELECT id FROM accounts_token WHERE description = ?", f"named by {name}")[0][0]
            for name in (owner.name, other)
        )
        for origin in (
            *(f"token {uuid.UUID(str(mine))}", f"token {uuid.UUID(str(theirs))}"),
            *("session 1a2b", "moderator 3c4d", "scanner sweeper"),
        ):
            record(site, owner.name, "token:create", {}, origin)
        seen = words(owner.get("/account/events/"))
        for told in (
            *(f"API token named by {owner.name}", f"API token {uuid.UUID(str(theirs))}", "Session 1a2b"),
            *("Session 3c4d of a moderator", "sweeper , a program that looks for leaked tokens"),
        ):
            assert told in seen, told
        assert f"named by {other}" not in seen

    def test_what_another_version_has_written_is_in_english(self, site: Server, owner: Visitor) -> None:
        record(site, owner.name, "account:teleport", {"speed": 9}, "carrier pigeon")
        told = owner.get("/account/events/").text
        for raw in ("account:teleport", "speed", "carrier pigeon"):
            assert f'<span lang="en">{raw}</span>' in told

    def test_in_another_language(self, site: Server, owner: Visitor, project: str) -> None:
        record(site, owner.name, "role:add", {"role": "Maintainer"}, "session 1a2b")
        owner.client.cookies["language"] = "de"
        seen = words(owner.get("/account/events/"))
        changed = words(owner.get(f"/account/projects/{project}/events/"))
        del owner.client.cookies["language"]
        assert "Session 1a2b" not in seen
        assert "Sitzung 1a2b" in seen
        assert "became an owner" not in changed
        assert f"Die Datei {project}-1.0.tar.gz" in changed
