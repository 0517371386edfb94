"""How an index is found: feeds, sitemaps, what browsers and robots ask for, classifiers, and the numbers in front."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Browser, ViewportSize

import inside
from archives import forge
from browsing import DESKTOP, PHONE, visit
from entrepot.followers.loop import FOLLOWERS
from entrepot.projects import actions, news, totals
from entrepot.projects.models import File, Project, Status
from serving import Server, serving
from uploading import upload
from visiting import Visitor, words
from world import World, follow, new_world

URL = "https://index.example"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
OPEN = "{http://a9.com/-/spec/opensearch/1.1/}"
SELF = "{http://www.w3.org/2005/Atom}link"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> World:
    """An index with two projects and three releases, the address of which is known."""
    monkeypatch.setenv("ENTREPOT_PUBLIC_URL", URL)
    made = new_world(tmp_path / "store")
    for name, version in (("Alpha_One", "1.0"), ("Alpha_One", "2.0"), ("beta", "1!1.0")):
        made.upload(forge.wheel(name.lower(), version, metadata=summarized(name, version, f"{name} & <more> ü")))
    return made


def summarized(name: str, version: str, summary: str) -> bytes:
    return forge.core_metadata(name, version, f"Summary: {summary}\n")


def xml(path: str) -> ET.Element:
    answer = Client().get(path)
    assert answer.status_code == 200, (path, answer.content)
    return ET.fromstring(answer.content)  # noqa: S314 - our own


def items(path: str) -> list[dict[str, str]]:
    return [{each.tag: each.text or "" for each in item} for item in xml(path).iter("item")]


def queries(path: str) -> int:
    """How many a page needs once it is warm."""
    Client().get(path)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert Client().get(path).status_code == 200
    return len(captured)


def count_up() -> None:
    """What the worker does when something has changed."""
    follow(*FOLLOWERS)


def counted() -> tuple[int, int, int]:
    count_up()
    told = totals.totals()
    return told.projects, told.releases, told.files


class TestFeeds:
    @pytest.mark.usefixtures("world")
    def test_new_releases(self) -> None:
        feed = xml("/rss/updates.xml")
        assert (feed.tag, feed.attrib["version"]) == ("rss", "2.0")
        channel = feed[0]
        assert {
            each.tag: each.text for each in channel if each.tag in {"title", "link", "description", "language"}
        } == {
            "title": "Entrepot: New releases",
            "link": f"{URL}/",
            "description": "The newest releases of all projects",
            "language": "en",
        }
        (itself,) = channel.findall(SELF)
        assert itself.attrib == {"rel": "self", "href": f"{URL}/rss/updates.xml"}
        told = items("/rss/updates.xml")
        assert [each["title"] for each in told] == ["beta 1!1.0", "Alpha_One 2.0", "Alpha_One 1.0"]
        assert told[0]["link"] == told[0]["guid"] == f"{URL}/project/beta/1!1.0/"
        assert told[1]["link"] == f"{URL}/project/alpha-one/2.0/"
        assert told[1]["description"] == "Alpha_One & <more> ü"
        age = datetime.now(UTC) - parsedate_to_datetime(told[0]["pubDate"])
        assert timedelta(seconds=-1) <= age < timedelta(minutes=10)
        assert {each.attrib["isPermaLink"] for each in feed.iter("guid")} == {"true"}

    @pytest.mark.usefixtures("world")
    def test_new_projects(self) -> None:
        told = items("/rss/packages.xml")
        assert [each["title"] for each in told] == ["beta", "Alpha_One"]
        assert [each["guid"] for each in told] == [f"{URL}/project/beta/", f"{URL}/project/alpha-one/"]

    @pytest.mark.usefixtures("world")
    @pytest.mark.parametrize("spelling", ["alpha-one", "ALPHA.one"])
    def test_releases_of_one(self, spelling: str) -> None:
        path = f"/rss/project/{spelling}/releases.xml"
        assert [each["title"] for each in items(path)] == ["Alpha_One 2.0", "Alpha_One 1.0"]
        channel = xml(path)[0]
        assert [channel.findtext(each) for each in ("title", "link")] == [
            "Entrepot: Releases of Alpha_One",
            f"{URL}/project/alpha-one/",
        ]
        assert channel.find(SELF).attrib["href"] == f"{URL}/rss/project/alpha-one/releases.xml"  # type: ignore[union-attr]

    @pytest.mark.usefixtures("world")
    def test_of_no_project(self) -> None:
        assert Client().get("/rss/project/nothing/releases.xml").status_code == 404
        assert Client().get("/rss/project/-/releases.xml").status_code == 400

    @pytest.mark.usefixtures("world")
    def test_what_xml_cannot_say_is_left_out(self) -> None:
        File.objects.update(metadata={"summary": "a\x0bb\x1b[31m\ufffe\U0001f600"})
        assert {each["description"] for each in items("/rss/updates.xml")} == {"ab[31m\U0001f600"}
        File.objects.update(metadata={})
        assert {each["description"] for each in items("/rss/packages.xml")} == {""}

    def test_what_readers_do_not_see_is_not_news(self, world: World) -> None:
        actions.set_status(world.project("beta"), Status.QUARANTINED, by=world.actor)
        actions.delete_file(world.file("alpha_one-1.0-py3-none-any.whl"), by=world.actor)
        assert [each["title"] for each in items("/rss/updates.xml")] == ["Alpha_One 2.0"]
        assert [each["title"] for each in items("/rss/packages.xml")] == ["Alpha_One"]
        assert items("/rss/project/beta/releases.xml") == []
        actions.delete_project(world.project("alpha-one"), by=world.actor)
        assert items("/rss/updates.xml") == items("/rss/packages.xml") == []

    @pytest.mark.usefixtures("world")
    def test_caches_keep_them_for_a_minute(self) -> None:
        for path, tag in (("updates", "updates"), ("packages", "updates"), ("project/beta/releases", None)):
            answer = Client().get(f"/rss/{path}.xml")
            assert answer["Content-Type"] == "application/rss+xml; charset=utf-8"
            assert answer["Surrogate-Control"].startswith("max-age=60,")
            assert answer.get("Surrogate-Key") == tag
            assert Client().get(f"/rss/{path}.xml", headers={"If-None-Match": answer["ETag"]}).status_code == 304


class TestSitemaps:
    @pytest.mark.usefixtures("world")
    def test_every_project_is_in_its_bucket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = Project.objects.order_by("pk").values_list("pk", flat=True)
        monkeypatch.setattr(news, "BUCKET", first)  # the first project ends a bucket
        listed = [each.text for each in xml("/sitemap.xml").iter(f"{MAP}loc")]
        assert listed == [f"{URL}/sitemap/{number}.xml" for number in range(-(-second // first) + 1)]
        (told,) = xml("/sitemap/1.xml")
        assert told.findtext(f"{MAP}loc") == f"{URL}/project/alpha-one/"
        changed = datetime.fromisoformat(told.findtext(f"{MAP}lastmod") or "")
        assert datetime.now(UTC) - changed < timedelta(minutes=10)
        assert [each[0].text for each in xml("/sitemap/2.xml")] == [f"{URL}/project/beta/"]
        assert Client().get(f"/sitemap/{len(listed)}.xml").status_code == 404
        assert Client().get("/sitemap/-1.xml").status_code == 404

    def test_what_readers_do_not_see_is_not_there(self, world: World) -> None:
        actions.set_status(world.project("beta"), Status.QUARANTINED, by=world.actor)
        number = news.buckets()
        assert [each[0].text for each in xml(f"/sitemap/{number}.xml")] == [f"{URL}/project/alpha-one/"]
        actions.delete_project(world.project("alpha-one"), by=world.actor)
        assert [each[0].text for each in xml("/sitemap.xml")] == [f"{URL}/sitemap/0.xml"]

    @pytest.mark.usefixtures("world")
    def test_the_pages_of_the_site(self) -> None:
        pages = [str(each[0].text) for each in xml("/sitemap/0.xml")]
        assert {f"{URL}/", f"{URL}/help/", f"{URL}/policies/privacy/", f"{URL}/classifiers/"} <= set(pages)
        for each in pages:
            assert Client().get(each.removeprefix(URL)).status_code == 200, each

    def test_none_is_too_large(self) -> None:
        """The protocol allows 50,000 URLs and 50 MB."""
        longest = news.Listed("x" * 100, datetime.now(UTC))
        page = render_to_string("sitemap.xml", {"url": URL, "projects": [longest] * news.BUCKET})
        assert news.BUCKET <= 50_000
        assert len(page) < 50_000_000
        assert len(list(ET.fromstring(page))) == news.BUCKET  # noqa: S314 - our own


@pytest.mark.parametrize(
    "path",
    ["/", "/rss/updates.xml", "/rss/packages.xml", "/rss/project/beta/releases.xml", "/sitemap.xml", "/sitemap/1.xml"],
)
def test_no_page_needs_more_queries_where_there_is_more(world: World, path: str) -> None:
    before = queries(path)
    for name, version in (("gamma", "1.0"), ("beta", "2.0"), ("beta", "3.0"), ("delta", "1.0")):
        world.upload(forge.wheel(name, version))
    assert queries(path) == before <= 6


class TestWhatProgramsLookFor:
    @pytest.mark.usefixtures("world")
    def test_opensearch(self) -> None:
        told = xml("/opensearch.xml")
        assert told.tag == f"{OPEN}OpenSearchDescription"
        assert 0 < len(told.findtext(f"{OPEN}ShortName") or "") <= 16
        assert {each.attrib["type"]: each.attrib["template"] for each in told.iter(f"{OPEN}Url")} == {
            "text/html": f"{URL}/search/?q={{searchTerms}}",
            "application/x-suggestions+json": f"{URL}/search/suggestions/?q={{searchTerms}}",
            "application/opensearchdescription+xml": f"{URL}/opensearch.xml",
        }

    @pytest.mark.usefixtures("world")
    def test_robots(self) -> None:
        answer = Client().get("/robots.txt")
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        lines = answer.content.decode().splitlines()
        assert lines[0] == "User-agent: *"
        for path in ("/simple/", "/packages/", "/search/", "/account/", "/admin/", "/image/", "/project/*/files/"):
            assert f"Disallow: {path}" in lines
        assert lines[-1] == f"Sitemap: {URL}/sitemap.xml"

    @pytest.mark.usefixtures("world")
    def test_where_weaknesses_are_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def told() -> dict[str, str]:
            text = Client().get("/.well-known/security.txt").content.decode()
            return dict(line.split(": ", 1) for line in text.splitlines())

        fields = told()
        left = datetime.fromisoformat(fields.pop("Expires")) - datetime.now(UTC)
        assert timedelta(days=363) < left <= timedelta(days=365)
        assert fields == {
            "Contact": "mailto:no-reply@index.example",
            "Policy": f"{URL}/security/",
            "Canonical": f"{URL}/.well-known/security.txt",
        }
        monkeypatch.setenv("ENTREPOT_SECURITY_CONTACT", "safe@index.example")
        assert told()["Contact"] == "mailto:safe@index.example"

    @pytest.mark.usefixtures("world")
    def test_where_a_password_is_changed(self) -> None:
        answer = Client().get("/.well-known/change-password")
        assert (answer.status_code, answer["Location"]) == (302, "/account/password/change/")

    @pytest.mark.usefixtures("world")
    def test_pages_name_what_there_is(self) -> None:
        links = re.findall(
            'rel="([a-z]+)" type="([^"]+)" title="[^"]+" href="([^"]+)"', render_to_string("discovery.html")
        )
        assert [rel for rel, *_ in links] == ["search", "alternate", "alternate"]
        for _rel, kind, path in links:
            assert Client().get(path)["Content-Type"].startswith(kind)

    @pytest.mark.usefixtures("world")
    def test_nobody_is_asked_who_they_are(self) -> None:
        for path in ("/robots.txt", "/.well-known/security.txt", "/opensearch.xml", "/sitemap.xml", "/classifiers/"):
            answer = Client().get(path)
            assert not answer.cookies
            assert answer["Cache-Control"] == "public, max-age=0, must-revalidate", path


class TestClassifiers:
    def links(self, query: str) -> list[str]:
        page = Client().get(f"/classifiers/{query}").content.decode()
        return [unescape(each) for each in re.findall(r'href="(/search/\?c=[^"]+)"', page)]

    @pytest.mark.usefixtures("world")
    def test_all_of_them_lead_to_their_projects(self) -> None:
        links = self.links("")
        assert len(links) == len(set(links)) > 800
        assert "/search/?c=Framework+%3A%3A+Django" in links
        assert "/search/?c=Framework+%3A%3A+Django+%3A%3A+5.2" in links
        assert "/search/?c=Topic" not in links

    @pytest.mark.usefixtures("world")
    def test_some_of_them(self) -> None:
        assert self.links("?q=ITALIAN++natural") == ["/search/?c=Natural+Language+%3A%3A+Italian"]
        page = Client().get("/classifiers/?q=italian").content.decode()
        assert "1 classifier;" in page
        assert "Natural Language" in page

    @pytest.mark.usefixtures("world")
    def test_a_question_has_an_end(self) -> None:
        words = " ".join(f"w{number}" for number in range(30_000))
        page = Client().get("/classifiers/", {"q": words}).content.decode()
        assert "0 classifiers;" in page
        assert f'value="{words[:100]}"' in page
        assert self.links(f"?q={'e+' * 30_000}") == self.links("?q=e")

    @pytest.mark.usefixtures("world")
    def test_none_of_them(self) -> None:
        page = Client().get("/classifiers/", {"q": '"><script>no'}).content.decode()
        assert "0 classifiers;" in page
        assert "<script>no" not in page
        assert 'href="/classifiers/"' in page


class TestNumbers:
    def test_they_follow_what_happens(self, world: World) -> None:
        assert counted() == (2, 3, 3)
        world.upload(forge.sdist("beta", "1!1.0"))
        assert counted() == (2, 3, 4)
        world.show(actions.set_status(world.project("Alpha_One"), Status.QUARANTINED, by=world.actor))
        world.show(actions.delete_file(world.file("beta-1!1.0.tar.gz"), by=world.actor))
        assert counted() == (1, 1, 1)
        world.show(actions.set_status(world.project("Alpha_One"), Status.ACTIVE, by=world.actor))
        assert counted() == (2, 3, 3)
        world.show(actions.delete_project(world.project("beta"), by=world.actor))
        assert counted() == (1, 2, 2)
        totals.recount([each.pk for each in Project.objects.all()])
        assert counted() == (1, 2, 2)

    @pytest.mark.usefixtures("transactional_db")
    def test_of_nothing(self) -> None:
        assert counted() == (0, 0, 0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with seven projects, one of them in a script that is written from right to left."""
    with serving(tmp_path_factory.mktemp("discovery")) as running:
        for number in range(6):
            add(running, f"thing{number}", "A thing among others")
        add(running, "hebrew", "חבילה לדוגמה " * 10)
        own = running.data / "pages" / "names.md"
        own.parent.mkdir()
        own.write_text(
            "# Our own names\n\n## First\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n" + "x " * 200 + "\n```\n"
        )
        yield running


def add(server: Server, name: str, summary: str) -> None:
    built = forge.wheel(name, metadata=summarized(name, "1.0", summary))
    assert upload(server, built.filename, built.data, name=name, version="1.0").status == 200


def test_the_front_page_says_what_is_here(filled: Server) -> None:
    inside.eventually(lambda: "7 projects" in numbers(filled))
    assert numbers(filled) == ["7 projects", "7 releases", "7 files", "1 person"]
    page = Visitor(filled).get("/")
    assert "thing5 1.0 A thing among others" in words(page)
    assert re.findall('href="(/project/[^/]+/)"', page.text)[:2] == ["/project/hebrew/", "/project/thing5/"]
    assert page.text.count('href="/project/') == 10
    assert 'href="/project/thing1/' not in page.text


def numbers(server: Server) -> list[str]:
    """The numbers as they are seen, each before what it counts."""
    found = re.findall("<dt>([^<]*)</dt><dd>([^<]*)</dd>", Visitor(server).get("/").text)
    return [f"{number} {what}" for what, number in found][:4]


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(filled: Server, browser: Browser, scheme: str, screen: ViewportSize) -> None:
    pages = [
        "/classifiers/?q=django",
        "/classifiers/?q=nothing-at-all",
        "/stats/",
        "/help/",
        "/security/",
        "/policies/",
    ]
    pages += [f"/policies/{name}/" for name in ("terms-of-use", "privacy", "names")] + ["/user/alice/"]
    with visit(browser, filled.url, screen, scheme) as page:
        for path in ("/", *pages):
            page.goto(filled.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], path
            results = Axe().run(page)
            assert results.violations_count == 0, f"{path}\n{results.generate_report()}"


def test_the_search_box_needs_no_script(filled: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(filled.url)
    page.get_by_label("Find a project").fill("thing & more")
    page.get_by_label("Find a project").press("Enter")
    assert page.url == f"{filled.url}/search/?q=thing+%26+more"
    page.goto(f"{filled.url}/classifiers/")
    page.get_by_label("Only those with").fill("italian")
    page.get_by_role("button", name="Filter").click()
    assert page.get_by_role("link", name="Italian").count() == 1
    context.close()


def test_the_whole_list_of_classifiers_is_not_large(filled: Server) -> None:
    answer = filled.get("/classifiers/", accept_encoding="br")
    assert answer.headers["content-encoding"] == "br"
    assert len(answer.body) < 25_000
    assert "set-cookie" not in answer.headers
