"""From a request target to what is asked for."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot import layout
from entrepot.edge.routes import PLAIN, Document, Health, Nothing, Package, Redirect, Simple, owns, route
from entrepot.layout import Form, Place
from entrepot.names import ProjectName

DEMO = ProjectName("demo")
BLAKE2 = "ab" * 32
FILE = f"/packages/ab/ab/{'ab' * 30}/demo-1.0.tar.gz"


def test_pages() -> None:
    listing = Simple(layout.project_list(Form.JSON), layout.project_list(Form.HTML), None)
    page = Simple(layout.project_page(DEMO, Form.JSON), layout.project_page(DEMO, Form.HTML), None)
    assert route(b"/simple/") == listing
    assert route(b"/simple/demo/") == page
    assert route(b"/_health/") == Health()


def test_documents() -> None:
    assert route(b"/pypi/demo/json") == Document(layout.project_json(DEMO))
    assert route(b"/pypi/demo/1.0.0/json") == route(b"/pypi/demo/v1/json/")
    assert route(b"/pypi/demo/1!1.0+local/json") != route(b"/pypi/demo/1.0/json")


def test_packages() -> None:
    note = layout.withheld(BLAKE2, "demo-1.0.tar.gz")
    assert route(FILE.encode()) == Package(layout.package(BLAKE2, "demo-1.0.tar.gz"), note, f'"{BLAKE2}"', BLAKE2)
    sidecar = Package(layout.sidecar(BLAKE2, "demo-1.0.tar.gz"), note, f'"{BLAKE2}.metadata"', "")
    assert route(FILE.encode() + b".metadata") == sidecar


def pages(target: str) -> list[Place]:
    """The pages that a target may show."""
    found = route(target.encode())
    if isinstance(found, Simple):
        return [found.json, found.html]
    assert isinstance(found, Document)
    return [found.place]


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ("/simple/", ["/simple/?a=b", "/simple/?format=text/html", "/s%69mple/"]),
        ("/simple/demo/", ["/simple/demo/?", "/simple/d%65mo/", "/simple/d%65mo/?x=y#z"]),
        ("/pypi/demo/json", ["/pypi/demo/json/", "/pypi/demo/json?a", "/pypi/%64emo/json"]),
        ("/pypi/demo/1/json", ["/pypi/demo/1/json/", "/pypi/demo/1.0.0/json", "/pypi/demo/v1/json"]),
        ("/pypi/demo/1!1+a/json", ["/pypi/demo/1%211%2Ba/json"]),
    ],
)
def test_pages_by_another_url_than_their_own_live_for_seconds_in_cdns(own: str, others: list[str]) -> None:
    assert {page.cache for page in pages(own)} == {layout.PAGE}
    for target in others:
        assert pages(target) == [replace(page, cache=layout.ALIAS) for page in pages(own)]


@pytest.mark.parametrize("end", ["", ".metadata"])
def test_packages_by_another_url_than_installers_ask_for_live_for_seconds_in_cdns(end: str) -> None:
    own = FILE.replace("demo-1.0", "demo-1!1.0+cpu") + end
    found = route(own.encode())
    assert isinstance(found, Package)
    assert found.place.cache is layout.PACKAGE
    assert route(own.replace("!", "%21").replace("+", "%2B").encode()) == found  # which is how pip asks
    alias = replace(found, place=replace(found.place, cache=layout.PACKAGE_ALIAS))
    for target in (own.replace("+", "%2b"), own.replace("demo", "d%65mo"), f"{own}?a"):
        assert route(target.encode()) == alias


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (b"format=application/vnd.pypi.simple.v1+json", layout.SIMPLE_JSON),
        (b"a=b&format=application%2Fvnd.pypi.simple.v1%2Bjson", layout.SIMPLE_JSON),
        (b"format=application/vnd.pypi.simple.latest+html", layout.SIMPLE_HTML),
        (b"format=text/html", layout.HTML),
        (b"format=json", None),
        (b"format=*/*", None),
        (b"formats=text/html", None),
    ],
)
def test_a_format_may_be_asked_for_in_the_query(query: bytes, wanted: str | None) -> None:
    found = route(b"/simple/demo/?" + query)
    assert isinstance(found, Simple)
    assert found.wanted == wanted


@pytest.mark.parametrize(
    ("target", "location"),
    [
        (b"/simple", "/simple/"),
        (b"/simple?format=text/html", "/simple/?format=text/html"),
        (b"/simple/demo", "/simple/demo/"),
        (b"/simple/Foo._.Bar", "/simple/foo-bar/"),
        (b"/simple/Foo.Bar/?a=b%20c", "/simple/foo-bar/?a=b%20c"),
        (b"/simple/Foo.Bar/?a=\xff\r\nSet-Cookie:x", "/simple/foo-bar/?a=%FF%0D%0ASet-Cookie:x"),
        (b"/pypi/Foo.Bar/json", "/pypi/foo-bar/json"),
        (b"/pypi/Foo.Bar/1.0+a/json/?x", "/pypi/foo-bar/1.0+a/json?x"),
    ],
)
def test_redirects(target: bytes, location: str) -> None:
    assert route(target) == Redirect(location)


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"simple/",
        b"//simple/",
        b"//index.example/simple/Demo",
        b"/simple//",
        b"/simple//index.example/",
        b"/simple/%2f%2findex.example/",
        b"/simple/..%2fpackages/",
        b"/simple/../simple/demo/",
        b"/simple/./demo/",
        b"/simple/%2e%2e/",
        b"/simple/demo%00/",
        b"/simple/demo%0d%0a/",
        b"/simple/demo%5c/",
        b"/simple/demo\\/",
        b"/simple/%2564emo/",
        b"/simple/d%C3%A9mo/",
        b"/simple/demo;x/",
        b"/simple/-demo/",
        b"/simple/demo/more/",
        b"/simple/" + b"a" * 300 + b"/",
        b"/packages/",
        b"/packages/ab/ab/abab/demo-1.0.tar.gz",
        FILE.replace("ab/ab", "AB/AB").encode(),
        FILE.encode() + b"/",
        FILE.encode().replace(b"demo-1.0.tar.gz", b".."),
        b"http://index.example/simple/",
        b"/other",
        b"/simple/demo/?" + b"x" * 2000,
    ],
)
def test_nothing(target: bytes) -> None:
    assert route(target) == Nothing(PLAIN)


@pytest.mark.parametrize(
    "target", [b"/pypi/demo/not-a-version/json", b"/pypi/_/json", b"/pypi/%2e%2e/json", b"/pypi/x"]
)
def test_nothing_of_the_json_api(target: bytes) -> None:
    assert route(target) == Nothing(layout.JSON)


SEGMENTS = st.sampled_from(
    [
        "/",
        "//",
        "simple",
        "Simple",
        "pypi",
        "json",
        "packages",
        "Foo.Bar",
        "..",
        "%2f",
        "%5c",
        "\\",
        "@",
        ":",
        "?",
        "%0a",
        "index.example",
        "http:",
        "1.0",
    ]
)


@given(st.lists(SEGMENTS).map("".join))
def test_a_redirect_stays_on_the_site(target: str) -> None:
    found = route(target.encode())
    if isinstance(found, Redirect):
        parts = urlsplit(found.location)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert found.location.startswith(("/simple/", "/pypi/"))
        assert not isinstance(route(found.location.encode()), Redirect)


@pytest.mark.parametrize(
    ("path", "owned"),
    [
        ("/simple", True),
        ("/simple/", True),
        ("/simple/x/../y", True),
        ("/simplex", False),
        ("/packages/x", True),
        ("/packages", False),
        ("/pypi/demo/json", True),
        ("/pypi/demo/1.0/json/", True),
        ("/pypi", False),
        ("/pypi/demo", False),
        ("/pypi/demo/1.0", False),
        ("/_health/", True),
        ("/", False),
    ],
)
def test_what_the_read_plane_owns(path: str, owned: bool) -> None:
    assert owns(path) is owned
