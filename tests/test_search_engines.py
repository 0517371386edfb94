"""What every engine of search promises, asked of each of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dj_database_url
import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import ConnectionHandler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from entrepot.refusal import Unavailable
from entrepot.search.engines import engine
from entrepot.search.nearness import distance
from entrepot.search.opensearch import OpenSearch
from entrepot.search.port import AT_MOST, Document, Gone, Query, Results, Search
from entrepot.search.prose import prose
from entrepot.search.pythons import PYTHONS, shut_out
from entrepot.search.words import as_name, squashed, words
from opensearch_stub import Stub, running_stub
from postgres import Cluster, running_cluster

DAY = datetime(2026, 11, 1, tzinfo=UTC)
LONG = "spam " * 2_000
ODD = [
    '"',
    "'",
    "a\0b",
    "\ud800",
    "spam\udfff",
    "*",
    "NEAR(",
    "a AND",
    "name:spam",
    "-",
    "%",
    "_",
    "\\",
    "(",
    ")",
    "&|!:*",
]
ODD += ["'; DROP TABLE search_row", "", " ", "\u0301", "İ", "\u017f", "ß", "日本語", "a" * 10_240, LONG, '"' * 10_240]


def document(project: int, name: str, **changed: object) -> Document:
    """A project that was released on the day of its id."""
    known = Document(
        project=project,
        serial=project,
        name=name,
        display_name=name.replace("-", "_"),
        version="1.0",
        summary="",
        keywords="",
        description="",
        classifiers=(),
        requires_python="",
        status="active",
        released_at=DAY + timedelta(days=project),
    )
    return replace(known, **changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as running:
        yield running


@pytest.fixture(scope="module")
def postgresql(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> str:
    """The URL of a database with all tables."""
    database = cluster.new_database()
    with django_db_blocker.unblock(), in_place_of_default(database.url):
        call_command("migrate", verbosity=0, interactive=False)
    return database.url


@contextmanager
def in_place_of_default(url: str) -> Iterator[None]:
    """For a while this thread's database is another one."""
    own, settings_of_own = connections["default"], connections.databases["default"]
    connections.databases["default"] = ConnectionHandler({"default": dict(dj_database_url.parse(url))}).databases[
        "default"
    ]
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        connections.databases["default"], connections["default"] = settings_of_own, own


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.django_db), "postgresql", "opensearch"])
def search(request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker) -> Iterator[Search]:
    """An engine that knows nothing yet."""
    if request.param == "opensearch":
        stub = request.getfixturevalue("stub")
        stub.index.made = False
        stub.index.documents.clear()
        yield OpenSearch(stub.url)
    elif request.param == "sqlite":
        yield engine()
    else:
        url = request.getfixturevalue("postgresql")
        with django_db_blocker.unblock(), in_place_of_default(url):
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE search_row, search_words, search_word")
            yield engine()


def names(results: Results) -> list[str]:
    return [each.name for each in results.hits]


def find(search: Search, text: str = "", **changed: object) -> list[str]:
    return names(search.find(Query(text=text, **changed)))  # type: ignore[arg-type]


def test_nothing_is_found_where_nothing_is(search: Search) -> None:
    assert search.find(Query("spam")) == Results((), 0)
    assert search.suggest("spam") == []


def test_the_exact_name_then_names_summaries_keywords_and_descriptions(search: Search) -> None:
    search.put(
        [
            document(1, "spam"),
            document(2, "spam-and-eggs"),
            document(3, "spammer"),
            document(4, "my-spam"),
            document(5, "eggs", summary="Fries spam."),
            document(6, "bacon", keywords="spam,ham"),
            document(7, "toast", description="Goes well with spam"),
            document(8, "tea", summary="Nothing to eat"),
        ]
    )
    found = search.find(Query("spam"))
    assert names(found) == ["spam", "spammer", "spam-and-eggs", "my-spam", "eggs", "bacon", "toast"]
    assert (found.total, found.capped, found.meant) == (7, False, "")
    assert found.hits[1].display_name == "spammer"
    assert found.hits[2].display_name == "spam_and_eggs"
    assert (found.hits[4].summary, found.hits[4].version, found.hits[4].status) == ("Fries spam.", "1.0", "active")
    assert found.hits[4].released_at == DAY + timedelta(days=5)


def test_any_spelling_of_a_name_finds_it(search: Search) -> None:
    search.put([document(1, "foo-bar"), document(2, "my-foo-bar"), document(3, "foobar"), document(4, "bar")])
    assert find(search, "foo-bar") == ["foo-bar", "foobar", "my-foo-bar"]
    assert find(search, "Foo_Bar") == ["foo-bar", "foobar", "my-foo-bar"]
    assert find(search, " foo.bar ") == ["foo-bar", "foobar", "my-foo-bar"]
    assert find(search, "foobar") == ["foobar", "foo-bar"]


def test_all_words_have_to_be_there_wherever_they_are(search: Search) -> None:
    search.put(
        [
            document(1, "spam", summary="Reads mail", description="of every kind"),
            document(2, "eggs", summary="Reads files"),
            document(3, "ham", description="reads every mail"),
        ]
    )
    assert find(search, "reads mail") == ["spam", "ham"]
    assert sorted(find(search, "read every")) == ["ham", "spam"]
    assert find(search, "any") == find(search, "=any") == find(search, "sactive") == []
    assert find(search, "ma re") == []  # words that short are taken as they are


def test_words_are_found_in_other_forms(search: Search) -> None:
    search.put(
        [
            document(1, "colorama", summary="Cross-platform colored terminal text"),
            document(2, "sigstore", summary="A tool for signing Python package distributions"),
            document(3, "rich", description="Render tables, *markdown* and more"),
            document(4, "requests", keywords="libraries"),
            document(5, "signal-handlers", summary="Significant"),
        ]
    )
    assert find(search, "terminal colors") == ["colorama"]
    assert find(search, "signed packages") == find(search, "signe pack") == ["sigstore"]
    assert find(search, "markdown rendering") == find(search, "tabl", newest=True) == ["rich"]
    assert find(search, "library") == find(search, "librar") == ["requests"]
    assert find(search, "sign") == ["signal-handlers", "sigstore"]
    assert find(search, "handler") == find(search, "handlers") == ["signal-handlers"]
    assert find(search, "handling") == []  # names are what they are


def test_what_a_description_only_points_to_is_not_looked_in(search: Search) -> None:
    pointing = "[The guide](https://spam.example/http) [![eggs](ham.svg)](https://ci.example) <img src='http://spam'>"
    search.put([document(1, "one", description=pointing), document(2, "two", description="An HTTP server")])
    assert find(search, "http") == ["two"]
    assert find(search, "guide") == ["one"]
    for word in ("spam", "ham", "eggs", "ci", "img", "example"):
        assert find(search, word) == [], word


def test_what_has_some_of_the_words_where_nothing_has_all(search: Search) -> None:
    search.put(
        [
            document(1, "click", summary="Command line interfaces"),
            document(2, "lines", summary="Counts them"),
            document(3, "rulers", description="Draws a line"),
            document(4, "tea", summary="Nothing to eat"),
        ]
    )
    assert search.find(Query("command line")).partly is False
    found = search.find(Query("comand line"))
    assert (names(found), found.total, found.partly) == (["lines", "click", "rulers"], 3, True)
    assert found.meant == "command line"
    assert find(search, "xyzzy command interface") == ["click"]
    assert find(search, "plugh xyzzy drawing") == ["rulers"]
    assert find(search, "comand line", newest=True) == ["rulers", "lines", "click"]
    assert find(search, "comand line", since=DAY + timedelta(days=3)) == ["rulers"]
    assert find(search, "comand line", page=2) == []
    assert search.find(Query("comand line", page=2)).total == 3
    assert search.find(Query("plugh xyzzy")) == search.find(Query("xyzzy")) == Results((), 0)
    assert search.find(Query(statuses=("archived",))) == Results((), 0)


def test_words_that_nothing_has_are_respelled(search: Search) -> None:
    search.put(
        [
            document(1, "click", summary="Command line interfaces", description="frobnicated", keywords="nuts"),
            document(2, "tea", summary="Commandment of packaging", status="archived"),
        ]
    )
    for asked, meant in [
        ("comand", "command"),
        ("cmomand lien", "command line"),
        ("pakcaging", "packaging"),
        ("comand frob nuts", "command frob nuts"),
        ("frob archive", ""),
        ("comand a b c d", ""),  # too many words to be looked at
        ("te", ""),
    ]:
        assert search.find(Query(asked)).meant == meant, asked
    assert search.find(Query("interfaces packaging")).meant == ""
    search.put([document(3, "comand", summary="Command, once more")])
    assert search.find(Query("comand")).meant == ""


def test_capitals_and_accents_do_not_count(search: Search) -> None:
    search.put([document(1, "spam", summary="Crème brûlée für ÄRZTE"), document(2, "eggs", summary="日本語の解析")])
    assert find(search, "creme BRULEE") == ["spam"]
    assert find(search, "ärzte") == ["spam"]
    assert find(search, "解析") == ["eggs"]


def test_slips_are_forgiven_where_little_is_found(search: Search) -> None:
    search.put([document(1, "requests"), document(2, "request-this"), document(3, "numpy"), document(4, "django")])
    found = search.find(Query("reqeusts"))
    assert (names(found), found.meant, found.total) == (["requests"], "requests", 1)
    assert search.find(Query("numpi")).meant == "numpy"
    assert search.find(Query("djagno")).meant == "django"
    assert search.find(Query("numpy")) == replace(search.find(Query("numpy")), meant="", total=1)
    assert search.find(Query("xyzzy")) == Results((), 0)
    assert find(search, "reqeusts", statuses=("archived",)) == []


def test_filters(search: Search) -> None:
    django, web = "Framework :: Django :: 5.2", "Environment :: Web Environment"
    search.put(
        [
            document(1, "spam-1", classifiers=(django, web), requires_python=">=3.12"),
            document(2, "spam-2", classifiers=(django,), requires_python="<3.12"),
            document(3, "spam-3", classifiers=(web,), status="archived"),
            document(4, "spam-4", status="deprecated", requires_python="nonsense"),
        ]
    )
    assert find(search, newest=True) == ["spam-4", "spam-2", "spam-1"]
    assert find(search, "spam", newest=True) == ["spam-4", "spam-2", "spam-1"]
    assert find(search, "spam") == ["spam-4", "spam-2", "spam-1"]
    assert find(search, "spam", classifiers=(django,)) == ["spam-2", "spam-1"]
    assert find(search, "spam", classifiers=("Framework",)) == ["spam-2", "spam-1"]
    assert find(search, "spam", classifiers=(django, web)) == ["spam-1"]
    assert find(search, classifiers=("\ud800",)) == []
    assert find(search, "spam-1", classifiers=(web,)) == ["spam-1"]
    assert find(search, "spam-2", classifiers=("Topic",)) == []
    assert find(search, "spam", python="3.12") == ["spam-4", "spam-1"]
    assert find(search, "spam", python="3.11") == ["spam-4", "spam-2"]
    assert find(search, "spam", python="17") == ["spam-4", "spam-2", "spam-1"]
    assert find(search, "spam", statuses=("archived",)) == ["spam-3"]
    assert find(search, statuses=("archived", "deprecated")) == ["spam-4", "spam-3"]
    assert find(search, "spam-3", statuses=("active", "archived", "deprecated")) == ["spam-3"]
    assert find(search, statuses=("active",)) == ["spam-2", "spam-1"]
    assert find(search, "spam", since=DAY + timedelta(days=2)) == ["spam-4", "spam-2"]
    assert "spam-1" not in find(search, "spam-1", since=DAY + timedelta(days=2))


def test_the_later_wins_whatever_comes_last(search: Search) -> None:
    search.put([document(1, "spam", serial=5, version="2.0")])
    search.put([document(1, "spam", serial=4, version="1.0")])
    search.remove([Gone(1, 4)])
    assert [each.version for each in search.find(Query("spam")).hits] == ["2.0"]
    search.put([document(1, "spam", serial=5, version="2.1", summary="anew", released_at=DAY + timedelta(days=9))])
    assert [each.version for each in search.find(Query("spam")).hits] == ["2.1"]
    search.remove([Gone(1, 6), Gone(2, 6)])
    search.put([document(1, "spam", serial=5)])
    assert (find(search, "spam"), find(search), search.suggest("sp")) == ([], [], [])
    search.put([document(1, "spam", serial=7)])
    assert find(search, "spam") == ["spam"]
    search.put([])
    search.remove([])


def test_pages(search: Search) -> None:
    search.put([document(number, f"spam-{number}") for number in range(1, 46)])
    pages = [search.find(Query("spam", page=page)) for page in (1, 2, 3, 4, AT_MOST, 10**30)]
    assert [len(each.hits) for each in pages] == [20, 20, 5, 0, 0, 0]
    assert {each.total for each in pages[:4]} == {45}
    assert len({hit.name for page in pages for hit in page.hits}) == 45
    assert names(pages[0])[:2] == ["spam-9", "spam-8"]


def test_no_more_than_a_thousand_are_counted(search: Search) -> None:
    search.put([document(number, f"eggs-{number}", summary="spam") for number in range(1, 1003)])
    search.put([document(2000, "spam", released_at=DAY), document(2001, "old-spam", released_at=DAY)])
    found = search.find(Query("spam"))
    assert (found.total, found.capped, len(found.hits)) == (1000, True, 20)
    assert names(found)[:2] == ["spam", "old-spam"]
    assert (search.find(Query(newest=True)).total, search.find(Query(newest=True)).capped) == (1000, True)
    assert len(search.find(Query("spam", page=50)).hits) == 20
    assert search.find(Query("spam", page=51)).hits == ()


def test_suggestions(search: Search) -> None:
    search.put([document(number, f"spam{'m' * number}") for number in range(1, 13)])
    search.put([document(20, "my-spam"), document(21, "spam-old", status="archived"), document(22, "spa")])
    assert search.suggest("SPA") == ["spa", *(f"spam{'m' * number}" for number in range(1, 10))]
    assert search.suggest("my_s") == ["my-spam"]
    assert search.suggest("") == search.suggest("?!") == search.suggest("zzz") == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.sampled_from(ODD) | st.text(st.characters(), max_size=30), newest=st.booleans())
def test_nothing_that_is_asked_for_is_an_error(search: Search, text: str, newest: bool) -> None:
    search.put([document(1, "spam", serial=1, summary="a name AND near")])
    found = search.find(Query(text, classifiers=(text,), newest=newest))
    assert found.total == 0
    search.find(Query(text, newest=newest))
    search.suggest(text)


def test_no_text_of_a_project_is_an_error(search: Search) -> None:
    told = [each.replace("\0", "").encode(errors="ignore").decode() for each in ODD]  # the rest metadata cannot hold
    for number, text in enumerate(told, 1):
        search.put(
            [document(number, f"spam-{number}", summary=text, keywords=text, description=text, version=text[:9])]
        )
    assert search.find(Query("spam")).total == len(ODD)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a <!-- b --> c <!-- d", "a c"),
        ("a <!-- b - <i> c --> d <!-- e <!-- f --> g", "a d g"),
        (".. image:: b.svg\n   :target: c\n   :alt: d\n\na", "a"),
        (".. |b| image:: c.svg\n\na\n\n.. _d: e.html\n", "a"),
        ("a `b <https://c.example/d>`_", "a b"),
        ("[![a](b)](c) [d](e/f.md#g 'h') [i][j] ![k][l]\n[j]: m/n\n", "d i"),
        ("<p align='center'>a<br/>b</p> c < d", "a b c d"),
        ("www.a.example mailto:b@c (git+ssh://d.example/e) s3://f g&nbsp;&lt;h", "g h"),
    ],
)
def test_what_a_description_says(markup: str, text: str) -> None:
    assert words(prose(markup)) == text.split()


@pytest.mark.parametrize("part", ["<!--", "<a", "![", "](", "a]", "[", "<!-- -", ".. ", ".. |", "a+", "\n :", "&"])
def test_no_description_takes_long(part: str) -> None:
    begun = time.process_time()
    prose(part * 20_000)
    assert time.process_time() - begun < 1


def test_which_pythons_are_shut_out() -> None:
    assert shut_out("") == shut_out("nonsense") == ()
    assert shut_out(">=3.9")[-1] == "3.8"
    assert shut_out(">=3.12.1,<4")[-1] == "3.11"
    assert shut_out("<3.12")[0] == "3.12"
    assert shut_out("==3.11.*") == tuple(each for each in PYTHONS if each != "3.11")


def test_words_of_a_text() -> None:
    assert words("Foo_Bar's  naïve-TEST x²") == ["foo", "bar", "s", "naive", "test", "x2"]
    assert (as_name(" Foo  Bar "), squashed("Foo.bar")) == ("foo-bar", "foobar")


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("spam", "spam", 0),
        ("spam", "sapm", 1),
        ("spam", "spa", 1),
        ("spam", "spams", 1),
        ("spam", "eggs", 4),
        ("", "ab", 2),
    ],
)
def test_how_many_slips(one: str, other: str, slips: int) -> None:
    assert distance(one, other) == distance(other, one) == slips


def test_a_silent_or_refusing_opensearch_is_unavailable(stub: Stub) -> None:
    search = OpenSearch(stub.url)
    search.put([document(1, "spam")])
    stub.index.broken = 500
    with pytest.raises(Unavailable, match="answers 500"):
        search.find(Query("spam"))
    stub.index.broken = 0
    stub.index.refusing = 400
    with pytest.raises(Unavailable, match="refuses a document: 400"):
        search.put([document(1, "spam", serial=9)])
    stub.index.refusing = 0
    with pytest.raises(Unavailable, match="does not answer"):
        OpenSearch("http://127.0.0.1:9/projects").suggest("spam")


def test_two_may_make_the_index_of_opensearch(stub: Stub) -> None:
    stub.index.made, stub.index.hasty = False, True
    stub.index.documents.clear()
    search = OpenSearch(stub.url)
    search.put([document(3, "spam")])
    assert search.suggest("spam") == ["spam"]
    stub.index.made = stub.index.hasty = False
    stub.index.documents.clear()
    stub.index.broken = 500
    with pytest.raises(Unavailable):
        search.put([document(3, "spam")])
    stub.index.broken = 0
