"""Finding projects: with a browser, without scripts, and as a program."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

import inside
from archives import forge
from browsing import DESKTOP, PHONE, visit
from opensearch_stub import running_stub
from serving import Server, serving
from uploading import upload
from visiting import Visitor, words

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
JSON = "application/json"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, behind a proxy, with what is looked for."""
    with serving(tmp_path_factory.mktemp("shop"), ENTREPOT_PROXIES="1") as running:
        publish(
            running, "spam", "Summary: Fries eggs\nClassifier: Framework :: Django :: 5.2\nRequires-Python: >=3.12\n"
        )
        publish(running, "spam_extras", "Summary: More of it\nClassifier: Framework :: Django\n")
        publish(running, "eggs", 'Summary: Goes with spam <b>and</b> "ham"\nKeywords: breakfast\n')
        for number in range(25):
            publish(running, f"bacon{number:02}", "Summary: Crispy\n")
        inside.eventually(lambda: total(running, "") == 28)
        yield running


def publish(server: Server, name: str, more: str = "", version: str = "1.0") -> None:
    built = forge.wheel(name, version, metadata=forge.core_metadata(name, version, more))
    answer = upload(server, built.filename, built.data, name=name, version=version)
    assert answer.status == 200, answer


def look(server: Server, query: str) -> dict:  # type: ignore[type-arg]
    """What programs are told; each time as somebody else, whom no limit knows."""
    answer = Visitor(server).client.get(f"/search/?{query}", headers={"Accept": JSON})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def total(server: Server, query: str) -> int:
    return int(look(server, query)["total"])


def found(server: Server, query: str) -> list[str]:
    return [each["name"] for each in look(server, query)["projects"]]


@pytest.mark.parametrize("path", ["/search/?q=spam", "/status/"])
def test_a_header_that_makes_no_sense_gets_the_page(shop: Server, path: str) -> None:
    answer = shop.get(path, accept="text/html;x*0*=a'b'%zz")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_programs_get_json(shop: Server) -> None:
    told = look(shop, "q=spam")
    assert [each["name"] for each in told["projects"]] == ["spam", "spam-extras", "eggs"]
    (first, second, _) = told["projects"]
    assert first == {
        "name": "spam",
        "display_name": "spam",
        "version": "1.0",
        "summary": "Fries eggs",
        "status": "active",
        "released_at": first["released_at"],
        "url": f"{shop.url}/project/spam/",
    }
    assert second["display_name"] == "spam_extras"
    assert told | {"projects": []} == {
        "total": 3,
        "more_than_total": False,
        "page": 1,
        "pages": 1,
        "next": None,
        "did_you_mean": None,
        "some_words_only": False,
        "projects": [],
    }
    assert look(shop, "q=spma&format=json")["did_you_mean"] == "spam"
    assert look(shop, "q=xyzzy+spam")["some_words_only"] is True
    more = look(shop, "q=bacon")
    assert (more["pages"], more["next"]) == (2, f"{shop.url}/search/?q=bacon&page=2&format=json")
    assert look(shop, "q=bacon&page=2")["next"] is None
    assert Visitor(shop).get("/search/?q=spam&format=json").headers["content-type"] == JSON


def test_filters_are_in_the_address(shop: Server) -> None:
    django = quote("Framework :: Django")
    assert found(shop, f"q=spam&c={django}") == ["spam", "spam-extras"]
    assert found(shop, f"q=spam&c={django}&c={quote('Framework :: Django :: 5.2')}") == ["spam"]
    assert found(shop, "q=spam&python=3.11") == ["spam-extras", "eggs"]
    assert found(shop, "q=spam&days=30&sort=newest") == ["eggs", "spam-extras", "spam"]
    assert found(shop, "q=spam&status=archived") == []
    assert found(shop, "q=spam&python=x&days=-1&sort=x&status=x&page=x&c=") == ["spam", "spam-extras", "eggs"]


def test_an_installation_that_has_nothing_to_look_in_gets_it(own_server: Server) -> None:
    publish(own_server, "spam", "Summary: old\n")
    publish(own_server, "spam", "Summary: new\n", version="2.0")
    inside.eventually(lambda: [each["summary"] for each in look(own_server, "q=spam")["projects"]] == ["new"])
    inside.eventually(lambda: found(own_server, "q=spam") == ["spam"])
    inside.query(own_server, "UPDATE search_row SET place = NULL")
    assert found(own_server, "q=spam") == []
    own_server.command("rebuild")
    inside.eventually(lambda: found(own_server, "q=spam") == ["spam"])


def test_without_scripts(shop: Server) -> None:
    person = Visitor(shop)
    page = person.get("/search/?q=spam")
    assert "3 projects for spam" in words(page)
    assert 'Goes with spam <b>and</b> "ham"' in words(page)
    assert '<a href="/project/spam-extras/">' in page.text
    assert '<meta name="robots" content="noindex">' in page.text
    one = person.get("/search/?q=breakfast")
    assert "1 project for breakfast" in words(one)
    meant = person.get("/search/?q=spma")
    assert "Did you mean spam ?" in words(meant)
    assert '<a href="/search/?q=spam">' in meant.text
    some = words(person.get("/search/?q=xyzzy+breakfast"))
    assert "1 project for xyzzy breakfast" in some
    assert "Nothing has all of these words. These have some of them." in some
    assert "Nothing fits. Try other words," in words(person.get("/search/?q=xyzzy"))
    assert "The newest releases" in person.get("/search/").text
    filtered = person.get("/search/?q=xyzzy&c=Topic&c=Typing+%3A%3A+Typed&python=3.12")
    assert "Nothing found" in words(filtered)
    assert "Search without filters" in words(filtered)
    assert filtered.text.count('type="checkbox"') == 2
    assert '<option value="3.12" selected>' in filtered.text
    assert '<li><a href="/search/">All projects</a></li>' in filtered.text
    filtered = person.get("/search/?q=eggs&c=Typing+%3A%3A+Typed")
    assert "Nothing found" in words(filtered)
    assert "Did you mean" not in words(filtered)
    assert "Did you mean spam ?" in words(person.get("/search/?q=spma&status=active"))


def test_pages_lead_to_each_other(shop: Server) -> None:
    person = Visitor(shop)
    first = person.get("/search/?q=bacon&sort=newest")
    assert "Page 1 of 2" in words(first)
    assert 'rel="next" href="/search/?q=bacon&amp;sort=newest&amp;page=2"' in first.text
    assert 'rel="prev"' not in first.text
    second = person.get("/search/?q=bacon&sort=newest&page=2")
    assert 'rel="prev" href="/search/?q=bacon&amp;sort=newest"' in second.text
    assert second.text.count("<h3>") == 5
    beyond = person.get("/search/?q=bacon&page=9")
    assert "Go to the last one" in words(beyond)
    assert 'href="/search/?q=bacon&amp;page=2"' in beyond.text
    assert 'rel="prev"' not in person.get("/search/?q=xyzzy&page=9").text


def test_caches_keep_it_for_a_minute(shop: Server) -> None:
    person = Visitor(shop)
    answer = person.get("/search/?q=spam")
    assert answer.headers["surrogate-control"].startswith("max-age=60,")
    assert answer.headers["surrogate-key"] == "search"
    assert "Accept" in answer.headers["vary"].split(", ")
    assert "set-cookie" not in answer.headers
    again = person.client.get("/search/?q=spam", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_suggestions(shop: Server) -> None:
    answer = Visitor(shop).get("/search/suggestions/?q=Spa")
    assert answer.headers["content-type"] == "application/x-suggestions+json"
    assert answer.json() == ["Spa", ["spam", "spam-extras"]]
    assert Visitor(shop).get("/search/suggestions/").json() == ["", []]


@pytest.mark.parametrize(
    "text", ['"', "'", "a%00b", "%ff%fe", "%ed%a0%80", "*%20OR%20(", "NEAR(a b)", "-", "%25_", "a" * 5000, "%22" * 3000]
)
def test_whatever_is_asked_for_is_answered(shop: Server, text: str) -> None:
    for path in ("/search/?q={}", "/search/?q=spam&c={}&page={}&days={}", "/search/suggestions/?q={}"):
        answer = Visitor(shop).get(path.replace("{}", text))
        assert answer.status_code == 200, answer.text


def test_with_opensearch(tmp_path: Path) -> None:
    with running_stub() as stub, serving(tmp_path / "data", ENTREPOT_SEARCH_URL=stub.url) as server:
        stub.index.broken = 500
        publish(server, "spam", "Summary: Fries eggs\n")
        silent = Visitor(server).get("/search/?q=spam")
        assert (silent.status_code, silent.headers["retry-after"]) == (503, "30")
        assert "Search is not available" in words(silent)
        stub.index.broken = 0
        inside.eventually(lambda: found(server, "q=eggs") == ["spam"])
        server.command("delete", "spam")
        inside.eventually(lambda: found(server, "q=eggs") == [])


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shop: Server, browser: Browser, screen: dict[str, int], scheme: str) -> None:
    with visit(browser, f"{shop.url}/search/", screen, scheme) as page:  # type: ignore[arg-type]
        for name, query in (
            ("newest", ""),
            ("found", "q=bacon&page=2&c=Typing+%3A%3A+Typed&c="),
            ("many", "q=bacon"),
            ("nothing", "q=xyzzy&python=3.12"),
        ):
            page.goto(f"{shop.url}/search/?{query}")
            look_at(page, f"search-{name}-{scheme}-{screen['width']}", screen)
        page.goto(f"{shop.url}/search/")
        page.get_by_role("combobox", name="Words or a name").press_sequentially("spam")
        page.get_by_role("option", name="spam-extras").wait_for()
        page.keyboard.press("ArrowDown")
        look_at(page, f"search-suggestions-{scheme}-{screen['width']}", screen)


def look_at(page: Page, name: str, screen: dict[str, int]) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], name
    results = Axe().run(page)
    assert results.violations_count == 0, f"{name}\n{results.generate_report()}"
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_suggestions_by_keyboard(shop: Server, browser: Browser) -> None:
    with visit(browser, f"{shop.url}/search/") as page:
        field = page.get_by_role("combobox", name="Words or a name")
        field.press_sequentially("spa")
        page.get_by_role("option", name="spam-extras").wait_for()
        assert page.locator(".suggestions li").all_text_contents() == ["spam", "spam-extras"]
        page.keyboard.press("ArrowUp")
        assert field.input_value() == "spam-extras"
        assert field.get_attribute("aria-activedescendant") == "suggestions-1-1"
        page.keyboard.press("ArrowDown")
        assert field.input_value() == "spa"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Escape")
        assert (field.input_value(), field.get_attribute("aria-expanded")) == ("spa", "false")
        field.press_sequentially("m")
        page.get_by_role("option", name="spam-extras").click()
        page.wait_for_url(f"{shop.url}/search/?q=spam-extras*")
