"""The pages about one's own account: who gets to see them, and the tokens that are made there."""

import re
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

import inside
from archives import forge
from entrepot.web.gate import AGAIN, ALONE, OPEN, OPERATORS, READING, SHARED
from serving import PASSWORD, Server
from uploading import upload
from visiting import Visitor, mailed_code, member, newcomer, totp, words

ANOTHER = "a quite different sentence 4"
NAMES = (f"member{number}x" for number in count(100))
VALUES = {"uuid": "5f0e7d0a-0000-4000-8000-000000000000", "int": "1", "str": "nothing", "path": "nothing"}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The name of each page that is not the API's, and a path that leads to it."""
    for each in patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield str(each.name), "/" + re.sub(r"<(\w+):\w+>", lambda found: VALUES[found[1]], path)
        elif each.namespace != "api":
            yield from routes(each.url_patterns, path)


ROUTES = dict(routes(get_resolver().url_patterns))


def test_every_name_in_the_lists_is_a_page() -> None:
    assert ROUTES.keys() >= OPEN | READING | ALONE | AGAIN | OPERATORS


@pytest.mark.parametrize("name", sorted(ROUTES.keys() - OPEN))
def test_a_page_is_closed_unless_it_is_listed(site: Server, name: str) -> None:
    """E05: for whoever has not signed in; and without a second factor, but where one gets it."""
    for method in ("GET", "POST"):
        answer = site.request(method, ROUTES[name])
        wanted = {302} if method == "GET" else {302, 403}
        assert answer.status in wanted, (method, answer)
        assert answer.status == 403 or answer.headers["location"].startswith("/account/login/"), answer


@pytest.mark.parametrize("name", sorted(OPEN - SHARED - {"leaked-tokens", "bounces"}))
def test_nobody_keeps_the_pages_of_signing_in(site: Server, name: str) -> None:
    assert "no-store" in site.get(ROUTES[name]).headers["cache-control"]


@pytest.fixture(scope="module")
def newly_made(site: Server) -> Visitor:
    name = next(NAMES)
    newcomer(site, name)
    visitor = Visitor(site)
    visitor.sign_in(name)
    return visitor


@pytest.mark.parametrize("name", sorted(ROUTES.keys() - OPEN - ALONE))
def test_a_page_wants_a_second_factor_unless_it_is_listed(newly_made: Visitor, name: str) -> None:
    answer = newly_made.client.get(ROUTES[name], follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (302, "/account/2fa/")


@pytest.mark.parametrize("name", sorted(ROUTES.keys() - OPEN))
def test_nobody_keeps_what_is_for_one_person(site: Server, name: str) -> None:
    assert site.get(ROUTES[name]).headers["cache-control"] == "no-store"


def test_nobody_shuts_themselves_out(site: Server) -> None:
    """O-A3.1: the password can be given up by who has a passkey."""
    person = member(site, next(NAMES))
    refused = person.post("/account/password/remove/", on="/account/email/")
    assert (refused.status_code, "Set up a passkey first" in words(refused)) == (400, True)


def test_a_button_has_no_page(site: Server) -> None:
    person = member(site, next(NAMES))
    answer = person.client.get("/account/password/remove/", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "Nothing was changed" in words(answer)


class TestNothingGoesUnrecorded:
    """E01: what cannot be recorded, and so told, does not happen."""

    def test_a_password_is_changed(self, site: Server) -> None:
        person = member(site, next(NAMES))
        given = {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER}
        with inside.unrecorded(site, "password:change"):
            answer = person.post("/account/password/change/", **given)
            assert answer.status_code == 409, words(answer)
        assert "not correct" in words(Visitor(site).post("/account/login/", login=person.name, password=ANOTHER))
        assert person.post("/account/password/change/", **given).status_code == 200

    def test_an_app_is_added_and_removed(self, site: Server) -> None:
        name = next(NAMES)
        newcomer(site, name)
        person = Visitor(site)
        person.sign_in(name)
        page = person.get("/account/2fa/totp/activate/")
        secret = re.findall("<code>([A-Z2-7]+)</code>", page.text)[0]
        with inside.unrecorded(site, "factor:add-totp"):
            assert person.post_here(page, code=totp(secret)).status_code == 409
        assert urlsplit(str(person.get("/account/2fa/totp/activate/").url)).path == "/account/2fa/totp/activate/"
        person.protect()
        with inside.unrecorded(site, "factor:remove-totp"):
            assert person.post("/account/2fa/totp/deactivate/").status_code == 409
        assert "Signed in" not in words(Visitor(site).post("/account/login/", login=name, password=PASSWORD))

    def test_an_address_is_removed(self, site: Server) -> None:
        person = member(site, next(NAMES))
        second = f"{person.name}@example.net"
        person.post("/account/email/", email=second, action_add="")
        page = person.get("/account/confirm-email/")
        with inside.unrecorded(site, "email:verify"):
            assert person.post_here(page, code=mailed_code(site, second)).status_code == 409
        person.post("/account/email/", email=second, action_add="")
        page = person.get("/account/confirm-email/")
        person.post_here(page, code=mailed_code(site, second))
        with inside.unrecorded(site, "email:remove"):
            assert person.post("/account/email/", email=second, action_remove="").status_code == 409
        assert second in words(person.get("/account/email/"))

    def test_nobody_signs_in(self, site: Server) -> None:
        person = member(site, next(NAMES))
        with inside.unrecorded(site, "sign-in"):
            other = Visitor(site)
            other.codes = person.codes
            page = other.post("/account/login/", login=person.name, password=PASSWORD)
            trust = other.post_here(page, code=person.codes.pop())
            assert other.post_here(trust, action="skip").status_code == 409
        assert urlsplit(str(other.get("/account/").url)).path == "/account/2fa/trust/"


class TestTokens:
    def test_one_is_made_shown_once_used_and_revoked(self, site: Server) -> None:
        """C01, C08, C10: it ends by itself after 90 days unless one wants it otherwise."""
        person = member(site, next(NAMES))
        form = person.get("/account/tokens/new/")
        assert re.search(r'value="90"\s+selected', form.text)
        page = person.post("/account/tokens/new/", description="laptop", permissions="upload", days="90")
        ((token,),) = [re.findall("<code>(entrepot-[^<]+)</code>", page.text)]
        assert token not in person.get("/account/tokens/").text
        name = next(NAMES)
        built = forge.wheel(name, "1.0")
        assert upload(site, built.filename, built.data, name=name, version="1.0", token=token).status == 200
        listed = words(person.get("/account/tokens/"))
        assert "laptop" in listed
        assert ", upload Revoke" in listed
        other = member(site, next(NAMES))
        path = re.findall(r'action="(/account/tokens/[^"]+/revoke/)"', person.get("/account/tokens/").text)[0]
        assert other.post(path, on="/account/email/").status_code == 404
        assert "invalid from now on" in words(person.post(path, on="/account/tokens/"))
        built = forge.wheel(name, "1.1")
        assert upload(site, built.filename, built.data, name=name, version="1.1", token=token).status == 403

    def test_one_for_a_project(self, site: Server) -> None:
        """O-Z1.1."""
        person, mine, other = member(site, next(NAMES)), next(NAMES), next(NAMES)
        everything = site.new_token(person.name)
        for name in (mine, other):
            built = forge.wheel(name, "1.0")
            assert upload(site, built.filename, built.data, name=name, version="1.0", token=everything).status == 200
        ((project,),) = inside.query(site, "SELECT id FROM projects_project WHERE name = ?", mine)
        page = person.post(
            "/account/tokens/new/", description="ci", projects=str(project), permissions="upload", days="0"
        )
        token = re.findall("<code>(entrepot-[^<]+)</code>", page.text)[0]
        answers = []
        for name in (mine, other):
            built = forge.wheel(name, "1.1")
            answers.append(upload(site, built.filename, built.data, name=name, version="1.1", token=token).status)
        assert answers == [200, 403]
        listed = words(person.get("/account/tokens/"))
        assert mine in listed
        assert "for ever" in listed

    def test_what_a_form_lacks(self, site: Server) -> None:
        person = member(site, next(NAMES))
        page = person.post("/account/tokens/new/", description="", permissions="upload", days="90")
        assert "This field is required" in words(page)
        page = person.post("/account/tokens/new/", description="x", permissions="upload", projects="999999", days="90")
        assert "is not one of the available choices" in words(page)
