"""The read plane as an application: what it answers, in ASGI messages and at once."""

import asyncio
import errno
import hashlib
import io
import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import AsyncMock

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from entrepot import layout
from entrepot.edge.answers import Answer
from entrepot.edge.app import Edge
from entrepot.edge.memory import SMALL
from entrepot.layout import Form
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from entrepot.ports.store import CHUNK, Found, Stamp

DEMO = ProjectName("demo")
PIP = {
    "accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
    "accept-encoding": "gzip, deflate",
}
CONTENT = bytes(range(256)) * 3000

BLAKE2 = hashlib.blake2b(CONTENT, digest_size=32).hexdigest()
NAME = "demo-1.0-py3-none-any.whl"
FILE = f"/packages/{BLAKE2[:2]}/{BLAKE2[2:4]}/{BLAKE2[4:]}/{NAME}"
OF_NOTHING = hashlib.blake2b(b"", digest_size=32).hexdigest()
EMPTY = f"/packages/{OF_NOTHING[:2]}/{OF_NOTHING[2:4]}/{OF_NOTHING[4:]}/empty.tar.gz"

ZERO_COPY: dict[str, Any] = {"http.response.zerocopysend": {}}
PATHS = ["/simple/", "/simple/demo/", "/pypi/demo/json", "/pypi/demo/1/json"]


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    messages: list[dict[str, Any]] = field(repr=False)


def scope(method: str, target: str, headers: Mapping[str, str], extensions: Mapping[str, Any]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": fields,
        "extensions": extensions,
    }


def ask(
    edge: Edge,
    target: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    asyncio.run(edge(scope(method, target, headers or {}, extensions or {}), receive, send))
    start, *bodies = messages
    names = [name.decode() for name, _ in start["headers"]]
    assert sorted(set(names)) == sorted(names)
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    return Response(start["status"], fields, b"".join(message.get("body", b"") for message in bodies), messages)


def fill(store: FileStore) -> None:
    places = [
        layout.project_list(Form.JSON),
        layout.project_list(Form.HTML),
        layout.project_page(DEMO, Form.JSON),
        layout.project_page(DEMO, Form.HTML),
        layout.project_json(DEMO),
        layout.release_json(DEMO, "1"),
    ]
    for place in places:
        store.put_page(place.key, Page.of(f"this is {place.key}".encode() * 20, serial=9, last_serial=7))
    store.create(layout.package(BLAKE2, NAME).key, io.BytesIO(CONTENT))
    store.create(layout.sidecar(BLAKE2, NAME).key, io.BytesIO(b"Name: demo\n"))
    store.create(layout.package(OF_NOTHING, "empty.tar.gz").key, io.BytesIO(b""))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path)
    fill(store)
    return store


@pytest.fixture
def edge(store: FileStore) -> Edge:
    return Edge(store)


def test_a_project_page_for_an_installer(edge: Edge, store: FileStore) -> None:
    response = ask(edge, "/simple/demo/", PIP)
    page = store.read_page(layout.project_page(DEMO, Form.JSON).key)
    assert page is not None
    assert response.body == page.variants["gzip"].body
    assert (response.status, response.headers) == (
        200,
        {
            "content-type": "application/vnd.pypi.simple.v1+json",
            "content-encoding": "gzip",
            "content-length": str(len(response.body)),
            "etag": page.variants["gzip"].etag,
            "vary": "Accept, Accept-Encoding",
            "cache-control": layout.PAGE.control,
            "surrogate-control": layout.PAGE.surrogate,
            "surrogate-key": "project/demo",
            "x-pypi-last-serial": "7",
            "x-content-type-options": "nosniff",
            "referrer-policy": "origin-when-cross-origin",
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "GET",
            "access-control-allow-headers": (
                "Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since"
            ),
            "access-control-max-age": "86400",
            "access-control-expose-headers": "X-PyPI-Last-Serial",
        },
    )


def test_a_project_page_for_a_browser(edge: Edge) -> None:
    response = ask(edge, "/simple/demo/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == "sandbox allow-top-navigation; default-src 'none'"
    assert "content-encoding" not in response.headers
    assert response.body.startswith(b"this is pages/main/simple/demo/index.html")


def test_the_two_html_types_have_the_same_bytes_and_different_tags(edge: Edge) -> None:
    plain = ask(edge, "/simple/demo/", {"accept": "text/html"})
    versioned = ask(edge, "/simple/demo/", {"accept": "application/vnd.pypi.simple.v1+html"})
    assert versioned.headers["content-type"] == "application/vnd.pypi.simple.v1+html"
    assert versioned.body == plain.body
    assert versioned.headers["etag"] != plain.headers["etag"]


def test_a_format_in_the_query_beats_accept(edge: Edge) -> None:
    wanted = ask(edge, "/simple/?format=application/vnd.pypi.simple.v1+json", {"accept": "text/html"})
    assert wanted.headers["content-type"] == layout.SIMPLE_JSON
    assert wanted.headers["surrogate-key"] == "projects"
    unknown = ask(edge, "/simple/?format=json", PIP)
    assert unknown.headers["content-type"] == layout.SIMPLE_JSON


ALIASES = {
    "/simple/demo/": "/simple/demo/?a",
    "/pypi/demo/1/json": "/pypi/demo/1.0/json/",
    f"{FILE}.metadata": f"{FILE}.metadata?a",
}


@pytest.mark.parametrize("targets", [*ALIASES.items(), *((alias, own) for own, alias in ALIASES.items())])
def test_only_by_its_own_url_does_a_cdn_keep_it_for_long(edge: Edge, targets: tuple[str, str]) -> None:
    first, second = (ask(edge, target) for target in targets)
    for target, answer in zip(targets, (first, second), strict=True):
        head = Answer(HTTPStatus.OK, answer.messages[0]["headers"]).head
        assert edge.at_once(b"GET", target.encode(), []) == (head, answer.body)
        same = ask(edge, target, {"if-none-match": answer.headers["etag"]})
        for each in (answer, same):
            short = each.headers.get("surrogate-control") == layout.ALIAS.surrogate
            assert short is (target in ALIASES.values())
    for name in ("cache-control", "etag", "surrogate-key"):
        assert first.headers[name] == second.headers[name]
    assert first.body == second.body


def test_the_json_api(edge: Edge) -> None:
    response = ask(edge, "/pypi/demo/json", {"accept": "text/html", "accept-encoding": "zstd"})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept-Encoding"
    assert zstandard.decompress(response.body).startswith(b"this is pages/main/pypi/demo/index.json")
    assert ask(edge, "/pypi/demo/1.0.0/json").body.startswith(b"this is pages/main/pypi/demo/1/index.json")


@pytest.mark.parametrize("path", [*PATHS, FILE, f"{FILE}.metadata"])
def test_what_the_client_has_is_not_sent_again(edge: Edge, path: str) -> None:
    first = ask(edge, path)
    again = ask(edge, path, {"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    kept = {"etag", "cache-control", "vary", "x-pypi-last-serial", "access-control-allow-origin"} & set(first.headers)
    assert {name: again.headers[name] for name in kept} == {name: first.headers[name] for name in kept}
    assert "content-length" not in again.headers
    assert ask(edge, path, {"if-none-match": '"other"'}).status == 200


@pytest.mark.parametrize("path", [*PATHS, FILE, "/_health/", "/simple/other/", "/simple", EMPTY])
def test_head_is_get_without_the_body(edge: Edge, path: str) -> None:
    get = ask(edge, path)
    head = ask(edge, path, {"range": "bytes=0-1"}, method="HEAD")
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


def test_unknown_pages_are_missing_until_they_are_made(edge: Edge, store: FileStore) -> None:
    simple = ask(edge, "/simple/other/")
    assert (simple.status, simple.body, simple.headers["content-type"]) == (
        404,
        b"Not Found",
        "text/plain; charset=utf-8",
    )
    assert simple.headers["surrogate-key"] == "project/other"
    assert simple.headers["surrogate-control"] == layout.NOTHING.surrogate
    document = ask(edge, "/pypi/other/json")
    assert (document.status, document.body) == (404, b'{"message":"Not Found"}')
    assert document.headers["content-type"] == "application/json"
    store.put_page(layout.project_json(ProjectName("other")).key, Page.of(b"{}", serial=1, last_serial=1))
    assert ask(edge, "/pypi/other/json").body == b"{}"


def test_a_page_that_is_gone_is_missing(edge: Edge, store: FileStore) -> None:
    assert ask(edge, "/simple/demo/").status == 200
    store.put_page(layout.project_page(DEMO, Form.HTML).key, Page.gone(serial=10))
    assert ask(edge, "/simple/demo/").status == 404
    assert edge.at_once(b"GET", b"/simple/demo/", []) is None


def test_paths_of_nobody_are_missing(edge: Edge) -> None:
    assert ask(edge, "/simple/../x").status == 404
    assert ask(edge, "/packages/none").status == 404
    assert ask(edge, "/pypi/demo/no-version/json").body == b'{"message":"Not Found"}'


def test_redirects(edge: Edge) -> None:
    response = ask(edge, "/simple/Demo?a=b")
    assert (response.status, response.headers["location"]) == (301, "/simple/demo/?a=b")
    assert response.headers["access-control-allow-origin"] == "*"


def test_types_that_do_not_exist_are_not_acceptable(edge: Edge) -> None:
    response = ask(edge, "/simple/demo/", {"accept": "application/json"})
    assert response.status == 406
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept, Accept-Encoding"


def test_methods(edge: Edge) -> None:
    options = ask(edge, "/simple/", method="OPTIONS")
    assert (options.status, options.headers["allow"], options.body) == (204, "GET, HEAD, OPTIONS", b"")
    assert options.headers["access-control-allow-origin"] == "*"
    post = ask(edge, "/simple/", method="POST")
    assert (post.status, post.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_health(edge: Edge) -> None:
    response = ask(edge, "/_health/")
    assert (response.status, response.body, response.headers["cache-control"]) == (200, b"OK", "no-store")


def test_a_package(edge: Edge) -> None:
    response = ask(edge, FILE, {"accept-encoding": "gzip"})
    assert (response.status, response.body) == (200, CONTENT)
    assert len(response.messages) == 1 + -(-len(CONTENT) // CHUNK)
    expected = {
        "content-type": "application/octet-stream",
        "content-length": str(len(CONTENT)),
        "etag": f'"{BLAKE2}"',
        "accept-ranges": "bytes",
        "cache-control": layout.PACKAGE.control,
        "surrogate-key": f"package/{BLAKE2}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    assert {name: response.headers.get(name) for name in expected} == expected
    assert "content-encoding" not in response.headers
    sidecar = ask(edge, f"{FILE}.metadata")
    assert sidecar.body == b"Name: demo\n"
    assert sidecar.headers["etag"] == f'"{BLAKE2}.metadata"'


def test_an_empty_package(edge: Edge) -> None:
    response = ask(edge, EMPTY)
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "0")
    assert ask(edge, EMPTY, {"range": "bytes=0-"}).headers["content-range"] == "bytes */0"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"range": "bytes=5-300000"}, slice(5, 300001)),
        ({"range": "bytes=767990-"}, slice(767990, None)),
        ({"range": "bytes=-10"}, slice(-10, None)),
        ({"range": "bytes=0-0", "if-range": f'"{BLAKE2}"'}, slice(0, 1)),
    ],
)
def test_a_part_of_a_package(edge: Edge, headers: dict[str, str], expected: slice) -> None:
    response = ask(edge, FILE, headers)
    assert (response.status, response.body) == (206, CONTENT[expected])
    first, end, _ = expected.indices(len(CONTENT))
    assert response.headers["content-range"] == f"bytes {first}-{end - 1}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(end - first)


@pytest.mark.parametrize(
    "headers",
    [
        {"range": "bytes=0-1, 5-6"},
        {"range": "bytes=5-1"},
        {"range": "bytes=0-0", "if-range": '"other"'},
        {"range": "bytes=0-0", "if-range": f'W/"{BLAKE2}"'},
        {"range": "bytes=0-0", "if-range": "Sat, 21 Nov 2026 00:00:00 GMT"},
    ],
)
def test_other_ranges_get_the_whole(edge: Edge, headers: dict[str, str]) -> None:
    response = ask(edge, FILE, headers)
    assert (response.status, len(response.body)) == (200, len(CONTENT))


def test_a_range_outside_the_package(edge: Edge) -> None:
    response = ask(edge, FILE, {"range": "bytes=768000-"})
    assert (response.status, response.headers["content-range"]) == (416, "bytes */768000")
    assert response.headers["cache-control"] == "no-store"


def test_a_package_withheld_and_released(edge: Edge, store: FileStore) -> None:
    note = layout.withheld(BLAKE2, NAME)
    store.put_page(note.key, Page.of(b"{}", serial=1, last_serial=1))
    for path in [FILE, f"{FILE}.metadata"]:
        response = ask(edge, path)
        assert (response.status, response.body) == (404, b"The index withholds this file")
        assert response.headers["surrogate-key"] == f"package/{BLAKE2}"
        assert "immutable" not in response.headers["cache-control"]
    store.put_page(note.key, Page.gone(serial=2))
    assert ask(edge, FILE).status == 200


def test_a_package_that_does_not_exist(edge: Edge) -> None:
    response = ask(edge, FILE.replace("demo-", "other-"))
    assert (response.status, response.headers["surrogate-control"]) == (404, layout.NOTHING.surrogate)
    assert "immutable" not in response.headers["cache-control"]


def test_files_are_handed_to_servers_that_can_send_them(edge: Edge, tmp_path: Path) -> None:
    path = str(tmp_path / layout.package(BLAKE2, NAME).key)
    whole = ask(edge, FILE, extensions=ZERO_COPY).messages[1]
    assert (whole["type"], whole["offset"], whole["count"]) == ("http.response.zerocopysend", 0, len(CONTENT))
    part = ask(edge, FILE, {"range": "bytes=3-7"}, extensions=ZERO_COPY).messages[1]
    assert (part["offset"], part["count"]) == (3, 5)
    assert str(part["file"].name) == path
    assert part["file"].closed


class Broken(FileStore):
    """A store whose disk fails."""

    def stamp(self, key: str) -> Stamp:
        raise OSError(errno.EIO, "it broke", key)

    def find(self, key: str) -> Found | None:
        raise OSError(errno.EIO, "it broke", key)


def test_a_store_that_fails_is_unavailable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    edge = Edge(Broken(tmp_path))
    for path in ["/simple/demo/", FILE]:
        response = ask(edge, path)
        assert (response.status, response.headers["retry-after"]) == (503, "5")
        assert response.headers["cache-control"] == "no-store"
    assert ask(edge, "/pypi/demo/json").body.startswith(b'{"message":')
    assert "it broke" in caplog.text


def test_a_store_that_begins_to_fail(edge: Edge, store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(edge, "/simple/demo/").status == 200

    def fail(key: str) -> None:
        raise OSError(errno.EIO, "it broke", key)

    monkeypatch.setattr(store, "stamp", fail)
    assert edge.at_once(b"GET", b"/simple/demo/", []) is None
    assert ask(edge, "/simple/demo/").status == 503


def test_a_file_that_vanishes_before_it_is_opened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Vanishing(FileStore):
        def find(self, key: str) -> Found | None:
            return Found(SMALL + 1, tmp_path / key)

    assert ask(Edge(Vanishing(tmp_path)), FILE).status == 503
    assert ask(Edge(Vanishing(tmp_path)), FILE, extensions=ZERO_COPY).status == 503
    assert "cannot be read" in caplog.text


def test_nothing_is_answered_at_once_but_what_is_in_memory(edge: Edge, store: FileStore) -> None:
    assert edge.at_once(b"GET", b"/simple/demo/", []) is None
    ask(edge, "/simple/demo/")
    assert edge.at_once(b"GET", b"/simple/demo/", []) is not None
    assert edge.at_once(b"POST", b"/simple/demo/", []) is None
    assert edge.at_once(b"GET", b"/simple/demo", []) is None
    assert edge.at_once(b"GET", FILE.encode(), []) is None
    assert edge.at_once(b"GET", b"/simple/demo/?" + b"x" * 5000, []) is None
    assert edge.at_once(b"GET", b"/simple/demo/", [(b"accept", b"image/png")]) is None
    store.put_page(layout.project_page(DEMO, Form.HTML).key, Page.of(b"new", serial=10, last_serial=10))
    assert edge.at_once(b"GET", b"/simple/demo/", []) is None
    assert ask(edge, "/simple/demo/").body == b"new"


def test_a_reader_sees_what_was_written_before_it_asked(edge: Edge, store: FileStore) -> None:
    for serial in range(10, 40):
        store.put_page(layout.project_page(DEMO, Form.HTML).key, Page.of(b"%d" % serial, serial=serial, last_serial=1))
        assert ask(edge, "/simple/demo/").body == b"%d" % serial


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Edge:
    store = FileStore(tmp_path_factory.mktemp("warm"))
    fill(store)
    edge = Edge(store)
    for path in PATHS:
        ask(edge, path, PIP)
        ask(edge, path)
    return edge


TAGS = st.sampled_from(["*", '"other"', "same", "W/same", '"other", same'])
TYPES = [layout.SIMPLE_JSON, layout.SIMPLE_HTML, "text/html", "*/*", "application/*", "image/png"]
ACCEPT = st.lists(st.sampled_from(TYPES).flatmap(lambda name: st.sampled_from([name, f"{name};q=0.5", f"{name};q=0"])))
CODINGS = st.lists(st.sampled_from(["gzip", "br", "zstd", "identity", "*", "gzip;q=0", "deflate"]))


QUERIES = st.sampled_from(["", "?format=text/html", "?format=application/vnd.pypi.simple.v1+json", "?x"])


@given(
    st.builds(str.__add__, st.sampled_from(PATHS), QUERIES),
    st.sampled_from(["GET", "HEAD"]),
    st.fixed_dictionaries({"accept": ACCEPT.map(", ".join), "accept-encoding": CODINGS.map(", ".join)}),
    st.none() | TAGS,
)
def test_both_ways_give_the_same_answer(
    warm: Edge, target: str, method: str, headers: dict[str, str], tags: str | None
) -> None:
    if tags is not None:
        etag = ask(warm, target, headers).headers.get("etag", '"none"')
        headers = {**headers, "if-none-match": tags.replace("same", etag)}
    slow = ask(warm, target, headers, method=method)
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    quick = warm.at_once(method.encode(), target.encode(), fields)
    if slow.status == 406:
        assert quick is None
    else:
        assert quick == (Answer(HTTPStatus(slow.status), slow.messages[0]["headers"]).head, slow.body)


def test_repeated_headers_are_one_list(warm: Edge) -> None:
    headers = [(b"accept-encoding", b"deflate"), (b"accept-encoding", b"gzip"), (b"accept", b"text/html")]
    answer = warm.at_once(b"GET", b"/simple/demo/", headers)
    assert answer is not None
    assert b"content-encoding: gzip" in answer[0]


def test_a_store_that_is_gone_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    store.prepare()
    fill(store)
    edge = Edge(store)
    assert ask(edge, "/simple/demo/").status == 200
    shutil.rmtree(tmp_path / "store")
    assert ask(edge, "/simple/demo/").status == 503


class Remote(FileStore):
    """A store whose bytes are no files of this machine, as S3 is."""

    local: ClassVar[bool] = False
    broken = False
    elsewhere = False

    def look(self, key: str, known: Stamp = None) -> tuple[Page | None, Stamp] | None:
        if self.broken:
            raise OSError(errno.EIO, "it broke", key)
        return super().look(key, known)

    def find(self, key: str) -> Found | None:
        found = super().find(key)
        return found and replace(found, path=None)

    def read(self, key: str, first: int, count: int) -> Generator[bytes, None, None]:
        if self.broken:
            raise OSError(errno.EIO, "it broke", key)
        yield from super().read(key, first, count)

    def location(self, key: str) -> str | None:
        return f"https://store.example/{key}?signed" if self.elsewhere else None


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    store = Remote(tmp_path)
    fill(store)
    return store


def test_a_remote_store_is_read_in_pieces(remote: Remote) -> None:
    edge = Edge(remote)
    assert ask(edge, FILE, extensions=ZERO_COPY).body == CONTENT
    assert ask(edge, FILE, {"range": "bytes=-5"}, extensions=ZERO_COPY).body == CONTENT[-5:]
    sidecar = ask(edge, f"{FILE}.metadata", {"range": "bytes=1-3"})
    assert (sidecar.status, sidecar.body) == (206, b"ame")


def test_pages_outlive_a_remote_store(remote: Remote) -> None:
    edge = Edge(remote)
    fresh = ask(edge, "/simple/demo/")
    assert "x-entrepot-stale" not in fresh.headers
    assert ask(edge, FILE).status == 200
    remote.broken = True
    stale = ask(edge, "/simple/demo/")
    assert (stale.status, stale.body, stale.headers["x-entrepot-stale"]) == (200, fresh.body, "1")
    assert stale.headers["surrogate-control"] == layout.STALE.surrogate
    assert ask(edge, "/simple/demo/", {"if-none-match": fresh.headers["etag"]}).status == 304
    assert ask(edge, "/simple/").status == 503


def test_a_file_that_the_remote_store_will_not_give(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Edge(remote)
    assert ask(edge, FILE).status == 200
    monkeypatch.setattr(edge._memory, "_still_offered", AsyncMock(return_value=True))
    remote.broken = True
    assert ask(edge, FILE).status == 503


def test_clients_may_be_sent_to_the_store(remote: Remote) -> None:
    edge, remote.elsewhere = Edge(remote), True
    response = ask(edge, FILE)
    key = layout.package(BLAKE2, NAME).key
    assert (response.status, response.headers["location"]) == (302, f"https://store.example/{key}?signed")
    assert response.headers["cache-control"] == "no-store"
    assert ask(edge, f"{FILE}.metadata").status == 200
    assert ask(edge, FILE, {"if-none-match": f'"{BLAKE2}"'}).status == 304
    head = ask(edge, FILE, method="HEAD")  # what is signed for GET is good for nothing else
    assert (head.status, head.headers["content-length"]) == (200, str(len(CONTENT)))


def test_nothing_more_is_read_for_a_client_that_has_gone(remote: Remote) -> None:
    large = b"x" * (3 * CHUNK)
    blake2 = hashlib.blake2b(large, digest_size=32).hexdigest()
    place = layout.package(blake2, NAME)
    remote.create(place.key, io.BytesIO(large))
    assert ask(Edge(remote), f"/{place.key}").body == large
    sent: list[dict[str, Any]] = []
    told = iter(["http.request", "http.disconnect"])

    async def receive() -> dict[str, Any]:
        return {"type": next(told)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        await asyncio.sleep(0.01)

    asyncio.run(Edge(remote)(scope("GET", f"/{place.key}", {}, {}), receive, send))
    assert len(sent) < 4


def test_small_packages_are_checked_before_they_are_kept(edge: Edge, store: FileStore) -> None:
    small = b"a small package"
    place = layout.package(hashlib.blake2b(small, digest_size=32).hexdigest(), NAME)
    store.create(place.key, io.BytesIO(small))
    answer = ask(edge, f"/{place.key}")
    assert answer.body == small
    assert edge.at_once(b"GET", f"/{place.key}".encode(), []) == (
        Answer(HTTPStatus.OK, answer.messages[0]["headers"]).head,
        small,
    )
    assert edge.at_once(b"GET", f"/{place.key}".encode(), [(b"range", b"bytes=1-2")]) is None
    assert ask(edge, f"/{place.key}", {"range": "bytes=2-6"}).body == b"small"
    store._path(place.key).write_bytes(b"b small package")
    assert ask(Edge(store), f"/{place.key}").status == 503
