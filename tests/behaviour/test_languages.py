"""The site in every language: said in it, laid out for it, on screens of every width."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, Page

import inside
from archives import forge
from browsing import visit
from serving import Server
from uploading import upload
from visiting import Visitor, letters, member

CODES = [code for code, _name in settings.LANGUAGES]
RIGHT_TO_LEFT = {"ar", "he"}
OTHER_WRITING = {"ar", "he", "ja", "ru", "uk", "zh-hans"}
PUBLIC = ["/", "/search/?q=spoken", "/search/?q=nothing-like-it", "/project/spoken/", "/project/spoken/history/"]
PUBLIC += ["/user/polyglot/", "/classifiers/", "/help/", "/security/", "/policies/", "/status/"]
PUBLIC += ["/account/login/", "/account/signup/", "/account/password/reset/", "/design/"]
OWN = ["/account/", "/account/tokens/", "/account/tokens/new/", "/account/email/", "/account/profile/", "/account/2fa/"]
OWN += ["/account/password/change/", "/account/sessions/", "/account/events/", "/account/export/", "/account/delete/"]
OWN += ["/account/projects/", "/account/projects/spoken/", "/account/projects/spoken/releases/"]
OWN += ["/account/projects/spoken/settings/", "/account/projects/spoken/events/"]

# What is read on the page, but for names, code, numbers, and what is marked as English or as a stranger's.
SAID = """() => {
  const skip = "code, pre, var, bdi, time, script, style, [lang]:not(html), [dir], option, .brand, .readme, svg";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const said = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.parentElement.closest(skip) && node.textContent.trim()) said.push(node.textContent.trim());
  }
  return said;
}"""


@pytest.fixture(scope="session")
def polyglot(site: Server) -> Visitor:
    person = member(site, "polyglot")
    built = forge.wheel("spoken", "1.0")
    token = site.new_token("polyglot")
    assert upload(site, built.filename, built.data, name="spoken", version="1.0", token=token).status == 200
    inside.eventually(lambda: "spoken" in site.get("/search/?q=spoken&format=json").text)
    return person


@pytest.fixture(params=CODES)
def spoken(request: pytest.FixtureRequest, site: Server, browser: Browser, polyglot: Visitor) -> Iterator[Page]:
    """A browser of somebody who has signed in, in each language."""
    with visit(browser, site.url) as page:
        session = polyglot.client.cookies["session"]
        cookies = {"session": session, "language": request.param}
        page.context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in cookies.items()])
        yield page


def test_every_page_in_every_language(spoken: Page, site: Server) -> None:
    """It says so, is laid out from the right side, overflows nowhere, and has no English left."""
    for path in [*PUBLIC, *OWN]:
        spoken.goto(site.url + path)
        language = str(spoken.evaluate("document.documentElement.lang"))
        assert spoken.evaluate("document.documentElement.dir") == ("rtl" if language in RIGHT_TO_LEFT else "ltr")
        if language in OTHER_WRITING:
            said = [str(each) for each in spoken.evaluate(SAID)]
            assert [each for each in said if each.isascii() and len(each.split()) > 2] == [], (path, language)
        for width in (320, 1280):
            spoken.set_viewport_size({"width": width, "height": 800})
            assert spoken.evaluate("document.documentElement.scrollWidth") <= width, (path, language, width)


@pytest.mark.parametrize("path", ["/", "/project/spoken/", "/account/tokens/new/"])
def test_axe_finds_nothing_from_right_to_left(site: Server, browser: Browser, polyglot: Visitor, path: str) -> None:
    with visit(browser, site.url) as page:
        cookies = {"session": polyglot.client.cookies["session"], "language": "ar"}
        page.context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in cookies.items()])
        page.goto(site.url + path)
        assert Axe().run(page).response["violations"] == []


def test_mails_are_written_in_the_language_of_whoever_gets_them(site: Server) -> None:
    person = member(site, "mailed")
    person.get("/language/?to=de&next=/")
    person.post("/account/tokens/new/", description="laptop", permissions="upload", days="90")
    inside.eventually(lambda: any("API-Token" in each for each in letters(site, "mailed@example.org")))
    assert "Konto" in letters(site, "mailed@example.org")[-1]


def test_a_browser_is_asked_which_language_it_wants(site: Server) -> None:
    for accepted, language in (
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("pt-PT", "pt-br"),
        ("zh-CN", "zh-hans"),
        ("tlh", "en"),
    ):
        assert f'<html lang="{language}"' in site.get("/", accept_language=accepted).text


def test_programs_are_answered_in_english(site: Server) -> None:
    answer = site.request("POST", "/legacy/", b"", {"Accept-Language": "de"})
    assert (answer.status, answer.reason.isascii()) == (403, True)
    assert "token" in answer.reason
