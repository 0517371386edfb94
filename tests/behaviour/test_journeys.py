"""What people come for, from the front page to the end, with a real browser and real clients."""

import re
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from archives import forge
from behaviour.test_keys import SHOTS
from browsing import visit
from clients import Machine, installed_version, pip_install
from inside import eventually
from serving import PASSWORD, Server
from uploading import upload
from visiting import Visitor, mailed_code, member, totp, words

NAMES = (f"traveller{number}x" for number in count(100))
DESCRIBED = """Summary: Finds what was lost
Requires-Python: >=3.9
License-Expression: MIT
Project-URL: Homepage, https://example.org/
Requires-Dist: another>=1; extra == "more"
Provides-Extra: more
Description-Content-Type: text/markdown

# Lost and found

A **description** with a table:

| a | b |
|---|---|
| 1 | 2 |

```python
import found
```
"""


@pytest.fixture
def project(site: Server) -> str:
    """A project that nobody works with otherwise, and that can be found."""
    name = next(NAMES)
    for version in ("1.0", "1.1"):
        built = forge.wheel(name, version, metadata=forge.core_metadata(name, version, DESCRIBED))
        assert upload(site, built.filename, built.data, name=name, version=version).status == 200
    eventually(lambda: name in site.get(f"/search/?q={name}").text)
    return name


def test_find_and_install(site: Server, browser: Browser, project: str, tmp_path: Path) -> None:
    """With suggestions, by keyboard; then the very line that the page shows is run."""
    with visit(browser, site.url) as page:
        page.get_by_role("combobox", name="Find a project").press_sequentially(project[:-1])
        page.get_by_role("option", name=project).wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search/**")
        page.get_by_role("link", name=project).first.click()
        page.get_by_role("heading", level=1, name=re.compile(project)).wait_for()
        page.locator(".readme table").wait_for()
        page.get_by_role("button", name=re.compile("^Copy.*pip$")).first.click()
        page.get_by_text("Copied to the clipboard.").wait_for()
        line = str(page.evaluate("navigator.clipboard.readText()"))
    assert line.split()[:2] == ["pip", "install"]
    machine = Machine(tmp_path / "home")
    pip_install(machine, site, machine.environment(), line.rsplit(maxsplit=1)[-1]).succeeded()
    assert installed_version(machine.environment(), project) == "1.1"


def test_register_to_the_first_upload(site: Server, browser: Browser) -> None:
    """A name, a mailbox, a second factor, recovery codes, a token; then the upload, and its page."""
    name = next(NAMES)
    email = f"{name}@example.org"
    with visit(browser, site.url) as page:
        page.get_by_role("link", name="Your account").click()
        page.get_by_role("link", name="sign up").click()
        page.get_by_label("Username").fill(name)
        page.get_by_label("Email", exact=True).fill(email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password (again)").fill(PASSWORD)
        page.get_by_role("button", name="Register").click()
        page.wait_for_url("**/confirm-email/")
        page.get_by_label("Code").fill(mailed_code(site, email))
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url("**/account/")
        page.goto(f"{site.url}/account/2fa/totp/activate/")
        secret = page.locator("main code").first.inner_text()
        page.get_by_label("Authenticator code").fill(totp(secret))
        page.get_by_role("button", name="Activate").click()
        page.wait_for_url("**/account/**")
        page.goto(f"{site.url}/account/recovery-codes/")
        page.get_by_role("button", name="Make eight codes").click()
        code = page.locator("pre").inner_text().split()[0]
        page.get_by_label("One of your recovery codes").fill(code)
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url("**/account/")
        page.goto(f"{site.url}/account/tokens/new/")
        page.get_by_label("Name").fill("laptop")
        page.get_by_label("upload files").check()
        page.get_by_role("button", name="Make the token").click()
        token = page.get_by_text(re.compile("^entrepot-")).inner_text()
        built = forge.wheel(name)
        assert upload(site, built.filename, built.data, name=name, version="1.0", token=token).status == 200
        page.goto(f"{site.url}/project/{name}/")
        page.get_by_role("link", name="Manage this project").wait_for()
        assert name in page.get_by_role("navigation", name="Site").inner_text()
        shoot(page, "first-upload")


def test_invite_somebody(site: Server, browser: Browser) -> None:
    """Who accepts works on the project from then on, and may leave."""
    owner, colleague = member(site, next(NAMES)), member(site, next(NAMES))
    name = f"{owner.name}p"
    built = forge.wheel(name)
    token = site.new_token(owner.name)
    assert upload(site, built.filename, built.data, name=name, version="1.0", token=token).status == 200
    with visit(browser, site.url) as page:
        become(page, site, owner)
        page.goto(f"{site.url}/account/projects/{name}/")
        page.get_by_label("User name").fill(colleague.name)
        page.get_by_label("Role").select_option("Maintainer")
        page.get_by_role("button", name="Invite").click()
        page.get_by_text(colleague.name).first.wait_for()
    with visit(browser, site.url) as page:
        become(page, site, colleague)
        page.goto(f"{site.url}/account/projects/")
        page.get_by_role("button", name="Accept").click()
        page.goto(f"{site.url}/project/{name}/")
        page.get_by_role("link", name=colleague.name).first.wait_for()
        page.goto(f"{site.url}/account/projects/{name}/")
        page.get_by_role("button", name="Leave").click()
    assert colleague.name not in words(Visitor(site).get(f"/project/{name}/"))


def test_delete_a_project(site: Server, browser: Browser) -> None:
    """Its name has to be typed; then it is gone for everybody, for good."""
    owner = member(site, next(NAMES))
    name = f"{owner.name}p"
    built = forge.wheel(name)
    token = site.new_token(owner.name)
    assert upload(site, built.filename, built.data, name=name, version="1.0", token=token).status == 200
    with visit(browser, site.url) as page:
        become(page, site, owner)
        page.goto(f"{site.url}/project/{name}/")
        page.get_by_role("link", name="Manage this project").click()
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("link", name=re.compile("Delete")).click()
        page.get_by_label("Type it here, to be sure").fill(name)
        page.get_by_role("button", name="Delete the project for good").click()
        page.wait_for_url("**/account/projects/")
    assert site.get(f"/simple/{name}/").status == 404
    assert site.get(f"/project/{name}/").status == 410


@pytest.mark.parametrize(
    ("scheme", "width", "language"),
    [("light", 1280, "en"), ("dark", 1280, "en"), ("light", 320, "en"), ("light", 1280, "ar"), ("light", 1280, "de")],
)
def test_the_main_pages_are_there_to_be_looked_at(
    site: Server, browser: Browser, project: str, scheme: str, width: int, language: str
) -> None:
    with visit(browser, site.url, {"width": width, "height": 800}, scheme) as page:
        page.context.add_cookies([{"name": "language", "value": language, "url": site.url}])
        for what, path in (
            ("front", "/"),
            ("search", f"/search/?q={project}"),
            ("project", f"/project/{project}/"),
            ("changes", f"/project/{project}/1.1/changes/"),
            ("help", "/help/"),
            ("sign-in", "/account/login/"),
            ("design", "/design/"),
        ):
            page.goto(site.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shoot(page, f"{what}-{scheme}-{width}-{language}")


def become(page: Page, site: Server, person: Visitor) -> None:
    """Be somebody who has signed in."""
    cookies = {"session": person.client.cookies["session"], "signed-in": "yes"}
    page.context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in cookies.items()])


def shoot(page: Page, what: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{what}.png", full_page=True)
