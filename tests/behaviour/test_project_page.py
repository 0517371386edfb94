"""The pages about a project that everybody may see: what they say, where they lead, and what they cost."""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

import inside
from archives import forge
from browsing import DESKTOP, PHONE, visit
from serving import Server
from uploading import upload
from visiting import Visitor, newcomer, words

_count = itertools.count(1)


def fresh(kind: str = "shown") -> str:
    return f"{kind}-{next(_count):04}"


def publish(
    server: Server, name: str, version: str = "1.0", more: str = "", *, tag: str = "py3-none-any", token: str = ""
) -> None:
    """Upload a wheel, or with no tag an sdist, whose metadata says `more`."""
    about = forge.core_metadata(name, version, more)
    file = name.replace("-", "_")
    info = f"{file}-{version}.dist-info"
    built = (
        forge.wheel(file, version, tag=tag, metadata=about, files={f"{info}/licenses/LICENSE": b"MIT"})
        if tag
        else forge.sdist(file, version, pkg_info=about)
    )
    answer = upload(server, built.filename, built.data, name=name, version=version, token=token or None)
    assert answer.status == 200, answer


def see(server: Server, path: str) -> httpx2.Response:
    """The answer itself: redirects are not followed."""
    visitor = Visitor(server)
    visitor.client.follow_redirects = False
    return visitor.get(path)


def saw(server: Server, name: str, rest: str = "") -> str:
    """What people read on a page that is there."""
    page = see(server, f"/project/{name}/{rest}")
    assert page.status_code == 200, page.text
    return words(page)


class TestProject:
    def test_what_it_tells(self, site: Server) -> None:
        name = fresh()
        publish(
            site,
            name,
            "1.2",
            "Summary: Counts sheep\nAuthor-email: Bob <bob@example.org>\nLicense-Expression: MIT\n"
            "License-File: LICENSE\nKeywords: sheep, sleep & rest\nRequires-Python: >=3.9\nProvides-Extra: wool\n"
            "Project-URL: Source Code, https://code.example/x\nProject-URL: Sponsor, http://money.example\n"
            "Project-URL: My blog, https://blog.example\n"
            "Classifier: Programming Language :: Python :: 3\nClassifier: Topic :: Games/Entertainment\n"
            'Requires-Dist: nothing-here>=2\nRequires-Dist: yarn; extra == "wool"\n\n# Sheep\n',
        )
        answer = see(site, f"/project/{name}/")
        told, page = words(answer), answer.text
        for expected in (
            f"{name} 1.2 Counts sheep Latest version Released on",
            f"pip install --index-url {site.url}/simple/ {name}",
            f"uv add --default-index {site.url}/simple/ {name}",
            f"poetry add --source entrepot {name}",
            f"pdm add {name}",
            "# Sheep",
            "nothing-here >=2",
            "With the extra wool yarn",
            "No other project here depends on this one.",
            "Source code code.example Funding money.example My blog blog.example",
            "alice Owner",
            "License MIT License files LICENSE Requires Python >=3.9 Extras wool Keywords sheep sleep & rest",
            "Programming Language Python :: 3 Topic Games/Entertainment",
            "1 release, and what was deleted",
        ):
            assert expected in told, (expected, told)
        assert '<a href="mailto:bob@example.org"><bdi>Bob</bdi></a>' in page
        assert '<a href="https://code.example/x" rel="nofollow ugc noopener">' in page
        assert "/search/?q=sleep%20%26%20rest" in page
        assert f"/search/?c={quote('Programming Language :: Python :: 3', safe='')}" in page
        assert 'href="/user/alice/"' in page
        assert f'<link rel="canonical" href="{site.url}/project/{name}/">' in page
        assert f'<meta property="og:url" content="{site.url}/project/{name}/">' in page
        assert '<meta property="og:description" content="Counts sheep">' in page
        assert f'href="/rss/project/{name}/releases.xml"' in page
        data = json.loads(re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)[0])
        assert (data["name"], data["version"], data["license"]) == (name, "1.2", "MIT")
        assert data["codeRepository"] == "https://code.example/x"
        assert data["maintainer"] == [{"@type": "Person", "name": "alice", "url": f"{site.url}/user/alice/"}]

    def test_caches_keep_it_and_are_purged_by_its_name(self, site: Server) -> None:
        name = fresh()
        publish(site, name)
        for rest in ("", "1.0/", "history/", "dependents/"):
            answer = see(site, f"/project/{name}/{rest}")
            described = f" described/{name}" if rest in ("", "1.0/") else ""  # what a rendered description purges
            assert answer.headers["surrogate-key"] == f"project/{name}{described}", rest
            assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"
            assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("rest", ["", "1.0/", "history/?page=2", "dependents/?page=2&x=%20", "1.0/?page=2"])
    def test_another_spelling_of_the_name(self, site: Server, rest: str) -> None:
        name = fresh()
        publish(site, name)
        moved = see(site, f"/project/{name.upper().replace('-', '_')}/{rest}")
        assert (moved.status_code, moved.headers["location"]) == (301, f"/project/{name}/{rest}")

    def test_another_spelling_of_the_version(self, site: Server) -> None:
        name = fresh()
        publish(site, name)
        moved = see(site, f"/project/{name}/1.0.0/?page=2")
        assert (moved.status_code, moved.headers["location"]) == (302, f"/project/{name}/1.0/?page=2")
        moved = see(site, f"/project/{name}/1.0.0/?{'x' * 1001}")
        assert moved.headers["location"] == f"/project/{name}/1.0/"

    def test_nothing_of_a_stranger_ends_a_script_or_begins_one(self, site: Server) -> None:
        name, evil = fresh(), "</script><script>alert(1)</script><!--"
        publish(
            site,
            name,
            "1.0",
            f"Summary: {evil}\nAuthor: {evil}\nKeywords: {evil}\n"
            f"Project-URL: {evil[:31]}, https://x.example/\n\n{evil}\n",
        )
        page = see(site, f"/project/{name}/").text
        assert "<script>alert" not in page
        assert evil not in page
        data = json.loads(re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)[0])
        assert data["description"] == evil


class TestStatus:
    @pytest.mark.parametrize(("status", "told"), [("archived", "is archived"), ("deprecated", "is deprecated")])
    def test_notices(self, site: Server, status: str, told: str) -> None:
        name = fresh()
        publish(site, name)
        site.command("status", name, status, "--reason", "Use other instead")
        assert f"This project {told}" in saw(site, name)
        assert "The reason given: Use other instead" in saw(site, name, "1.0/")
        site.command("status", name, "active", "--reason", "x")
        site.command("status", name, status)
        assert "The reason given" not in saw(site, name)

    def test_quarantine_shows_nothing_else(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "7.7", "Summary: Steals keys\n")
        site.command("status", name, "quarantined", "--reason", "Malware")
        for rest in ("", "7.7/", "history/", "dependents/", "9.9/"):
            told = saw(site, name, rest)
            assert f"{name} This project is in quarantine." in told
            assert "The reason given: Malware" in told
            assert "Steals" not in told
            assert "7.7" not in told
        site.command("status", name, "active", "--reason", "x")
        site.command("status", name, "quarantined")
        assert "The reason given" not in saw(site, name)

    def test_a_deleted_project_is_gone_and_says_so(self, site: Server) -> None:
        name = fresh()
        publish(site, name)
        site.command("delete", name)
        answer = see(site, f"/project/{name}/")
        assert (answer.status_code, f"{name} was deleted" in words(answer)) == (410, True)
        assert f"/search/?q={name}" in answer.text

    def test_yanked(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "1.0")
        publish(site, name, "2.0")
        site.command("yank", name, "2.0", "--reason", "Broken on Sundays")
        assert saw(site, name).startswith(f'id="content" tabindex="-1"> {name} 1.0'), saw(site, name)
        told = saw(site, name, "2.0/")
        assert "The version to use is 1.0" in told
        assert "This release was yanked" in told
        assert "The reason given: Broken on Sundays" in told
        assert f"pip install --index-url {site.url}/simple/ {name}==2.0" in told
        assert "2.0 " in saw(site, name, "history/")
        site.command("yank", name, "1.0")
        assert "The reason given" not in saw(site, name, "1.0/").partition("Files")[0]

    def test_one_yanked_file(self, site: Server) -> None:
        name = fresh()
        publish(site, name)
        publish(site, name, tag="py2-none-any")
        file = f"{name.replace('-', '_')}-1.0-py2-none-any.whl"
        site.command("yank", name, "1.0", file, "--reason", "Old")
        told = saw(site, name)
        assert "1 file of this release was yanked." in told
        assert f"{file} Yanked" in told
        assert "This release was yanked" not in told
        site.command("yank", name, "1.0", file.replace("py2", "py3"))
        assert "This release was yanked" in saw(site, name)

    def test_pre_releases(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "1.0rc1")
        told = saw(site, name)
        assert "Latest version Pre-release" in told
        assert f"{name}==1.0rc1" in told
        publish(site, name, "1.0")
        publish(site, name, "2.0.dev1")
        told = saw(site, name)
        assert "A newer pre-release exists: 2.0.dev1" in told
        assert "A newer version exists: 1.0" in saw(site, name, "1.0rc1/")


class TestRelease:
    def test_equal_spellings_lead_to_one(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "1.0")
        for spelling in ("1", "v1.0.0", "1.0.0.0", "01.0"):
            moved = see(site, f"/project/{name}/{spelling}/")
            assert (moved.status_code, moved.headers["location"]) == (302, f"/project/{name}/1.0/")
            assert moved.headers["cache-control"] == "no-cache"

    def test_the_one_that_stands_for_the_project_names_the_project_as_its_address(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "1.0")
        publish(site, name, "1!1.0")
        assert f'rel="canonical" href="{site.url}/project/{name}/"' in see(site, f"/project/{name}/1!1.0/").text
        assert f'rel="canonical" href="{site.url}/project/{name}/1.0/"' in see(site, f"/project/{name}/1.0/").text
        told = saw(site, name)
        assert "What changed since 1.0" in told
        publish(site, name, "1!2.0rc1")
        assert f"'{name}==1!2.0rc1'" in saw(site, name, "1!2.0rc1/")

    @pytest.mark.parametrize("version", ["9.9", "not-a-version", "1" * 200, "\u0661"])
    def test_unknown_ones(self, site: Server, version: str) -> None:
        name = fresh()
        publish(site, name, "1.0")
        answer = see(site, f"/project/{name}/{version}/")
        assert answer.status_code == 404
        assert f"{name} has no release" in words(answer)
        assert "These exist 1.0" in words(answer)

    def test_an_empty_one_and_an_empty_project(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "1.0")
        site.command("delete", name, "1.0", f"{name.replace('-', '_')}-1.0-py3-none-any.whl")
        assert "There is nothing to install" in saw(site, name)
        assert "alice Owner" in saw(site, name)
        assert "All files of this release were deleted." in saw(site, name, "1.0/")
        site.command("delete", name, "1.0")
        assert "There is nothing to install" in saw(site, name)
        answer = see(site, f"/project/{name}/1.0/")
        assert (answer.status_code, "These exist" in words(answer)) == (404, False)
        assert "1.0" in saw(site, name, "history/")
        assert "Deleted" in saw(site, name, "history/")


class TestFiles:
    def test_what_they_are_for_in_words(self, site: Server) -> None:
        name = fresh()
        publish(site, name, tag="cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
        publish(site, name, tag="cp311-abi3-macosx_11_0_arm64")
        publish(site, name, tag="")
        answer = see(site, f"/project/{name}/")
        told = words(answer)
        assert "Wheel CPython 3.12 Linux with glibc 2.17 or newer, x86-64" in told
        assert "Wheel CPython 3.11 stable interface (abi3) macOS 11.0 or newer, ARM64" in told
        assert "Source Look inside" in told
        first = site.page(name)["files"][0]
        assert first["hashes"]["sha256"] in told
        path = first["url"].removeprefix("../..")
        assert f'href="{path}"' in answer.text
        assert f'href="{path}.metadata"' in answer.text
        assert site.get(path).status == 200
        assert "By alice (with a token)" in told

    def test_a_file_that_wants_something_else(self, site: Server) -> None:
        name = fresh()
        publish(site, name, "1.0", "Requires-Dist: common\n")
        assert "do not all require the same" not in saw(site, name)
        publish(site, name, "1.0", "Requires-Python: >=3.8\nRequires-Dist: typing-extra\n", tag="py2-none-any")
        publish(site, name, "1.0", tag="")
        told = saw(site, name)
        assert "do not all require the same" in told
        assert "This file requires Python >=3.8 typing-extra" in told
        assert "This file takes any Python It needs no other project" in told

    def test_who_uploaded_it_when_they_have_left(self, site: Server) -> None:
        name, user = fresh(), fresh("leaver")
        newcomer(site, user)
        publish(site, name, token=site.new_token(user))
        assert f"By {user} (with a token)" in saw(site, name)
        inside.query(site, "UPDATE accounts_user SET is_active = ? WHERE username = ?", False, user)
        assert "By Somebody who is not here any more" in saw(site, name)

    def test_by_the_operator(self, site: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
        name, folder = fresh("operated"), tmp_path_factory.mktemp("folder")
        built = forge.wheel(name.replace("-", "_"), metadata=forge.core_metadata(name))
        (folder / built.filename).write_bytes(built.data)
        site.command("import", str(folder))
        told = saw(site, name)
        assert "People The operator of this index" in told
        assert "By The operator of this index" in told


class TestHistory:
    def test_all_of_it_page_by_page(self, own_server: Server) -> None:
        publish(own_server, "long", "0.1")
        number = inside.project_id(own_server, "long")
        for version in range(1, 160):
            inside.query(
                own_server,
                "INSERT INTO projects_release (project_id, version, canonical, created_at) VALUES (?, ?, ?, ?)",
                *(number, f"{version}.0", str(version), "2026-01-01 00:00:00+00"),
            )
        told = saw(own_server, "long")
        assert "All 160 releases" in told
        assert "159.0" in told
        assert "149.0" not in told
        assert "159.0" in saw(own_server, "long", "history/")
        second = saw(own_server, "long", "history/?page=2")
        assert "0.1" in second
        assert "Page 2 of 2" in second
        assert "159.0" not in second
        assert "159.0" in saw(own_server, "long", "history/?page=nonsense")

    def test_what_was_deleted(self, site: Server) -> None:
        name = fresh()
        for version in ("1.0", "2.0", "3.0"):
            publish(site, name, version)
        for version in ("2.0", "3.0"):
            site.command("delete", name, version)
        publish(site, name, "3.0.0", tag="py2-none-any")
        page = see(site, f"/project/{name}/history/").text
        assert re.findall(r"<del>(.*?)</del>", page) == ["2.0"]


class TestDependents:
    def test_who_depends_on_it(self, site: Server) -> None:
        name, one, two = fresh(), fresh("a-dependent"), fresh("b-dependent")
        publish(
            site,
            name,
            "1.0",
            f"Requires-Dist: itself\nProvides-Extra: all\nRequires-Dist: {name}; extra == 'all'\n",
        )
        publish(site, one, "1.0", f"Requires-Dist: {name}>=1\nRequires-Dist: {name}[all]; os_name == 'nt'\n")
        publish(site, two, "1.0", f"Provides-Extra: more\nRequires-Dist: {name}; extra == 'more'\n")
        inside.eventually(lambda: "2 projects here depend on this one" in saw(site, name))
        told = saw(site, name, "dependents/")
        assert f"{one} {name}>=1 {name}[all]; os_name == 'nt'" in told, told
        assert f"{two} Only with an extra" in told
        assert f'href="/project/{name}/"' in see(site, f"/project/{one}/").text
        site.command("status", two, "quarantined")
        inside.eventually(lambda: "1 project here depends on this one" in saw(site, name))
        publish(site, one, "2.0")
        inside.eventually(lambda: "No other project here depends on this one." in saw(site, name))
        site.command("status", name, "quarantined")
        assert f'href="/project/{name}/"' not in see(site, f"/project/{one}/1.0/").text

    def test_page_by_page(self, own_server: Server) -> None:
        publish(own_server, "liked")
        index = inside.query(own_server, "SELECT id FROM projects_index")[0][0]
        for number in range(60):
            inside.query(
                own_server,
                "INSERT INTO projects_project (index_id, name, display_name, skeleton, status, status_reason, "
                "created_at) VALUES (?, ?, ?, ?, 'active', '', '2026-01-01 00:00:00+00')",
                *(index, f"fan-{number:02}", f"Fan-{number:02}", f"fan-{number:02}"),
            )
            inside.query(
                own_server,
                "INSERT INTO projects_dependency (project_id, name, requirements, optional) VALUES (?, 'liked', ?, ?)",
                *(inside.project_id(own_server, f"fan-{number:02}"), '["liked"]', False),
            )
        assert "60 projects of this index name it" in saw(own_server, "liked", "dependents/")
        assert "Fan-49" in saw(own_server, "liked", "dependents/?page=x")
        last = saw(own_server, "liked", "dependents/?page=99")
        assert "Fan-49" not in last
        assert "Fan-50" in last
        assert "Page 2 of 2" in last


class TestUnknown:
    def test_nearly_that_name(self, site: Server) -> None:
        name = fresh("nearly")
        publish(site, name)
        for spelling in (
            name.replace("nearly", "nearyl"),
            name.replace("nearly", "neary"),
            f"python-{name}",
            name + "x",
        ):
            answer = see(site, f"/project/{spelling}/")
            assert answer.status_code == 404
            assert f"No project here is named {spelling}" in words(answer)
            assert f"Did you mean one of these? {name}" in words(answer), spelling
            assert f"/search/?q={spelling}" in answer.text
            assert answer.headers["cache-control"] == "no-cache"

    @pytest.mark.parametrize("name", ["-", "caf\u00e9", "a" * 101, "%00", "<script>"])
    def test_no_name_at_all(self, site: Server, name: str) -> None:
        answer = see(site, f"/project/{quote(name, safe='%')}/")
        assert answer.status_code == 404
        assert "No project here is named" in words(answer)
        assert "Did you mean" not in words(answer)


def test_a_page_is_light(site: Server) -> None:
    """What a browser that was never here fetches for a project with a release of many files."""
    name = fresh()
    needs = "".join(f"Requires-Dist: needed-{number}>={number}\n" for number in range(30))
    for minor in range(20):
        publish(site, name, "1.0", f"Summary: Much\n{needs}", tag=f"cp3{minor}-cp3{minor}-win_amd64")
    page = site.get(f"/project/{name}/", accept_encoding="br")
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', see(site, f"/project/{name}/").text)
    scripts = re.findall(r'<script type="module" src="([^"]+)"', see(site, f"/project/{name}/").text)
    weights = {path: len(site.get(path).body) for path in (*styles, *scripts)}
    assert len(styles) == 3
    assert len(page.body) + sum(weights.values()) < 60_000, weights
    assert sum(weights[path] for path in scripts) < 20_000


@pytest.fixture(scope="module")
def paths(site: Server, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The pages in each of their states."""
    name, other = fresh("a-project-with-a-rather-long-name-that-needs-room"), fresh("other")
    publish(
        site,
        name,
        "1.0",
        "Summary: Does much\nAuthor: Bob\nAuthor-email: bob@example.org\nLicense-Expression: MIT\n"
        "License-File: LICENSE\nKeywords: one,two\nRequires-Python: >=3.9\nProvides-Extra: more\nProvides-Extra: none\n"
        f"Project-URL: Source, https://code.example/\nRequires-Dist: {other}>=1\n"
        'Requires-Dist: yarn[thick]>=2; extra == "more" and python_version < "3.12"\n'
        "Classifier: Programming Language :: Python :: 3\n\nWords\n" + "x" * 300 + "\n",
    )
    publish(site, name, "1.0", "Requires-Dist: another\n", tag="cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
    publish(site, other, "1.0")
    publish(site, other, "2.0")
    publish(site, other, "3.0rc1")
    publish(site, other, "4.0")
    site.command("yank", other, "2.0", "--reason", "Broken")
    site.command("delete", other, "4.0")
    site.command("status", other, "deprecated", "--reason", "Use something else")
    advisory = tmp_path_factory.mktemp("advisories") / "one.json"
    affected = [{"package": {"ecosystem": "PyPI", "name": other}, "versions": ["1.0", "3.0rc1"]}]
    told = {
        "id": "X-1",
        "modified": "2026-01-01T00:00:00Z",
        "aliases": ["CVE-1"],
        "summary": "Leaks",
        "affected": affected,
    }
    advisory.write_text(json.dumps(told))
    site.command("vulnerabilities", "import", str(advisory))
    empty, hidden, gone = fresh("empty"), fresh("hidden"), fresh("gone")
    for each in (empty, hidden, gone):
        publish(site, each)
    site.command("delete", empty, "1.0")
    site.command("status", hidden, "quarantined", "--reason", "Malware")
    site.command("delete", gone)
    inside.eventually(lambda: "1 project here" in saw(site, other))
    return [
        *(f"{name}/", f"{other}/", f"{other}/2.0/", f"{other}/3.0rc1/", f"{other}/history/", f"{other}/dependents/"),
        *(f"{empty}/", f"{hidden}/", f"{gone}/", f"{other}/9.9/", f"{other[:-1]}/", "-/"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(site: Server, browser: Browser, paths: list[str], screen: ViewportSize, scheme: str) -> None:
    """Every page and state, with all that can be unfolded; nothing scrolls sideways."""
    for path in paths:
        with looking(site, browser, path, screen, scheme) as page:
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], path
            results = Axe().run(page)
            assert results.violations_count == 0, f"{path}\n{results.generate_report()}"


@contextmanager
def looking(site: Server, browser: Browser, path: str, screen: ViewportSize, scheme: str) -> Iterator[Page]:
    """The page in a browser; that it is not there is no complaint."""
    context = browser.new_context(viewport=screen, color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{site.url}/project/{path}")
    yield page
    assert [each for each in complaints if "the server responded with a status of 4" not in each] == []
    context.close()


def test_commands_are_copied(site: Server, browser: Browser) -> None:
    name = fresh()
    publish(site, name)
    with visit(browser, f"{site.url}/project/{name}/") as page:
        page.get_by_role("button", name="Copy Install pip").click()
        page.get_by_text("Copied to the clipboard.").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"pip install --index-url {site.url}/simple/ {name}"
