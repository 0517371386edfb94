"""Downloads, counted: from the client that fetches to the number that everybody sees."""

import gzip
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from archives import forge
from clients import Machine, pip_install, uv_install
from inside import eventually, parts, query
from serving import Server, serving
from uploading import upload
from varnish import new_cache, serving_behind

PIP = (
    'pip/26.3 {"ci":null,"cpu":"x86_64","implementation":{"name":"CPython","version":"3.12.3"},'
    '"installer":{"name":"pip","version":"26.3"},"python":"3.12.3","system":{"name":"Linux","release":"6.1"}}'
)
BANDERSNATCH = "bandersnatch/6.5.0 (CPython 3.11.2-final0, Linux 6.1) (aiohttp 3.9)"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with `spam`, which has two small wheels, and `eggs`, which has one too large for memory; all fetched."""
    with serving(tmp_path_factory.mktemp("stats"), ENTREPOT_PROXIES="1") as running:
        publish(running, forge.wheel("spam", "1.0", metadata=required("spam", "1.0")), "spam", "1.0")
        publish(running, forge.wheel("spam", "2.0", metadata=required("spam", "2.0")), "spam", "2.0")
        big = {"eggs/data.bin": os.urandom(200_000)}
        publish(running, forge.wheel("eggs", "1.0", files=big), "eggs", "1.0")
        fetch(running, tmp_path_factory.mktemp("machine"))
        yield running


def fetch(index: Server, home: Path) -> None:
    """What is to be counted, and what is not: HEAD, what has not changed, later parts, metadata, what is not there."""
    machine = Machine(home / "machine")
    pip_install(machine, index, machine.environment("one"), "--no-cache-dir", "spam==1.0").succeeded()
    pip_install(machine, index, machine.environment("two"), "--no-cache-dir", "eggs").succeeded()
    uv_install(machine, index, machine.environment("three"), "--no-cache", "spam").succeeded()
    big, small = path_of(index, "eggs", "1.0"), path_of(index, "spam", "2.0")
    for path in (big, small, small):  # the second from memory
        assert index.get(path, user_agent=BANDERSNATCH).status == 200
        assert index.request("HEAD", path, headers={"User-Agent": PIP}).status == 200
        assert index.get(path, user_agent=PIP, range="bytes=5-").status == 206
        etag = index.get(path, user_agent=PIP, range="bytes=5-9").headers["etag"]
        assert index.get(path, user_agent=PIP, if_none_match=etag).status == 304
    assert index.get(big, user_agent=BROWSER, range="bytes=0-99").status == 206
    assert index.get(f"{small}.metadata", user_agent=PIP).status == 200
    assert index.get(small.replace("/packages/", "/packages/ff"), user_agent=PIP).status == 404
    eventually(lambda: counted(index, "eggs") == (1, 1, 1), within=40)
    eventually(lambda: counted(index, "spam") == (2, 2, 0), within=40)


def required(name: str, version: str) -> bytes:
    return forge.core_metadata(name, version, "Requires-Python: >=3.8\n")


def publish(server: Server, built: forge.Built, name: str, version: str) -> None:
    assert upload(server, built.filename, built.data, name=name, version=version).status == 200


def path_of(server: Server, project: str, version: str) -> str:
    found = [each["url"] for each in server.page(project)["files"] if f"-{version}-" in each["filename"]]
    return str(found[0]).removeprefix("../..")


def counted(server: Server, project: str) -> tuple[object, ...]:
    """What the database has: by installers, mirrors, and others. Asking the API for it all the time is limited."""
    sums = "coalesce(sum(direct), 0), coalesce(sum(mirrors), 0), coalesce(sum(others), 0)"
    named = "(SELECT id FROM projects_project WHERE name = ?)"
    (row,) = query(server, f"SELECT {sums} FROM stats_projectday WHERE project = {named}", project)  # noqa: S608
    return tuple(int(str(each)) for each in row)


def told(server: Server, project: str) -> dict:  # type: ignore[type-arg]
    answer = server.get(f"/api/v1/projects/{project}/downloads")
    assert answer.status == 200, answer
    return answer.json()


def test_what_pip_and_uv_install_is_counted(index: Server) -> None:
    """Every number; `fetch` tells what it is of."""
    assert told(index, "eggs")["total"] == {"installers": 1, "mirrors": 1, "others": 1}
    found = told(index, "spam")
    today = datetime.now(UTC).date().isoformat()
    assert found["name"] == "spam"
    assert found["recent"] == {"last_day": 2, "last_week": 2, "last_month": 2}
    assert found["ever"] == found["total"] == {"installers": 2, "mirrors": 2, "others": 0}
    assert found["by_day"] == [{"day": today, "installers": 2, "mirrors": 2, "others": 0}]
    assert found["by_month"] == []
    assert found["by_version"] == [
        {"version": "1.0", "installers": 1, "mirrors": 0, "others": 0},
        {"version": "2.0", "installers": 1, "mirrors": 2, "others": 0},
    ]
    assert {each["filename"]: each["installers"] for each in found["by_file"]} == {
        "spam-1.0-py3-none-any.whl": 1,
        "spam-2.0-py3-none-any.whl": 1,
    }
    assert found["by_installer"] == {"pip": 1, "uv": 1}
    assert {each.split()[0] for each in found["by_installer_version"]} == {"pip", "uv"}
    assert sum(found["by_python"].values()) == 2
    assert found["by_system"] == {"Linux": 2}


def test_pages_and_commands_tell_it(index: Server) -> None:
    assert "2 in 30 days, 2 in 7 days, 2 today" in index.get("/project/spam/").text

    def most_fetched() -> dict[str, int]:
        listed = index.get("/stats/", accept="application/json").json()["downloads"]["month"]["top"]
        return {each["name"]: each["downloads"] for each in listed}

    eventually(lambda: most_fetched().items() >= {"spam": 2, "eggs": 1}.items(), within=40)
    found = index.get("/stats/?format=json").json()
    assert next(iter(found["top_packages"])) == "eggs"
    assert found["total_packages_size"] > 200_000
    assert found["downloads"]["day"]["total"] >= 3
    answer = index.get("/stats/", accept="text/html")
    assert re.search(r">spam</bdi></a></th><td>2<", answer.text)
    assert answer.headers["surrogate-key"] == "statistics"
    lines = [each.split() for each in index.command("statistics", "show").stdout.splitlines()]
    assert [each for each in lines if each[1] in {"spam", "eggs"}] == [["2", "spam"], ["1", "eggs"]]
    shown = index.command("statistics", "show", "Spam").stdout
    assert "spam: 2 today, 2 in 7 days, 2 in 30 days" in shown
    assert "ever: 2 by installers, 2 by mirrors, 0 by others" in shown


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("spam/downloads.svg", "downloads: 2/month"),
        ("spam/downloads.svg?period=week", "downloads: 2/week"),
        ("spam/downloads.svg?period=ever", "downloads: 2/month"),
        ("spam/version.svg", "version: 2.0"),
        ("spam/python.svg", "python: >=3.8"),
        ("eggs/python.svg", "python: unknown"),
    ],
)
def test_badges(index: Server, path: str, said: str) -> None:
    answer = index.get(f"/badge/{path}")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["surrogate-key"] == f"project/{path.partition('/')[0]}"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    svg = ET.fromstring(answer.text)  # noqa: S314 - our own
    assert (svg.get("role"), svg.get("aria-label"), svg.findtext(f"{SVG}title")) == ("img", said, said)


def test_who_asks_for_something_else(index: Server) -> None:
    assert index.get("/badge/SPAM/version.svg").headers["location"] == "/badge/spam/version.svg"
    moved = index.get("/badge/Spam/downloads.svg?period=day")
    assert (moved.status, moved.headers["location"]) == (301, "/badge/spam/downloads.svg?period=day")
    assert index.get("/badge/nobody/version.svg").status == 404
    assert index.get("/api/v1/projects/nobody/downloads").json()["code"] == "no-such-project"
    assert index.get("/api/v1/projects/spam/downloads?days=181").json()["code"] == "invalid-request"
    kept = index.get("/api/v1/projects/SPAM/downloads")
    assert (kept.headers["surrogate-key"], kept.headers["cache-control"]) == ("project/spam", "public, max-age=300")


def test_a_log_that_somebody_drops_is_counted_and_removed(index: Server) -> None:
    publish(index, forge.wheel("dropped", "1.0"), "dropped", "1.0")
    path = path_of(index, "dropped", "1.0")
    log = index.data / "downloads" / "from-elsewhere.log.gz"
    log.parent.mkdir(exist_ok=True)
    draft = log.with_name("draft")
    draft.write_bytes(gzip.compress(f"{json_line(path)}\n".encode() * 3))
    draft.rename(log)
    eventually(lambda: counted(index, "dropped") == (3, 0, 0))
    eventually(lambda: not log.exists())
    assert index.get("/badge/dropped/downloads.svg").text.count("3/month") == 3


def test_a_killed_server_loses_a_second_at_most(tmp_path: Path) -> None:
    """What it had written is counted a minute later."""
    with serving(tmp_path / "data") as server:
        publish(server, forge.wheel("spam", "1.0"), "spam", "1.0")
        assert server.get(path_of(server, "spam", "1.0"), user_agent=PIP).status == 200
        folder = server.data / "downloads"
        eventually(lambda: any(each.stat().st_size > 200 for each in folder.glob("*.part")))
        for each in parts(server, "web"):
            os.kill(each, 9)
        (part,) = folder.glob("*.part")
        os.utime(part, (time.time() - 61, time.time() - 61))
        eventually(lambda: counted(server, "spam") == (1, 0, 0))
        assert not part.exists()


def test_a_log_that_is_given_to_the_command_counts_once(index: Server, tmp_path: Path) -> None:
    publish(index, forge.wheel("given", "1.0"), "given", "1.0")
    log = tmp_path / "cdn.log"
    log.write_text(f"{json_line(path_of(index, 'given', '1.0'))}\nnonsense\n")
    said = index.command("statistics", "take", str(log), str(log)).stdout
    assert "1 downloads counted; 0 lines are about something else, 0 about files that are not here" in said
    assert "1 cannot be understood, 0 were counted before." in said
    assert "0 cannot be understood, 2 were counted before." in said
    assert told(index, "given")["total"]["installers"] == 1
    assert log.exists()


def json_line(path: str, agent: str = PIP, **more: object) -> str:
    return json.dumps({"time": time.time(), "path": path, "agent": agent, **more})


def test_what_varnish_logs_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command that the documents give; the read plane is told to write none."""
    monkeypatch.setenv("ENTREPOT_DOWNLOAD_LOGS", "off")
    told_to = re.search("-q '(.*)' -j .\n *-F '(.*)'", (Path(__file__).parents[2] / "docs/statistics.md").read_text())
    assert told_to is not None
    log = tmp_path / "downloads.log"
    with new_cache() as cache, serving_behind(tmp_path / "data", cache) as origin:
        site = replace(origin, url=cache.url)
        publish(site, forge.wheel("spam", "1.0"), "spam", "1.0")
        path = path_of(site, "spam", "1.0")
        for _ in range(3):
            assert site.get(path, user_agent=PIP).status == 200
        assert site.get(path, user_agent=PIP, range="bytes=0-9").status == 206
        assert site.get(path, user_agent=PIP, range="bytes=5-9").status == 206
        assert site.request("HEAD", path).status == 200
        command = ["varnishncsa", "-n", str(cache.directory / "run"), "-d", "-j", "-q", told_to[1], "-F", told_to[2]]

        def logged() -> str:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        eventually(lambda: len(logged().splitlines()) == 5)
        log.write_text(logged())
        assert (
            "4 downloads counted; 1 lines are about something else"
            in origin.command("statistics", "take", str(log)).stdout
        )
    assert not (tmp_path / "data" / "downloads").exists()
