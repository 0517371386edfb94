"""What the pages about projects are made of: what they cost, and what they make of what strangers write."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from archives import forge
from entrepot import metadata
from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName
from entrepot.projects import dependents
from entrepot.projects.models import Dependency, File, Index, Project, Release
from entrepot.projects.requirements import grouped, needed
from entrepot.web import described, installing, tags

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def project(index: Index, name: str, *, releases: int, files: int) -> None:
    """A project as large as that, each release of which needs as many others as it has files."""
    made = Project.objects.create(index=index, name=name, display_name=name, skeleton=name, created_at=NOW)
    rows = [
        Release(project=made, version=f"{number}.0", canonical=str(number), created_at=NOW)
        for number in range(releases)
    ]
    needs = [f"need-{number}" for number in range(files)]
    File.objects.bulk_create(
        File(
            release=release,
            filename=f"{name}-{release.version}-cp3{number}-cp3{number}-win32.whl",
            kind="bdist_wheel",
            size=1,
            sha256="a" * 64,
            blake2=f"{number:064x}",
            md5="b" * 32,
            metadata={
                "metadata_version": "2.4",
                "name": name,
                "version": release.version,
                "requires_dist": needs[number:],
            },
            metadata_sha256=f"{number:064x}",
            uploaded_at=NOW,
        )
        for release in Release.objects.bulk_create(rows)
        for number in range(files)
    )
    Dependency.objects.bulk_create(
        Dependency(
            project=Project.objects.create(
                index=index,
                name=f"{name}-fan-{number}",
                display_name="Fan",
                skeleton=f"{name}-fan-{number}",
                created_at=NOW,
            ),
            name=name,
            requirements=[name],
            optional=False,
        )
        for number in range(files)
    )


@pytest.mark.django_db
@pytest.mark.parametrize("rest", ["", "1.0/", "history/", "dependents/", "77.0.0.1/"])
def test_a_page_takes_as_many_queries_however_large_the_project_is(rest: str) -> None:
    index = Index.objects.create(url="https://index.example")
    project(index, "small", releases=2, files=1)
    project(index, "large", releases=130, files=30)
    counts = []
    Client().get("/design/")  # banners are looked for now and then, by whichever page comes first
    for name in ("small", "large"):
        with CaptureQueriesContext(connection) as queries:
            assert Client().get(f"/project/{name}/{rest}").status_code in {200, 404}
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15, counts


@pytest.mark.django_db
def test_files_are_shown_a_hundred_at_a_time() -> None:
    project(Index.objects.create(url="https://index.example"), "large", releases=1, files=130)
    first, second = (Client().get(f"/project/large/?page={number}").content.decode() for number in (1, 2))
    assert (first.count('class="filename"'), second.count('class="filename"')) == (100, 30)
    assert "Page 2 of 2" in second


@pytest.mark.django_db
def test_what_was_never_there_or_has_not_changed_is_left_alone() -> None:
    index = Index.objects.create(url="https://index.example")
    project(index, "needy", releases=2, files=2)
    pk = Project.objects.get(name="needy").pk
    for _ in range(2):
        dependents.note(pk)
        assert list(Dependency.objects.filter(project=pk).values_list("name", flat=True)) == ["need-0", "need-1"]
    kept = list(Dependency.objects.filter(project=pk).values_list("pk", flat=True))
    dependents.note(pk)
    assert list(Dependency.objects.filter(project=pk).values_list("pk", flat=True)) == kept
    dependents.note(0)
    File.objects.filter(release__project=pk).update(
        metadata={"metadata_version": "2.4", "name": "needy", "version": "1", "requires_dist": ["x" * 101, "y"]}
    )
    dependents.note(pk)
    assert list(Dependency.objects.filter(project=pk).values_list("name", flat=True)) == ["y"]


@pytest.mark.django_db
def test_of_what_a_dependent_writes_a_little_is_kept() -> None:
    project(Index.objects.create(url="https://index.example"), "needy", releases=1, files=1)
    lines = [f"plain; os_name != '{number}{'&' * 8000}'" for number in range(100)]
    File.objects.filter(release__project__name="needy").update(
        metadata={"metadata_version": "2.4", "name": "needy", "version": "1", "requires_dist": lines}
    )
    dependents.note(Project.objects.get(name="needy").pk)
    (kept,) = Dependency.objects.filter(project__name="needy").values_list("requirements", flat=True)
    assert kept == [f"{line[:199]}…" for line in lines[:3]]


MANY_EXTRAS = " or ".join(f"extra=='e{number}'" for number in range(380))
WORST = {
    "requirements": "".join(f"Requires-Dist: a{number}\n" for number in range(9900)),
    "requirements of many extras": "".join(f"Requires-Dist: a{number}; {MANY_EXTRAS}\n" for number in range(30)),
    "conditions": "".join(f"Requires-Dist: a{n}; os_name != {'&' * 5000!r}\n" for n in range(200)),
    "names": "".join(f"Requires-Dist: {number}{'a' * 5000}\n" for number in range(200)),
    "versions": f"Requires-Dist: a{','.join(f'!={number}' for number in range(1000))}\n" * 140,
    "extras": "".join(f"Provides-Extra: e{number}\n" for number in range(9900)),
    "long extras": "".join(f"Provides-Extra: {number}{'e' * 20_000}\n" for number in range(200)),
    "keywords": f"Keywords: {','.join(map(str, range(100_000)))}\n",
    "a keyword": f"Keywords: {'&' * 3_000_000}\n",
    "links": "".join(f"Project-URL: {number}, https://{number}.example/\n" for number in range(9900)),
    "long links": "".join(f"Project-URL: {n}, https://{'h' * 900}{n}.example/\n" for n in range(3000)),
    "a link": f"Project-URL: a, https://a.example/{'&' * 3_000_000}\n",
    "classifiers": "Classifier: Typing :: Typed\n" * 9900,
    "long classifiers": "".join(f"Classifier: {number} :: {'&' * 150}\n" for number in range(9900)),
    "license files": "".join(f"License-File: {number}\n" for number in range(9900)),
    "long license files": "".join(f"License-File: {number}{'&' * 15_000}\n" for number in range(200)),
    "an author": f"Author: {'a' * 3_000_000}\nMaintainer: {'&' * 100_000}\n",
    "addresses": f"Author-email: {'a@b,' * 1200}\nMaintainer-email: {'a@b,' * 1200}\n",
    **{
        f"addresses of {text!r}": f"Author-email: a@b.c, {text * (1800 // len(text))}\n"
        for text in ("(", "a:", "<", "[")
    },
}


@pytest.mark.django_db
@pytest.mark.parametrize("worst", WORST)
def test_a_page_stays_small_whatever_a_stranger_writes(worst: str) -> None:
    """Twelve files say it, each in another way."""
    project(Index.objects.create(url="https://index.example"), "worst", releases=1, files=12)
    said = metadata.parse(forge.core_metadata("worst", "1.0", WORST[worst]))
    for number, (pk,) in enumerate(File.objects.values_list("pk")):
        own = replace(said, requires_dist=(f"own-{number}", *said.requires_dist))
        File.objects.filter(pk=pk).update(metadata=metadata.to_json(own), requires_python=">=3," * 2000)
    page = Client().get("/project/worst/")
    assert page.status_code == 200
    assert len(page.content) < 400_000, len(page.content)


@pytest.mark.django_db
def test_what_is_left_out_is_counted() -> None:
    project(Index.objects.create(url="https://index.example"), "worst", releases=1, files=1)
    for more, left in (
        ("requirements", "9700"),
        ("extras", "9800"),
        ("keywords", "99900"),
        ("links", "9850"),
        ("license files", "9850"),
    ):
        said = metadata.parse(forge.core_metadata("worst", "1.0", WORST[more]))
        File.objects.update(metadata=metadata.to_json(said))
        assert f"and {left} more" in Client().get("/project/worst/").content.decode(), more


def test_links_are_for_the_web_only_and_each_is_given_once() -> None:
    about = CoreMetadata(
        "2.4",
        "demo",
        "1.0",
        home_page="https://home.example/",
        download_url="javascript:alert(1)",
        project_urls=(
            ("Own", "https://own.example/"),
            ("Home-Page", "https://home.example/"),
            ("Bug Tracker", "https://bugs.example/"),
            ("Turned", "https://\u202emoc.evil/"),
            ("Bad", "https://["),
            ("None", "https:///path"),
            ("What's New?", "http://new.example/"),
        ),
    )
    assert [(each.label, each.host) for each in described.links(about)] == [
        ("Home page", "home.example"),
        ("Changelog", "new.example"),
        ("Issues", "bugs.example"),
        ("Own", "own.example"),
        ("Turned", "⟨U+202E⟩moc.evil"),
    ]


@pytest.mark.parametrize(
    ("name", "email", "people"),
    [
        ("", "", []),
        ("Bob", "", [("Bob", "")]),
        ("Bob", "bob@example.org", [("Bob", "bob@example.org")]),
        ("", "bob@example.org", [("bob@example.org", "bob@example.org")]),
        ("Bob", "Bob <b@e.org>, Carol <c@e.org>", [("Bob", "b@e.org"), ("Carol", "c@e.org")]),
        ("The makers", "Bob <b@e.org>", [("The makers", ""), ("Bob", "b@e.org")]),
        ("", "bob", [("bob", "")]),
        ("B" * 400, "", [("B" * 299 + "…", "")]),
        ("", "b@e.org, " * 300, [*[("b@e.org", "b@e.org")] * 222, ("…", "")]),
        ("", "b@e.org " + "(" * 51, [("b@e.org " + "(" * 51, "")]),
        ("", ":" * 301, [(":" * 299 + "…", "")]),
    ],
)
def test_authors(name: str, email: str, people: list[tuple[str, str]]) -> None:
    assert described.authors(name, email) == people


@pytest.mark.parametrize(("text", "words"), [("", []), ("a, b c ,,a", ["a", "b c"]), ("a  b", ["a", "b"]), (",", [])])
def test_keywords(text: str, words: list[str]) -> None:
    assert described.keywords(text) == words


def test_classifiers_by_kind() -> None:
    found = described.classifiers(["Typing :: Typed", "Topic :: A :: B", "Topic :: C", "Odd"])
    assert [(each.kind, each.shown) for each in found] == [
        ("Typing", (("Typing :: Typed", "Typed"),)),
        ("Topic", (("Topic :: A :: B", "A :: B"), ("Topic :: C", "C"))),
        ("Odd", (("Odd", "Odd"),)),
    ]


@pytest.mark.parametrize(
    ("text", "wanted", "condition", "extras"),
    [
        ("a", "", "", ()),
        ("a[y,x]>=1,<2", "[x, y] <2,>=1", "", ()),
        ("a @ https://files.example/a.whl", "@ https://files.example/a.whl", "", ()),
        ('a; python_version<"3"', "", 'python_version < "3"', ()),
        ('a; extra=="Big_One"', "", "", ("big-one",)),
        ('a; "x" == extra', "", "", ("x",)),
        (
            'a; os_name=="nt" and extra=="x" and python_version>"3"',
            "",
            'os_name == "nt" and python_version > "3"',
            ("x",),
        ),
        ('a; (os_name=="nt" or os_name=="os2") and extra=="x"', "", 'os_name == "nt" or os_name == "os2"', ("x",)),
        ('a; extra=="a_b" and (os_name=="nt" or os_name=="os2")', "", 'os_name == "nt" or os_name == "os2"', ("a-b",)),
        (
            'a; python_version>"3" and "x"==extra and (os_name=="nt" or os_name=="os2")',
            "",
            'python_version > "3" and (os_name == "nt" or os_name == "os2")',
            ("x",),
        ),
        (
            'a; os_name=="nt" and (extra=="x" or os_name=="os2")',
            "",
            'os_name == "nt" and (extra == "x" or os_name == "os2")',
            ("x",),
        ),
        ('a; os_name=="nt" or extra=="x"', "", 'os_name == "nt" or extra == "x"', ("x",)),
        ('a; extra=="x" or extra=="y"', "", 'extra == "x" or extra == "y"', ("x", "y")),
    ],
)
def test_requirements_in_words(text: str, wanted: str, condition: str, extras: tuple[str, ...]) -> None:
    found = needed(text)
    assert (found.name, found.wanted, found.condition, found.extras) == ("a", wanted, condition, extras)


def test_requirements_by_extra() -> None:
    found = grouped(['b; extra == "unknown"', "a", 'c; extra == "More"'], ["empty", "more"])
    assert [(group.extra, [each.name for each in group.needed]) for group in found] == [
        *(("", ["a"]), ("empty", []), ("more", ["c"]), ("unknown", ["b"])),
    ]
    assert grouped([], []) == ()


def test_what_several_extras_ask_for_is_told_once() -> None:
    found = grouped(["a", 'b; extra == "one" or extra == "two"', 'c; extra == "two"'], ["one", "two", "three"])
    assert [(group.extra, group.several, [each.name for each in group.needed]) for group in found] == [
        *(("", False, ["a"]), ("two", False, ["c"]), ("three", False, []), ("", True, ["b"])),
    ]
    assert found[-1].needed[0].condition == 'extra == "one" or extra == "two"'


def test_an_extra_that_may_ask_for_what_is_not_shown_is_not_said_to_ask_for_nothing() -> None:
    found = grouped([*(f"a{number}" for number in range(200)), 'b; extra == "late"'], ["late"])
    assert [(group.extra, len(group.needed)) for group in found] == [("", 200)]


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("py3-none-any", ("Python 3", "", "any platform")),
        ("py2.py3-none-any", ("Python 2, Python 3", "", "any platform")),
        ("cp313-cp313t-win_amd64", ("CPython 3.13", "without the global lock (cp313t)", "Windows, x86-64")),
        ("cp37-cp37m-win32", ("CPython 3.7", "cp37m", "Windows, x86")),
        (
            "pp310-pypy310_pp73-musllinux_1_2_aarch64",
            ("PyPy 3.10", "pypy310_pp73", "Linux with musl 1.2 or newer, ARM64"),
        ),
        ("cp312-cp312-manylinux1_i686", ("CPython 3.12", "", "Linux with glibc 2.5 or newer, x86")),
        ("cp312-cp312-ios_13_0_arm64_iphoneos", ("CPython 3.12", "", "iOS 13.0 or newer, arm64_iphoneos")),
        ("cp312-cp312-android_21_x86_64", ("CPython 3.12", "", "Android, API level 21 or newer, x86-64")),
        ("cp312-cp312-pyodide_2024_0_wasm32", ("CPython 3.12", "", "Pyodide 2024.0, wasm32")),
        ("cp312-cp312-linux_x86_64", ("CPython 3.12", "", "Linux, x86-64")),
        ("graalpy242_311_native-abi3-plan9", ("graalpy242_311_native", "stable interface (abi3)", "plan9")),
    ],
)
def test_tags_in_words(tag: str, words: tuple[str, str, str]) -> None:
    assert tags.words(f"demo-1.0-{tag}.whl", ProjectName("demo")) == words


def test_a_source_distribution_has_no_tags() -> None:
    assert tags.words("demo-1.0.tar.gz", ProjectName("demo")) == ("", "", "")


def test_over_plain_http_pip_and_pdm_are_told_to_trust_the_host() -> None:
    commands = installing.commands("demo==1!2", url="http://index.example", trusted_host="index.example")
    told = {each.key: each.text for each in commands}
    assert told["pip"] == (
        "pip install --trusted-host index.example --index-url http://index.example/simple/ 'demo==1!2'"
    )
    assert "verify_ssl false" in told["pdm"]
