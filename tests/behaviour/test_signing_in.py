"""Signing in, and what keeps others from doing it: codes, second factors, new browsers, sessions, limits."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import urlsplit

import pytest

import inside
from serving import PASSWORD, Server, environment_of, serving
from visiting import Visitor, letters, mailed_code, member, newcomer, token_of, totp, words

NAMES = (f"person{number}x" for number in count(100))
WRONG = "The username and/or password you specified are not correct."
NEW = "fifteen quiet green lanterns"


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A site with a mail server, which does not answer: what is written to people stays where tests can read it."""
    data = tmp_path_factory.mktemp("posted")
    with serving(data, ENTREPOT_PROXIES="1", ENTREPOT_MAIL_URL="smtp+plain://127.0.0.1:9") as running:
        yield running


def path_of(answer: object) -> str:
    return urlsplit(str(answer.url)).path  # type: ignore[attr-defined]


def register(visitor: Visitor, name: str, **fields: str) -> object:
    given = {"username": name, "email": f"{name}@example.org", "password1": PASSWORD, "password2": PASSWORD}
    return visitor.post("/account/signup/", **{**given, **fields})


class TestRegistering:
    def test_nothing_before_the_address_is_verified(self, site: Server) -> None:
        """O-A1.1: a code, bound to this browser and address, opens the account; without it there is none."""
        visitor, name = Visitor(site), next(NAMES)
        page = register(visitor, name)
        assert path_of(page) == "/account/confirm-email/"
        for closed in ("/account/", "/account/tokens/", "/account/email/"):
            assert path_of(visitor.get(closed)) == "/account/confirm-email/"
        elsewhere = Visitor(site)
        assert path_of(elsewhere.sign_in(name)) == "/account/confirm-email/"
        code = mailed_code(site, f"{name}@example.org")
        page = visitor.get("/account/confirm-email/")
        assert "Incorrect code" in words(visitor.post_here(page, code="AAAAAA"))
        first = re.findall(r"^ {4}(\S+)$", letters(site, f"{name}@example.org")[0], re.MULTILINE)[0]
        assert code != first
        done = visitor.post_here(visitor.get("/account/confirm-email/"), code=first)
        assert path_of(done) == "/account/"
        again = elsewhere.get("/account/confirm-email/")
        assert path_of(again) != "/account/"

    def test_a_code_is_not_guessed(self, site: Server) -> None:
        """O-A1.1: after three wrong ones it is void."""
        visitor, name = Visitor(site), next(NAMES)
        page = register(visitor, name)
        code = mailed_code(site, f"{name}@example.org")
        for _ in range(3):
            page = visitor.post_here(page, code="AAAAAA")  # type: ignore[arg-type]
        assert path_of(page) != "/account/confirm-email/"
        after = visitor.get("/account/confirm-email/")
        assert path_of(after) == "/account/login/" or "csrfmiddlewaretoken" not in after.text or code not in after.text
        assert path_of(visitor.get("/account/")) == "/account/login/"

    def test_machines_fill_in_what_people_do_not_see(self, site: Server) -> None:
        name = next(NAMES)
        register(Visitor(site), name, homepage="https://spam.example")
        assert inside.query(site, "SELECT 1 FROM accounts_user WHERE username = ?", name) == []

    def test_an_address_that_has_an_account(self, site: Server) -> None:
        """A14: whoever registers with somebody's address sees what everybody sees; the owner is told by mail."""
        owner, name = next(NAMES), next(NAMES)
        newcomer(site, owner)
        page = register(Visitor(site), name, email=f"{owner}@example.org")
        stranger = next(NAMES)
        other = register(Visitor(site), stranger)
        assert (path_of(page), page.status_code) == (path_of(other), other.status_code)  # type: ignore[attr-defined]
        assert "You have an account already" in letters(site, f"{owner}@example.org")[-1]
        assert site.get(f"/user/{name}/").status == site.get(f"/user/{stranger}/").status
        assert path_of(Visitor(site).sign_in(name)) == "/account/confirm-email/"

    def test_an_address_that_somebody_only_says_is_theirs(self, site: Server) -> None:
        """A14: it keeps nobody from registering with it, and proving it."""
        name, squatter = next(NAMES), next(NAMES)
        register(Visitor(site), squatter, email=f"{name}@example.org")
        visitor = Visitor(site)
        register(visitor, name)
        mailed = "\n".join(letters(site, f"{name}@example.org"))
        for code in re.findall(r"^ {4}(\S+)$", mailed, re.MULTILINE):
            visitor.post_here(visitor.get("/account/confirm-email/"), code=code)
        assert path_of(visitor.get("/account/")) == "/account/"

    def test_where_nobody_may_register(self, own_server: Server) -> None:
        own_server.process.terminate()
        own_server.process.wait()
        with serving(own_server.data, ENTREPOT_REGISTRATION="closed") as closed:
            assert "csrfmiddlewaretoken" not in Visitor(closed).get("/account/signup/").text


class TestWhatAnswersTell:
    def test_whether_a_name_exists(self, site: Server) -> None:
        """A14: the same page for a wrong password and for nobody, by name or address."""
        name = next(NAMES)
        newcomer(site, name)
        for end in ("", "@example.org"):
            seen, took = set(), []
            for login in (f"{name}{end}", f"nobody-here{end}"):
                visitor = Visitor(site)
                visitor.get("/account/login/")
                answer = visitor.post("/account/login/", login=login, password="wrong")
                seen.add((answer.status_code, path_of(answer), re.sub(r'value="[^"]*"', "", answer.text)))
                took.append(answer.elapsed.total_seconds())
            assert len(seen) == 1
            assert "not correct" in words(answer)
            assert max(took) < 1.7 * min(took) + 0.1, took  # each has hashed one password

    def test_whether_an_address_is_known(self, site: Server) -> None:
        """A14: asking for a new password looks the same for every address; the mail tells."""
        name = next(NAMES)
        newcomer(site, name)
        pages = {
            (answer.status_code, path_of(answer))
            for each in (f"{name}@example.org", "nobody-at-all@example.org")
            if (answer := Visitor(site).post("/account/password/reset/", email=each))
        }
        assert len(pages) == 1
        assert "There is no account" in letters(site, "nobody-at-all@example.org")[-1]


class TestLimits:
    def test_passwords_are_not_guessed(self, site: Server) -> None:
        """A01, O-A1.5: ten attempts in five minutes, from wherever, in parallel too; then 429 and when to come back."""
        name = next(NAMES)
        newcomer(site, name)
        known = Visitor(site)
        assert path_of(known.sign_in(name)) == "/account/"
        known.post("/account/logout/")
        visitors = [Visitor(site) for _ in range(12)]
        tokens = [token_of(each.get("/account/login/")) for each in visitors]

        def attempt(number: int) -> object:
            fields = {"csrfmiddlewaretoken": tokens[number], "login": name, "password": "wrong"}
            return visitors[number].client.post("/account/login/", data=fields)

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(attempt, range(12)))
        codes = [each.status_code for each in answers]  # type: ignore[attr-defined]
        assert codes.count(429) == 3, codes
        refused = next(each for each in answers if each.status_code == 429)  # type: ignore[attr-defined]
        assert 0 < int(refused.headers["retry-after"]) <= 300  # type: ignore[attr-defined]
        assert '"login";q=10;w=300' in refused.headers["ratelimit-policy"]  # type: ignore[attr-defined]
        assert '"login";r=0;t=' in refused.headers["ratelimit"]  # type: ignore[attr-defined]
        assert Visitor(site).sign_in(name).status_code == 429
        assert path_of(known.sign_in(name)) == "/account/"

    def test_a_name_is_counted_however_it_is_written(self, site: Server) -> None:
        """A01: with blanks around it, or what nobody can type."""
        name = next(NAMES)
        newcomer(site, name)
        codes = [
            Visitor(site)
            .post("/account/login/", login=f"{' ' * (number % 3)}{name}{end}", password="wrong")
            .status_code
            for number, end in enumerate(["", "\0"] * 6)
        ]
        assert codes.count(429) == 2, codes

    def test_second_factors_are_not_guessed(self, site: Server) -> None:
        """A06: five codes in five minutes for one account."""
        person = member(site, next(NAMES))
        other = Visitor(site)
        other.client.cookies = type(other.client.cookies)()
        page = other.post("/account/login/", login=person.name, password=PASSWORD)
        assert path_of(page) == "/account/2fa/authenticate/"
        for _ in range(5):
            assert "Incorrect code" in words(other.post_here(page, code="000000"))
        assert other.post_here(page, code=person.codes[0]).status_code == 429

    def test_after_fifty_wrong_codes_in_a_day(self, site: Server) -> None:
        """A06: no more are taken, and the person is told, once."""
        person = member(site, next(NAMES))
        ((user,),) = inside.query(site, "SELECT id FROM accounts_user WHERE username = ?", person.name)
        uses = str([2**33 - 1] * 50)
        inside.query(
            site,
            "INSERT INTO accounts_counter (name, uses, until) VALUES (?, ?, ?)",
            f"factor-day user {user}",
            uses,
            2.0**33,
        )
        other = Visitor(site)
        page = other.post("/account/login/", login=person.name, password=PASSWORD)
        for _ in range(2):
            assert other.post_here(page, code="000000").status_code == 429
        found = inside.query(site, "SELECT 1 FROM accounts_event WHERE action = 'factor:locked' AND \"user\" = ?", user)
        assert len(found) == 1


class TestSecondFactors:
    def test_a_code_works_once(self, site: Server) -> None:
        """A05: not again, however it is written; nor an earlier one."""
        person = member(site, next(NAMES))
        code = totp(person.secret, steps=1)
        one, two = Visitor(site), Visitor(site)
        pages = [each.post("/account/login/", login=person.name, password=PASSWORD) for each in (one, two)]
        assert path_of(one.post_here(pages[0], code=f"{code[:3]} {code[3:]}")) != "/account/2fa/authenticate/"
        for again in (code, f" {code[:3]}-{code[3:]} ", totp(person.secret)):
            assert "Incorrect code" in words(two.post_here(pages[1], code=again))

    def test_a_code_of_other_letters(self, site: Server) -> None:
        """A05: digits of other scripts are digits; what is none is a wrong code."""
        person = member(site, next(NAMES))
        other = Visitor(site)
        page = other.post("/account/login/", login=person.name, password=PASSWORD)
        assert "Incorrect code" in words(other.post_here(page, code="é"))
        wide = "".join(chr(ord(each) + 0xFEE0) for each in totp(person.secret, steps=1))
        assert path_of(other.post_here(page, code=wide)) == "/account/2fa/trust/"

    def test_a_key_of_another_page_or_of_somebody_else(self, site: Server) -> None:
        """A10, O-A2.2: is not taken."""
        person = member(site, next(NAMES))
        path = "/account/2fa/webauthn/add/"
        origin = f"http://localhost:{urlsplit(site.url).port}"
        for said, answer in (("https://evil.example", "Incorrect code"), (origin, "in use already")):
            data = base64.urlsafe_b64encode(json.dumps({"origin": said}).encode()).decode().rstrip("=")
            credential = {"id": "known", "response": {"clientDataJSON": data}}
            if said == origin:
                ((user,),) = inside.query(site, "SELECT id FROM accounts_user WHERE username = 'alice'")
                inside.query(
                    site,
                    "INSERT INTO mfa_authenticator (user_id, type, data, created_at) VALUES (?, 'webauthn', ?, ?)",
                    *(user, json.dumps({"credential": {"id": "known"}}), "2026-01-01 00:00:00+00:00"),
                )
            page = person.post(path, credential=json.dumps(credential), name="x")
            assert answer in words(page)

    def test_what_a_key_never_sends(self, site: Server) -> None:
        """B18: as deep as it goes."""
        visitor = Visitor(site)
        for nested in ("[" * 100_000, '{"response": {"clientDataJSON": "W1tb"}}'):
            answer = visitor.post("/account/2fa/webauthn/login/", on="/account/login/", credential=nested)
            assert answer.status_code < 500

    def test_clocks_may_differ_by_one_step(self, site: Server) -> None:
        """A07: no more."""
        person = member(site, next(NAMES))
        other = Visitor(site)
        page = other.post("/account/login/", login=person.name, password=PASSWORD)
        for steps in (-2, 3):
            assert "Incorrect code" in words(other.post_here(page, code=totp(person.secret, steps=steps)))

    def test_a_recovery_code_works_once_even_at_once(self, site: Server) -> None:
        """A08: of several who use it in the same moment, one gets in; what is stored is a hash."""
        person = member(site, next(NAMES))
        code = person.codes[0]
        stored = inside.query(site, "SELECT digest FROM accounts_recoverycode")
        assert all(len(str(digest)) == 64 and code.replace("-", "") not in str(digest) for (digest,) in stored)
        others = [Visitor(site) for _ in range(4)]
        pages = [each.post("/account/login/", login=person.name, password=PASSWORD) for each in others]
        with ThreadPoolExecutor(4) as threads:
            done = list(
                threads.map(lambda pair: pair[0].post_here(pair[1], code=code), zip(others, pages, strict=True))
            )
        assert sum(path_of(each) != "/account/2fa/authenticate/" for each in done) == 1

    def test_codes_are_shown_once_and_replaced_as_a_whole(self, site: Server) -> None:
        person = member(site, next(NAMES))
        assert person.codes[0] not in person.get("/account/recovery-codes/").text
        person.post("/account/recovery-codes/")
        stale = person.codes[0]
        page = person.post("/account/recovery-codes/", code=stale)
        assert "none of your codes" in words(page)

    def test_a_public_index_wants_one(self, site: Server) -> None:
        """O-A3.2: no token and no management without a second factor, nor without codes that were kept."""
        name = next(NAMES)
        newcomer(site, name)
        visitor = Visitor(site)
        assert "no second factor yet" in words(visitor.sign_in(name))
        assert path_of(visitor.get("/account/tokens/")) == "/account/2fa/"
        page = visitor.get("/account/2fa/totp/activate/")
        visitor.post_here(page, code=totp(re.findall("<code>([A-Z2-7]+)</code>", page.text)[0]))
        assert path_of(visitor.get("/account/tokens/")) == "/account/recovery-codes/"
        assert "no recovery codes" in words(visitor.get("/account/"))

    def test_who_has_to_set_one_up_is_told_why_and_led_on(self, site: Server) -> None:
        name = next(NAMES)
        newcomer(site, name)
        visitor = Visitor(site)
        visitor.sign_in(name)
        page = visitor.get("/account/projects/?q=demo")
        assert path_of(page) == "/account/2fa/"
        assert "Set up a second factor first" in words(page)
        visitor.post("/account/projects/demo/accept/", on="/account/email/")  # this is lost, and not gone back to
        page = visitor.get("/account/2fa/totp/activate/")
        page = visitor.post_here(page, code=totp(re.findall("<code>([A-Z2-7]+)</code>", page.text)[0]))
        assert path_of(page) == "/account/recovery-codes/"
        assert "You have no recovery codes that you have tried" in words(page)
        page = visitor.post_here(page)
        code = re.findall("^(?:.*<code>)?([0-9a-f]{8}-[0-9a-f]{8})$", page.text, re.MULTILINE)[0]
        page = visitor.post_here(page, code=code)
        assert str(page.url).endswith("/account/projects/?q=demo")

    def test_a_private_index_does_not(self, own_server: Server) -> None:
        own_server.command("policy", "private")
        newcomer(own_server, "bob")
        visitor = Visitor(own_server)
        visitor.sign_in("bob")
        assert path_of(visitor.get("/account/tokens/")) == "/account/tokens/"

    def test_a_browser_can_be_remembered(self, site: Server) -> None:
        """For 30 days it is not asked for a second factor, unless the password or the factors change."""
        person = member(site, next(NAMES))
        other = Visitor(site)
        page = other.post("/account/login/", login=person.name, password=PASSWORD)
        page = other.post_here(page, code=person.codes[0])
        assert path_of(page) == "/account/2fa/trust/"
        assert path_of(other.post_here(page, action="trust")) == "/account/"
        other.post("/account/logout/")
        assert path_of(other.post("/account/login/", login=person.name, password=PASSWORD)) == "/account/"
        other.post("/account/password/change/", oldpassword=PASSWORD, password1=NEW, password2=NEW)
        other.post("/account/logout/")
        assert path_of(other.post("/account/login/", login=person.name, password=NEW)) == "/account/2fa/authenticate/"

    def test_secrets_are_sealed(self, site: Server) -> None:
        """C01: what an authenticator app knows is not in the database for all to read."""
        person = member(site, next(NAMES))
        rows = inside.query(site, "SELECT data FROM mfa_authenticator")
        assert person.secret not in str(rows)


class TestNewBrowsers:
    def test_a_link_that_works_in_this_browser_only(self, posted: Server) -> None:
        """A04, A12, A13: the mailbox confirms; looking at the link does nothing, and others cannot use it."""
        name = next(NAMES)
        newcomer(posted, name)
        visitor, phished = Visitor(posted), Visitor(posted)
        answer = visitor.sign_in(name)
        assert path_of(answer) == "/account/new-browser/"
        assert path_of(visitor.get("/account/")) == "/account/new-browser/"
        link = re.findall(r"^ {4}(http\S+)$", letters(posted, f"{name}@example.org")[-1], re.MULTILINE)[0]
        assert link.startswith(f"{posted.url}/account/new-browser/")
        elsewhere = phished.get(urlsplit(link).path)
        assert (elsewhere.status_code, "another browser" in words(elsewhere)) == (403, True)
        phished.sign_in(name)
        assert phished.get(urlsplit(link).path).status_code == 403
        page = visitor.get(urlsplit(link).path)
        assert path_of(visitor.get("/account/")) == "/account/new-browser/"
        assert path_of(visitor.post_here(page)) == "/account/"
        assert visitor.client.post(link, data={"csrfmiddlewaretoken": token_of(page)}).status_code == 403
        visitor.post("/account/logout/")
        assert path_of(visitor.sign_in(name)) == "/account/"

    def test_the_link_goes_to_an_address_that_counts(self, posted: Server) -> None:
        """A15: not to one that somebody else may have by now."""
        name = next(NAMES)
        newcomer(posted, name)
        ((user,),) = inside.query(posted, "SELECT id FROM accounts_user WHERE username = ?", name)
        inside.query(posted, "UPDATE account_emailaddress SET verified = ? WHERE user_id = ?", False, user)
        inside.query(
            posted,
            'INSERT INTO account_emailaddress (user_id, email, verified, "primary") VALUES (?, ?, ?, ?)',
            *(user, f"{name}@example.net", True, False),
        )
        assert path_of(Visitor(posted).sign_in(name)) == "/account/new-browser/"
        assert "new browser" in letters(posted, f"{name}@example.net")[-1]
        assert not any("new browser" in each for each in letters(posted, f"{name}@example.org"))

    def test_nobody_waits_for_a_link_that_nobody_sent(self, posted: Server) -> None:
        assert path_of(Visitor(posted).get("/account/new-browser/")) == "/account/login/"


class TestPasswords:
    def test_a_forgotten_one(self, site: Server) -> None:
        """A11: a new password signs nobody in, and the second factor is asked for still; tokens end."""
        person = member(site, next(NAMES))
        address = f"{person.name}@example.org"
        visitor = Visitor(site)
        page = visitor.post("/account/password/reset/", email=address)
        assert path_of(page) == "/account/password/reset/confirm/"
        code = re.findall(
            r"^ {4}(\S+)$", [each for each in letters(site, address) if "new password" in each][-1], re.MULTILINE
        )[0]
        page = visitor.post_here(page, code=code)
        done = visitor.post_here(page, password1=NEW, password2=NEW)
        assert "/account/password/reset/" in path_of(done)
        assert path_of(visitor.get("/account/")) == "/account/login/"
        assert path_of(visitor.post("/account/login/", login=person.name, password=NEW)) == "/account/2fa/authenticate/"
        assert path_of(person.get("/account/")) == "/account/login/"
        assert WRONG in words(Visitor(site).sign_in(person.name))

    def test_a_changed_one_ends_the_other_sessions(self, site: Server) -> None:
        """B02."""
        person = member(site, next(NAMES))
        other = Visitor(site)
        other.codes = person.codes
        other.sign_in(person.name)
        assert path_of(other.get("/account/")) == "/account/"
        person.post("/account/password/change/", oldpassword=PASSWORD, password1=NEW, password2=NEW)
        assert path_of(person.get("/account/")) == "/account/"
        assert path_of(other.get("/account/")) == "/account/login/"

    def test_they_are_hashed_with_argon2(self, site: Server) -> None:
        ((stored,),) = inside.query(site, "SELECT password FROM accounts_user WHERE username = 'alice'")
        assert str(stored).startswith("argon2$argon2id$")


class TestSessions:
    def test_a_new_one_begins_with_signing_in(self, site: Server) -> None:
        """B01: a session that somebody planted does not become the person's."""
        person = member(site, next(NAMES))
        visitor = Visitor(site)
        visitor.post("/account/login/", login=person.name, password=PASSWORD)
        before = visitor.client.cookies["session"]
        visitor.codes = person.codes
        visitor.show_factor(visitor.get("/account/2fa/authenticate/"))
        assert visitor.client.cookies["session"] != before

    def test_the_database_alone_opens_none(self, site: Server) -> None:
        """C01: the cookie is signed with what the database does not have."""
        member(site, next(NAMES))
        ((key,), *_) = inside.query(site, "SELECT session_key FROM usersessions_usersession ORDER BY id DESC")
        thief = Visitor(site)
        thief.client.cookies.set("session", str(key))
        assert path_of(thief.get("/account/")) == "/account/login/"

    def test_others_can_be_ended(self, site: Server) -> None:
        person = member(site, next(NAMES))
        other = Visitor(site)
        other.codes = person.codes
        other.sign_in(person.name)
        page = person.get("/account/sessions/")
        assert other.address in words(page)
        person.post_here(page)
        assert path_of(other.get("/account/")) == "/account/login/"

    def test_signing_out_ends_it(self, site: Server) -> None:
        """B02: on the server, not only in the browser."""
        person = member(site, next(NAMES))
        cookie = person.client.cookies["session"]
        person.post("/account/logout/")
        thief = Visitor(site)
        thief.client.cookies.set("session", cookie)
        assert path_of(thief.get("/account/")) == "/account/login/"

    def test_a_code_shows_it_as_well_as_a_password(self, site: Server) -> None:
        """A24: of the app, or one of the recovery codes."""
        person = member(site, next(NAMES))
        for code in (totp(person.secret, steps=1), person.codes[0]):
            age(site, person)
            page = person.get("/account/2fa/reauthenticate/?next=/account/tokens/new/")
            assert path_of(person.post_here(page, code=code)) == "/account/tokens/new/"

    def test_those_from_before_a_second_factor_end_with_it(self, site: Server) -> None:
        """A03, B02: whoever had the password before has nothing now."""
        name = next(NAMES)
        newcomer(site, name)
        thief, owner = Visitor(site), Visitor(site)
        thief.sign_in(name)
        owner.sign_in(name)
        assert path_of(thief.get("/account/")) == "/account/"
        owner.protect()
        assert path_of(owner.get("/account/tokens/new/")) == "/account/tokens/new/"
        assert path_of(thief.get("/account/")) == "/account/login/"

    def test_what_was_sent_too_late_is_not_done(self, site: Server) -> None:
        """A24: and one is led back to where it was sent from, which says so."""
        person = member(site, next(NAMES))
        page = person.get("/account/recovery-codes/")
        age(site, person)
        fields = {"csrfmiddlewaretoken": token_of(page)}
        for referer, back in ((str(page.url), "/account/recovery-codes/"), ("https://evil.example/x", "/account/")):
            asked = person.client.post("/account/recovery-codes/", data=fields, headers={"Referer": referer})
            assert path_of(asked) == "/account/2fa/reauthenticate/"
            assert asked.url.params["next"] == back
            assert "do it once more" in words(asked)

    def test_whoever_has_nothing_to_show_sets_a_new_password(self, site: Server) -> None:
        """A24."""
        name = next(NAMES)
        newcomer(site, name)
        visitor = Visitor(site)
        visitor.sign_in(name)
        age(site, visitor)
        code = (
            "import sys, entrepot.boot\n"
            "from entrepot.accounts.models import User\n"
            "from django.contrib.sessions.backends.db import SessionStore\n"
            "user = User.objects.get(username=sys.argv[1])\n"
            "user.set_unusable_password()\n"
            "user.save()\n"
            "session = SessionStore(sys.argv[2])\n"
            "session['_auth_user_hash'] = user.get_session_auth_hash()\n"
            "session.save()\n"
        )
        key = visitor.client.cookies["session"].partition(".")[0]
        subprocess.run(
            [sys.executable, "-c", code, name, key],
            env=beside(site),
            check=True,
        )
        assert path_of(visitor.get("/account/email/")) == "/account/password/reset/"

    def test_freezing_ends_them_at_once(self, site: Server) -> None:
        """B02, C07."""
        person = member(site, next(NAMES))
        site.command("user", "freeze", person.name)
        assert path_of(person.get("/account/")) == "/account/login/"
        assert (
            path_of(Visitor(site).post("/account/login/", login=person.name, password=PASSWORD)) == "/account/inactive/"
        )

    def test_after_a_while_one_shows_once_more_who_one_is(self, site: Server) -> None:
        """A24: for every page that changes something, whichever it is; reading goes on."""
        person = member(site, next(NAMES))
        age(site, person)
        assert path_of(person.get("/account/tokens/")) == "/account/tokens/"
        for changing in ("/account/tokens/new/", "/account/email/", "/account/2fa/", "/account/password/change/"):
            assert path_of(person.get(changing)) == "/account/2fa/reauthenticate/"
        page = person.get("/account/tokens/new/")
        assert "incorrect" in words(person.post_here(page, code="000000")).lower()
        assert path_of(person.post_here(page, code=person.codes[0])) == "/account/tokens/new/"

    def test_a_password_does_who_has_no_factor(self, site: Server) -> None:
        """A24: and never who has one."""
        name = next(NAMES)
        newcomer(site, name)
        person = Visitor(site)
        person.sign_in(name)
        age(site, person)
        page = person.get("/account/email/")
        assert path_of(page) == "/account/reauthenticate/"
        assert "incorrect" in words(person.post_here(page, password="wrong")).lower()
        assert path_of(person.post_here(page, password=PASSWORD)) == "/account/email/"
        person.protect()
        age(site, person)
        assert path_of(person.get("/account/reauthenticate/")) == "/account/2fa/reauthenticate/"

    def test_cookies_that_scripts_and_other_sites_do_not_get(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """B03."""
        data = tmp_path_factory.mktemp("encrypted")
        with serving(data, ENTREPOT_PUBLIC_URL="https://index.example", ENTREPOT_PROXIES="1") as server:
            visitor = Visitor(server)
            visitor.client.headers["X-Forwarded-Proto"] = "https"
            visitor.client.headers["Origin"] = "https://index.example"
            token = token_of(visitor.get("/account/login/"))
            secure = {each.name: each.value for each in visitor.client.cookies.jar}
            sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in secure.items())}
            fields = {"csrfmiddlewaretoken": token, "login": "alice", "password": PASSWORD}
            answer = visitor.client.post("/account/login/", data=fields, headers=sent, follow_redirects=False)
            cookies = answer.headers.get_list("set-cookie")
            assert len(cookies) >= 2, (answer.status_code, cookies)
            (hint,) = [each for each in cookies if each.startswith("signed-in=")]  # for scripts, and opens nothing
            assert "Secure" in hint.split("; ")
            for cookie in set(cookies) - {hint}:
                assert cookie.startswith("__Host-"), cookie
                assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; ")), cookie
                assert re.search("SameSite=(Lax|Strict)", cookie), cookie
            assert "max-age=31536000" in answer.headers["strict-transport-security"]

    def test_http_where_https_belongs(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """B20: not redirected, so that nobody goes on sending secrets in the clear."""
        data = tmp_path_factory.mktemp("clear")
        with serving(data, ENTREPOT_PUBLIC_URL="https://index.example", ENTREPOT_PROXIES="1") as server:
            page = server.get("/account/login/", x_forwarded_proto="http")
            assert (page.status, "https" in page.text) == (403, True)
            answer = server.get("/api/v1/projects", x_forwarded_proto="http", authorization=f"Bearer {server.token}")
            assert (answer.status, "location" in answer.headers) == (403, False)


class TestForms:
    @pytest.mark.embedded
    def test_without_the_database(self, own_server: Server) -> None:
        """B19: a page that says so."""
        visitor = Visitor(own_server)
        token = token_of(visitor.get("/account/login/"))
        file = own_server.data / "entrepot.sqlite3"
        file.rename(file.with_suffix(".away"))
        try:
            fields = {"csrfmiddlewaretoken": token, "login": "alice", "password": PASSWORD}
            answer = visitor.client.post("/account/login/", data=fields)
        finally:
            file.with_suffix(".away").rename(file)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")

    def test_other_sites_send_nothing_in_my_name(self, site: Server) -> None:
        """B04: neither without the token of a page, nor with one but from elsewhere."""
        person = member(site, next(NAMES))
        before = inside.query(site, "SELECT count(*) FROM accounts_event")
        assert person.client.post("/account/recovery-codes/").status_code == 403
        page = person.get("/account/recovery-codes/")
        fields = {"csrfmiddlewaretoken": token_of(page)}
        forged = person.client.post("/account/recovery-codes/", data=fields, headers={"Origin": "https://evil.example"})
        assert (forged.status_code, "did not come from here" in words(forged)) == (403, True)
        assert inside.query(site, "SELECT count(*) FROM accounts_event") == before

    @pytest.mark.parametrize(
        "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"]
    )
    def test_nobody_is_sent_elsewhere(self, site: Server, elsewhere: str) -> None:
        """B06."""
        name = next(NAMES)
        newcomer(site, name)
        visitor = Visitor(site)
        fields = {"csrfmiddlewaretoken": token_of(visitor.get("/account/login/")), "login": name, "password": PASSWORD}
        answer = visitor.client.post("/account/login/", data={**fields, "next": elsewhere}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (302, "/account/")

    @pytest.mark.parametrize(
        "path", ["/account/login/", "/account/", "/nothing/", "/account/recovery-codes/", "/api/v1/x"]
    )
    def test_no_page_is_shown_inside_another(self, site: Server, path: str) -> None:
        """B05, B21."""
        headers = site.get(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "camera=()" in headers["permissions-policy"]


def age(server: Server, visitor: Visitor) -> None:
    """Let the session of the visitor be an hour old."""
    code = (
        "import sys, entrepot.boot\n"
        "from django.contrib.sessions.backends.db import SessionStore\n"
        "session = SessionStore(sys.argv[1])\n"
        "for each in session['account_authentication_methods']: each['at'] -= 3600\n"
        "session.save()\n"
    )
    key = visitor.client.cookies["session"].partition(".")[0]
    subprocess.run(
        [sys.executable, "-c", code, key],
        env=beside(server),
        check=True,
    )


def beside(server: Server) -> dict[str, str]:
    """The environment of a program on the data of a server."""
    return environment_of(server.data) | {"ENTREPOT_DATA": str(server.data)}
