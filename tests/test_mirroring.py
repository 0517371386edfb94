"""Keeping up with another index, whatever it does meanwhile."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from archives import forge
from entrepot.accounts import flags
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.flags import Switch
from entrepot.accounts.models import Event
from entrepot.followers import drift, pages
from entrepot.journal import workers
from entrepot.mirror import agenda, ahead, checking, keeping
from entrepot.mirror.following import Following, Progress
from entrepot.mirror.models import Followed, Mirror
from entrepot.mirror.rules import Rules, read_projects, sift
from entrepot.names import ProjectName
from entrepot.projects.models import File
from entrepot.refusal import Missing, Refused
from entrepot.upstream.page import UpstreamFile
from scripted import Asked, Reply, Scripted, scripted
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

JSON = "application/vnd.pypi.simple.v1+json"
LONG_AGO = "2020-01-02T03:04:05Z"


@dataclass
class Other:
    """Another index: its files by project, what it says of each, and the serials of changes."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)
    counts: bool = True
    broken: dict[str, Reply] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)

    def put(self, filename: str, data: bytes | None = None, **said: Any) -> None:
        name = filename.partition("-")[0]
        self.files.setdefault(name, {})[filename] = filename.encode() if data is None else data
        self.said[filename] = {"upload-time": LONG_AGO, **said}
        self.changed(name)

    def changed(self, name: str) -> None:
        self.serials[name] = sum(self.serials.values()) + 1

    def answer(self, asked: Asked) -> Reply:
        if asked.target in self.broken:
            return self.broken[asked.target]
        match asked.target.strip("/").split("/"):
            case ["simple"]:
                return self._page(asked, self._list(), None)
            case ["simple", name] if name in self.files:
                return self._page(asked, self._project(name), self.serials[name])
            case ["files", name, filename]:
                return Reply(200, {}, self.files[name][filename])
            case ["provenance"]:
                return Reply(200, {"Content-Type": "application/json"}, b'{"version":1}')
        return Reply(404)

    def _page(self, asked: Asked, document: object, serial: int | None) -> Reply:
        body = json.dumps(document).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        headers = {"Content-Type": JSON, "ETag": etag}
        if serial is not None and self.counts:
            headers["X-PyPI-Last-Serial"] = str(serial)
        return Reply(304) if asked.headers.get("if-none-match") == etag else Reply(200, headers, body)

    def _list(self) -> object:
        listed = [name for name in self.files if name not in self.unlisted]
        return {"projects": [{"name": each, **self._serial(each)} for each in listed]}

    def _serial(self, name: str) -> Mapping[str, int]:
        return {"_last-serial": self.serials[name]} if self.counts else {}

    def _project(self, name: str) -> object:
        files = [
            {
                "filename": filename,
                "url": f"/files/{name}/{filename}",
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "size": len(data),
                **self.said[filename],
            }
            for filename, data in self.files[name].items()
        ]
        return {"project-status": {"status": self.status.get(name, "active")}, "files": files}


@dataclass
class Here:
    """This index, with a mirror of the other one."""

    world: World
    other: Other
    script: Scripted
    uploads: Path

    def mirror(self, rules: Rules | None = None, pause: int = 60) -> Mirror:
        return keeping.add("other", f"{self.script.url}/simple/", rules or Rules(), pause=pause, by=OPERATOR)

    def following(self, stopped: Callable[[], bool] = lambda: False) -> Following:
        return Following(keeping.mirror_named("other"), self.world.store, self.uploads, stopped)

    def sync(self, stopped: Callable[[], bool] = lambda: False) -> Progress:
        """Do all that is due, and all that failed, and publish it."""
        keeping.hurry(keeping.mirror_named("other"))
        once = self.following(stopped)
        for _ in once.steps():
            pass
        self.publish()
        return once.progress

    def publish(self) -> None:
        for _ in pages.publish_owed(due=drift.END_OF_TIME, store=self.world.store, cdn=self.world.cdn):
            pass
        assert self.world.complaints() == []

    def names(self) -> set[str]:
        return set(File.objects.values_list("filename", flat=True))

    def page(self, name: str) -> dict[str, Any]:
        found = self.world.simple(name)
        assert found is not None
        told: dict[str, Any] = json.loads(found.body) if found.variants else {}
        return told

    def files(self, name: str) -> dict[str, dict[str, Any]]:
        return {each["filename"]: each for each in self.page(name)["files"]}

    def troubles(self) -> dict[str, str]:
        return dict(keeping.state_of(keeping.mirror_named("other")).troubles)

    def differences(self) -> list[str]:
        return [each for some in checking.differences(keeping.mirror_named("other")) for each in some]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    other = Other()
    (tmp_path / "uploads").mkdir()
    with scripted(other.answer) as script:
        yield Here(new_world(tmp_path / "store"), other, script, tmp_path / "uploads")


def test_all_that_another_index_has_comes_with_all_that_it_says(here: Here) -> None:
    built = forge.wheel()
    here.other.put(built.filename, built.data, yanked="it burns", provenance=f"{here.script.url}/provenance")
    here.other.put("demo-1.0.tar.gz", None, **{"requires-python": ">=3.9"})
    here.other.put("demo-1.0.exe")
    here.other.put("ham-1.0.zip")
    here.other.status["ham"] = "archived"
    here.mirror()
    assert here.sync() == Progress(projects=2, taken=3)
    files = here.files("demo")
    assert files[built.filename]["yanked"] == "it burns"
    assert files[built.filename]["provenance"].endswith(f"/integrity/demo/1/{built.filename}/provenance")
    assert files["demo-1.0.tar.gz"]["upload-time"] == "2020-01-02T03:04:05.000000Z"
    assert files["demo-1.0.tar.gz"]["requires-python"] == ">=3.9"
    assert here.page("ham")["project-status"] == {"status": "archived"}
    assert here.differences() == []
    assert here.troubles() == {}


def test_only_what_changed_is_asked_for(here: Here) -> None:
    for name in ("demo", "eggs", "ham"):
        here.other.put(f"{name}-1.0.tar.gz")
    here.mirror()
    here.sync()
    here.script.asked.clear()
    assert here.sync() == Progress()
    assert here.script.targets() == ["/simple/"]
    here.other.put("ham-2.0.tar.gz")
    assert here.sync() == Progress(projects=1, taken=1, same=1)
    assert here.script.targets() == ["/simple/", "/simple/", "/simple/ham/", "/files/ham/ham-2.0.tar.gz"]


def test_an_index_without_serials_is_asked_for_each_page_with_its_etag(here: Here) -> None:
    here.other.counts = False
    for name in ("demo", "ham"):
        here.other.put(f"{name}-1.0.tar.gz")
    here.mirror()
    here.sync()
    here.other.put("ham-2.0.tar.gz")
    here.script.asked.clear()
    assert here.sync() == Progress(projects=2, taken=1, same=1)
    assert sorted(here.script.targets()) == ["/files/ham/ham-2.0.tar.gz", "/simple/", "/simple/demo/", "/simple/ham/"]
    assert here.names() == {"demo-1.0.tar.gz", "ham-1.0.tar.gz", "ham-2.0.tar.gz"}


def test_changes_of_every_kind_follow(here: Here) -> None:
    for filename in ("demo-1.0.tar.gz", "demo-2.0.tar.gz", "ham-1.0.tar.gz", "eggs-1.0.tar.gz"):
        here.other.put(filename)
    here.mirror()
    here.sync()
    here.other.said["demo-1.0.tar.gz"]["yanked"] = True
    del here.other.files["demo"]["demo-2.0.tar.gz"]
    here.other.put("demo-3.0.tar.gz")
    here.other.status["ham"] = "quarantined"
    here.other.files["ham"].clear()
    here.other.changed("ham")
    assert here.differences() == [
        "demo: demo-3.0.tar.gz is not here",
        "demo: demo-2.0.tar.gz is no longer there",
        "demo: demo-1.0.tar.gz is yanked there",
        "ham: it is quarantined there, and was active when it was looked at last",
    ]
    here.sync()
    assert {name: each["yanked"] for name, each in here.files("demo").items()} == {
        "demo-1.0.tar.gz": True,
        "demo-3.0.tar.gz": False,
    }
    assert here.files("ham") == {}
    assert here.page("ham")["project-status"] == {"status": "quarantined"}
    assert here.differences() == []
    here.other.status["ham"] = "active"
    here.other.put("ham-1.0.tar.gz")
    here.other.said["demo-1.0.tar.gz"]["yanked"] = False
    here.other.put("demo-2.0.tar.gz")
    here.sync()
    assert list(here.files("ham")) == ["ham-1.0.tar.gz"]
    assert [each["yanked"] for each in here.files("demo").values()] == [False, False, False]


def test_a_project_goes_only_when_its_page_is_gone_for_a_while_and_comes_back(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    here.sync()
    here.other.broken["/simple/demo/"] = Reply(404)
    here.other.changed("demo")
    for _ in range(5):
        assert here.sync().failed == 1  # the list has it still
    here.other.unlisted.add("demo")
    Followed.objects.update(attempts=0)
    assert here.differences() == ["demo: it is no longer there"]
    assert [here.sync().removed for _ in range(7)] == [0, 0, 0, 0, 0, 0, 1]
    assert here.page("demo") == {}
    assert here.differences() == []
    assert here.sync() == Progress()
    here.other.broken.clear()
    here.other.unlisted.clear()
    here.other.changed("demo")
    assert here.sync().taken == 1
    assert len(here.files("demo")) == 1


def test_a_name_that_came_back_with_other_bytes_is_refused(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz", b"one")
    here.other.put("demo-2.0.tar.gz", b"two")
    here.mirror()
    here.sync()
    del here.other.files["demo"]["demo-1.0.tar.gz"]
    here.other.changed("demo")
    assert here.sync().removed == 1
    here.other.put("demo-1.0.tar.gz", b"other")
    assert here.sync().refused == 1
    assert "previously used" in here.troubles()["demo"]
    here.other.put("demo-2.0.tar.gz", b"changed")
    assert here.sync().refused == 2
    assert "File already exists" in here.troubles()["demo"]
    assert len([each for each in here.differences() if "another SHA-256" in each]) == 1


def test_a_page_that_is_older_than_the_list_is_asked_for_again(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    stale = Reply(200, {"Content-Type": JSON, "X-PyPI-Last-Serial": "0"}, b'{"files": []}')
    here.other.broken["/simple/demo/"] = stale
    assert here.sync().failed == 1
    assert "older than the list's 1" in here.troubles()["demo"]
    here.other.broken.clear()
    assert here.sync().taken == 1


def test_what_fails_is_tried_again_later_and_ever_later(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.other.put("ham-1.0.tar.gz")
    here.mirror()
    here.other.broken["/files/demo/demo-1.0.tar.gz"] = Reply(503)
    pauses = []
    for _ in range(3):
        assert here.sync().failed == 1
        due = Followed.objects.get(name="demo").due_at
        assert due is not None
        pauses.append(round((due - timezone.now()).total_seconds() / 30))
    assert pauses == [1, 2, 4]
    assert here.names() == {"ham-1.0.tar.gz"}
    assert "503" in here.troubles()["demo"]
    assert "503" not in "".join(here.differences())
    here.other.broken["/simple/demo/"] = Reply(500)
    assert "500" in "".join(here.differences())
    here.other.broken.clear()
    assert here.sync().taken == 1
    assert here.troubles() == {}


def test_wrong_bytes_never_come_in(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.other.broken["/files/demo/demo-1.0.tar.gz"] = Reply(200, {}, b"demo-1.0.tar.xx")
    here.mirror()
    assert here.sync().taken == 0
    assert "sha256" in here.troubles()["demo"]
    assert here.names() == set()


def test_while_the_list_cannot_be_read_that_is_said_and_it_is_tried_again(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.other.broken["/simple/"] = Reply(500)
    mirror = here.mirror()
    here.sync()
    state = keeping.state_of(mirror)
    assert "500" in state.error
    assert (state.asked_at, state.projects) == (None, 0)
    here.other.broken.clear()
    here.sync()
    assert keeping.state_of(mirror).error == ""
    assert here.names() == {"demo-1.0.tar.gz"}


def test_whoever_is_interrupted_goes_on_where_it_was(here: Here) -> None:
    for name in ("demo", "ham"):
        for version in ("1.0", "2.0", "3.0"):
            here.other.put(f"{name}-{version}.tar.gz")
    here.mirror()
    here.sync(lambda: len(here.names()) >= 2)
    taken = here.names()
    assert 2 <= len(taken) < 6
    Followed.objects.update(claimed_until=None)  # as it is a minute later
    here.script.asked.clear()
    assert here.sync().taken == 6 - len(taken)
    fetched = {each.rpartition("/")[2] for each in here.script.targets() if each.startswith("/files/")}
    assert fetched.isdisjoint(taken)
    assert here.sync() == Progress()


def test_a_change_that_is_noted_while_its_project_is_taken_up_is_not_lost(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    mirror = here.mirror()
    once = here.following()
    steps = once.steps()
    next(steps)
    here.other.put("demo-2.0.tar.gz")
    keeping.hurry(mirror)
    for each in (here.following().steps(), steps, here.following().steps()):
        assert all(step is None for step in each)
    here.sync()
    assert here.names() == {"demo-1.0.tar.gz", "demo-2.0.tar.gz"}


def test_going_to_the_end_waits_for_what_others_are_about(here: Here) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    another, mine = here.following().steps(), here.following()
    next(another)
    going = mine.to_the_end()
    next(going)
    for steps in (another, going):
        assert all(step is None for step in steps)
    assert (mine.progress, here.names()) == (Progress(), {"demo-1.0.tar.gz"})


def test_claims_are_renewed_while_something_takes_long(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "HEARTBEAT", 0.01)
    monkeypatch.setattr(agenda, "LEASE", timedelta(seconds=0.06))
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    claims: set[datetime | None] = set()
    steps = here.following().steps()

    def slow(asked: Asked) -> Reply:
        if asked.target.startswith("/files/"):
            while len(claims) < 4:
                pass
        return here.other.answer(asked)

    here.script.answer = slow
    for _ in steps:
        claims.update(Followed.objects.values_list("claimed_until", flat=True))
    assert here.names() == {"demo-1.0.tar.gz"}


def test_this_index_s_own_projects_are_never_touched(here: Here) -> None:
    here.world.upload(forge.wheel(name="demo", version="1.0"))
    here.other.put("demo-2.0.tar.gz")
    here.other.put("ham-1.0.tar.gz")
    here.mirror()
    assert here.sync() == Progress(projects=2, taken=1, refused=1)
    assert "own" in here.troubles()["demo"]
    assert len(here.files("demo")) == 1
    assert here.differences() == ["demo: demo-2.0.tar.gz is not here"]
    assert keeping.remove("other", by=OPERATOR) == 1
    here.world.upload(forge.wheel(name="ham", version="2.0"))


def test_only_projects_and_versions_that_are_wanted_come(here: Here) -> None:
    for name in ("demo", "eggs", "ham"):
        here.other.put(f"{name}-1.0.tar.gz")
        here.other.put(f"{name}-2.0.tar.gz")
    mirror = here.mirror(Rules(projects=read_projects(["# these", "Demo >=2", "", "ham # all", "spam"])))
    here.sync()
    assert here.names() == {"demo-2.0.tar.gz", "ham-1.0.tar.gz", "ham-2.0.tar.gz"}
    assert "/simple/" not in here.script.targets()
    assert here.sync() == Progress(projects=3)
    assert here.differences() == []
    keeping.change("other", Rules(without=("HA*", "eggs")), url="", pause=60, by=OPERATOR)
    here.sync()
    assert here.names() == {"demo-1.0.tar.gz", "demo-2.0.tar.gz", "ham-1.0.tar.gz", "ham-2.0.tar.gz"}
    assert set(mirror.followed.values_list("name", flat=True)) == {"demo"}
    here.other.put("ham-3.0.tar.gz")
    assert here.sync() == Progress()
    assert list(Event.objects.order_by("pk").values_list("action", flat=True)) == ["mirror:add", "mirror:change"]


def test_young_files_come_when_they_are_old_enough(here: Here) -> None:
    now = timezone.now()
    for version, age in (("1.0", 10), ("2.0", 2)):
        time = f"{now - timedelta(days=age):%Y-%m-%dT%H:%M:%SZ}"
        here.other.put(f"demo-{version}.tar.gz", None, **{"upload-time": time})
    here.mirror(Rules(older_than=3))
    here.sync()
    assert here.names() == {"demo-1.0.tar.gz"}
    due = Followed.objects.get(name="demo").due_at
    assert due is not None
    assert round((due - now) / timedelta(hours=1)) == 24
    keeping.change("other", Rules(older_than=1), url="", pause=60, by=OPERATOR)
    here.sync()
    assert here.names() == {"demo-1.0.tar.gz", "demo-2.0.tar.gz"}


NOW = datetime(2026, 11, 20, tzinfo=UTC)
LINUX, WINDOWS = "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "demo-1.0-cp312-cp312-win_amd64.whl"
ANY, SDIST, OLD = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "demo-0.9.tar.gz"


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (Rules(), {LINUX, WINDOWS, ANY, SDIST, OLD}),
        (Rules(projects={"demo": ">=1"}), {LINUX, WINDOWS, ANY, SDIST}),
        (Rules(platforms=("manylinux*",)), {LINUX, ANY, SDIST, OLD}),
        (Rules(largest=1000), {ANY, OLD}),
        (Rules(newer_than=30), {LINUX, WINDOWS, ANY}),
        (Rules(older_than=30), {OLD}),
        (Rules(older_than=1, newer_than=30), {LINUX, WINDOWS}),
    ],
)
def test_what_the_rules_leave(rules: Rules, wanted: set[str]) -> None:
    ages = {LINUX: 2, WINDOWS: 3, ANY: 0, OLD: 100}
    sizes = {LINUX: 5000, WINDOWS: 6000, ANY: 10, OLD: 1000}
    files = [
        UpstreamFile(
            name,
            "https://index.example/x",
            {},
            size=sizes.get(name),
            uploaded_at=None if name == SDIST else NOW - timedelta(days=ages[name]),
        )
        for name in (LINUX, WINDOWS, ANY, SDIST, OLD)
    ]
    strange = [UpstreamFile(name, "https://index.example/x", {}) for name in ("demo-1.0.egg", "other-1.0.tar.gz")]
    sifted = sift(rules, ProjectName("demo"), [*files, *strange], NOW)
    assert {each.filename for each in sifted.files} == wanted
    assert len(sifted.refused) == 1
    assert sifted.later == {30: NOW + timedelta(days=27), 1: NOW + timedelta(days=1)}.get(rules.older_than or 0)


@pytest.mark.parametrize("line", ["two words", "ham>>2", "-"])
def test_lines_that_name_no_project_are_refused(line: str) -> None:
    with pytest.raises(Refused) as refused:
        read_projects([line])
    assert refused.value.code == "invalid-requirement"


def test_mirrors_have_names_of_their_own(here: Here) -> None:
    here.mirror()
    with pytest.raises(Refused) as refused:
        here.mirror()
    assert refused.value.code == "mirror-exists"
    for act in (keeping.mirror_named, lambda name: keeping.remove(name, by=OPERATOR)):
        with pytest.raises(Missing) as missing:
            act("another")
        assert missing.value.code == "no-such-mirror"


class Rounds:
    """Lets `keep` go round until all has come, or so many times."""

    def __init__(self, done: Callable[[], bool], most: int = 200) -> None:
        self._done, self.left = done, most

    def __call__(self, seconds: float) -> bool:
        self.left -= seconds > 0
        return self.left < 0 or self._done()


def keep(here: Here, rounds: Rounds, monkeypatch: pytest.MonkeyPatch, *, rest: float = 0.0) -> None:
    monkeypatch.setattr(workers, "LONGEST", rest)
    keeping.keep(store=here.world.store, uploads=here.uploads, stopped=rounds)


@pytest.mark.parametrize("rest", [0.0, 60.0])
def test_the_worker_keeps_up_by_itself(here: Here, monkeypatch: pytest.MonkeyPatch, rest: float) -> None:
    for version in ("1.0", "2.0", "3.0"):
        here.other.put(f"demo-{version}.tar.gz")
    here.mirror()
    keep(here, Rounds(lambda: len(here.names()) == 3), monkeypatch, rest=rest)
    here.publish()
    assert len(here.files("demo")) == 3


def test_while_changes_are_switched_off_mirrors_wait(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    flags.turn_on(Switch.READ_ONLY, by=OPERATOR, reason="repair")
    keep(here, Rounds(lambda: False, 5), monkeypatch)
    keep(here, Rounds(lambda: False, 5), monkeypatch, rest=60.0)
    assert here.names() == set()
    assert len([each for each in caplog.messages if "mirrors wait" in each]) == 2


def test_without_a_place_for_files_mirrors_wait(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here.other.put("demo-1.0.tar.gz")
    here.mirror()
    here.uploads.rmdir()
    keep(here, Rounds(lambda: False, 3), monkeypatch)
    assert [each for each in caplog.messages if "mirrors wait" in each]
    here.uploads.mkdir()
    Followed.objects.update(claimed_until=None)
    keep(here, Rounds(lambda: len(here.names()) == 1), monkeypatch)


def test_one_mirror_that_fails_oddly_keeps_no_other_back(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here.other.put("demo-1.0.tar.gz")
    Mirror.objects.create(name="a", url="http://index.example/", rules={"odd": 1}, pause=60, due_at=timezone.now())
    here.mirror()
    keep(here, Rounds(lambda: len(here.names()) == 1), monkeypatch)
    assert here.names() == {"demo-1.0.tar.gz"}
    assert "a is interrupted" in caplog.text
