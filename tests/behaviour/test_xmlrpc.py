"""XML-RPC, asked by the standard library's client, and by hands that send nonsense."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xmlrpc.client import Fault, ServerProxy, dumps, loads

import pytest
from django.test import Client

import inside
from archives import forge
from entrepot.api import xmlrpc
from entrepot.search.port import AT_MOST, PER_PAGE, Hit, Query, Results
from serving import Server, serving
from uploading import upload
from visiting import Visitor

BILLION = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>
<methodCall><methodName>&c;</methodName><params></params></methodCall>"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, behind a proxy, with two projects, one of which has an older release that is yanked."""
    with serving(tmp_path_factory.mktemp("rpc"), ENTREPOT_PROXIES="1") as running:
        publish(running, "Spam", "1.0")
        publish(running, "Spam", "2.0", "Classifier: Framework :: Django\nClassifier: Topic :: Utilities\n")
        publish(running, "eggs", "1.0", "Classifier: Framework :: Django\n")
        running.command("yank", "spam", "1.0")
        yield running


def publish(server: Server, name: str, version: str, more: str = "") -> None:
    built = forge.wheel(name.lower(), version, metadata=forge.core_metadata(name, version, more))
    assert upload(server, built.filename, built.data, name=name, version=version).status == 200


@pytest.fixture
def pypi(index: Server) -> Iterator[Any]:
    """A client, as somebody whom no limit knows."""
    with ServerProxy(f"{index.url}/pypi", headers=[("X-Forwarded-For", Visitor(index).address)]) as proxy:
        yield proxy


def sent(index: Server, body: bytes) -> Fault:
    answer = Visitor(index).client.post("/RPC2", content=body, headers={"Content-Type": "text/xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    with pytest.raises(Fault) as raised:
        loads(answer.content)
    return raised.value


def test_what_has_changed(index: Server, pypi: Any) -> None:
    last = inside.serial(index)
    assert pypi.changelog_last_serial() == last
    changes = pypi.changelog_since_serial(0)
    assert [each[4] for each in changes] == list(range(1, last + 1))
    assert [(each[0], each[1], each[3]) for each in changes] == [
        ("Spam", None, "create"),
        ("Spam", None, "add Owner alice"),
        ("Spam", "1.0", "new release"),
        ("Spam", "1.0", "add py3 file spam-1.0-py3-none-any.whl"),
        ("Spam", "2.0", "new release"),
        ("Spam", "2.0", "add py3 file spam-2.0-py3-none-any.whl"),
        ("eggs", None, "create"),
        ("eggs", None, "add Owner alice"),
        ("eggs", "1.0", "new release"),
        ("eggs", "1.0", "add py3 file eggs-1.0-py3-none-any.whl"),
        ("Spam", "1.0", "yank release"),
    ]
    assert all(isinstance(each[2], int) for each in changes)
    assert pypi.changelog_since_serial(last - 1) == changes[-1:]
    assert pypi.changelog_since_serial(last) == []


def test_what_there_is(index: Server, pypi: Any) -> None:
    assert pypi.list_packages_with_serial() == {
        name: int(index.get(f"/pypi/{name.lower()}/json").headers["x-pypi-last-serial"]) for name in ("Spam", "eggs")
    }


def test_who_looks_after_it(pypi: Any) -> None:
    assert pypi.package_roles("SPAM") == [["Owner", "alice"]]
    assert pypi.user_packages("alice") == [["Owner", "eggs"], ["Owner", "Spam"]]
    assert [pypi.package_roles(each) for each in ("other", "no name")] == [[], []]
    assert pypi.user_packages("nobody") == []


def test_what_has_classifiers(index: Server, pypi: Any) -> None:
    inside.eventually(lambda: len(pypi.browse(["Framework :: Django"])) == 2)
    assert sorted(pypi.browse(["Framework :: Django"])) == [["Spam", "2.0"], ["eggs", "1.0"]]
    assert pypi.browse(["Framework :: Django", "Topic :: Utilities"]) == [["Spam", "2.0"]]
    assert pypi.browse(["Framework :: Nothing"]) == []


@pytest.mark.embedded
def test_nobody_is_told_of_what_is_not_published(index: Server, pypi: Any) -> None:
    last = inside.serial(index)
    before = pypi.list_packages_with_serial()
    with inside.obstructed(index.data, "spam"):
        publish(index, "Spam", "3.0")
        publish(index, "eggs", "2.0")
        publish(index, "ham", "1.0")
        assert pypi.changelog_last_serial() == last
        assert pypi.changelog_since_serial(last) == []
        assert pypi.list_packages_with_serial() == before
    inside.eventually(lambda: pypi.changelog_last_serial() == inside.serial(index))
    assert {each[0] for each in pypi.changelog_since_serial(last)} == {"Spam", "eggs", "ham"}
    index.command("status", "ham", "quarantined")
    assert set(pypi.list_packages_with_serial()) == {"Spam", "eggs"}
    assert pypi.package_roles("ham") == []
    index.command("delete", "eggs")
    assert set(pypi.list_packages_with_serial()) == {"Spam"}
    assert pypi.changelog_since_serial(inside.serial(index) - 1)[0][3] == "remove project"


@pytest.mark.parametrize(
    ("name", "parameters", "code", "said"),
    [
        ("search", ({"name": "spam"},), -32500, "RuntimeError: search is gone. Use the page /search/"),
        ("changelog", (0,), -32500, "Use changelog_since_serial"),
        ("system.multicall", ([],), -32500, "Make single calls"),
        ("release_data", ("spam", "1.0"), -32500, "/pypi/NAME/json"),
        ("updated_releases", (0,), -32601, "requested method not found: 'updated_releases'"),
        ("changelog_since_serial", ("0",), -32602, "client error; parameter 0: Input should be a valid integer"),
        ("changelog_since_serial", (True,), -32602, "parameter 0: Input should be a valid integer"),
        ("changelog_since_serial", (-1,), -32602, "greater than or equal to 0"),
        ("changelog_since_serial", (), -32602, "parameter 0: Field required"),
        ("changelog_last_serial", (1,), -32602, "client error"),
        ("package_roles", (["spam"],), -32602, "valid string"),
        ("browse", ([],), -32602, "at least 1 item"),
        ("browse", ("Framework :: Django",), -32602, "valid list"),
    ],
)
def test_what_is_not_answered(pypi: Any, name: str, parameters: tuple[object], code: int, said: str) -> None:
    with pytest.raises(Fault) as raised:
        getattr(pypi, name)(*parameters)
    assert raised.value.faultCode == code
    assert said in raised.value.faultString


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"<methodCall><methodName>changelog_last_serial</methodName>",
        b"<methodCall><params><param><value><array></array></value></param></params></methodCall>",
        b"<methodCall><methodName>browse</methodName><params><param><value><int>x</int></value></param></params></methodCall>",
        b"<methodCall><methodName>x</methodName></methodCall>" + b"\xff",
        BILLION,
    ],
)
def test_what_is_no_call(index: Server, body: bytes) -> None:
    assert sent(index, body).faultCode in {-32700, -32601}


def test_it_is_only_posted_to(index: Server) -> None:
    answer = Visitor(index).client.get("/RPC2")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_an_hour_has_room_for_so_many_calls(index: Server) -> None:
    visitor = Visitor(index)
    call = b"<methodCall><methodName>changelog_last_serial</methodName><params/></methodCall>"
    inside.use_up(index, f"xml-rpc {visitor.address}", 3599)
    last, full = (visitor.client.post("/pypi/", content=call) for _ in range(2))
    assert last.headers["ratelimit-policy"] == full.headers["ratelimit-policy"] == '"xml-rpc";q=3600;w=3600'
    assert loads(last.content)[0] == (inside.serial(index),)
    assert full.status_code == 200
    with pytest.raises(Fault, match="HTTPTooManyRequests: 3600 calls are answered in an hour") as raised:
        loads(full.content)
    assert raised.value.faultCode == -32500


@pytest.mark.embedded
def test_without_its_database_it_says_so(index: Server, pypi: Any) -> None:
    file = index.data / "entrepot.sqlite3"
    hidden = file.rename(file.with_name("hidden"))
    try:
        with pytest.raises(Fault, match="please try again later") as raised:
            pypi.changelog_last_serial()
        assert raised.value.faultCode == -32403
    finally:
        hidden.rename(file)


class Engine:
    """A search engine that finds so many projects for whatever is asked."""

    def __init__(self, total: int) -> None:
        self._total = total

    def find(self, query: Query) -> Results:
        last = min(self._total, query.page * PER_PAGE)
        names = [f"project-{number:04}" for number in range((query.page - 1) * PER_PAGE, last)]
        hits = tuple(Hit(each, each, "1.0", "", "active", datetime.now(UTC)) for each in names)
        return Results(hits, min(self._total, AT_MOST), self._total > AT_MOST)


def browsed(client: Client) -> list[object]:
    answer = client.post("/RPC2", dumps((["Topic :: Utilities"],), "browse"), content_type="text/xml")
    ((found,), _name) = loads(answer.content)
    assert isinstance(found, list)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("total", [0, 1, 20, 21, AT_MOST])
def test_browsing_tells_all(client: Client, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlrpc, "engine", lambda: Engine(total))
    assert browsed(client) == [[f"project-{number:04}", "1.0"] for number in range(total)]


@pytest.mark.django_db
def test_browsing_does_not_tell_a_part(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlrpc, "engine", lambda: Engine(AT_MOST + 1))
    with pytest.raises(Fault, match="more than 1000 projects"):
        browsed(client)
