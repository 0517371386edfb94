"""The moderator's side: who gets in, what each button does and records, and what holds for the whole site."""

import re
import secrets
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from playwright.sync_api import Browser

import inside
from archives import forge
from behaviour.test_keys import SHOTS, holder
from browsing import DESKTOP, visit
from serving import Answer, Server, serving
from uploading import upload
from visiting import Visitor, member, newcomer, token_of, words

NAMES = (f"subject{number}x" for number in count(100))
WHY = "because the tests say so"


class Moderating(Visitor):
    """A superuser with a browser in which a security key was shown."""

    def rows(self, table: str, search: str) -> list[str]:
        """The keys of what a list finds."""
        page = self.get(f"/admin/{table}/?q={search}")
        assert page.status_code == 200, page
        return re.findall(rf'href="/admin/{table}/([^/"]+)/change/', page.text)

    def does(self, table: str, deed: str, *keys: str, **fields: str) -> str:
        """Do something to rows, with a reason; gives what the page says of it."""
        return words(self.post(f"/admin/{table}/do/{deed}/{','.join(keys)}/", reason=WHY, **fields))

    def uses(self, table: str, tool: str, **fields: str) -> str:
        """The same with a tool, which needs no row."""
        return words(self.post(f"/admin/{table}/do/{tool}/", reason=WHY, **fields))


def moderator_on(server: Server, browser: Browser) -> Moderating:
    """Somebody who has become a superuser, added a key and shown it."""
    name = f"moderator{next(NAMES)}"
    known = member(server, name)
    inside.query(server, "UPDATE accounts_user SET is_superuser = ? WHERE username = ?", True, name)
    with holder(server, browser) as person:
        cookies = person.page.context
        cookies.add_cookies([{"name": "session", "value": known.client.cookies["session"], "url": person.url}])
        person.add_key("first", passkey=False)
        person.go("/admin/")
        person.page.get_by_role("button", name="Use a security key").click()
        person.page.wait_for_url("**/admin/")
        (session,) = [each["value"] for each in cookies.cookies() if each["name"] == "session"]
    visitor = Moderating(server)
    visitor.name = name
    visitor.client.cookies.set("session", session, domain=urlsplit(server.url).hostname or "")
    return visitor


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An index of its own: flags hold for all of it."""
    with serving(tmp_path_factory.mktemp("moderated"), ENTREPOT_PROXIES="1") as running:
        yield running


@pytest.fixture(autouse=True)
def not_too_often(index: Server) -> None:
    """Here one person does what many do elsewhere: what was counted is forgotten."""
    inside.query(index, "DELETE FROM accounts_counter")


@pytest.fixture(scope="module")
def moderator(index: Server, browser: Browser) -> Moderating:
    return moderator_on(index, browser)


@pytest.fixture(scope="module")
def owner(index: Server) -> Visitor:
    return member(index, next(NAMES))


def publish(server: Server, name: str, user: str, version: str = "1.0") -> Answer:
    built = forge.wheel(name, version)
    token = server.new_token(user, "--may", "upload", "--may", "manage")
    return upload(server, built.filename, built.data, name=name, version=version, token=token)


@pytest.fixture
def project(index: Server, owner: Visitor) -> str:
    name = next(NAMES)
    assert publish(index, name, owner.name).status == 200
    return name


def recorded(server: Server, action: str) -> list[tuple[object, ...]]:
    """By whom, with what and why it was done, the last first."""
    return inside.query(
        server,
        "SELECT users.username, event.credential, event.details FROM accounts_event AS event "
        "LEFT JOIN accounts_user AS users ON users.id = event.by WHERE action = ? ORDER BY event.id DESC",
        action,
    )


def journaled(server: Server, project: str) -> list[tuple[object, ...]]:
    """What was done to a project, by whom and why, the last first."""
    return inside.query(
        server,
        "SELECT action, username, reason, substr(credential, 1, 10) FROM journal_entry "
        "LEFT JOIN accounts_user ON accounts_user.id = by_id WHERE name = ? ORDER BY serial DESC",
        project,
    )


def age_key(server: Server, visitor: Visitor, *, minutes: float) -> None:
    """Let the security key have been shown so much earlier, and nothing else."""
    secret = (server.data / "secret").read_text().strip()
    key = visitor.client.cookies["session"].partition(".")[0]
    ((data,),) = inside.query(server, "SELECT session_data FROM django_session WHERE session_key = ?", key)
    sealed: dict[str, Any] = {
        "key": secret,
        "salt": "django.contrib.sessions.SessionStore",
        "serializer": JSONSerializer,
    }
    session = signing.loads(str(data), **sealed)
    for each in session["account_authentication_methods"]:
        each["at"] -= 60 * minutes if each.get("type") == "webauthn" else 0
    packed = signing.dumps(session, **sealed, compress=True)
    inside.query(server, "UPDATE django_session SET session_data = ? WHERE session_key = ?", packed, key)


class TestWhoGetsIn:
    def test_nobody_by_staff_alone(self, index: Server) -> None:
        """E10: nor a superuser without a key; to others there is no such page."""
        person = member(index, next(NAMES))
        inside.query(index, "UPDATE accounts_user SET is_staff = ? WHERE username = ?", True, person.name)
        for path in ("/admin/", "/admin/accounts/user/", "/admin/nothing/", "/admin/login/"):
            assert person.get(path).status_code == 404, path
        inside.query(index, "UPDATE accounts_user SET is_superuser = ? WHERE username = ?", True, person.name)
        answer = person.client.get("/admin/", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (302, "/account/2fa/webauthn/")

    def test_a_key_that_was_shown_long_ago_is_shown_again(self, index: Server, browser: Browser) -> None:
        """E10: whatever else was shown meanwhile."""
        person = moderator_on(index, browser)
        assert person.get("/admin/").status_code == 200
        age_key(index, person, minutes=16)
        again = "/account/2fa/webauthn/reauthenticate/?next=%2Fadmin%2F"
        assert person.client.get("/admin/", follow_redirects=False).headers["location"] == again
        age_key(index, person, minutes=-16)
        assert person.client.get("/admin/login/", follow_redirects=False).headers["location"] == "/account/login/"
        assert person.client.get("/admin/logout/", follow_redirects=False).headers["location"] == "/account/logout/"
        assert person.get("/admin/accounts/").status_code == 200
        inside.query(index, "UPDATE accounts_user SET is_superuser = ? WHERE username = ?", False, person.name)
        assert person.get("/admin/").status_code == 404

    def test_nothing_is_written_past_the_actions(self, moderator: Moderating, owner: Visitor) -> None:
        """E04, E06: there is no page to add, change or delete a row, and an address asks for no digest."""
        (key,) = moderator.rows("accounts/user", owner.name)
        for path in ("add/", f"{key}/delete/", f"{key}/history/"):
            assert moderator.get(f"/admin/accounts/user/{path}").status_code == 404, path
        change = f"/admin/accounts/user/{key}/change/"
        assert moderator.post(change, on="/account/email/", username="mallory").status_code == 403
        page = moderator.get(change)
        assert (page.status_code, "argon2" in page.text, owner.name in page.text) == (200, False, True)
        assert moderator.get("/admin/accounts/user/?password__startswith=argon2").status_code == 400

    def test_what_there_is_not(self, moderator: Moderating) -> None:
        for path in ("accounts/user/do/nothing/1/", "accounts/user/do/freeze/none/", "accounts/flag/do/nothing/"):
            assert moderator.get(f"/admin/{path}").status_code == 404, path


TABLES = (
    *("accounts/user", "accounts/event", "accounts/prohibitedname", "accounts/flag", "accounts/banner"),
    *("projects/project", "projects/release", "projects/file", "journal/entry"),
)
TIMES = {
    "accounts/user": "date_joined",
    "accounts/event": "at",
    "projects/project": "created_at",
    "projects/release": "created_at",
    "projects/file": "uploaded_at",
    "journal/entry": "at",
}
BEYOND = ("0001-01-01 00:00:00+14:00", "9999-12-31 23:59:59-12:00")  # in UTC, in the year 0 and in the year 10000


class TestOddQuestions:
    """Whatever an address or a form says is answered: what cannot be understood is a 400, what there is not a 404."""

    @pytest.mark.parametrize("table", TABLES)
    def test_lists_pass_by_what_they_do_not_know(self, moderator: Moderating, table: str) -> None:
        for query in ("e=1", "o=zzz", "o=99999999999999999999.1.-1", "p=abc", "p=99999999", "all=", "q=%00", "q=%ff"):
            assert moderator.get(f"/admin/{table}/?{query}").status_code == 200, query
        for query in ("zzz=1", "at__foo=1", "pk__regex=(", "_to_field=x"):
            assert moderator.get(f"/admin/{table}/?{query}").status_code == 400, query
        for key in ("9" * 30, "x", "%00", "-1"):
            assert moderator.get(f"/admin/{table}/{key}/change/").status_code == 200, key
            assert moderator.get(f"/admin/{table}/do/delete/{key}/").status_code == 404, key

    @pytest.mark.parametrize("table", TIMES)
    def test_times_that_are_none(self, moderator: Moderating, table: str) -> None:
        time = TIMES[table]
        exports = [f"/admin/{table}/export/"] if table in {"accounts/event", "journal/entry"} else []
        for path in (f"/admin/{table}/", *exports):
            odd = ("gte=x", "gte=", "foo=1", "regex=(", "year=99999", "range=1", "gte__gte=1")
            asked = [f"{path}?{time}__{each}" for each in odd]
            assert {each: moderator.get(each).status_code for each in asked} == dict.fromkeys(asked, 400)
            assert moderator.get(f"{path}?{time}__gte=2026-01-01&{time}__lt=2099-01-01").status_code == 200
            for each in BEYOND:  # which some databases can look for
                assert moderator.get(f"{path}?{time}__gte={quote(each)}").status_code in {200, 400}
        assert "cannot be filtered" in words(moderator.get(f"/admin/{table}/?{time}__gte=x"))

    def test_an_address_of_ten_thousand_rows(self, moderator: Moderating) -> None:
        for keys in (",".join(str(number) for number in range(50_000, 60_000)), ",".join(["0"] * 20_000)):
            assert moderator.get(f"/admin/accounts/user/do/freeze/{keys}/").status_code == 404

    @pytest.mark.parametrize(
        "keys", [["x"], ["\0"], [""], ["9" * 30], ["1,2"], [str(number) for number in range(10_000)]]
    )
    def test_what_was_chosen_is_no_row(self, moderator: Moderating, keys: list[str]) -> None:
        chosen: Any = {"action": "freeze", "index": "0", "_selected_action": keys}
        answer = moderator.post("/admin/accounts/user/", on="/account/email/", **chosen)
        assert answer.status_code in {400, 404}, answer

    def test_what_was_chosen_is_gone(self, moderator: Moderating) -> None:
        chosen = {"action": "freeze", "index": "0", "_selected_action": "0"}
        answer = moderator.post("/admin/accounts/user/", on="/account/email/", **chosen)
        assert (answer.status_code, "is not there any more" in answer.text) == (200, True)

    def test_a_banner_at_a_time_that_no_database_has(self, moderator: Moderating) -> None:
        given = {"reason": WHY, "text": "x", "level": "warning"}
        for time in (*BEYOND, "\0", "x"):
            for field in ("begins_at", "ends_at"):
                page = moderator.post("/admin/accounts/banner/do/put-up/", **given, **{field: time})
                assert page.status_code == 400, (field, time)


class TestUsers:
    def test_all_that_is_known_but_secrets(
        self, index: Server, moderator: Moderating, project: str, owner: Visitor
    ) -> None:
        (key,) = moderator.rows("accounts/user", f"{owner.name}@example.org")
        shown = words(moderator.get(f"/admin/accounts/user/{key}/change/"))
        for text in (
            f"{owner.name}@example.org (verified) (primary)",
            "TOTP",
            "Recovery codes left: 7",
            project,
            "Open",
        ):
            assert text.lower() in shown.lower(), text
        ((token,),) = inside.query(index, "SELECT id FROM accounts_token WHERE user_id = ? LIMIT 1", int(key))
        assert str(token).replace("-", "") in shown.replace("-", "")

    def test_each_action_with_its_record(self, index: Server, moderator: Moderating) -> None:
        name = next(NAMES)
        person = member(index, name)
        (key,) = moderator.rows("accounts/user", name)
        asked = moderator.post(f"/admin/accounts/user/do/freeze/{key}/")
        assert (asked.status_code, "This field is required" in words(asked)) == (400, True)
        assert "Freeze: " + name + ". Done." in moderator.does("accounts/user", "freeze", key)
        (by, credential, details), *_ = recorded(index, "account:freeze")
        assert (by, str(credential).split()[0], WHY in str(details)) == (moderator.name, "moderator", True)
        assert "/account/login/" in str(person.get("/account/").url)
        assert "frozen" in words(moderator.get(f"/admin/accounts/user/?q={name}"))
        assert "is frozen already" in moderator.does("accounts/user", "freeze", key)
        assert "Done." in moderator.does("accounts/user", "thaw", key)
        index.new_token(name)
        inside.query(index, "UPDATE accounts_token SET by_operator = ? WHERE user_id = ?", False, int(key))
        assert "Done." in moderator.does("accounts/user", "revoke-tokens", key)
        assert inside.query(index, "SELECT 1 FROM accounts_token WHERE user_id = ?", int(key)) == []
        assert "Done." in moderator.does("accounts/user", "reset-factors", key)
        assert recorded(index, "factor:reset")[0][0] == moderator.name
        assert "Done." in moderator.does("accounts/user", "rename", key, name=f"{name}b")
        assert WHY in str(recorded(index, "account:rename")[0][2])
        assert "Done." in moderator.does("accounts/user", "delete", key)
        assert recorded(index, "account:delete")[0][0] == moderator.name
        assert "deleted" in words(moderator.get(f"/admin/accounts/user/?q={name}b"))

    def test_several_at_once(self, index: Server, moderator: Moderating) -> None:
        """Each tells what became of it, and one that cannot be changed keeps no other from it."""
        stem = next(NAMES)
        for letter in "ab":
            newcomer(index, f"{stem}{letter}")
        keys = moderator.rows("accounts/user", stem)
        assert "Done." in moderator.does("accounts/user", "freeze", keys[0])
        page = moderator.get(f"/admin/accounts/user/?q={stem}")
        sent = {"action": "freeze", "index": "0", "csrfmiddlewaretoken": token_of(page), "_selected_action": keys}
        ask = moderator.client.post(str(page.url), data=sent)
        assert (ask.status_code, f"{stem}a" in words(ask), f"{stem}b" in words(ask)) == (200, True, True)
        told = words(moderator.post_here(ask, reason=WHY))
        assert (told.count("Done."), told.count("is frozen already")) == (1, 1)
        page = moderator.get("/admin/accounts/user/")
        sent["csrfmiddlewaretoken"] = token_of(page)
        assert moderator.get(f"/admin/accounts/user/do/rename/{','.join(keys)}/").status_code == 404

    def test_too_many_at_once(self, index: Server, moderator: Moderating) -> None:
        rows = [(f"crowd{number}", f"crowd{number}@example.org") for number in range(101)]
        for name, address in rows:
            inside.query(
                index,
                "INSERT INTO accounts_user (username, email, password, is_superuser, is_staff, is_active, date_joined) "
                "VALUES (?, ?, '', ?, ?, ?, '2020-01-01 00:00:00+00:00')",
                *(name, address, False, False, True),
            )
        page = moderator.get("/admin/accounts/user/?q=crowd")
        keys = re.findall(r'name="_selected_action" value="(\d+)"', page.text)
        sent = {"action": "freeze", "index": "0", "select_across": "1", "csrfmiddlewaretoken": token_of(page)}
        told = moderator.client.post(str(page.url), data={**sent, "_selected_action": keys})
        assert "100 at once at the most" in words(told)

    def test_nothing_is_half_done(self, index: Server, moderator: Moderating) -> None:
        name = next(NAMES)
        newcomer(index, name)
        (key,) = moderator.rows("accounts/user", name)
        with inside.unrecorded(index, "account:freeze"):
            assert "Nothing of it was changed" in moderator.does("accounts/user", "freeze", key)
        assert "is not frozen" in moderator.does("accounts/user", "thaw", key)


class TestProjects:
    def test_quarantine_and_back(self, index: Server, moderator: Moderating, project: str) -> None:
        (key,) = moderator.rows("projects/project", project)
        assert "Done." in moderator.does("projects/project", "quarantine", key)
        assert index.page(project)["files"] == []
        assert journaled(index, project)[0] == ("project quarantined", moderator.name, WHY, "moderator ")
        assert "Done." in moderator.does("projects/project", "lift", key)
        assert len(index.page(project)["files"]) == 1
        assert "is not quarantined" in moderator.does("projects/project", "lift", key)
        assert "Done." in moderator.does("projects/project", "archive", key)
        assert "is archived already" in moderator.does("projects/project", "archive", key)

    def test_what_readers_see_later(self, index: Server, moderator: Moderating, project: str) -> None:
        (key,) = moderator.rows("projects/project", project)
        with inside.obstructed(index.data, project):
            assert "readers will see it in moments" in moderator.does("projects/project", "quarantine", key)
        inside.eventually(lambda: index.page(project)["files"] == [])

    def test_roles(self, index: Server, moderator: Moderating, project: str, owner: Visitor) -> None:
        (key,) = moderator.rows("projects/project", project)
        other = next(NAMES)
        newcomer(index, other)
        assert "Done." in moderator.does("projects/project", "add-role", key, user=other, role="Owner")
        assert journaled(index, project)[0][:3] == (f"add Owner {other}", moderator.name, WHY)
        assert "has a role" in moderator.does("projects/project", "add-role", key, user=other, role="Maintainer")
        assert "Done." in moderator.does("projects/project", "remove-role", key, user=owner.name)
        assert journaled(index, project)[0][:3] == (f"remove Owner {owner.name}", moderator.name, WHY)
        assert "last owner" in moderator.does("projects/project", "remove-role", key, user=other)

    def test_the_page_of_one(self, moderator: Moderating, project: str, owner: Visitor) -> None:
        page = f"/account/projects/{project}/"
        owner.post(f"{page}invite/", on=page, user="alice", role="Maintainer")
        (key,) = moderator.rows("projects/project", project)
        shown = words(moderator.get(f"/admin/projects/project/{key}/change/"))
        for text in (
            f"{owner.name} (Owner)",
            "alice (Maintainer)",
            "Largest file: 2048 MB",
            "10240 MB",
            "new release 1.0",
        ):
            assert text in shown, text

    def test_releases_and_files(self, index: Server, moderator: Moderating, project: str) -> None:
        (release,) = moderator.rows("projects/release", project)
        (file,) = moderator.rows("projects/file", project)
        for table, key in (("projects/release", release), ("projects/file", file)):
            assert "Done." in moderator.does(table, "yank", key)
            assert index.page(project)["files"][0]["yanked"] == WHY
            assert WHY in words(moderator.get(f"/admin/{table}/{key}/change/"))
            assert "Done." in moderator.does(table, "unyank", key)
        assert "Done." in moderator.does("projects/file", "delete", file)
        assert journaled(index, project)[0][1:3] == (moderator.name, WHY)
        assert "Done." in moderator.does("projects/release", "delete", release)
        assert journaled(index, project)[0][:3] == ("remove release", moderator.name, WHY)
        (key,) = moderator.rows("projects/project", project)
        assert "Done." in moderator.does("projects/project", "delete", key)
        assert journaled(index, project)[0][:3] == ("remove project", moderator.name, WHY)
        assert "There is no project named" in moderator.does("projects/project", "delete", key)

    def test_limits(self, index: Server, moderator: Moderating, project: str, owner: Visitor) -> None:
        (key,) = moderator.rows("projects/project", project)
        big = forge.wheel(project, "2.0", files={f"{project}/x.bin": secrets.token_bytes(2 << 20)})
        token = index.new_token(owner.name)
        assert "Done." in moderator.does("projects/project", "limit", key, file_size="1")
        answer = upload(index, big.filename, big.data, name=project, version="2.0", token=token)
        assert (answer.status, answer.reason) == (413, f"File too large. Limit for '{project}' is 1 MB.")
        assert "Done." in moderator.does("projects/project", "limit", key, total_size="1")
        answer = upload(index, big.filename, big.data, name=project, version="2.0", token=token)
        assert "total size is 0.000976562 GB" in answer.reason
        assert WHY in str(recorded(index, "project:limits")[0][2])
        asked = moderator.post(f"/admin/projects/project/do/limit/{key}/", reason=WHY, file_size="999999999")
        assert asked.status_code == 400
        assert "Done." in moderator.does("projects/project", "limit", key)
        assert upload(index, big.filename, big.data, name=project, version="2.0", token=token).status == 200


class TestNames:
    def test_nobody_takes_a_prohibited_one(self, index: Server, moderator: Moderating, owner: Visitor) -> None:
        """G03: nor one that looks like it; a reserved one is for one user."""
        bad, kept = next(NAMES), next(NAMES)
        given = {"kind": "project", "reserved_for": ""}
        told = moderator.uses("accounts/prohibitedname", "prohibit", names=f"{bad}\n\n{bad}l\n!\n", **given)
        assert (told.count("Done."), told.count("Not done")) == (2, 1)
        told = moderator.uses("accounts/prohibitedname", "prohibit", names=bad, **given)
        assert "on the list already" in told
        for name in (bad, f"{bad}1"):
            answer = publish(index, name, owner.name)
            assert (answer.status, "no project may have it" in answer.reason) == (400, True), answer
        moderator.uses("accounts/prohibitedname", "prohibit", names=kept, kind="project", reserved_for=owner.name)
        answer = publish(index, kept, "alice")
        assert (answer.status, "kept for somebody else" in answer.reason) == (400, True), answer
        assert publish(index, kept, owner.name).status == 200
        assert owner.name in words(moderator.get(f"/admin/accounts/prohibitedname/?q={kept}"))
        (key,) = moderator.rows("accounts/prohibitedname", f"{bad}l")
        assert "Done." in moderator.does("accounts/prohibitedname", "allow", key)
        assert moderator.rows("accounts/prohibitedname", f"{bad}l") == []
        assert {str(each[0]) for each in recorded(index, "name:prohibit")} == {moderator.name}

    def test_of_users(self, index: Server, moderator: Moderating) -> None:
        name, keeper = next(NAMES), member(index, next(NAMES))
        moderator.uses("accounts/prohibitedname", "prohibit", names=name, kind="user", reserved_for=keeper.name)
        other = member(index, next(NAMES))
        refused = other.post("/account/name/", name=name)
        assert "not for people" in words(refused)
        inside.query(
            index, "UPDATE accounts_user SET date_joined = ? WHERE username = ?", inside.ago(days=99), keeper.name
        )
        assert name in words(keeper.post("/account/name/", name=name))

    def test_what_the_form_takes(self, moderator: Moderating) -> None:
        page = moderator.post(
            "/admin/accounts/prohibitedname/do/prohibit/",
            names="\n".join(f"many{number}" for number in range(101)),
            kind="project",
            reserved_for="nobody-of-this-name",
            reason=WHY,
        )
        assert page.status_code == 400
        assert "At most 100 names" in words(page)
        assert "no user of that name" in words(page)

    def test_by_command(self, index: Server, owner: Visitor) -> None:
        name = next(NAMES)
        done = index.command("names", "prohibit", name, "--reason", WHY)
        assert done.stdout == f"Nobody may take {name}.\n"
        done = index.command(
            "names", "prohibit", name, f"{name}z", "--reason", WHY, "--reserved-for", "alice", check=False
        )
        assert (done.returncode, "on the list already" in done.stderr) == (1, True)
        assert done.stdout == f"Only alice may take {name}z.\n"
        assert publish(index, name, owner.name).status == 400


class TestFlags:
    @pytest.fixture(autouse=True)
    def off_in_the_end(self, index: Server) -> Iterator[None]:
        yield
        inside.query(index, "DELETE FROM accounts_flag")

    def turn_on(self, moderator: Moderating, flag: str) -> None:
        assert "Done." in moderator.uses("accounts/flag", "turn-on", flag=flag)

    def test_registrations(self, index: Server, moderator: Moderating) -> None:
        self.turn_on(moderator, "no-registrations")
        answer = Visitor(index).get("/account/signup/")
        assert (answer.status_code, "Nobody can register at this moment" in answer.text) == (503, True)
        assert "retry-after" in answer.headers
        in_german = {"Accept-Language": "de"}
        answer = Visitor(index).client.get("/account/signup/", headers=in_german)
        assert "Im Moment kann sich niemand registrieren" in answer.text
        for path in ("/admin/accounts/flag/", "/admin/accounts/flag/do/turn-on/"):
            assert "Niemand kann sich registrieren." in moderator.client.get(path, headers=in_german).text, path
        assert recorded(index, "flag:on")[0][0] == moderator.name
        (key,) = moderator.rows("accounts/flag", "")
        assert "is on already" in moderator.uses("accounts/flag", "turn-on", flag="no-registrations")
        assert "Done." in moderator.does("accounts/flag", "turn-off", key)
        assert recorded(index, "flag:off")[0][0] == moderator.name
        assert Visitor(index).get("/account/signup/").status_code == 200

    def test_new_projects(self, index: Server, moderator: Moderating, project: str, owner: Visitor) -> None:
        self.turn_on(moderator, "no-new-projects")
        assert publish(index, next(NAMES), owner.name).status == 503
        assert publish(index, project, owner.name, "1.1").status == 200

    def test_uploads(self, index: Server, moderator: Moderating, project: str, owner: Visitor) -> None:
        self.turn_on(moderator, "no-uploads")
        answer = publish(index, project, owner.name, "1.1")
        assert (answer.status, "Uploads are not taken at this moment" in answer.reason) == (503, True)
        assert answer.headers["retry-after"] == "30"

    def test_deletions(self, index: Server, moderator: Moderating, project: str, owner: Visitor) -> None:
        """Moderators go on."""
        self.turn_on(moderator, "no-deletions")
        token = index.new_token(owner.name, "--may", "manage", "--may", "yank")
        auth, base = {"Authorization": f"Bearer {token}"}, f"/api/v1/projects/{project}"
        file = forge.wheel(project, "1.0").filename
        for path in (f"{base}/releases/1.0/files/{file}", f"{base}/releases/1.0", base):
            answer = index.request("DELETE", path, headers=auth)
            assert (answer.status, answer.json()["code"]) == (503, "deletions-paused"), path
        assert index.request("PUT", f"{base}/releases/1.0/yank", b"{}", auth).status == 200
        (key,) = moderator.rows("projects/project", project)
        assert "Done." in moderator.does("projects/project", "delete", key)

    def test_read_only(self, index: Server, moderator: Moderating, project: str, owner: Visitor) -> None:
        """Reading and signing in go on, and so do moderators."""
        self.turn_on(moderator, "read-only")
        assert publish(index, project, owner.name, "1.1").status == 503
        token = index.new_token(owner.name, "--may", "manage", "--may", "read")
        auth = {"Authorization": f"Bearer {token}"}
        answer = index.request("PUT", f"/api/v1/projects/{project}/status", b'{"status": "archived"}', auth)
        assert (answer.status, answer.json()["code"]) == (503, "read-only")
        assert index.request("GET", f"/api/v1/projects/{project}", headers=auth).status == 200
        refused = owner.post("/account/profile/", display_name="x", public_email="")
        assert (refused.status_code, "can be read, but not changed" in refused.text) == (503, True)
        other = Visitor(index)
        other.codes = owner.codes
        assert other.sign_in(owner.name).status_code == 200
        assert other.get("/account/").status_code == 200

    def test_by_command(self, index: Server) -> None:
        assert index.command("flag", "on", "no-uploads", "--reason", WHY).stdout.startswith("no-uploads is on.")
        listed = index.command("flag", "list").stdout.splitlines()
        assert len(listed) == 5
        assert next(line for line in listed if line.startswith("on")).endswith(f"by the operator: {WHY}")
        assert index.command("flag", "off", "no-uploads", "--reason", WHY).stdout == "no-uploads is off.\n"
        assert "off already" in index.command("flag", "off", "no-uploads", "--reason", WHY, check=False).stderr


class TestRecord:
    def test_it_is_searched_and_taken_along(self, moderator: Moderating, project: str, owner: Visitor) -> None:
        assert owner.name in words(moderator.get(f"/admin/accounts/event/?q={owner.name}"))
        assert words(moderator.get("/admin/accounts/event/?q=sign-in")).count("sign-in") > 1
        assert moderator.rows("accounts/event", owner.address) != []
        told = moderator.get(f"/admin/accounts/event/export/?q={owner.name}").json()["events"]
        assert {"sign-in", "account:create"} <= {each["action"] for each in told}
        (key, *_) = moderator.rows("accounts/event", owner.name)
        assert moderator.get(f"/admin/accounts/event/{key}/change/").status_code == 200
        found = moderator.rows("journal/entry", project)
        assert len(found) == 4
        assert len(moderator.rows("journal/entry", "create")) >= 1
        assert len(moderator.rows("journal/entry", "")) >= 4
        told = moderator.get(f"/admin/journal/entry/export/?q={project}").json()["events"]
        assert {each["project"] for each in told} == {project}
        link = re.findall(r'href="([^"]*/export/[^"]*)"', moderator.get(f"/admin/journal/entry/?q={project}").text)
        assert link == [f"/admin/journal/entry/export/?q={project}"]


class TestBanners:
    def test_all_pages_say_it(self, own_server: Server, browser: Browser) -> None:
        """In the reader's language where it is known, and nothing of who reads."""
        with serving(own_server.data.parent / "other", ENTREPOT_PROXIES="1") as server:
            person = moderator_on(server, browser)
            told = person.uses(
                "accounts/banner",
                "put-up",
                text="Uploads stop at noon",
                others="en: Uploads stop at twelve\n",
                level="warning",
                link="https://index.example/news",
            )
            assert "Done." in told
            inside.eventually(lambda: "Uploads stop at noon" in server.get("/").text, within=60)
            (key,) = person.rows("accounts/banner", "")
            assert "Done." in person.does("accounts/banner", "take-down", key)
            assert "is over already" in person.does("accounts/banner", "take-down", key)
            assert {each[0] for each in recorded(server, "banner:take-down")} == {person.name}
            with visit(browser, server.url) as page:
                results = Axe().run(page)
                assert results.violations_count == 0, results.generate_report()

    def test_what_the_form_takes(self, moderator: Moderating) -> None:
        page = moderator.post(
            "/admin/accounts/banner/do/put-up/", reason=WHY, text="x", others="tlh: nuqneH", level="warning"
        )
        assert (page.status_code, "names no language of the site" in words(page)) == (400, True)
        told = moderator.uses("accounts/banner", "put-up", text="x", level="warning", ends_at="2020-01-01 00:00")
        assert "over before anybody sees it" in told


def test_axe_and_the_content_policy_find_nothing(
    index: Server, moderator: Moderating, project: str, browser: Browser
) -> None:
    """Django's own pages and ours, light and dark: no script or style of theirs is inline."""
    assert "Done." in moderator.uses("accounts/flag", "turn-on", flag="no-registrations")
    paths = [
        "/admin/",
        "/admin/accounts/",
        "/admin/accounts/user/",
        "/admin/projects/project/",
        "/admin/accounts/event/",
    ]
    (key,) = moderator.rows("projects/project", project)
    paths += [f"/admin/projects/project/{key}/change/", f"/admin/projects/project/do/limit/{key}/"]
    paths += ["/admin/accounts/flag/", "/admin/accounts/prohibitedname/do/prohibit/", "/admin/journal/entry/?q=create"]
    SHOTS.mkdir(parents=True, exist_ok=True)
    wrong = []
    with visit(browser, index.url, DESKTOP) as page:
        session = moderator.client.cookies["session"]
        page.context.add_cookies([{"name": "session", "value": session, "url": index.url}])
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for path in paths:
                answer = page.goto(index.url + path)
                assert answer is not None
                assert answer.status == 200, path
                # Without fetching style sheets anew, which axe cannot do with those that import others.
                results = Axe().run(page, options={"preload": False})
                if results.violations_count:
                    wrong.append(f"{scheme} {path}\n{results.generate_report()}")
                name = re.sub(r"\W+", "-", path).strip("-")
                page.screenshot(path=SHOTS / f"{name}-{scheme}.png", full_page=True)
    inside.query(index, "DELETE FROM accounts_flag")
    assert wrong == [], "\n".join(wrong)


def test_somebody_is_frozen_by_keyboard_and_mouse(index: Server, moderator: Moderating, browser: Browser) -> None:
    """The journey: found, chosen, asked why, done, told."""
    name = next(NAMES)
    newcomer(index, name)
    with visit(browser, index.url, DESKTOP) as page:
        session = moderator.client.cookies["session"]
        page.context.add_cookies([{"name": "session", "value": session, "url": index.url}])
        page.goto(f"{index.url}/admin/accounts/user/")
        page.locator("#searchbar").fill(name)
        page.keyboard.press("Enter")
        page.get_by_role("link", name=name).wait_for()
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option("freeze")
        page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()
        page.get_by_label("Reason").fill(WHY)
        page.get_by_role("button", name="Freeze").click()
        page.get_by_text(f"Freeze: {name}. Done.").wait_for()
