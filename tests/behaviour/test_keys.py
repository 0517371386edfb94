"""Security keys and passkeys, in a real browser with an authenticator of its own; and every page, as all people meet
it: by eye, by ear, by keyboard, on a phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, Page

import inside
from archives import forge
from browsing import DESKTOP, PHONE, visit
from serving import PASSWORD, Server
from uploading import upload
from visiting import Visitor, letters, member, newcomer, words

NAMES = (f"keyholder{number}x" for number in count(100))
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Holder:
    """Somebody with a browser and a key."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        self.key = self.new_key()

    def new_key(self) -> str:
        made: dict[str, str] = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
        return made["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found: dict[str, list[dict[str, Any]]] = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.key})
        return found["credentials"]

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, name: str) -> None:
        self.go("/account/login/")
        self.page.get_by_label("Login").fill(name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign In", exact=True).click()
        self.page.wait_for_url(lambda url: "/login/" not in url)

    def sign_out(self) -> None:
        self.go("/account/")
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url(lambda url: "/account/" not in url)

    def add_key(self, name: str, *, passkey: bool) -> None:
        self.go("/account/2fa/webauthn/add/")
        self.page.get_by_label("Name").fill(name)
        if passkey:
            self.page.get_by_label("Passwordless").check()
        self.page.get_by_role("button", name="Add", exact=True).click()
        self.page.get_by_text("Security key added.").wait_for()


@contextmanager
def holder(server: Server, browser: Browser) -> Iterator[Holder]:
    url = f"http://localhost:{urlsplit(server.url).port}"
    with visit(browser, url) as page:
        yield Holder(page, url)


def test_a_passkey_signs_in_without_a_password(site: Server, browser: Browser) -> None:
    """O-A2.2, O-A3.1: and without a second question."""
    name = next(NAMES)
    newcomer(site, name)
    with holder(site, browser) as person:
        person.sign_in(name)
        person.add_key("laptop", passkey=True)
        person.sign_out()
        person.go("/account/login/")
        person.page.get_by_role("button", name="Sign in with a passkey").click()
        person.page.wait_for_url("**/account/")
        assert name in person.page.inner_text("main")
        person.page.get_by_role("button", name="Give up the password").click()
        person.page.wait_for_url("**/account/recovery-codes/")
        person.page.get_by_role("button", name="Make eight codes").click()
        code = person.page.locator("pre").inner_text().split()[0]
        person.page.get_by_label("One of your recovery codes").fill(code)
        person.page.get_by_role("button", name="Confirm").click()
        person.page.wait_for_url("**/account/")
        person.page.get_by_role("button", name="Give up the password").click()
        person.page.get_by_text("Your account has no password any more.").wait_for()
        assert "not correct" in words(Visitor(site).post("/account/login/", login=name, password=PASSWORD))
        person.go("/account/2fa/webauthn/")
        person.page.get_by_role("link", name="Remove").click()
        form: dict[str, str | float | bool] = {}
        form["csrfmiddlewaretoken"] = person.page.locator("[name=csrfmiddlewaretoken]").first.input_value()
        refused = person.page.request.post(person.page.url, form=form)
        assert (refused.status, "This passkey is all that opens your account." in refused.text()) == (400, True)
        person.go("/account/tokens/new/")
        assert person.page.url.endswith("/account/tokens/new/")


def test_a_key_is_the_second_factor(site: Server, browser: Browser) -> None:
    """O-A2.2: any number of them; one copy of a key is noticed (A09)."""
    name = next(NAMES)
    newcomer(site, name)
    with holder(site, browser) as person:
        person.sign_in(name)
        person.add_key("first", passkey=False)
        held = person.credentials()[0]
        person.sign_out()
        person.sign_in(name)
        person.page.get_by_role("button", name="Use a security key").click()
        person.page.wait_for_url("**/2fa/trust/")
        person.page.get_by_role("button", name="Don't Trust").click()
        person.page.wait_for_url("**/account/")
        person.sign_out()
        # A copy, which was made before the key was last used.
        person.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": person.key})
        person.key = person.new_key()
        person.cdp.send("WebAuthn.addCredential", {"authenticatorId": person.key, "credential": held})
        person.sign_in(name)
        person.page.get_by_role("button", name="Use a security key").click()
        person.page.wait_for_load_state()
        inside.eventually(
            lambda: bool(inside.query(site, "SELECT 1 FROM accounts_event WHERE action = 'factor:copied-key'"))
        )
        assert "/2fa/authenticate/" in person.page.url


def test_a_key_is_removed(site: Server, browser: Browser) -> None:
    """E01: as long as something else opens the account; and whoever has the mailbox learns of it."""
    name = next(NAMES)
    newcomer(site, name)
    with holder(site, browser) as person:
        person.sign_in(name)
        person.add_key("old one", passkey=True)
        person.go("/account/2fa/webauthn/")
        person.page.get_by_role("link", name="Remove").click()
        person.page.get_by_role("button", name="Remove").click()
        person.page.get_by_text("Security key removed.").wait_for()
        assert not person.page.get_by_text("old one").is_visible()
    inside.eventually(lambda: any("key was removed" in each for each in letters(site, f"{name}@example.org")))


def test_what_a_key_says_works_once_and_here_only(site: Server, browser: Browser) -> None:
    """A10, O-A2.2: an answer is not taken twice, nor in another session, nor from a neighbouring host."""
    name = next(NAMES)
    newcomer(site, name)
    with holder(site, browser) as person:
        person.sign_in(name)
        person.add_key("only", passkey=True)
        person.sign_out()
        sent: list[str] = []
        person.page.on(
            "request", lambda each: sent.append(each.post_data or "") if "webauthn/login" in each.url else None
        )
        person.go("/account/login/")
        person.page.get_by_role("button", name="Sign in with a passkey").click()
        person.page.wait_for_url("**/account/")
        person.sign_out()
        person.go("/account/login/")
        before = person.page.url
        outcome = person.page.evaluate(
            """async ([body, path]) => {
                const token = document.querySelector('[name=csrfmiddlewaretoken]').value;
                const form = new URLSearchParams(body);
                form.set('csrfmiddlewaretoken', token);
                return (await fetch(path, {method: 'POST', body: form})).url;
            }""",
            [next(each for each in sent if "credential" in each), "/account/2fa/webauthn/login/"],
        )
        assert outcome != before.replace("/login/", "/")
        person.go("/account/")
        assert "/account/login/" in person.page.url


def test_the_operator_reads_the_record(site: Server, browser: Browser) -> None:
    """E10: after a password and codes it stays closed, after a key it opens; as JSON, too."""
    name = next(NAMES)
    operator = member(site, name)
    built = forge.wheel(f"{name}p", "1.0")
    token = site.new_token(name)
    assert upload(site, built.filename, built.data, name=f"{name}p", version="1.0", token=token).status == 200
    inside.query(site, "UPDATE accounts_user SET is_superuser = ? WHERE username = ?", True, name)
    with holder(site, browser) as person:
        person.page.context.add_cookies(
            [{"name": "session", "value": operator.client.cookies["session"], "url": person.url}]
        )
        person.go("/operator/record/")
        assert person.page.url.endswith("/account/2fa/webauthn/")
        person.add_key("first", passkey=False)
        person.go("/operator/record/")
        person.page.get_by_role("button", name="Use a security key").click()
        person.page.wait_for_url("**/operator/record/")
        person.page.get_by_label("User").fill(name)
        person.page.get_by_role("button", name="Show").click()
        person.page.wait_for_url(f"**user={name}**")
        assert "A security key or passkey was added" in person.page.inner_text("main")
        assert person.page.get_by_role("link", name="Earlier").count() == 0
        look_at(person.page, person.url, "/operator/record/", {"width": DESKTOP["width"]})
        answer = person.page.request.get(f"{person.url}/operator/record/?format=json&user={name}")
        told = answer.json()["events"]
        assert {each["action"] for each in told} >= {"factor:add-key", "sign-in"}
        answer = person.page.request.get(f"{person.url}/operator/record/?format=json&project={name}p")
        assert "create" in {each["action"] for each in answer.json()["events"]}
        answer = person.page.request.get(f"{person.url}/operator/record/?project=nothing-of-that-name")
        assert answer.status == 404


def test_a_project_that_asks_for_keys(site: Server, browser: Browser) -> None:
    """O-A3.3: who has one and has used it goes on, with tokens too; others wait."""
    name, other = next(NAMES), next(NAMES)
    owner, colleague = member(site, name), member(site, other)
    built = forge.wheel(f"{name}p", "1.0")
    token = site.new_token(name)
    assert upload(site, built.filename, built.data, name=f"{name}p", version="1.0", token=token).status == 200
    page = f"/account/projects/{name}p/"
    owner.post(f"{page}invite/", on=page, user=other, role="Owner")
    colleague.post(f"{page}accept/", on="/account/projects/")
    inside.query(site, "UPDATE projects_role SET at = ?", "2020-01-01 00:00:00+00:00")  # nobody is new any more
    with holder(site, browser) as person:
        person.page.context.add_cookies(
            [{"name": "session", "value": owner.client.cookies["session"], "url": person.url}]
        )
        person.add_key("first", passkey=True)
        person.sign_out()
        person.go("/account/login/")
        person.page.get_by_role("button", name="Sign in with a passkey").click()
        person.page.wait_for_url("**/account/")
        person.go(page)
        person.page.get_by_role("button", name="Ask for security keys").click()
        person.page.get_by_text("Done.").wait_for()
        refused = colleague.post(f"{page}keys/", on=page, needed="no")
        assert refused.status_code == 403
        person.go(page)
        person.page.get_by_role("button", name="Do without security keys").click()
        person.page.get_by_text("Done.").wait_for()


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_any_page(site: Server, browser: Browser, screen: dict[str, int]) -> None:
    """Every page about people, before and after signing in, in both schemes; nothing scrolls sideways."""
    name = next(NAMES)
    person = member(site, name)
    closed = ["/account/login/", "/account/signup/", "/account/password/reset/"]
    with visit(browser, site.url, screen) as page:  # type: ignore[arg-type]
        for path in closed:
            look_at(page, site.url, path, screen)
        page.context.add_cookies([{"name": "session", "value": person.client.cookies["session"], "url": site.url}])
        for path in pages():
            look_at(page, site.url, path, screen)
        page.emulate_media(color_scheme="dark")
        look_at(page, site.url, "/account/tokens/new/", screen)
        look_at(page, site.url, f"/user/{name}/", screen)


def pages() -> list[str]:
    """What somebody who has signed in finds in the menu, and the forms behind it."""
    return [
        "/account/",
        "/account/tokens/",
        "/account/tokens/new/",
        "/account/projects/",
        "/account/profile/",
        "/account/name/",
        "/account/events/",
        "/account/export/",
        "/account/delete/",
        "/account/email/",
        "/account/password/change/",
        "/account/2fa/",
        "/account/2fa/totp/deactivate/",
        "/account/2fa/webauthn/",
        "/account/2fa/webauthn/add/",
        "/account/recovery-codes/",
        "/account/sessions/",
        "/account/reauthenticate/",
        "/account/logout/",
    ]


def look_at(page: Page, url: str, path: str, screen: dict[str, int]) -> None:
    answer = page.goto(url + path)
    assert answer is not None
    assert answer.status < 500, path
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], path
    results = Axe().run(page)
    assert results.violations_count == 0, f"{path}\n{results.generate_report()}"
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{path.strip('/').replace('/', '-')}-{screen['width']}.png", full_page=True)


def test_a_token_is_made_by_keyboard_alone(site: Server, browser: Browser) -> None:
    """From the menu to the token: Tab, Space and Enter are enough, and the focus is always seen."""
    person = member(site, next(NAMES))
    with visit(browser, site.url) as page:
        page.context.add_cookies([{"name": "session", "value": person.client.cookies["session"], "url": site.url}])
        page.goto(f"{site.url}/account/tokens/new/")
        walk_to(page, "document.activeElement.name === 'description'")
        page.keyboard.type("keyboard")
        walk_to(page, "document.activeElement.value === 'yank'")
        page.keyboard.press("Space")
        walk_to(page, "document.activeElement.textContent.includes('Make the token')")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Your new token").wait_for()
    (token,) = inside.query(site, "SELECT permissions FROM accounts_token WHERE description = 'keyboard'")
    assert "yank" in str(token)


def walk_to(page: Page, condition: str) -> None:
    """Press Tab until the focus is where it should be."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    pytest.fail(f"the keyboard never gets to where {condition}")
