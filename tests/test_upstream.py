"""Reading other indexes: whatever they write, and however they break off."""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.names import ProjectName
from entrepot.refusal import Missing, Refused, Unavailable
from entrepot.upstream import client
from entrepot.upstream.client import Upstream, checked_url
from entrepot.upstream.page import UpstreamFile, UpstreamProject, read_list, read_project
from scripted import Asked, Reply, Scripted, scripted

JSON = "application/vnd.pypi.simple.v1+json"
URL = "https://index.example/simple/demo/"
SHA256 = hashlib.sha256(b"").hexdigest()
DEMO = ProjectName("demo")
Opened = Callable[[], Upstream]


def of_json(*files: Any, **more: Any) -> UpstreamProject:
    return read_project(json.dumps({"files": files, **more}).encode(), JSON, URL)


def of_html(text: str) -> UpstreamProject:
    return read_project(text.encode(), "text/html; charset=utf-8", URL)


def test_all_that_json_says_of_a_file() -> None:
    page = of_json(
        {
            "filename": "demo-1.0-py3-none-any.whl",
            "url": "../../files/demo-1.0-py3-none-any.whl#sha256=x",
            "hashes": {"sha256": SHA256.upper(), "egg": "1.0", "md5": "not one"},
            "size": 7,
            "requires-python": ">=3.8",
            "upload-time": "2026-11-20T09:08:07.654321Z",
            "yanked": "it burns",
            "core-metadata": {"sha256": SHA256},
            "provenance": "https://index.example/integrity/demo",
        },
        **{"project-status": {"status": "archived", "reason": "old  and\nweary"}},
    )
    assert (page.status, page.reason, page.faults) == ("archived", "old and weary", ())
    assert page.files == (
        UpstreamFile(
            filename="demo-1.0-py3-none-any.whl",
            url="https://index.example/files/demo-1.0-py3-none-any.whl",
            hashes={"sha256": SHA256},
            size=7,
            requires_python=">=3.8",
            uploaded_at=datetime(2026, 11, 20, 9, 8, 7, 654321, UTC),
            yanked="it burns",
            metadata_sha256=SHA256,
            provenance="https://index.example/integrity/demo",
        ),
    )


def test_all_that_html_says_of_a_file() -> None:
    page = of_html(
        '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.4">'
        '<meta name="pypi:project-status" content="deprecated"><meta name="other" content="x">'
        '<meta name="pypi:project-status-reason" content="use ham"><base href="/files/"></head><body>'
        f'<a href="a%2Bb/demo-1.0%2Bx.tar.gz#sha256={SHA256}&egg=demo" data-requires-python="&gt;=3.8" '
        f'data-yanked="it &lt;burns&gt;" data-core-metadata="sha256={SHA256}" data-upload-time="2026-11-20T09:08:07Z" '
        'data-provenance="https://index.example/integrity/demo" href="second">demo</a>'
        '<a data-yanked href="demo-2.0.tar.gz">demo</a><a href="../">up</a><a>nothing</a>'
        '<a href="demo-1.0%2Bx.tar.gz"></a><base href="http://[">'
    )
    assert (page.status, page.reason) == ("deprecated", "use ham")
    assert page.files == (
        UpstreamFile(
            filename="demo-1.0+x.tar.gz",
            url="https://index.example/files/a%2Bb/demo-1.0%2Bx.tar.gz",
            hashes={"sha256": SHA256},
            requires_python=">=3.8",
            uploaded_at=datetime(2026, 11, 20, 9, 8, 7, tzinfo=UTC),
            yanked="it <burns>",
            metadata_sha256=SHA256,
            provenance="https://index.example/integrity/demo",
        ),
        UpstreamFile("demo-2.0.tar.gz", "https://index.example/files/demo-2.0.tar.gz", {}, yanked=""),
    )


def one(**said: Any) -> UpstreamFile:
    [file] = of_json({"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {}} | said).files
    return file


@pytest.mark.parametrize(
    ("said", "meant"),
    [(None, None), (False, None), (True, ""), ("", ""), ("why", "why")],
)
def test_how_indexes_say_that_a_file_is_yanked(said: object, meant: str | None) -> None:
    assert one(yanked=said).yanked == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1Z", datetime(2026, 1, 2, 3, 4, 5, 100000, UTC)),
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)),
        ("2026-01-02T03:04:05+00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-13-02T03:04:05Z", None),
        ("yesterday", None),
        (None, None),
        (7, None),
    ],
)
def test_times_are_those_of_the_standard_or_unknown(said: object, meant: datetime | None) -> None:
    assert one(**{"upload-time": said}).uploaded_at == meant


def test_what_is_null_or_of_another_type_is_unknown() -> None:
    file = one(**{"size": "7", "requires-python": None, "core-metadata": True, "provenance": None, "hashes": None})
    assert file == UpstreamFile("demo-1.0.tar.gz", f"{URL}demo-1.0.tar.gz", {})
    assert one(size=-1).size is None
    assert one(**{"data-dist-info-metadata": {"sha256": SHA256}}).metadata_sha256 == SHA256
    page = of_json(**{"project-status": "archived", "meta": None})
    assert (page.status, page.files) == ("active", ())
    assert of_json(**{"project-status": {"status": "sold"}}).status == "active"


@pytest.mark.parametrize(
    "entry",
    [
        {"url": "demo-1.0.tar.gz", "hashes": {}},
        {"filename": "demo-1.0.tar.gz", "hashes": {}},
        {"filename": "demo-1.0.tar.gz", "url": "file:///etc/passwd", "hashes": {}},
        {"filename": "../demo-1.0.tar.gz", "url": "x", "hashes": {}},
        {"filename": "demo-1.0\n.tar.gz", "url": "x", "hashes": {}},
        {"filename": "demo-1.0.tar.gz", "url": "x", "hashes": ["sha256"]},
        {"filename": "demo-1.0.tar.gz", "url": "x", "hashes": {"sha256": 7}},
        {"filename": "demo-1.0.tar.gz", "url": "http://[", "hashes": {}},
        "demo-1.0.tar.gz",
        None,
    ],
)
def test_a_file_that_cannot_be_meant_costs_nobody_the_page(entry: object) -> None:
    right = {"filename": "demo-2.0.tar.gz", "url": "demo-2.0.tar.gz", "hashes": {}}
    page = of_json(entry, right)
    assert [each.filename for each in page.files] == ["demo-2.0.tar.gz"]
    assert len(page.faults) == 1


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"{", JSON, "no JSON"),
        (b"[" * 200_000, JSON, "no JSON"),
        (b"[]", JSON, "no JSON object"),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', JSON, "version 2.0"),
        (b'<meta name="pypi:repository-version" content="2.0">', "text/html", "version 2.0"),
    ],
)
def test_pages_that_nobody_understands_are_refused(body: bytes, kind: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        read_project(body, kind, URL)
    assert refused.value.code == "upstream-unreadable"


@given(st.binary(max_size=300), st.sampled_from(["text/html", JSON, "", "application/json; charset=utf-8"]))
def test_whatever_comes_is_read_or_refused(body: bytes, kind: str) -> None:
    for read in (read_project, read_list):
        with suppress(Refused):
            read(body, kind, URL)


def test_lists_say_names_and_some_of_them_serials() -> None:
    document = {"projects": [{"name": "Ham", "_last-serial": 7}, {"name": "eggs"}, {"name": "-"}, "x", {"name": "Ham"}]}
    listed = read_list(json.dumps(document).encode(), JSON, URL)
    assert [(each.name, each.serial) for each in listed] == [("Ham", None), ("eggs", None)]
    listed = read_list(
        b'<a href="http://["></a><a href="/simple/ham/">x</a><a href="Eggs">y</a><a href="/">root</a><a>z</a>',
        "text/html",
        URL,
    )
    assert [(each.name, each.serial) for each in listed] == [("ham", None), ("Eggs", None)]


@pytest.fixture
def index() -> Iterator[Scripted]:
    with scripted(lambda _asked: Reply(404)) as running:
        yield running


CLOSING = {"Connection": "close"}  # so that what is cut off is seen at once


@pytest.fixture
def opened(index: Scripted) -> Iterator[Opened]:
    """Opens the index, and closes it at the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Upstream(f"{index.url}/simple/")))


def answers(**told: Reply) -> Callable[[Asked], Reply]:
    """By the last part of the path."""
    return lambda asked: told.get(asked.target.rstrip("/").rpartition("/")[2], Reply(404))


def test_pages_are_asked_for_anew_only_when_they_changed(index: Scripted, opened: Opened) -> None:
    page = Reply(
        200, {"Content-Type": JSON, "ETag": '"1"', "X-PyPI-Last-Serial": "7"}, b'{"files": [], "projects": []}'
    )

    def answer(asked: Asked) -> Reply:
        return Reply(304) if asked.headers.get("if-none-match") == '"1"' else page

    index.answer = answer
    upstream = opened()
    first, listed = upstream.project(DEMO), upstream.project_list()
    assert first is not None
    assert listed is not None
    assert (first.serial, first.etag, listed.etag) == (7, '"1"', '"1"')
    assert upstream.project(DEMO, first.etag) is None
    assert upstream.project_list(listed.etag) is None
    assert index.targets() == ["/simple/demo/", "/simple/", "/simple/demo/", "/simple/"]


def test_what_is_not_there_and_who_does_not_answer_are_told_apart(index: Scripted, opened: Opened) -> None:
    upstream = opened()
    with pytest.raises(Missing) as missing:
        upstream.project(DEMO)
    assert missing.value.code == "upstream-missing"
    for broken in (Reply(500), Reply(200, {"Content-Length": "9", **CLOSING}, b"cut")):
        index.answer = answers(demo=broken)
        with pytest.raises(Unavailable) as trouble:
            upstream.project(DEMO)
        assert trouble.value.code == "upstream-unavailable"
    index.answer = lambda _asked: Reply(302, {"Location": "http://127.0.0.1:9/"})
    with pytest.raises(Unavailable):
        upstream.project_list()


def test_endless_pages_are_left(index: Scripted, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    index.answer = lambda _asked: Reply(200, {"Content-Type": JSON}, b" " * 2000)
    monkeypatch.setattr(client, "LONGEST_PAGE", 1000)
    with pytest.raises(Unavailable, match="longer than 1000 bytes"):
        opened().project(DEMO)
    monkeypatch.setattr(client, "DEADLINE", -1)
    with pytest.raises(Unavailable, match="takes longer"):
        opened().project_list()


def test_passwords_go_to_their_own_host_only(
    index: Scripted, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    index.answer = lambda _asked: Reply(200, {}, b"<a href='x/'>x</a>")
    with scripted(lambda _asked: Reply(200, {}, b"bytes")) as other:
        with closing(Upstream(f"http://alice:secret@127.0.0.1:{index.port}/simple/")) as upstream:
            assert "secret" not in upstream.url
            assert upstream.project_list() is not None
            upstream.download(UpstreamFile("x", f"{other.url}/x", {"sha256": SHA256}), io.BytesIO())
            for elsewhere in (f"{other.url}/x", "https://index.example:port/"):
                with pytest.raises(Refused) as refused:
                    upstream.download(UpstreamFile("x", elsewhere, {}), io.BytesIO())
                assert refused.value.code == "no-hash"
        wanted = f"Basic {base64.b64encode(b'alice:secret').decode()}"
        assert index.asked[-1].headers["authorization"] == wanted
        assert "authorization" not in other.asked[-1].headers
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login bob password hidden")
    opened().project_list()
    assert index.asked[-1].headers["authorization"] == f"Basic {base64.b64encode(b'bob:hidden').decode()}"
    (tmp_path / "netrc").write_text("no such thing")
    with pytest.raises(Refused, match="netrc"):
        opened()


def test_provenance_is_text_or_nothing(index: Scripted, opened: Opened) -> None:
    upstream = opened()
    index.answer = answers(provenance=Reply(200, {"Content-Type": "application/json"}, b'{"version": 1}'))
    file = UpstreamFile("x", f"{index.url}/x", {}, provenance=f"{index.url}/provenance")
    assert upstream.provenance(file) == '{"version": 1}'
    assert upstream.provenance(UpstreamFile("x", f"{index.url}/x", {})) == ""
    assert upstream.provenance(UpstreamFile("x", f"{index.url}/x", {}, provenance=f"{index.url}/gone")) == ""


BYTES = bytes(range(256)) * 1000


def ranged(asked: Asked, *, cut: int) -> Reply:
    """What a server sends that breaks off after `cut` bytes."""
    first = int(asked.headers.get("range", "bytes=0-")[6:-1])
    status, part = (206, BYTES[first:]) if first else (200, BYTES)
    headers = {
        "Content-Length": str(len(part)),
        "Content-Range": f"bytes {first}-{len(BYTES) - 1}/{len(BYTES)}",
    } | CLOSING
    return Reply(status, headers, part[:cut])


def test_a_file_that_breaks_off_is_taken_up_there(index: Scripted, opened: Opened) -> None:
    index.answer = lambda asked: ranged(asked, cut=100_000)
    into = io.BytesIO()
    opened().download(UpstreamFile("x", f"{index.url}/x", {}, size=len(BYTES)), into)
    assert into.getvalue() == BYTES
    assert [each.headers.get("range") for each in index.asked] == [None, "bytes=100000-", "bytes=200000-"]


def test_a_server_without_ranges_sends_all_of_it_again(index: Scripted, opened: Opened) -> None:
    whole = Reply(200, {}, BYTES)
    cut = Reply(200, {"Content-Length": str(len(BYTES)), **CLOSING}, BYTES[:10])
    index.answer = lambda _asked: cut if len(index.asked) < 3 else whole
    into = io.BytesIO()
    opened().download(UpstreamFile("x", f"{index.url}/x", {}), into)
    assert into.getvalue() == BYTES


def test_files_that_never_end_or_always_break_off_are_given_up(
    index: Scripted, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.answer = lambda asked: ranged(asked, cut=10)
    with pytest.raises(Unavailable):
        opened().download(UpstreamFile("x", f"{index.url}/x", {}), io.BytesIO())
    assert len(index.asked) == client.ATTEMPTS
    with pytest.raises(Refused) as refused:
        opened().download(UpstreamFile("x", f"{index.url}/x", {}, size=9), io.BytesIO())
    assert refused.value.code == "wrong-size"
    monkeypatch.setattr(client, "LONGEST_FILE", 9)
    with pytest.raises(Refused, match="ever needed"):
        opened().download(UpstreamFile("x", f"{index.url}/x", {}), io.BytesIO())
    index.answer = lambda _asked: Reply(200, {}, b"short")
    with pytest.raises(Unavailable, match="too early"):
        opened().download(UpstreamFile("x", f"{index.url}/x", {}, size=9), io.BytesIO())
    index.answer = lambda _asked: Reply(500)
    with pytest.raises(Unavailable, match="500"):
        opened().download(UpstreamFile("x", f"{index.url}/x", {}), io.BytesIO())


def test_another_part_than_was_asked_for_is_not_taken(index: Scripted, opened: Opened) -> None:
    cut = Reply(200, {"Content-Length": str(len(BYTES)), **CLOSING}, BYTES[:10])
    index.answer = lambda asked: (
        Reply(206, {"Content-Range": "bytes 5-9/10"}, b"wrong") if "range" in asked.headers else cut
    )
    with pytest.raises(Unavailable, match="another part"):
        opened().download(UpstreamFile("x", f"{index.url}/x", {}), io.BytesIO())


def test_downloads_stop_when_they_are_told_to(index: Scripted, opened: Opened) -> None:
    index.answer = lambda _asked: Reply(200, {}, BYTES)
    with pytest.raises(Unavailable, match="interrupted"):
        opened().download(UpstreamFile("x", f"{index.url}/x", {}), io.BytesIO(), lambda: True)
    assert len(index.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "index.example",
        "ftp://index.example/simple/",
        "https:///simple/",
        "https://a/?b",
        "https://a/#b",
        "https://index.example:port/",
    ],
)
def test_only_urls_of_simple_indexes_are_taken(url: str) -> None:
    with pytest.raises(Refused) as refused:
        checked_url(url)
    assert refused.value.code == "invalid-url"
    assert checked_url("https://index.example/simple") == "https://index.example/simple/"


def test_a_file_that_comes_too_slowly_is_given_up(
    index: Scripted, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "DEADLINE", 0.0)
    monkeypatch.setattr(client, "SLOWEST", 10**15)
    index.answer = lambda _asked: Reply(200, {}, b"slow")
    with pytest.raises(Unavailable, match="too slowly"):
        opened().download(UpstreamFile("demo-1.0.tar.gz", f"{index.url}/demo-1.0.tar.gz", {}), io.BytesIO())
