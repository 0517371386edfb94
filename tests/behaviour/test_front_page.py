"""The front page, as people meet it: by eye, by keyboard, on a small screen, through a screen reader, and on paper."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.template.loader import render_to_string
from playwright.sync_api import Browser, ViewportSize

from browsing import DESKTOP, PHONE, visit
from entrepot.web.views import trusted_host
from inside import eventually
from serving import Server


def commands(page: str) -> list[str]:
    """What the page tells people to type, line by line."""
    blocks = re.findall("<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    return [unescape(re.sub("<[^>]*>", "", line)) for block in blocks for line in block.splitlines()]


def test_its_commands_carry_the_real_address(server: Server) -> None:
    simple, legacy = f"{server.url}/simple/", f"{server.url}/legacy/"
    assert commands(server.get("/").text) == [
        simple,
        f"pip install --index-url {simple} NAME",
        f"uv pip install --default-index {simple} NAME",
        f"uv add --default-index {simple} NAME",
        f"poetry source add --priority=primary entrepot {simple}",
        "poetry add --source entrepot NAME",
        f"uv add --index entrepot={simple} NAME",
        f"poetry source add --priority=explicit entrepot {simple}",
        "poetry add --source entrepot NAME",
        "entrepot token create USER",
        f"twine upload --repository-url {legacy} --username __token__ dist/*",
        f"uv publish --publish-url {legacy}",
        f"poetry config repositories.entrepot {legacy}",
        "poetry config http-basic.entrepot __token__",
        "poetry publish --repository entrepot",
    ]


def test_it_is_html(server: Server) -> None:
    answer = server.get("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert answer.headers["surrogate-control"].startswith("max-age=60,")


@pytest.mark.parametrize("path", ["/", "/nothing-here/", "/static/entrepot/copy.js"])
def test_it_lets_nothing_in_from_elsewhere(server: Server, path: str) -> None:
    headers = server.get(path).headers
    rules = set(headers["content-security-policy"].split("; "))
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= rules
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_head_tells_what_get_would_send(own_server: Server) -> None:
    """Of an index in which nothing happens meanwhile."""
    got, head = own_server.get("/"), own_server.request("HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.body))


def test_nothing_can_be_posted_to_it(server: Server) -> None:
    assert server.request("POST", "/", b"a=b").status == 403


def test_an_unknown_page_says_so_kindly(server: Server) -> None:
    answer = server.get("/nothing-here/")
    assert answer.status == 404
    assert "There is nothing at this address" in answer.text
    assert 'href="/"' in answer.text


def test_it_claims_no_language_that_it_is_not_written_in(server: Server) -> None:
    answer = server.get("/", accept_language="tlh")
    assert '<html lang="en" dir="ltr">' in answer.text
    assert answer.headers["content-language"] == "en"


@pytest.mark.parametrize(("template", "words"), [("400.html", "did not make sense"), ("500.html", "on our side")])
def test_a_fault_is_told_without_help_from_the_rest_of_the_site(template: str, words: str) -> None:
    page = render_to_string(template)
    assert words in page
    assert page.count("<h1>") == 1


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://index.example", ""),
        ("http://localhost:8000", ""),
        ("http://127.3.2.1:8000", ""),
        ("http://[::1]:8000", ""),
        ("http://index.example:8000", "index.example:8000"),
        ("http://192.0.2.7", "192.0.2.7"),
        ("http://[2001:db8::7]:80", "[2001:db8::7]:80"),
    ],
)
def test_pip_is_told_to_trust_plain_http_from_elsewhere_only(url: str, host: str) -> None:
    assert trusted_host(url) == host


def test_over_plain_http_the_command_for_pip_says_so() -> None:
    url = "http://index.example"
    page = render_to_string("front.html", {"url": url, "trusted_host": "index.example", "profile": "public"})
    assert f"pip install --trusted-host index.example --index-url {url}/simple/ NAME" in commands(page)
    assert "plain http" in page


@pytest.mark.parametrize(("profile", "words"), [("public", "the rules of PyPI"), ("private", "of a private index")])
def test_it_says_which_rules_it_keeps(profile: str, words: str) -> None:
    assert words in render_to_string("front.html", {"url": "https://index.example", "profile": profile})


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(server: Server, browser: Browser, scheme: str, screen: ViewportSize) -> None:
    with visit(browser, server.url, screen, scheme) as page:
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_only_commands_scroll_sideways_on_a_small_screen(server: Server, browser: Browser, direction: str) -> None:
    with visit(browser, server.url, PHONE) as page:
        page.evaluate("direction => document.documentElement.dir = direction", direction)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert page.locator("pre").evaluate_all("all => all.some(one => one.scrollWidth > one.clientWidth)")


def test_a_long_command_scrolls_by_keyboard_in_a_region_with_a_name(server: Server, browser: Browser) -> None:
    with visit(browser, server.url, PHONE) as page:
        region = page.get_by_role("group", name="Upload twine", exact=True)
        region.focus()
        page.keyboard.press("ArrowRight")
        eventually(lambda: page.evaluate("document.activeElement.scrollLeft") > 0)


def test_the_skip_link_comes_first_and_leads_past_the_navigation(server: Server, browser: Browser) -> None:
    with visit(browser, server.url) as page:
        page.keyboard.press("Tab")
        link = page.get_by_role("link", name="Skip to the content")
        assert link.evaluate("link => link === document.activeElement && link.offsetWidth > 100")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "find"


def test_each_command_is_copied_and_announced_by_keyboard_alone(server: Server, browser: Browser) -> None:
    with visit(browser, server.url) as page:
        shown = page.locator("pre").all_text_contents()
        copied: list[str] = []
        page.get_by_role("status").evaluate("status => status.textContent = ''")
        while len(copied) < len(shown):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.command button')"):
                page.keyboard.press("Enter")
                page.locator("#copying", has_text="Copied to the clipboard.").wait_for(state="attached")
                copied.append(page.evaluate("navigator.clipboard.readText()"))
                page.get_by_role("status").evaluate("status => status.textContent = ''")
        assert copied == shown
        assert page.get_by_role("button", name="Copy Install uv, in a project").count() == 1


def test_a_browser_that_hides_the_clipboard_copies_all_the_same(server: Server, browser: Browser) -> None:
    with visit(browser, server.url) as reader:
        page = reader.context.new_page()
        page.goto(f"http://index.example:{urlsplit(server.url).port}")
        assert not page.evaluate("isSecureContext")
        page.get_by_role("button", name="Copy Install pip").click()
        page.locator("#copying", has_text="Copied to the clipboard.").wait_for(state="attached")
        reader.bring_to_front()
        assert reader.evaluate("navigator.clipboard.readText()") == f"pip install --index-url {server.url}/simple/ NAME"


def test_a_browser_that_does_not_copy_says_so(server: Server, browser: Browser) -> None:
    with visit(browser, server.url) as page:
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
        page.get_by_role("button", name="Copy Install pip").click()
        page.locator("#copying", has_text="did not allow copying").wait_for(state="attached")


def test_without_script_there_are_no_buttons_and_all_commands(server: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url)
    assert page.locator(".command button").count() == 0
    assert page.locator("pre").count() == 12
    context.close()


def test_on_paper_no_command_is_cut_off(server: Server, browser: Browser) -> None:
    with visit(browser, server.url, PHONE) as page:
        page.emulate_media(media="print")
        assert page.locator("pre").evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")
        assert page.get_by_role("button").count() == 0
