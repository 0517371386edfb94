"""The status page tells the truth, to people and to programs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

import inside
from archives import forge
from browsing import DESKTOP, PHONE, visit
from serving import Server, serving
from uploading import upload


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a project, for tests that put back what they take away."""
    with serving(tmp_path_factory.mktemp("status")) as running:
        built = forge.wheel("kept")
        assert upload(running, built.filename, built.data, name="kept", version="1.0").status == 200
        yield running


def status(server: Server) -> dict[str, Any]:
    answer = server.get("/status/?format=json")
    assert answer.status == (503 if answer.json()["state"] == "down" else 200)
    return answer.json()


def words(server: Server) -> str:
    return " ".join(re.sub("<[^>]*>", " ", server.get("/status/").text.partition("<main")[2]).split())


def says(server: Server, text: str) -> None:
    """It does within a second or so: each process keeps what it knows for one."""
    inside.eventually(lambda: text in words(server))


def becomes(server: Server, **wanted: object) -> None:
    inside.eventually(lambda: wanted.items() <= status(server).items())


def test_all_is_well(used: Server) -> None:
    becomes(used, state="ok", database=True, store=True, worker=True, publishing=True)
    figures = status(used)["figures"]
    serial = inside.serial(used)
    assert (figures["serial_committed"], figures["serial_published"]) == (serial, serial)
    assert (figures["documents_owed"], figures["documents_owed_oldest_seconds"], figures["failing"]) == (0, 0, [])
    says(used, "All is well")
    says(used, f"serial {serial}")
    says(used, "at work at")


def test_it_is_kept_for_seconds_and_runs_no_script(used: Server) -> None:
    for accept, kind in (("", "text/html; charset=utf-8"), ("application/json", "application/json")):
        answer = used.get("/status/", accept=accept)
        assert answer.headers["content-type"] == kind
        assert set(answer.headers["cache-control"].split(", ")) == {"public", "max-age=5"}
        assert "Accept" in answer.headers["vary"].split(", ")
    assert "<script" not in used.get("/status/").text
    assert used.request("POST", "/status/", b"x=y").status == 403


def test_what_fails_is_named_without_what_is_inside(used: Server) -> None:
    built = forge.wheel("stuck")
    with inside.obstructed(used.data, "stuck"):
        assert upload(used, built.filename, built.data, name="stuck", version="1.0").status == 200
        becomes(used, state="degraded", publishing=False)
        seen: list[dict[str, object]] = []

        def is_named() -> bool:  # each process knows it a second later
            seen[:] = [each for each in status(used)["figures"]["failing"] if each["kind"] == "project"]
            return [each["project"] for each in seen] == ["stuck"]

        inside.eventually(is_named)
        (project,) = seen
        assert set(project) == {"project", "kind", "since", "attempts"}
        says(used, "The pages of a project")
        says(used, "Some changes are not published yet")
        says(used, "The oldest has waited for")
        for secret in ("Error", str(used.data), "Errno", "Not a directory"):
            assert secret not in used.get("/status/").text + used.get("/status/?format=json").text
        with failing_of_each_kind(used):
            wanted = {"list": "", "file": "kept", "release": ""}
            inside.eventually(lambda: wanted.items() <= _failing(used).items())
            inside.eventually(lambda: status(used)["figures"]["documents_unpurged"] == 1)
            says(used, "1 page may be shown as it was")
    becomes(used, state="ok", publishing=True)


def _failing(server: Server) -> dict[str, str]:
    return {each["kind"]: each["project"] for each in status(server)["figures"]["failing"]}


@contextmanager
def failing_of_each_kind(server: Server) -> Iterator[None]:
    """A document of each kind that fails, for a while."""
    ((blake2,),) = inside.query(server, "SELECT blake2 FROM projects_file WHERE filename LIKE 'kept%'")
    ((index,),) = inside.query(server, "SELECT id FROM projects_index")
    for kind, key, error in ((1, f"{blake2}/x", "PurgeFailed: x"), (2, "1000/1.0", ""), (4, str(index), "")):
        inside.query(
            server,
            "INSERT INTO journal_dirty (kind, key, since, serial, due_at, attempts, error, owed_at)"
            "VALUES (?, ?, 1, 1000, '2100-01-01', 3, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET serial = 1000",
            kind,
            key,
            error,
            inside.ago(),
        )
    try:
        yield
    finally:
        inside.query(server, "DELETE FROM journal_dirty WHERE serial = 1000")


@pytest.mark.embedded
def test_the_database_is_lost(used: Server) -> None:
    file = used.data / "entrepot.sqlite3"
    hidden = file.rename(file.with_name("hidden"))
    try:
        becomes(used, state="degraded", database=False, store=True, worker=False, publishing=False, figures=None)
        says(used, "The database does not answer: uploads are refused")
        inside.eventually(lambda: "Worker" not in words(used))
    finally:
        hidden.rename(file)
    becomes(used, state="ok")


def test_the_store_is_lost(used: Server) -> None:
    hidden = (used.data / "store").rename(used.data / "hidden")
    try:
        becomes(used, state="down", database=True, store=False)
        says(used, "Nothing can be installed at the moment")
    finally:
        hidden.rename(used.data / "store")
    becomes(used, state="ok")


def test_no_worker_is_at_work(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        becomes(server, worker=True)
        (worker,) = inside.parts(server, "work")
        with inside.paused(worker):
            inside.query(server, "UPDATE journal_heartbeat SET at = ?", inside.ago(hours=1))
            becomes(server, state="degraded", worker=False)
            says(server, "No worker has been at work lately")
            inside.query(server, "DELETE FROM journal_heartbeat")
            says(server, "was never at work")


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("state", "around"), [("ok", nullcontext), ("degraded", failing_of_each_kind)], ids=["ok", "degraded"]
)
def test_axe_finds_nothing(used: Server, browser: Browser, state: str, around: Any, scheme: str, screen: Any) -> None:
    with around(used):
        inside.eventually(lambda: all(status(used)["state"] == state for _ in range(10)))
        with visit(browser, f"{used.url}/status/", screen, scheme) as page:
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]
