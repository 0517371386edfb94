"""The pages about one's releases in a real browser: by keyboard, by eye in both schemes, on a phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from behaviour.test_keys import SHOTS, walk_to
from behaviour.test_releases_page import Kept, publish
from browsing import DESKTOP, PHONE, visit
from clients import Machine, installed_version, pip_install
from serving import PASSWORD, Server
from visiting import member

NAMES = (f"looker{number}withanamethatisratherlong" for number in count(100))
REASON = "It deletes what it should keep, so please take another one until the next release"


@pytest.fixture(scope="module")
def kept(site: Server) -> Kept:
    """A project, two releases of which are yanked, and one with one of its files."""
    owner, name = member(site, next(NAMES)), next(NAMES)
    publish(site, site.new_token(owner.name), name, ("1.0", "1.1", "1.2", "2.0rc1"))
    made = Kept(site, name, owner)
    owner.post(made.releases, selected="1.0", act="yank", reason=REASON)
    owner.post(f"{made.release('1.1')}files/", selected=wheel_of(made, "1.1"), act="yank", reason=REASON)
    return made


def wheel_of(kept: Kept, version: str) -> str:
    return next(str(each["filename"]) for each in kept.files() if f"-{version}-py3" in str(each["filename"]))


@contextmanager
def signed_in(browser: Browser, kept: Kept, screen: ViewportSize, scheme: str = "light") -> Iterator[Page]:
    """A browser of the owner's."""
    with visit(browser, kept.site.url, screen, scheme) as page:
        page.context.add_cookies(
            [{"name": "session", "value": kept.owner.client.cookies["session"], "url": kept.site.url}]
        )
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(kept: Kept, browser: Browser, screen: ViewportSize, scheme: str) -> None:
    """Every page, and every page once more after it was refused something; nothing scrolls sideways."""
    wheel = wheel_of(kept, "1.1")
    pages = {
        "projects": "/account/projects/",
        "none-found": "/account/projects/?q=nothing",
        "releases": kept.releases,
        "release": kept.release("1.1"),
        "release-yanked": kept.release("1.0"),
        "delete-file": f"{kept.release('1.1')}files/{wheel}/delete/",
        "delete-release": f"{kept.release('1.1')}delete/",
        "settings": f"{kept.home}settings/",
        "delete-project": f"{kept.home}delete/",
        "people": kept.home,
        "events": f"{kept.home}events/",
    }
    refused = {
        "releases": "Yank",
        "release": "Yank files",
        "settings": "Change the status",
        "delete-file": "Delete the file for good",
        "delete-release": "Delete the release for good",
        "delete-project": "Delete the project for good",
    }
    with signed_in(browser, kept, screen, scheme) as page:
        for name, path in pages.items():
            page.goto(kept.site.url + path)
            look(page, f"manage-{name}", screen, scheme)
            if name in refused:
                page.evaluate("for (const each of document.forms) each.noValidate = true")
                page.evaluate("for (const each of document.querySelectorAll(':checked')) each.checked = false")
                with page.expect_navigation():
                    page.locator("main").get_by_role("button", name=refused[name], exact=True).click()
                page.get_by_role("alert").first.wait_for()
                look(page, f"manage-{name}-refused", screen, scheme)


def look(page: Page, name: str, screen: ViewportSize, scheme: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], name
    results = Axe().run(page)
    assert results.violations_count == 0, f"{name}\n{results.generate_report()}"
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}-{screen['width']}-{scheme}.png", full_page=True)


def test_yanked_by_keyboard_alone_and_passed_by(site: Server, browser: Browser, tmp_path: Path) -> None:
    """From signing in to what pip installs: Tab, Space and Enter are enough."""
    owner, name = member(site, next(NAMES)), f"{next(NAMES)}x"
    publish(site, site.new_token(owner.name), name, ("1.0", "1.1"))
    with visit(browser, f"{site.url}/account/login/") as page:
        walk_to(page, "document.activeElement.name === 'login'")
        page.keyboard.type(owner.name)
        walk_to(page, "document.activeElement.name === 'password'")
        page.keyboard.type(PASSWORD)
        press(page)
        walk_to(page, "document.activeElement.name === 'code'")
        page.keyboard.type(owner.codes[0])
        press(page)
        walk_to(page, "document.activeElement.value === 'skip'")
        press(page)
        walk_to(page, "document.activeElement.textContent === 'Projects'")
        press(page)
        walk_to(page, f"document.activeElement.textContent === '{name}'")
        press(page)
        walk_to(page, "document.activeElement.value === '1.1'")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        page.keyboard.press("Space")
        walk_to(page, "document.activeElement.name === 'reason'")
        page.keyboard.type(REASON)
        walk_to(page, "document.activeElement.value === 'yank'")
        press(page)
        assert "1 release is yanked now." in page.get_by_role("status").inner_text()
    answer = site.get(f"/simple/{name}/", accept="text/html")
    assert answer.text.count(f'data-yanked="{REASON}"') == 2
    machine = Machine(tmp_path / "home")
    pip_install(machine, site, machine.environment(), name).succeeded()
    assert installed_version(machine.environment(), name) == "1.0"


def press(page: Page) -> None:
    """Enter, and the page that it leads to."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
