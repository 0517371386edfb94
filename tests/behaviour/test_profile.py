"""Who people are: profiles, names, taking one's data along, leaving, and what the operator does about accounts.

The ids are those of the threats that a test is about.
"""

import itertools
import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

import inside
from archives import forge
from serving import PASSWORD, Server
from uploading import upload
from visiting import Visitor, letters, member, newcomer, token_of, words

_count = itertools.count(1)


def fresh(kind: str = "person") -> str:
    return f"{kind}{next(_count):04}"


@pytest.fixture(scope="session")
def bob(site: Server) -> Visitor:
    """Somebody who changes nothing that other tests look at."""
    return member(site, "bob")


def owner(server: Server, name: str) -> str:
    """Let the user own a new project."""
    project = fresh("owned")
    built = forge.wheel(project)
    token = server.new_token(name)
    assert upload(server, built.filename, built.data, name=project, version="1.0", token=token).status == 200
    return project


def give(server: Server, project: str, name: str, role: str) -> None:
    """A role, as the page of roles would."""
    ids = f"SELECT ?, id, ?, '2026-01-01' FROM accounts_user WHERE username = '{name}'"  # noqa: S608
    inside.query(
        server,
        f"INSERT INTO projects_role (project_id, user_id, name, at) {ids}",
        inside.project_id(server, project),
        role,
    )


def user_id(server: Server, name: str) -> int:
    ((found,),) = inside.query(server, "SELECT id FROM accounts_user WHERE username = ?", name)
    return int(str(found))


def recorded(server: Server, name: str) -> list[tuple[str, dict[str, object]]]:
    """The actions that are recorded of the account, and their details."""
    rows = inside.query(
        server, 'SELECT action, details FROM accounts_event WHERE "user" = ? ORDER BY id', user_id(server, name)
    )
    return [(str(action), json.loads(told) if isinstance(told, str) else dict(told)) for action, told in rows]  # type: ignore[call-overload]


def roles(server: Server, project: str) -> list[tuple[str, str]]:
    """Who has which role, as programs read it."""
    told = server.get(f"/pypi/{project}/json").json()["ownership"]["roles"]
    return [(each["role"], each["user"]) for each in told]


class TestProfile:
    def test_what_is_shown_of_oneself(self, site: Server) -> None:
        name = fresh()
        person, project = member(site, name), owner(site, name)
        page = Visitor(site).get(f"/user/{name}/")
        assert (page.status_code, page.headers["cache-control"]) == (200, "public, max-age=0, must-revalidate")
        assert name in words(page)
        assert f"{project} Owner Last release 1.0" in words(page)
        assert "@" not in words(page)
        done = person.post(
            "/account/profile/", display_name="  Ada\u200d  L\u00f6w ", public_email=f"{name}@example.org"
        )
        assert "This is how everybody sees you now." in words(done)
        assert 'value="Ada\u200d Löw"' in done.text
        shown = Visitor(site).get(f"/user/{name}/")
        assert '<h1 dir="auto">Ada\u200d Löw</h1>' in shown.text
        assert f'href="mailto:{name}@example.org"' in shown.text
        details = {"display_name": "Ada\u200d Löw", "public_email": f"{name}@example.org"}
        assert recorded(site, name)[-1] == ("account:profile", details)
        site.command("status", project, "archived")
        assert f"{project} Owner archived" in words(Visitor(site).get(f"/user/{name}/"))
        site.command("status", project, "quarantined")
        assert project not in Visitor(site).get(f"/user/{name}/").text

    def test_an_address_is_public_while_it_is_verified_only(self, site: Server) -> None:
        name = fresh()
        person = member(site, name)
        address = f"{name}@example.org"
        assert "Select a valid choice" in words(person.post("/account/profile/", public_email="bob@example.org"))
        person.post("/account/profile/", public_email=address)
        assert address in Visitor(site).get(f"/user/{name}/").text
        inside.query(site, "UPDATE account_emailaddress SET verified = ? WHERE email = ?", False, address)
        assert address not in Visitor(site).get(f"/user/{name}/").text

    @pytest.mark.parametrize(
        "given",
        [
            *(
                "http://spam.example",
                "evil\u202egnp.exe",
                "zero\u200bwidth",
                "isolate\u2066",
                "\ufeffmark",
                "a\x07bell",
            ),
            *("x" * 101, "private\ue000", "line\u2028two"),
        ],
    )
    def test_a_name_that_says_something_else_than_it_seems_to(self, bob: Visitor, given: str) -> None:
        """A17"""
        page = bob.post("/account/profile/", display_name=given)
        if given == "line\u2028two":
            assert 'value="line two"' in page.text
        else:
            assert "errorlist" in page.text
            assert given not in Visitor(bob.server).get("/user/bob/").text

    @pytest.mark.usefixtures("bob")
    def test_a_picture_of_ones_own(self, site: Server) -> None:
        page = Visitor(site).get("/user/bob/")
        assert 'src="/user/bob/avatar.svg"' in page.text
        answer = Visitor(site).get("/user/bob/avatar.svg")
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
            "image/svg+xml",
            "public, max-age=86400",
        )
        assert "set-cookie" not in answer.headers
        assert ["".join(each.itertext()) for each in ET.fromstring(answer.text)] == ["", "B"]  # noqa: S314
        other = Visitor(site)
        other.client.follow_redirects = False
        moved = other.get("/user/BOB/avatar.svg")
        assert (moved.status_code, moved.headers["location"]) == (301, "/user/bob/avatar.svg")

    @pytest.mark.parametrize("name", ["nobody-at-all", "-x", "a" * 51, "\u0131", "%00"])
    def test_nobody(self, site: Server, name: str) -> None:
        """A14"""
        assert Visitor(site).get(f"/user/{name}/").status_code == 404

    @pytest.mark.parametrize("page", ["profile", "name", "events", "export", "delete"])
    def test_for_oneself_only(self, site: Server, page: str) -> None:
        stranger = Visitor(site)
        stranger.client.follow_redirects = False
        answer = stranger.get(f"/account/{page}/")
        assert (answer.status_code, answer.headers["location"]) == (302, f"/account/login/?next=/account/{page}/")


class TestNames:
    def test_links_follow_and_so_do_projects(self, site: Server) -> None:
        """A23"""
        name, other = fresh(), fresh("renamed")
        person, project = member(site, name), owner(site, name)
        page = person.post("/account/name/", name=other)
        assert "This is your name now." in words(page)
        assert f"Signed in as {other}" in words(page)
        assert recorded(site, other)[-1] == ("account:rename", {"old": name, "new": other})
        visitor = Visitor(site)
        visitor.client.follow_redirects = False
        for spelling in (name, other.upper(), name.upper()):
            moved = visitor.get(f"/user/{spelling}/")
            assert (moved.status_code, moved.headers["location"]) == (301, f"/user/{other}/")
        assert roles(site, project) == [("Owner", other)]
        ((action,),) = inside.query(site, "SELECT action FROM journal_entry ORDER BY serial DESC LIMIT 1")
        assert action == f"rename user {name} {other}"
        for login, signed_in in ((name, False), (other, True)):
            tried = Visitor(site)
            tried.codes = person.codes
            page = tried.sign_in(login)
            assert (f"Signed in as {other}" in words(page)) is signed_in
        said = site.command(
            "user", "create", name, "--email", f"x{name}@example.org", "--password-stdin", check=False, stdin=PASSWORD
        )
        assert "belongs to somebody, or did once" in said.stderr

    @pytest.mark.usefixtures("bob")
    def test_once_in_a_month_and_a_refusal_does_not_count(self, site: Server) -> None:
        name = fresh()
        person = member(site, name)
        for wrong, told in (
            ("admin", "not for people"),
            ("b0b", "belongs to somebody"),
            ("BOB", "belongs to somebody"),
            ("bo\u0431", "50 letters from a to z"),
            ("-x", "50 letters from a to z"),
            (name, "your name already"),
        ):
            assert told in words(person.post("/account/name/", name=wrong)), wrong
        assert "once in 30 days" in words(person.get("/account/name/"))
        assert f"Signed in as {name.upper()}" in words(person.post("/account/name/", name=name.upper()))
        again = person.post("/account/name/", name=fresh())
        assert "You changed yours lately." in words(again)
        assert "You can do so again from" in words(again)
        inside.query(site, "UPDATE accounts_event SET at = ? WHERE action = 'account:rename'", inside.ago(days=31))
        assert f"Signed in as {name}" in words(person.post("/account/name/", name=name))

    def test_by_the_operator(self, site: Server) -> None:
        name, other = fresh(), fresh("by-operator")
        newcomer(site, name)
        assert site.command("user", "rename", name, other).stdout == f"{name} is {other} now.\n"
        assert site.command("user", "rename", other, name).stdout == f"{other} is {name} now.\n"
        refused = site.command("user", "rename", name, name, check=False)
        assert (refused.returncode, refused.stderr) == (1, "Error: This is your name already.\n")


class TestExport:
    def test_everything_and_nothing_that_opens_the_account(self, site: Server) -> None:
        name = fresh()
        person, project = member(site, name), owner(site, name)
        person.post("/account/profile/", display_name="A", public_email="")
        answer = person.post("/account/export/")
        assert (answer.headers["content-type"], answer.headers["content-disposition"]) == (
            "application/json",
            f'attachment; filename="{name}.json"',
        )
        assert answer.headers["cache-control"] == "no-store"
        told = answer.json()
        assert (told["user"]["name"], told["user"]["display_name"], told["names"]) == (name, "A", [name])
        assert told["addresses"] == [{"email": f"{name}@example.org", "verified": True, "primary": True}]
        assert [each["kind"] for each in told["factors"]] == ["totp"]
        assert told["recovery_codes_left"] == 7
        assert [each["address"] for each in told["devices"]] == [person.address]
        assert [each["ip"] for each in told["sessions"]] == [person.address]
        assert [each["permissions"] for each in told["tokens"]] == [["upload"]]
        assert told["roles"] == [{"project": project, "role": "Owner"}]
        actions = [each["action"] for each in told["events"]]
        assert (actions[0], actions[-1]) == ("account:export", "account:create")
        assert {"sign-in", "token:create", "create", f"add Owner {name}", "account:profile"} <= set(actions)
        hashes = inside.query(site, "SELECT password FROM accounts_user WHERE username = ?", name)
        for secret in (person.secret, *person.codes, str(hashes[0][0]), *person.client.cookies.values()):
            assert secret not in answer.text

    def test_more_events_than_are_read_together(self, site: Server) -> None:
        name = fresh()
        person = member(site, name)
        number = user_id(site, name)
        since = datetime.now(UTC)
        rows = ", ".join(
            f"('{since + timedelta(microseconds=each):%Y-%m-%d %H:%M:%S.%f+00}', 'told', {number}, 'command', '{{}}')"
            for each in range(1200)
        )
        inside.query(site, f'INSERT INTO accounts_event (at, action, "user", credential, details) VALUES {rows}')  # noqa: S608
        told = person.post("/account/export/").json()["events"]
        assert len(told) > 1200
        assert len({(each["at"], each["action"]) for each in told}) == len(told)
        page = person.get("/account/events/")
        assert "All data was downloaded" in words(page)
        seen = person.get("/account/events/?format=json").json()["events"]
        assert len(seen) == 50
        older = person.client.get("/account/events/", params={"format": "json", "before": seen[-1]["at"]}).json()
        assert [each["at"] for each in older["events"]] == [each["at"] for each in told[50:100]]
        (link,) = [each for each in page.text.split('"') if each.startswith("?before=")]
        assert "told" in words(person.get(f"/account/events/{link}"))
        assert words(person.client.get("/account/events/", params={"before": "2020-01-01T00:00:00+00:00"}))

    @pytest.mark.parametrize("before", ["yesterday", "", "0001-01-01T00:00:00+23:00"])
    def test_no_time(self, bob: Visitor, before: str) -> None:
        answer = bob.client.get("/account/events/", params={"before": before})
        assert (answer.status_code, "The time in this address is none." in words(answer)) == (400, True)

    def test_the_page_asks_before_it_gives(self, bob: Visitor) -> None:
        assert "Nothing in it opens your account." in words(bob.get("/account/export/"))


class TestLeaving:
    @pytest.mark.usefixtures("bob")
    def test_nothing_personal_stays_and_the_name_is_nobodys(self, site: Server) -> None:
        """A03, A23"""
        name = fresh()
        person, project = member(site, name), owner(site, name)
        give(site, project, "bob", "Owner")
        person.post("/account/profile/", display_name="Ada", public_email=f"{name}@example.org")
        token, number = site.new_token(name), user_id(site, name)
        elsewhere = Visitor(site)
        elsewhere.codes = person.codes
        elsewhere.sign_in(name)
        assert "This is not your user name." in words(person.post("/account/delete/", name="bob"))
        gone = person.post("/account/delete/", name=name)
        assert (gone.status_code, str(gone.url)) == (410, f"{site.url}/user/{name}/")
        assert "Nobody else ever gets this name." in words(gone)
        ((display, email, public, active, password),) = inside.query(
            site,
            "SELECT display_name, email, public_email, is_active, password FROM accounts_user WHERE id = ?",
            number,
        )
        assert (display, email, public, active, str(password)[0]) == ("", "", "", 0, "!")
        for table in (
            *("account_emailaddress", "mfa_authenticator", "usersessions_usersession", "projects_role"),
            *("accounts_token", "accounts_device", "accounts_recoverycode"),
        ):
            assert inside.query(site, f"SELECT 1 FROM {table} WHERE user_id = ?", number) == []  # noqa: S608
        for browser in (person, elsewhere):
            assert "/account/login/" in str(browser.get("/account/").url)
        assert "Signed in as" not in words(Visitor(site).sign_in(name))
        built = forge.wheel(project, "2.0")
        refused = upload(site, built.filename, built.data, name=project, version="2.0", token=token)
        assert refused.status == 403
        assert roles(site, project) == [("Owner", "bob")]
        ((action,),) = inside.query(site, "SELECT action FROM journal_entry ORDER BY serial DESC LIMIT 1")
        assert action == f"remove Owner {name}"
        assert "account:delete" in [each[0] for each in recorded(site, name)]
        ((entries,),) = inside.query(site, "SELECT count(*) FROM journal_entry WHERE by_id = ?", number)
        assert int(str(entries)) >= 4
        for again in (name, name.upper(), name.replace("0", "o", 1)):
            page = Visitor(site).post("/account/signup/", **registration(again))
            assert "belongs to somebody, or did once" in words(page) or "already exists" in words(page), again
        for command in (["thaw", name], ["delete", name], ["rename", name, fresh()]):
            assert site.command("user", *command, check=False).returncode == 1
        assert '"action": "account:delete"' in site.command("user", "events", name).stdout

    def test_no_project_is_left_without_an_owner(self, site: Server) -> None:
        """A22"""
        name, frozen = fresh(), fresh()
        person, projects = member(site, name), [owner(site, name), owner(site, name)]
        newcomer(site, frozen)
        give(site, projects[0], frozen, "Owner")
        give(site, projects[1], frozen, "Maintainer")
        site.command("user", "freeze", frozen)
        page = person.post("/account/delete/", name=name)
        assert f"{name} is the only owner of {projects[0]}, {projects[1]}." in words(page)
        assert f"{name} is the only owner" in site.command("user", "delete", name, check=False).stderr
        assert f"Signed in as {name}" in words(person.get("/account/"))
        site.command("user", "thaw", frozen)
        give(site, projects[1], "alice", "Owner")
        assert (
            site.command("user", "delete", name, "--reason", "asked for it").stdout == f"Deleted the account {name}.\n"
        )
        assert recorded(site, name)[-1][1]["reason"] == "asked for it"
        stranger = fresh()
        newcomer(site, stranger)
        built = forge.wheel(projects[0], "2.0")
        claim = upload(
            site, built.filename, built.data, name=projects[0], version="2.0", token=site.new_token(stranger)
        )
        assert claim.status == 403

    def test_somebody_without_projects(self, site: Server) -> None:
        name = fresh()
        newcomer(site, name)
        serial = inside.serial(site)
        person = Visitor(site)
        person.sign_in(name)
        assert person.post("/account/delete/", name=name).status_code == 410
        assert inside.serial(site) == serial


def registration(name: str, **changed: str) -> dict[str, str]:
    """What somebody types who registers."""
    password = "quiet lamp over harbour"
    fields = {"username": name, "email": f"{fresh('mail')}@example.org", "password1": password, "password2": password}
    return {**fields, "homepage": "", **changed}


class TestRegistering:
    @pytest.mark.usefixtures("bob")
    def test_only_what_looks_like_nobody_else(self, site: Server) -> None:
        """A17"""
        for name in ("b0b", "BOB", "b\u043eb", "\uff42ob", "bob\u200b", "bo\u212a", "-bob", "x"):
            page = Visitor(site).post("/account/signup/", **registration(name))
            assert "errorlist" in page.text, name
            assert inside.query(site, "SELECT 1 FROM accounts_user WHERE username = ?", name) == []

    @pytest.mark.parametrize("domain", ["mailinator.com", "MAILINATOR.com", "sub.mailinator.com"])
    def test_addresses_to_be_thrown_away(self, site: Server, bob: Visitor, domain: str) -> None:
        """A16"""
        page = Visitor(site).post("/account/signup/", **registration(fresh(), email=f"me@{domain}"))
        assert "thrown away" in words(page)
        assert "thrown away" in words(bob.post("/account/email/", action_add="", email=f"me@{domain}"))

    @pytest.mark.usefixtures("bob")
    def test_whether_an_address_has_an_account_is_told_by_mail_only(self, site: Server) -> None:
        """A14"""
        answers = []
        for email in ("bob@example.org", f"{fresh()}@example.org"):
            page = Visitor(site).post("/account/signup/", **registration(fresh(), email=email))
            answers.append((page.status_code, str(page.url), words(page).replace(email, "X")))
        assert answers[0] == answers[1]
        assert "You have an account already" in letters(site, "bob@example.org")[-1]

    def test_programs_fall_into_a_trap_that_people_do_not_see(self, site: Server) -> None:
        name = fresh()
        page = Visitor(site).get("/account/signup/")
        assert 'class="trap"' in page.text
        assert " style=" not in page.text
        Visitor(site).post("/account/signup/", **registration(name, homepage="https://spam.example"))
        assert inside.query(site, "SELECT 1 FROM accounts_user WHERE username = ?", name) == []


class TestAddresses:
    @pytest.mark.parametrize(
        "given", ["al\u0131ce.k@example.org", "alice.k@ex\u0430mple.org", "alice.\uff4b@example.org"]
    )
    def test_one_that_looks_like_anothers_gets_no_mail_about_it(self, site: Server, given: str) -> None:
        """A17"""
        name, email = fresh(), f"{fresh()}.alice.k@example.org"
        newcomer(site, name, email=email)
        lookalike = email.replace("alice.k@example.org", given)
        Visitor(site).post("/account/password/reset/", email=lookalike)
        assert [text for text in letters(site, email) if "Your code" in text] == []
        assert not [text for text in letters(site, lookalike) if "Your code" in text]

    def test_it_goes_to_the_address_that_is_kept(self, site: Server) -> None:
        """A17"""
        name, email = fresh(), f"{fresh()}.kk@example.org"
        newcomer(site, name, email=email)
        Visitor(site).post("/account/password/reset/", email=email.replace("kk", "\u212aK"))
        assert "Your code for a new password" in letters(site, email)[-1]

    def test_a_domain_is_kept_as_the_dns_has_it(self, site: Server) -> None:
        """A17"""
        name = fresh()
        Visitor(site).post("/account/signup/", **registration(name, email=f"{name}@bücher.example"))
        kept = f"{name}@xn--bcher-kva.example"
        assert inside.query(site, "SELECT email FROM accounts_user WHERE username = ?", name) == [(kept,)]
        assert "Your code" in letters(site, kept)[-1]
        for domain in ("\uff45xample.org", "-ü.example", "xn--ü.example"):
            page = Visitor(site).post("/account/signup/", **registration(fresh(), email=f"{name}@{domain}"))
            assert "errorlist" in page.text, domain


class TestOperator:
    def test_many_accounts_at_once(self, site: Server) -> None:
        """A02"""
        names = [fresh() for _ in range(3)]
        for name in names:
            newcomer(site, name)
        person = Visitor(site)
        person.sign_in(names[0])
        done = site.command("user", "freeze", *names[:2], "--reason", "stuffing")
        assert done.stdout == f"Froze {names[0]}.\nFroze {names[1]}.\n"
        assert "/account/login/" in str(person.get("/account/").url)
        again = site.command("user", "freeze", *names, check=False)
        assert (again.returncode, again.stdout) == (1, f"Froze {names[2]}.\n")
        assert again.stderr.count("is frozen already") == 2
        page = Visitor(site).get(f"/user/{names[0]}/")
        assert "This account is closed at the moment." in words(page)
        assert site.command("user", "thaw", *names[:1], "nobody-there", check=False).stdout == ""
        assert site.command("user", "thaw", *names).stdout.count("Thawed") == 3
        assert "/account/login/" in str(person.get("/account/").url)

    def test_somebody_who_lost_the_second_factor(self, site: Server) -> None:
        """O-A1.2"""
        name = fresh()
        person = member(site, name)
        assert "--reason" in site.command("user", "reset-factors", name, check=False).stderr
        done = site.command("user", "reset-factors", name, "--reason", "shown in person")
        assert done.stdout == f"{name} has no second factor any more.\n"
        assert recorded(site, name)[-1] == ("factor:reset", {"reason": "shown in person"})
        assert "/account/login/" in str(person.get("/account/").url)
        after = Visitor(site)
        after.sign_in(name)
        assert "This account has no second factor yet" in words(after.get("/account/"))

    def test_the_list_of_users(self, site: Server) -> None:
        name = fresh()
        newcomer(site, name)
        lines = {line.split()[0]: line for line in site.command("user", "list").stdout.splitlines()}
        assert lines["alice"].startswith("alice  alice@example.org  since ")
        assert lines["alice"].endswith("superuser")
        site.command("user", "freeze", name)
        site.command("user", "delete", name)
        other = fresh()
        newcomer(site, other)
        site.command("user", "freeze", other)
        lines = {line.split()[0]: line for line in site.command("user", "list").stdout.splitlines()}
        assert (lines[name].split()[3], lines[other].split()[-1]) == ("deleted", "frozen")


def test_what_is_sent_without_having_been_shown_does_nothing(site: Server, bob: Visitor) -> None:
    """B04"""
    assert token_of(bob.get("/account/delete/"))
    answer = bob.client.post("/account/delete/", data={"name": "bob"})
    assert answer.status_code == 403
    assert "Signed in as bob" in words(bob.get("/account/"))
