"""What the pages about projects are made of: what they cost, and what they make of what strangers write."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from entrepot.metadata import CoreMetadata
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
    assert counts[0] == counts[1] <= 14, counts


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
    assert tags.words(f"demo-1.0-{tag}.whl") == words


def test_a_source_distribution_has_no_tags() -> None:
    assert tags.words("demo-1.0.tar.gz") == ("", "", "")


def test_over_plain_http_pip_and_pdm_are_told_to_trust_the_host() -> None:
    commands = installing.commands("demo==1!2", url="http://index.example", trusted_host="index.example")
    told = {each.key: each.text for each in commands}
    assert told["pip"] == (
        "pip install --trusted-host index.example --index-url http://index.example/simple/ 'demo==1!2'"
    )
    assert "verify_ssl false" in told["pdm"]
