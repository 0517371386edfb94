"""Following an index that is broken, or means no good: it harms nobody but itself."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from entrepot.accounts import flags
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.flags import Switch
from entrepot.mirror import agenda, keeping
from entrepot.mirror.models import Followed
from entrepot.mirror.rules import Rules
from entrepot.projects.models import File, Mirrored, Provenance
from scripted import Asked, Reply, scripted
from test_mirroring import JSON, Here, Other, Rounds, keep
from world import new_world

pytestmark = pytest.mark.django_db(transaction=True)

HTML = {"Content-Type": "text/html"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    other = Other()
    (tmp_path / "uploads").mkdir()
    with scripted(other.answer) as script:
        yield Here(new_world(tmp_path / "store"), other, script, tmp_path / "uploads")


def page(document: object, **headers: str) -> Reply:
    return Reply(200, {"Content-Type": JSON, **headers}, json.dumps(document).encode())


@pytest.mark.parametrize(
    "said",
    [
        {"yanked": "\ud800\0"},
        {"requires-python": "\ud800\0"},
        {"url": "http://index.example/\x1b"},
        {"url": "http://index.example/\ud800"},
        {"url": "http://index.example/" + "a" * 70000},
        {"provenance": "http://index.example/\x1b"},
        {"upload-time": "9999-12-31T23:59:59Z"},
        {"hashes": {"sha256": "\ud800"}},
    ],
    ids=lambda said: ascii(said)[:40],
)
def test_odd_values_stop_no_other_project(here: Here, said: dict[str, Any]) -> None:
    here.other.put("demo-1.0.tar.gz", None, **said)
    here.other.put("ham-1.0.tar.gz")
    here.mirror(Rules(older_than=7))
    here.sync()
    assert "ham-1.0.tar.gz" in here.names()
    assert here.troubles().get("demo", "").isprintable()  # to terminals, too


@pytest.mark.parametrize(
    "reply",
    [
        page({"files": ["\ud800\0"]}),
        page({"files": [], "project-status": {"status": "archived", "reason": "\ud800\0"}}),
        page({"files": []}, ETag="x" * 300),
        page({"files": []}, ETag='"\xe9"'),
        page({"files": []}, **{"X-PyPI-Last-Serial": "9" * 5000}),
        Reply(304),
    ],
)
def test_odd_pages_stop_no_other_project(here: Here, reply: Reply) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.other.put("ham-1.0.tar.gz")
    here.other.broken["/simple/demo/"] = reply
    here.mirror()
    for _ in range(2):
        here.sync()
        Followed.objects.update(due_at=timezone.now(), claimed_until=None)
    assert here.names() == {"ham-1.0.tar.gz"}


@pytest.mark.parametrize(
    "reply",
    [
        page({"projects": [{"name": "Ham", "_last-serial": 1}, {"name": "ham", "_last-serial": 1}]}),
        page({"projects": [{"name": "ham", "_last-serial": 10**40}]}),
        page({"projects": [{"name": "ham", "_last-serial": -1}]}),
        page({"projects": [{"name": "ham"}]}, ETag='"\xe9"'),
        page({"projects": [{"name": "ham"}]}, ETag="x" * 300),
    ],
)
def test_odd_lists_are_read_as_far_as_they_go(here: Here, reply: Reply) -> None:
    here.other.put("ham-1.0.tar.gz")
    here.other.broken["/simple/"] = reply
    here.mirror()
    for _ in range(2):
        here.sync()
    assert here.names() == {"ham-1.0.tar.gz"}
    assert Followed.objects.count() == 1


@pytest.mark.parametrize("body", [b'{"version": 1}\0', b"secret=1", b'{"Code": "Success"}', b"[" * 100000, b"\xff"])
def test_what_is_no_provenance_is_not_published_as_one(here: Here, body: bytes) -> None:
    here.other.put("demo-1.0.tar.gz", provenance=f"{here.script.url}/p")
    here.other.broken["/p"] = Reply(200, {}, body)
    here.mirror()
    assert here.sync().taken == 1
    assert not Provenance.objects.exists()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"Content-Type": JSON}, b"{}"),
        Reply(200, HTML, b"<html><p>We are out of order.</html>"),
        Reply(200, HTML, b"<html><a href='/status/index.html'>We are out of order.</a></html>"),
    ],
)
def test_nothing_is_lost_while_the_other_index_is_out_of_order(here: Here, reply: Reply) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    here.sync()
    here.other.broken = {"/simple/demo/": reply}
    here.other.changed("demo")
    for _ in range(4):
        assert here.sync().failed == 1
    here.other.broken["/simple/"] = reply
    for _ in range(4):
        here.sync()
    assert here.names() == {"demo-1.0.tar.gz"}


def test_an_answer_that_nothing_has_changed_is_no_file(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz", b"", size=None, hashes={})
    here.other.broken["/files/demo/demo-1.0.tar.gz"] = Reply(304)
    here.mirror()
    assert here.sync().failed == 1
    assert here.names() == set()


def test_what_is_said_to_come_from_the_future_is_of_now(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz", None, **{"upload-time": "2098-01-01T00:00:00Z"})
    here.mirror()
    here.sync()
    assert File.objects.get().uploaded_at <= timezone.now()


def test_a_trouble_that_is_over_is_told_no_longer(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.other.counts = False
    here.mirror()
    here.sync()
    here.other.broken["/simple/demo/"] = Reply(503)
    Followed.objects.update(due_at=timezone.now())
    assert here.sync().failed == 1
    here.other.broken.clear()
    here.sync()
    assert here.troubles() == {}


def test_a_project_that_fails_oddly_keeps_no_other_back(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.other.put("ham-1.0.tar.gz")
    here.mirror(Rules(projects={"demo": "no specifier", "ham": ""}))
    assert here.sync().failed == 1
    assert here.names() == {"ham-1.0.tar.gz"}
    assert here.troubles() == {"demo": "It was interrupted: see the log."}
    assert "demo of other is interrupted" in caplog.text


def test_a_slow_index_holds_up_no_other_one(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.other.put("ham-1.0.tar.gz")
    over = Event()

    def slow(asked: Asked) -> Reply:
        if asked.target == "/simple/demo/":
            over.wait()
        return here.other.answer(asked)

    with scripted(slow) as script:
        rules = Rules(projects={"demo": ""})
        keeping.add("a", f"{script.url}/simple/", rules, pause=60, by=OPERATOR)
        here.mirror()

        def done() -> bool:
            if here.names():
                over.set()
            return over.is_set()

        keep(here, Rounds(done), monkeypatch)
    assert here.names() == {"ham-1.0.tar.gz"}


@pytest.mark.parametrize("act", ["remove", "flag"])
def test_what_the_operator_decides_holds_in_the_middle_of_everything(
    here: Here, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        here.other.put(f"demo{number}-1.0.tar.gz")
    here.mirror()
    monkeypatch.setattr(agenda, "LEASE", timedelta(0))

    def answer(asked: Asked) -> Reply:
        if asked.target.startswith("/files/demo3/"):
            with closing(connection):
                match act:
                    case "remove":
                        keeping.remove("other", by=OPERATOR)
                    case _:
                        flags.turn_on(Switch.NO_UPLOADS, by=OPERATOR, reason="repair")
        return here.other.answer(asked)

    here.script.answer = answer
    keep(here, Rounds(lambda: False, 10), monkeypatch)
    assert 3 <= len(here.names()) < 12
    assert Mirrored.objects.exists() == (act == "flag")


def test_a_file_comes_back_with_its_provenance(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz", provenance=f"{here.script.url}/provenance")
    here.mirror()
    here.sync()
    kept = here.other.files.pop("demo")
    here.other.files["demo"] = {}
    here.other.changed("demo")
    assert here.sync().removed == 1
    here.other.files["demo"] = kept
    here.other.changed("demo")
    assert here.sync().taken == 1
    assert "provenance" in here.files("demo")["demo-1.0.tar.gz"]


def test_what_is_yanked_there_is_never_offered_while_the_rest_comes(here: Here) -> None:
    for version, said in {"1.0": {"yanked": "malware"}, "2.0": {}, "3.0": {}}.items():
        here.other.put(f"demo-{version}.tar.gz", None, **said)
    here.mirror()
    here.sync(lambda: bool(here.names()))
    assert [each["yanked"] for each in here.files("demo").values()] == ["malware"]
    Followed.objects.update(claimed_until=None)  # as it is a minute later
    assert here.sync().taken == 2
    assert here.differences() == []
