"""Looking inside of files and at what changed: pages of ours about what strangers have packed."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from archives import forge
from browsing import DESKTOP, PHONE, visit
from entrepot import layout
from entrepot.archives.limits import MAX_MEMBERS
from inside import project_id, query
from serving import Server, serving
from uploading import upload
from visiting import Visitor, words

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
ATTACK = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">\n"
NAME = "demo/<img src=x onerror=alert(1)>#?%2F &amp;.txt"
FILES = {
    "demo/attack.html": ATTACK.encode(),
    NAME: b"named oddly\n",
    "demo/long.py": b"".join(b"line = %d\n" % n for n in range(1, 12_001)),
    "demo/latin.txt": "caf\xe9\r\nau lait".encode("latin-1"),
    "demo/trojan.py": "ok = '\u202e'\n".encode(),
    "demo/image.png": b"\x89PNG\r\n\x1a\n\0\0\0",
    "demo/image2.gz": b"\x1f\x8b\x08\x01\x02\xff",
    "demo/cut.txt": ("é" * 400_001).encode(),
    "demo/wide.txt": b"x" * 2000,
    "demo/empty.txt": b"",
}
WHEEL = "demo-1.0-py3-none-any.whl"
BASE = f"/project/demo/1.0/files/{WHEEL}/"
CHANGES = "/project/demo/2.0/changes/"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An index with two releases, and one file whose bytes are not what anybody could upload."""
    with serving(tmp_path_factory.mktemp("inside"), ENTREPOT_PROXIES="1") as running:
        add(running, forge.wheel(files=FILES, metadata=metadata("1.0", f"Summary: {ATTACK}", "One\n\nTwo\n")))
        add(running, forge.sdist())
        more = "Summary: calm\nRequires-Dist: attrs\nClassifier: Topic :: Software Development\n"
        files = {"demo/attack.html": b"calm\n", "demo/new.py": b"1\n", **dict.fromkeys(("demo/wide.txt",), b"y")}
        files |= {f"demo/many/{n:04}.py": b"" for n in range(1100)}
        add(running, forge.wheel("demo", "2.0", files=files, metadata=metadata("2.0", more, f"One\n\n{ATTACK}")))
        add(running, forge.wheel("odd"), name="odd")
        swap(running, "odd-1.0-py3-none-any.whl", odd())
        yield running


def metadata(version: str, more: str, description: str) -> bytes:
    return forge.core_metadata("demo", version, f"{more.strip()}\n\n{description}")


def odd() -> bytes:
    entries = [
        forge.Entry(b"../../etc/passwd", b"x"),
        forge.Entry(b"link", b"/etc/passwd", mode=0o120777),
        forge.Entry(b"secret", b"x", flags=1),
        forge.Entry(b"pipe", mode=0o010644),
        forge.Entry("\u202egpj.exe".encode(), b"x"),
        forge.Entry(b"twice", b"1"),
        forge.Entry(b"twice", b"2"),
        forge.Entry(b"broken", b"abc", central={"crc": 1}),
    ]
    return forge.zip_file(entries)


def add(server: Server, built: forge.Built, name: str = "demo") -> None:
    version = built.filename.split("-")[1].removesuffix(".tar.gz")
    answer = upload(server, built.filename, built.data, name=name, version=version)
    assert answer.status == 200, answer


def swap(server: Server, filename: str, data: bytes) -> None:
    """Let a file consist of other bytes, as if it had been taken over from an index with other rules."""
    blake2 = hashlib.blake2b(data, digest_size=32).hexdigest()
    path = server.data / "store" / layout.package(blake2, filename).key
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    query(server, "UPDATE projects_file SET blake2 = ?, size = ? WHERE filename = ?", blake2, len(data), filename)


def test_a_wheel_is_listed_with_sizes_and_totals(filled: Server) -> None:
    page = Visitor(filled).get(BASE)
    assert page.status_code == 200
    read = words(page)
    assert "14 files of " in read
    assert "demo/ <img" not in page.text
    assert f'href="{BASE}demo/{quote(NAME.removeprefix("demo/"), safe="/&;=()")}"' in page.text.replace("&amp;", "&")
    for part in ("demo-1.0.dist-info/", "METADATA", "attack.html", "image.png 11 bytes"):
        assert part in read.replace("\xa0", " "), part


def test_an_sdist_is_listed(filled: Server) -> None:
    page = Visitor(filled).get("/project/demo/1.0/files/demo-1.0.tar.gz/")
    assert "2 files of" in words(page)
    page = Visitor(filled).get("/project/demo/1.0/files/demo-1.0.tar.gz/demo-1.0/PKG-INFO")
    assert "Metadata-Version: 2.4" in words(page)


@pytest.mark.parametrize("path", [BASE, f"{BASE}demo/attack.html", CHANGES, "/project/Demo/1.0/changes/"])
def test_pages_are_as_from_another_origin(filled: Server, path: str) -> None:
    answer = filled.get(path)
    rules = answer.headers["content-security-policy"]
    assert rules.startswith("sandbox allow-forms allow-downloads; default-src 'none'; style-src 'self'; ")
    assert "script" not in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", [BASE, f"{BASE}demo/attack.html", CHANGES])
def test_caches_keep_them_and_purge_them_by_project(filled: Server, path: str) -> None:
    answer = filled.get(path)
    assert (answer.status, answer.headers["surrogate-key"]) == (200, "project/demo")
    assert "set-cookie" not in answer.headers
    assert "ratelimit" not in answer.headers
    again = filled.get(path, if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", [BASE, f"{BASE}demo/attack.html", CHANGES])
def test_no_language_is_offered_where_none_can_be_chosen(filled: Server, path: str) -> None:
    """A form that is sent from another origin, as these pages are, chooses nothing."""
    assert 'action="/language/"' not in filled.get(path).text
    assert 'action="/language/"' in filled.get("/project/demo/").text


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (f"/project/DEMO/1.0.0/files/{WHEEL}/", BASE),
        (f"/project/DEMO/1.0.0/files/{WHEEL}/?page=2", f"{BASE}?page=2"),
        (f"/project/demo/1.0.0/files/{WHEEL}/demo/attack.html", f"{BASE}demo/attack.html"),
        ("/project/Demo/2/changes/", CHANGES),
        ("/project/Demo/2/changes/?since=1.0", f"{CHANGES}?since=1.0"),
    ],
)
def test_other_spellings_lead_to_the_one(filled: Server, path: str, to: str) -> None:
    answer = filled.get(path)
    assert (answer.status, answer.headers["location"]) == (301, to)


@pytest.mark.parametrize(
    "path",
    [
        f"/project/nothing/1.0/files/{WHEEL}/",
        f"/project/demo/3.0/files/{WHEEL}/",
        "/project/demo/1.0/files/demo-1.0-py2-none-any.whl/",
        f"{BASE}demo/nothing",
        f"{BASE}demo",
        f"{BASE}demo/",
        f"{BASE}demo%2f..%2fdemo%2fattack.html",
        f"{BASE}demo/%00",
        f"{BASE}%ff",
        f"{BASE}{'a/' * 3000}",
        f"{CHANGES}?since=7.0",
        "/project/demo/7.0/changes/",
        "/project/odd/1.0/files/odd-1.0-py3-none-any.whl/link",
        "/project/odd/1.0/files/odd-1.0-py3-none-any.whl/twice",
        "/project/odd/1.0/files/odd-1.0-py3-none-any.whl/..%2f..%2fetc%2fpasswd",
    ],
)
def test_what_is_not_there(filled: Server, path: str) -> None:
    assert filled.get(path).status == 404


def test_an_encoded_slash_is_one(filled: Server) -> None:
    assert filled.get(f"{BASE}demo%2Fattack.html").status == 200


def test_a_file_is_text_with_numbered_lines(filled: Server) -> None:
    page = filled.get(f"{BASE}demo/long.py").text
    assert '<span id="L10"><a href="#L10" tabindex="-1">10</a>line = 10\n</span>' in page
    assert 'id="L10000"' in page
    assert 'id="L10001"' not in page
    assert "only its beginning is shown" in page
    assert hashlib.sha256(FILES["demo/long.py"]).hexdigest() in page


@pytest.mark.parametrize(
    ("path", "told", "not_told"),
    [
        ("demo/attack.html", "&lt;script&gt;document.title", "<script"),
        ("demo/latin.txt", "café\n</span>", "\r"),
        ("demo/latin.txt", "shown as if it were ISO 8859-1", "cannot be seen"),
        ("demo/trojan.py", "ok = &#x27;⟨U+202E⟩&#x27;", "\u202e"),
        ("demo/trojan.py", "change the direction of text", "ISO 8859-1"),
        ("demo/image.png", "This is no text", "<pre"),
        ("demo/image2.gz", "This is no text", "<pre"),
        ("demo/cut.txt", "only its beginning is shown", "\ufffd"),
        ("demo/cut.txt", "UTF-8", "ISO 8859-1"),
        ("demo/empty.txt", "0\xa0bytes", "This is no text"),
        (quote(NAME), "named oddly", "<img src=x"),
    ],
)
def test_kinds_of_files(filled: Server, path: str, told: str, not_told: str) -> None:
    answer = filled.get(f"{BASE}{path}")
    page = answer.text.partition("<main")[2]
    assert answer.status == 200
    assert told in page
    assert not_told not in page


def test_odd_members_are_named_and_not_opened(filled: Server) -> None:
    """Such bytes are refused today; an index may have taken them over."""
    base = "/project/odd/1.0/files/odd-1.0-py3-none-any.whl/"
    page = Visitor(filled).get(base)
    read = words(page)
    for told in (
        "passwd not shown: its name is odd, or occurs twice",
        "link a link, which is not followed",
        "secret encrypted",
        "pipe neither a file nor a folder",
        "⟨U+202E⟩gpj.exe",
        "twice not shown",
    ):
        assert told in read, told
    assert "\u202e" not in page.text
    broken = Visitor(filled).get(f"{base}broken")
    assert broken.status_code == 200
    assert "This file cannot be shown here. The file is damaged" in words(broken)
    assert '<p class="note" lang="en" dir="ltr">Invalid distribution file. The size or the CRC-32' in broken.text
    in_german = Visitor(filled).client.get(f"{base}broken", headers={"Accept-Language": "de"}).text
    assert "<p>Die Datei ist beschädigt" in in_german
    missing = Visitor(filled).client.get(f"{base}nothing", headers={"Accept-Language": "de"})
    assert (missing.status_code, "enthält keine Datei mit diesem Namen" in words(missing)) == (404, True)


def test_links_in_an_sdist_are_listed_with_what_they_lead_to(own_server: Server) -> None:
    add(own_server, forge.sdist())
    link = forge.TarEntry(b"demo-1.0/link", kind=b"2", link=b"<b>/etc/passwd")
    swap(own_server, "demo-1.0.tar.gz", forge.gzip_file(forge.tar_file([link])))
    base = "/project/demo/1.0/files/demo-1.0.tar.gz/"
    page = own_server.get(base).text
    assert "a link to <bdi>&lt;b&gt;/etc/passwd</bdi>, which is not followed" in page
    assert own_server.get(f"{base}demo-1.0/link").status == 404
    swap(own_server, "demo-1.0.tar.gz", b"<script>")
    assert "What is in this file cannot be shown here." in own_server.get(base).text
    swap(own_server, "demo-1.0.tar.gz", forge.gzip_file(forge.tar_file([link] * (MAX_MEMBERS + 1))))
    assert "It holds more than is looked through here. It has more than" in words(Visitor(own_server).get(base))


def test_many_members_are_on_several_pages(filled: Server) -> None:
    base = "/project/demo/2.0/files/demo-2.0-py3-none-any.whl/"
    first, second = filled.get(base).text, filled.get(f"{base}?page=2").text
    assert "Page 1 of 2" in first
    assert "Files after these" in first
    assert "Files before these" in second
    assert first.count("<tr>") + second.count("<tr>") - 2 == 1107
    assert "1,107 files of" in second


def test_what_is_quarantined_or_removed_is_not_shown(own_server: Server) -> None:
    for version in ("1.0", "2.0"):
        add(own_server, forge.wheel("demo", version))
    assert own_server.get(BASE).status == 200
    own_server.command("status", "demo", "quarantined")
    assert own_server.get(BASE).status == 404
    assert own_server.get(f"{BASE}demo/__init__.py").status == 404
    assert own_server.get(CHANGES).status == 404
    own_server.command("status", "demo", "active")
    assert own_server.get(CHANGES).status == 200


class TestChanges:
    def test_all_that_changed(self, filled: Server) -> None:
        page = Visitor(filled).get(CHANGES)
        read = words(page)
        for told in (
            "Compared with release 1.0",
            "Requires-Dist nothing + attrs",
            "\N{MINUS SIGN} removed: demo-1.0.tar.gz",
            "demo-1.0-py3-none-any.whl compared with demo-2.0-py3-none-any.whl",
            "± 4 files changed",
            "+ 1,101 files were added",
            "Only the first 500 are listed.",
            "\N{MINUS SIGN} 8 files were removed",
            "2 files are the same in both.",
        ):
            assert told in read, told
        assert "<del>- Two\n</del>" in page.text
        assert "<ins>+ &lt;script&gt;" in page.text
        assert f'href="{BASE}demo/attack.html" aria-label="demo/attack.html in 1.0"' in page.text

    def test_another_release_is_chosen(self, filled: Server) -> None:
        read = words(Visitor(filled).get("/project/demo/1.0/changes/?since=2.0"))
        assert "Compared with release 2.0" in read
        assert "+ added: demo-1.0.tar.gz" in read

    def test_the_first_release(self, filled: Server) -> None:
        assert "no release before this one" in words(Visitor(filled).get("/project/demo/1.0/changes/"))

    def test_nothing_changed(self, filled: Server) -> None:
        read = words(Visitor(filled).get("/project/demo/1.0/changes/?since=1.0"))
        for told in (
            "All fields say the same",
            "It is the same.",
            "Each has a counterpart",
            "files are the same in both",
        ):
            assert told in read, told

    def test_what_cannot_be_compared(self, own_server: Server) -> None:
        add(own_server, forge.sdist("demo", "1.0"))
        add(own_server, forge.wheel("demo", "2.0", metadata=metadata("2.0", "", "new\n" * 1200)))
        read = words(Visitor(own_server).get(CHANGES))
        assert "The two releases have no files of the same kind." in read
        assert "It changed too much to be shown line by line." in read
        add(own_server, forge.wheel("demo", "3.0", metadata=metadata("3.0", "", "new\n" * 600)))
        swap(own_server, "demo-3.0-py3-none-any.whl", b"<script>")
        read = words(Visitor(own_server).get("/project/demo/3.0/changes/"))
        assert "They cannot be compared here. The file is damaged, or built in a way that is not read here." in read
        page = own_server.get("/project/demo/3.0/changes/?since=1.0").text
        assert page.count("<ins>") >= 600

    def test_many_values_and_long_ones(self, own_server: Server) -> None:
        add(own_server, forge.wheel("demo", "1.0"))
        more = "".join(f"Requires-Dist: a{number}\n" for number in range(60)) + f"Author: {'b' * 300}\n"
        add(own_server, forge.wheel("demo", "2.0", metadata=metadata("2.0", more, "")))
        read = words(Visitor(own_server).get(CHANGES))
        assert "+ a49 and 10 more" in read
        assert f" {'b' * 199}… " in read

    def test_many_releases_to_compare_with(self, own_server: Server) -> None:
        add(own_server, forge.wheel("demo", "1.0"))
        add(own_server, forge.wheel("demo", "2.0"))
        number = project_id(own_server, "demo")
        for version in range(120):
            query(
                own_server,
                "INSERT INTO projects_release (project_id, version, canonical, created_at) VALUES (?, ?, ?, ?)",
                *(number, f"0.{version}", f"0.{version}", "2026-01-01 00:00:00+00"),
            )
        page = own_server.get(f"{CHANGES}?since=0.5").text
        offered = re.findall("<option(| selected)>(.*?)</option>", page)
        newest = [("", version) for version in ("2.0", "1.0", *(f"0.{number}" for number in range(119, 21, -1)))]
        assert offered == [*newest, (" selected", "0.5")]

    def test_many_lines(self, own_server: Server) -> None:
        old, new = (metadata(version, "", f"{version}\n" * 900) for version in ("1.0", "2.0"))
        add(own_server, forge.wheel("demo", "1.0", metadata=old))
        add(own_server, forge.wheel("demo", "2.0", metadata=new))
        assert "801 more lines are not shown." in words(Visitor(own_server).get(CHANGES))


def test_whoever_looks_without_end_has_to_wait(filled: Server) -> None:
    person = Visitor(filled)
    answers = [person.get(BASE).status_code for _ in range(301)]
    assert answers == [200] * 300 + [429]
    assert Visitor(filled).get(BASE).status_code == 200


class TestInTheBrowser:
    @pytest.mark.parametrize("path", [BASE, f"{BASE}demo/attack.html", f"{BASE}{quote(NAME)}", CHANGES])
    def test_nothing_of_strangers_runs(self, filled: Server, browser: Browser, path: str) -> None:
        with visit(browser, filled.url + path) as page:
            assert "owned" not in page.title()
            assert page.locator("main script, main img").count() == 0
            assert page.evaluate("self.origin") == "null"
            assert page.evaluate("getComputedStyle(document.querySelector('.inside')).display") == "grid"

    def test_a_line_is_linked_to(self, filled: Server, browser: Browser) -> None:
        with visit(browser, f"{filled.url}{BASE}demo/long.py#L500") as page:
            assert page.locator(":target").inner_text().strip().endswith("line = 500")
            assert page.evaluate("window.scrollY") > 1000

    def test_from_the_changes_to_a_file_by_keyboard(self, filled: Server, browser: Browser) -> None:
        with visit(browser, f"{filled.url}/project/demo/2.0/changes/?since=2.0") as page:
            page.get_by_label("Compare with").focus()
            page.keyboard.type("1.0")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            page.get_by_text("Compared with release 1.0").wait_for()
            page.get_by_role("link", name="demo/attack.html in 1.0").focus()
            page.keyboard.press("Enter")
            page.get_by_role("heading", name="demo/attack.html").wait_for()

    def test_the_file_can_be_fetched_from_its_page(self, filled: Server, browser: Browser) -> None:
        with visit(browser, filled.url + BASE) as page, page.expect_download() as download:
            page.get_by_role("link", name=f"Download {WHEEL}").click()
        assert download.value.suggested_filename == WHEEL

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
    def test_axe_finds_nothing(self, filled: Server, browser: Browser, screen: dict[str, int], scheme: str) -> None:
        """On the page without its sandbox, in which no script runs, not even that one."""
        with visit(browser, filled.url, screen, scheme) as page:  # type: ignore[arg-type]
            page.route("**/project/**", without_sandbox)
            for number, path in enumerate(
                (
                    BASE,
                    "/project/odd/1.0/files/odd-1.0-py3-none-any.whl/",
                    f"{BASE}demo/wide.txt#L1",
                    f"{BASE}demo/image.png",
                    CHANGES,
                    "/project/demo/1.0/changes/",
                )
            ):
                look_at(page, filled.url + path, screen, f"inside-{number}-{scheme}")


def without_sandbox(route: Route) -> None:
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    route.fulfill(response=answer, headers=headers)


def look_at(page: Page, url: str, screen: dict[str, int], name: str) -> None:
    page.goto(url)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], url
    results = Axe().run(page)
    assert results.violations_count == 0, f"{url}\n{results.generate_report()}"
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}-{screen['width']}.png", full_page=True)
