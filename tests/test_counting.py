"""Downloads: what a log says, what is kept of it, and that each line counts once."""

import gzip
import json
import logging
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import hypothesis.strategies as st
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis.extra.django import TestCase

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.models import User
from entrepot.edge import downloads
from entrepot.edge.downloads import DownloadLog
from entrepot.edge.routes import Package, route
from entrepot.followers import statistics
from entrepot.journal import workers
from entrepot.layout import package
from entrepot.projects import actions
from entrepot.projects.models import File, Index, Project, Release
from entrepot.refusal import Missing, Refused
from entrepot.stats import counting, keeping, queries
from entrepot.stats.agents import Agent, Maker, agent_of
from entrepot.stats.counting import Report, take
from entrepot.stats.lines import Download, Malformed, download_in
from entrepot.stats.models import FileDay, Month, ProjectDay, Taken, Use
from entrepot.stats.queries import Count
from entrepot.web.statistics import short
from world import World, new_world

TODAY = date(2026, 11, 21)
NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
BLAKE2 = "ab" * 32
PATH = package(BLAKE2, "spam-1.0.tar.gz").path
PIP = (
    'pip/26.3 {"ci":null,"implementation":{"name":"CPython","version":"3.12.3"},'
    '"installer":{"name":"pip","version":"26.3"},"python":"3.12.3","system":{"name":"Linux","release":"6.1"}}'
)
UV = 'uv/0.9.1 {"installer":{"name":"uv","version":"0.9.1"},"python":"3.13.0","system":{"name":"Darwin"}}'
BANDERSNATCH = "bandersnatch/6.5.0 (CPython 3.11.2-final0, Linux 6.1) (aiohttp 3.9)"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"


@pytest.fixture
def world(transactional_db: None, tmp_path: Path) -> World:
    """An index in this process, with three files: two versions of `spam`, and `eggs`."""
    made = new_world(tmp_path / "store")
    for name, version in (("spam", "1.0"), ("spam", "2.0"), ("eggs", "1.0")):
        made.upload(forge.wheel(name, version), shown=False)
    return made


@pytest.fixture(autouse=True)
def _ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has just begun."""
    monkeypatch.setattr(statistics, "_ranked", statistics._Ranked())


def line(
    world: World, project: str = "spam", version: str = "1.0", *, agent: str = PIP, days_ago: int = 0, **more: object
) -> str:
    file = world.file(f"{project}-{version}-py3-none-any.whl")
    path = package(file.blake2, file.filename).path
    return json.dumps({"time": NOON - days_ago * 86400, "path": path, "agent": agent, **more})


def written(tmp_path: Path, *lines: str, name: str = "some.log") -> Path:
    path = tmp_path / name
    path.write_text("".join(f"{each}\n" for each in lines))
    return path


def taken(path: Path) -> Report:
    return sum(take(path, today=TODAY), Report())


def known(project: str = "spam", days: int = 30, today: date = TODAY) -> queries.Downloads:
    return queries.downloads_of(queries.project_shown(project), days=days, today=today)


# What programs say of themselves.


@pytest.mark.parametrize(
    ("said", "agent"),
    [
        (PIP, Agent(Maker.INSTALLER, "pip", "pip 26.3", "3.12", "Linux")),
        (UV, Agent(Maker.INSTALLER, "uv", "uv 0.9", "3.13", "macOS")),
        ("uv/0.9.1", Agent(Maker.INSTALLER, "uv", "uv 0.9")),
        ("pip/1", Agent(Maker.INSTALLER, "pip")),
        ("pixi/0.40.1", Agent(Maker.INSTALLER, "pixi", "pixi 0.40")),
        ("poetry/1.8.3 CPython/3.12.3 Linux/6.1", Agent(Maker.INSTALLER, "poetry", "poetry 1.8", "3.12", "Linux")),
        ("pdm/2.20.0 PyPy/7.3", Agent(Maker.INSTALLER, "pdm", "pdm 2.20")),
        (BANDERSNATCH, Agent(Maker.MIRROR)),
        ("devpi-server/6.15.0 (py3.12; linux)", Agent(Maker.MIRROR)),
        ("pulpcore/3.60.0 (cpython 3.12)", Agent(Maker.MIRROR)),
        ("Nexus/3.70.0 (OSS)", Agent(Maker.MIRROR)),
        ("Entrepot/0.1.0", Agent(Maker.MIRROR)),
        (BROWSER, Agent(Maker.OTHER)),
        ("python-requests/2.32.0", Agent(Maker.OTHER)),
        ("Java/17", Agent(Maker.OTHER)),
        ("", Agent(Maker.OTHER)),
        ("nobody knows", Agent(Maker.OTHER)),
        ('pip/26.3 {"installer": 3}', Agent(Maker.INSTALLER, "pip", "pip 26.3")),
        ('pip/26.3 {"installer": {"name": "evil-%d", "version": "1.0"}}', Agent(Maker.OTHER)),
        ('pip/26.3 {"python": "3.1234", "system": {"name": "Plan 9"}}', Agent(Maker.INSTALLER, "pip", "pip 26.3")),
        ('pip/26.3 {"installer": {"name": "pip", "version": "1.99999"}}', Agent(Maker.INSTALLER, "pip")),
        (
            'pip/26.3 {"installer": {"name": "pip", "version": "\\u0662.\\u0663"}, "python": "3.\\u0661"}',
            Agent(Maker.INSTALLER, "pip"),
        ),
        ("pip/26.3 " + "[" * 3000, Agent(Maker.INSTALLER, "pip", "pip 26.3")),
    ],
)
def test_who_made_a_download(said: str, agent: Agent) -> None:
    assert agent_of(said) == agent


@given(
    st.text()
    | st.from_regex(r"(pip|uv)/26\.3 .*")
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["installer", "python", "system", "name"]), inner)
        ),
    ).map(lambda said: f"pip/26.3 {json.dumps(said)}")
)
def test_whatever_strangers_say_is_one_of_few(said: str) -> None:
    agent = agent_of(said)
    assert len(agent.version) <= 30
    assert agent.system in {"", "Linux", "macOS", "Windows"}


# Lines of logs.

COMBINED = '203.0.113.9 - - [21/Nov/2026:23:30:00 -0300] "GET {path} HTTP/1.1" {status} 1234 "-" "{agent}"'


@pytest.mark.parametrize(
    ("text", "day", "agent", "count"),
    [
        (json.dumps({"time": NOON, "path": PATH, "agent": PIP}), TODAY, PIP, 1),
        (json.dumps({"time": NOON + 0.5, "path": PATH, "agent": PIP, "count": 7, "status": 200}), TODAY, PIP, 7),
        (json.dumps({"time": "2026-11-22T01:00:00+02:00", "url": f"https://a.example{PATH}?x=1"}), TODAY, "", 1),
        (json.dumps({"time": "2026-11-21T12:00:00", "path": PATH, "user_agent": UV, "method": "GET"}), TODAY, UV, 1),
        (json.dumps({"time": NOON, "path": PATH, "status": "206", "range": "bytes=0-99"}), TODAY, "", 1),
        (json.dumps({"time": NOON, "path": PATH, "status": 302}), TODAY, "", 1),
        (json.dumps({"time": NOON, "path": PATH, "status": 302, "range": "-"}), TODAY, "", 1),
        (COMBINED.format(path=PATH, status=200, agent='pip/1 {\\"a\\":1}'), TODAY + timedelta(1), 'pip/1 {"a":1}', 1),
        (
            COMBINED.format(path=PATH, status=200, agent="pip/1 {\\x22a\\x22:1}"),
            TODAY + timedelta(1),
            'pip/1 {"a":1}',
            1,
        ),
        (COMBINED.format(path=PATH, status=200, agent="curl/8") + ' "more"', TODAY + timedelta(1), "curl/8", 1),
        (f"download|Sat, 21 Nov 2026 20:00:00 GMT|DE|{PATH}|TLSv1.3|x|spam|1.0|sdist|{UV}", TODAY, UV, 1),
    ],
)
def test_a_line_that_tells_of_a_download(text: str, day: date, agent: str, count: int) -> None:
    assert download_in(text) == Download(day, BLAKE2, "spam-1.0.tar.gz", agent, count)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"log": "1-2"}),
        json.dumps({"time": NOON, "path": PATH, "method": "HEAD"}),
        json.dumps({"time": NOON, "path": PATH, "status": 304}),
        json.dumps({"time": NOON, "path": PATH, "status": 206}),
        json.dumps({"time": NOON, "path": PATH, "status": 206, "range": "bytes=5-"}),
        json.dumps({"time": NOON, "path": PATH, "status": 302, "range": "bytes=5-"}),
        json.dumps({"time": NOON, "path": f"{PATH}.metadata"}),
        json.dumps({"time": NOON, "path": "/simple/spam/"}),
        json.dumps({"time": NOON, "path": PATH.replace("/packages/", "/pages/withheld/")}),
        COMBINED.format(path=PATH, status=206, agent="curl/8"),
        COMBINED.format(path=PATH, status=200, agent="curl/8").replace("GET", "HEAD"),
        COMBINED.format(path="/", status=200, agent="curl/8"),
        "download|Sat, 21 Nov 2026 20:00:00 GMT|DE|/elsewhere|TLSv1.3|x|spam|1.0|sdist|uv",
    ],
)
def test_a_line_that_tells_of_something_else(text: str) -> None:
    assert download_in(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{",
        "{}",
        '{"time": 1, "path": 3, "count": {}}',
        json.dumps({"time": 1e40, "path": PATH}),
        json.dumps({"time": "yesterday", "path": PATH}),
        json.dumps({"time": NOON, "path": PATH, "count": -1}),
        json.dumps({"time": NOON, "path": "http://[" + PATH}),
        '{"time": [' + "[" * 10_000,
        COMBINED.format(path=PATH, status=200, agent="curl/8").replace("Nov", "Foo"),
        "download|x",
    ],
)
def test_a_line_that_nobody_understands(text: str) -> None:
    with pytest.raises(Malformed):
        download_in(text)


@given(st.text())
def test_no_line_breaks_anything(text: str) -> None:
    with suppress(Malformed):
        download_in(text)


# From logs to numbers.


def test_bots_are_told_apart(world: World, tmp_path: Path) -> None:
    agents = (PIP, PIP, UV, BANDERSNATCH, BROWSER, "", "pip/1")
    assert taken(written(tmp_path, *(line(world, agent=each) for each in agents))).counted == 7
    found = known()
    assert found.total == found.ever == Count(4, 1, 2)
    assert found.uses == {
        "installer": {"pip": 3, "uv": 1},
        "version": {"pip 26.3": 2, "": 1, "uv 0.9": 1},
        "python": {"3.12": 2, "": 1, "3.13": 1},
        "system": {"Linux": 2, "": 1, "macOS": 1},
    }


def test_a_log_counts_once_whatever_it_is_called(world: World, tmp_path: Path) -> None:
    lines = [line(world, count=2), line(world, "eggs"), "nonsense", json.dumps({"time": NOON, "path": "/"})]
    lines.append(json.dumps({"time": NOON, "path": PATH}))
    log = written(tmp_path, *lines)
    assert taken(log) == Report(counted=3, passed=1, unknown=1, malformed=1)
    packed = tmp_path / "access.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert taken(packed) == taken(log) == Report(again=5)
    assert known().total == Count(2)
    assert known("eggs").total == Count(1)
    written(tmp_path, *lines, line(world))
    assert taken(log) == Report(counted=4, passed=1, unknown=1, malformed=1)  # it says more, so it is another one


def test_a_file_of_the_same_bytes_under_another_name_is_not_it(world: World, tmp_path: Path) -> None:
    said = line(world).replace("spam-1.0-py3", "ham-1.0-py3")
    assert taken(written(tmp_path, said)) == Report(unknown=1)


def test_who_dies_between_two_batches_counts_nothing_twice(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whatever batch, and in the middle of one."""
    monkeypatch.setattr(counting, "BATCH", 3)
    log = written(tmp_path, *[line(world)] * 10)
    first = take(log, today=TODAY)
    assert next(first).counted == 3
    first.close()
    assert known().total == Count(3)
    with monkeypatch.context() as broken:
        broken.setattr(Taken, "save", lambda _self: 1 // 0)  # when all but the position is written
        with pytest.raises(ZeroDivisionError):
            taken(log)
    assert known().total == Count(3)
    assert taken(log) == Report(counted=7, again=3)
    assert known().total == Count(10)


def test_lines_are_understood_before_the_transaction_begins(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploads wait for a transaction that writes; what strangers say may take long to understand."""

    def outside(said: str) -> Agent:
        assert not connection.in_atomic_block
        return agent_of(said)

    monkeypatch.setattr(counting, "agent_of", outside)
    assert taken(written(tmp_path, line(world))) == Report(counted=1)


def test_two_who_take_the_same_log_count_it_once(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BATCH", 2)
    log = written(tmp_path, *[line(world)] * 6)
    one, other = take(log, today=TODAY), take(log, today=TODAY)
    reports = [next(one), next(other), next(other), next(one), next(other), next(one)]
    assert sum(reports, Report()) == Report(counted=6, again=6)
    assert known().total == Count(6)


def test_a_damaged_log_is_refused_as_a_whole(world: World, tmp_path: Path) -> None:
    log = tmp_path / "some.log.gz"
    log.write_bytes(gzip.compress(f"{line(world)}\n".encode() * 100)[:-20])
    with pytest.raises(Refused, match="damaged"):
        taken(log)
    assert known().total == Count()


def test_days_that_are_long_ago_become_months(world: World, tmp_path: Path) -> None:
    old, older = keeping.KEPT.days + 1, keeping.KEPT.days + 40
    lines = [line(world, days_ago=each) for each in (0, keeping.KEPT.days, old, old, older)]
    taken(written(tmp_path, *lines, line(world, version="2.0", days_ago=old, agent=BROWSER)))
    before = known().ever
    assert before == Count(5, 0, 1)
    months = {(TODAY - timedelta(each)).replace(day=1) for each in (old, older)}
    assert len(list(keeping.fold(today=TODAY))) == 2
    assert list(keeping.fold(today=TODAY)) == []
    found = known(days=keeping.KEPT.days + 1)
    assert found.ever == before
    assert found.total == Count(2)
    assert {month for month, _count in found.by_month} == months
    assert Month.objects.count() == 3
    assert [each.objects.count() for each in (FileDay, ProjectDay, Use)] == [2, 2, 8]
    taken(written(tmp_path, line(world, days_ago=old), name="late.log"))
    list(keeping.fold(today=TODAY))
    assert known().ever == Count(6, 0, 1)
    assert Taken.objects.count() == 2
    list(keeping.fold(today=TODAY + counting.KNOWN + timedelta(1)))
    assert Taken.objects.count() == 0


def test_logs_of_the_read_plane_are_forgotten_sooner(world: World, tmp_path: Path) -> None:
    """There is one every ten seconds, and the worker removes each."""
    taken(written(tmp_path, json.dumps({"log": "1"}), line(world)))
    taken(written(tmp_path, line(world)))
    list(keeping.fold(today=TODAY + timedelta(8)))
    assert Taken.objects.get().forgotten_on == TODAY + counting.KNOWN


def test_the_worker_folds_when_it_tidies(world: World, tmp_path: Path) -> None:
    taken(written(tmp_path, line(world, days_ago=5000)))
    assert len(list(statistics.fold())) == 1
    assert known().by_month == [(date(2013, 3, 1), Count(1))]


def test_lists_name_what_can_be_seen(world: World, tmp_path: Path) -> None:
    taken(written(tmp_path, line(world, count=3, days_ago=20), line(world, "eggs", count=2)))
    keeping.rank(today=TODAY)
    found = queries.top()
    assert [(each.name, each.amount) for each in found["month"].places] == [("spam", 3), ("eggs", 2)]
    assert found["month"].whole == 5
    assert [(each.name, each.amount) for each in found["day"].places] == [("eggs", 2)]
    sizes = Counter(
        {each.release.project.name: each.size for each in File.objects.filter(release__project__name="eggs")}
    )
    assert found["size"].places[-1].amount == sizes["eggs"]
    actions.delete_project(world.project("eggs"), by=OPERATOR)
    assert [each.name for each in queries.top()["month"].places] == ["spam"]  # at once
    keeping.rank(today=TODAY)
    assert queries.top()["month"].whole == 3
    with pytest.raises(Missing):
        queries.project_shown("eggs")
    actions.set_status(world.project("spam"), "quarantined", by=OPERATOR, reason="")
    with pytest.raises(Missing):
        queries.project_shown("spam")


def test_what_was_deleted_is_not_told_by_name(world: World, tmp_path: Path) -> None:
    taken(written(tmp_path, line(world), line(world, version="2.0")))
    actions.delete_release(world.release("spam", "2.0"), by=OPERATOR)
    found = known()
    assert found.total == Count(2)
    assert [version for version, _count in found.by_version] == ["1.0"]
    assert [each.filename for each in found.by_file] == ["spam-1.0-py3-none-any.whl"]


def test_how_many_queries_an_answer_takes_does_not_depend_on_sizes(world: World, tmp_path: Path) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            known()
            queries.top()
        return len(captured)

    taken(written(tmp_path, line(world)))
    keeping.rank(today=TODAY)
    before = asked()
    lines = [line(world, project, days_ago=each) for each in range(20) for project in ("spam", "eggs")]
    taken(written(tmp_path, *lines, line(world, version="2.0"), name="more.log"))
    keeping.rank(today=TODAY)
    assert asked() == before


# The worker.


def test_the_worker_takes_what_lies_there(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "downloads"
    folder.mkdir()
    written(folder, line(world), "nonsense")
    fresh = written(folder, line(world), line(world), name="fresh.part")
    (folder / "broken.log.gz").write_bytes(b"\x1f\x8bnonsense")
    (folder / "folder.log").mkdir()
    list(statistics.count(folder))
    assert {each.name for each in folder.iterdir()} == {"fresh.part", "broken.log.gz.damaged", "folder.log.damaged"}
    assert "broken.log.gz is damaged" in caplog.text
    assert "malformed=1" in caplog.text
    assert known().total == Count(1)
    os.utime(fresh, (time.time() - 61, time.time() - 61))
    list(statistics.count(folder))
    assert not fresh.exists()
    assert known().total == Count(3)
    list(statistics.count(folder))


def test_lists_are_not_worked_out_all_the_time(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[date] = []
    monkeypatch.setattr(keeping, "rank", lambda *, today: times.append(today))
    monkeypatch.setattr(statistics, "SELDOM", 10**9)
    list(statistics.count(tmp_path))
    written(tmp_path, line(world))
    list(statistics.count(tmp_path))
    assert len(times) == 1
    assert known().total == Count(1)


def test_one_worker_counts_at_a_time(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(workers._TRY, connection.vendor, "SELECT %s = 0")  # somebody else has the turn
    log = written(tmp_path, line(world))
    list(statistics.count(tmp_path))
    assert log.exists()


# The log that the read plane writes.


@pytest.fixture
def fetched() -> Package:
    found = route(PATH.encode())
    assert isinstance(found, Package)
    return found


def lines_in(folder: Path) -> list[dict[str, object]]:
    (path,) = folder.iterdir()
    first, *rest = map(json.loads, path.read_text().splitlines())
    assert first == {"log": path.stem}
    return rest


def test_equal_downloads_of_a_second_are_one_line(tmp_path: Path, fetched: Package) -> None:
    folder = tmp_path / "downloads"
    log = DownloadLog(folder)
    log.each_second()
    assert not folder.exists()
    for _ in range(3):
        log.note(fetched, b"pip/1 \xff", HTTPStatus.OK)
    log.note(fetched, b"", HTTPStatus.PARTIAL_CONTENT, b"bytes=0-9")
    log.end()
    one, other = lines_in(folder)
    assert one == {"time": one["time"], "path": PATH, "agent": "pip/1 \xff", "status": 200, "count": 3}
    assert other == {"time": one["time"], "path": PATH, "agent": "", "status": 206, "range": "bytes=0-9"}
    assert [each.suffix for each in folder.iterdir()] == [".log"]


def test_a_log_is_handed_on_in_time_and_when_it_is_large(
    tmp_path: Path, fetched: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DownloadLog(tmp_path)

    def second() -> None:
        log.each_second()
        log._writer.submit(int).result()

    log.note(fetched, b"pip/1", HTTPStatus.OK)
    second()
    second()
    assert [each.suffix for each in tmp_path.iterdir()] == [".part"]
    monkeypatch.setattr(downloads, "TURN", 0.0)
    second()
    assert [each.suffix for each in tmp_path.iterdir()] == [".log"]
    monkeypatch.setattr(downloads, "TURN", 60.0)
    monkeypatch.setattr(downloads, "SIZE", 1)
    log.note(fetched, b"pip/1", HTTPStatus.OK)
    second()
    assert [each.suffix for each in tmp_path.iterdir()] == [".log", ".log"]
    log.end()


def test_what_cannot_be_written_is_lost_and_told_once(
    tmp_path: Path, fetched: Package, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "downloads"
    folder.touch()
    log = DownloadLog(folder)
    for _ in range(2):
        log.note(fetched, b"pip/1", HTTPStatus.OK)
        log.each_second()
        log._writer.submit(int).result()
    assert caplog.text.count("downloads are not counted") == 1
    folder.unlink()
    folder.mkdir()
    (folder / "waiting.log").write_bytes(b"x" * 10)
    monkeypatch.setattr(downloads, "WAITING", 9)
    log.note(fetched, b"pip/1", HTTPStatus.OK)
    log.end()
    assert [each.name for each in folder.iterdir()] == ["waiting.log"]
    (folder / "waiting.log").unlink()
    log = DownloadLog(folder)
    monkeypatch.setattr(downloads, "KINDS", 1)
    log.note(fetched, b"pip/1", HTTPStatus.OK)
    log.note(fetched, b"pip/2", HTTPStatus.OK)
    log.end()
    assert len(lines_in(folder)) == 1


def test_a_log_that_is_counted_meanwhile_is_in_nobodys_way(tmp_path: Path, fetched: Package) -> None:
    (tmp_path / "gone.log").symlink_to("nowhere")  # it is listed, and when it is looked at, it is not there
    log = DownloadLog(tmp_path)
    log.note(fetched, b"pip/1", HTTPStatus.OK)
    log.end()
    (tmp_path / "gone.log").unlink()
    assert len(lines_in(tmp_path)) == 1


def test_what_strangers_send_is_kept_short(tmp_path: Path, fetched: Package) -> None:
    log = DownloadLog(tmp_path)
    for end in (b"x", b"y"):
        log.note(fetched, b"a" * 5000 + end, HTTPStatus.PARTIAL_CONTENT, b"bytes=0-" + b"9" * 5000 + end)
    log.end()
    (one,) = lines_in(tmp_path)
    assert (len(str(one["agent"])), len(str(one["range"])), one["count"]) == (1000, 100, 2)
    found = download_in(json.dumps({"time": 0, "path": PATH, "agent": "a" * 5000}))
    assert found is not None
    assert len(found.agent) == 1000


def test_a_disk_that_is_busy_holds_nobody_up(tmp_path: Path, fetched: Package) -> None:
    log = DownloadLog(tmp_path)
    log.note(fetched, b"pip/1", HTTPStatus.OK)
    log.each_second()
    log._writer.submit(int).result()
    held = log._writing = Future()  # a write that has not ended
    log.note(fetched, b"pip/1", HTTPStatus.OK)
    log.each_second()
    assert log._writing is held
    log.end()
    assert len(lines_in(tmp_path)) == 2


def test_numbers_that_fit_a_badge() -> None:
    numbers = (0, 999, 1000, 1234, 12_345, 999_999, 1_000_000, 56_700_000, 1_200_000_000)
    assert [short(each) for each in numbers] == ["0", "999", "1k", "1.2k", "12k", "999k", "1M", "56M", "1.2G"]


# Whatever happens.

EVENTS = st.lists(
    st.tuples(
        st.sampled_from([PIP, UV, BANDERSNATCH, BROWSER]),
        st.sampled_from(["spam 1.0", "spam 2.0", "eggs 1.0", "unknown 1.0", "nonsense"]),
        st.sampled_from([0, 1, 29, 30, 180, 181, 300]),
        st.integers(1, 3),
    ),
    max_size=30,
)


class TestHistories(TestCase):
    """Logs in any order, twice, interrupted, folded in between: the numbers are those of a plain count."""

    def setUp(self) -> None:
        index = Index.objects.create()
        now = datetime(2026, 1, 1, tzinfo=UTC)
        User.objects.create(username="alice")
        for number, (name, version) in enumerate([("spam", "1.0"), ("spam", "2.0"), ("eggs", "1.0")]):
            project, _ = Project.objects.get_or_create(
                index=index, name=name, defaults={"display_name": name, "skeleton": name, "created_at": now}
            )
            release = Release.objects.create(project=project, version=version, canonical=version, created_at=now)
            File.objects.create(
                release=release,
                filename=f"{name}-{version}.tar.gz",
                kind="sdist",
                python_tag="source",
                size=1,
                sha256="",
                blake2=f"{number:064x}",
                md5="",
                metadata={},
                uploaded_at=now,
            )

    @settings(max_examples=25)
    @given(st.lists(EVENTS, max_size=4), st.integers(1, 5), st.integers(0, 3))
    def test_the_numbers_are_those_of_a_plain_count(
        self, logs: list[list[tuple[str, str, int, int]]], batch: int, broken_after: int
    ) -> None:
        expected: Counter[tuple[str, Maker]] = Counter()
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as changed:
            changed.setattr(counting, "BATCH", batch)
            for number, events in enumerate(logs):
                path = Path(folder) / f"{number}.log"
                path.write_text(json.dumps({"log": str(number)}) + "\n" + "".join(map(told, events)))
                for agent, what, _days, count in events:
                    if what.split()[0] in {"spam", "eggs"}:
                        expected[what.split()[0], agent_of(agent).maker] += count
                interrupted = take(path, today=TODAY)
                for _ in zip(range(broken_after), interrupted, strict=False):
                    pass
                interrupted.close()
                if number % 2:
                    list(keeping.fold(today=TODAY))
                list(take(path, today=TODAY))
                list(take(path, today=TODAY))
        for name in ("spam", "eggs"):
            found = queries.downloads_of(queries.project_shown(name), days=30, today=TODAY).ever
            assert found == Count(*(expected[name, maker] for maker in Maker))
        self.reset()

    def reset(self) -> None:
        for model in (FileDay, ProjectDay, Use, Month, Taken):
            model.objects.all().delete()


def told(event: tuple[str, str, int, int]) -> str:
    agent, what, days, count = event
    if what == "nonsense":
        return "nonsense\n"
    name, version = what.split()
    number = {"spam 1.0": 0, "spam 2.0": 1, "eggs 1.0": 2}.get(what, 9)
    path = package(f"{number:064x}", f"{name}-{version}.tar.gz").path
    return json.dumps({"time": NOON - days * 86400, "path": path, "agent": agent, "count": count}) + "\n"
