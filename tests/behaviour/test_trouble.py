"""Bad days: a database or a store that is not there, or not the right one; clients that never finish."""

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError

from archives import forge
from entrepot import asgi, readme
from entrepot.api import upload as api
from entrepot.followers import pages
from entrepot.refusal import Refused, Unavailable
from inside import eventually, query
from serving import ENTREPOT, PASSWORD, Server, environment, environment_of, run, serving
from uploading import authorization, upload


def publish(server: Server, name: str) -> int:
    built = forge.wheel(name)
    return upload(server, built.filename, built.data, name=name, version="1.0").status


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one project, for tests that put back what they take away."""
    with serving(tmp_path_factory.mktemp("used") / "data # 100%") as running:
        assert publish(running, "kept") == 200
        yield running


@pytest.mark.embedded
def test_reading_goes_on_without_the_database(used: Server) -> None:
    file = used.data / "entrepot.sqlite3"
    hidden = file.rename(file.with_name("hidden"))
    try:
        assert used.page("kept")["versions"] == ["1.0"]
        refused = used.request("POST", "/legacy/", b"x", authorization(used.token))
        assert (refused.status, refused.headers["retry-after"]) == (503, "30")
        front = used.get("/")
        assert (front.status, front.headers["retry-after"]) == (503, "30")
        done = used.command("verify", check=False)
        assert (done.returncode, "the store is not empty" in done.stderr) == (1, True)
        assert not file.exists()
    finally:
        hidden.rename(file)
    assert publish(used, "afterwards") == 200
    assert used.get("/").status == 200
    used.command("verify")


def test_a_store_that_is_missing_is_not_made_anew(used: Server) -> None:
    store = used.data / "store"
    hidden = store.rename(used.data / "hidden")
    try:
        assert used.get("/simple/kept/").status == 503
        assert publish(used, "meanwhile") == 503
        done = used.command("verify", check=False)
        assert (done.returncode, "The store cannot be read" in done.stderr) == (1, True)
        assert not store.exists()
    finally:
        hidden.rename(store)
    assert publish(used, "meanwhile") == 200
    used.command("verify")


def test_another_store_is_filled_by_a_rebuild(used: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(used.data / "store/packages", tmp_path / "packages")
    monkeypatch.setenv("ENTREPOT_STORE_URL", f"file://{tmp_path}")
    done = used.command("verify", check=False)
    assert (done.returncode, "The store holds no page of this index" in done.stderr) == (1, True)
    used.command("rebuild")
    used.command("verify")
    assert (tmp_path / "pages/main/simple/kept/index.html").exists()


def test_an_import_that_dies_at_its_first_file_is_gone_on_with(tmp_path: Path) -> None:
    """Its rows are there and none of its pages, in an installation that was never served."""
    data, folder = tmp_path / "data", tmp_path / "files"
    folder.mkdir()
    run(data, "user", "create", "alice", "--email", "alice@example.org", "--password-stdin", stdin=PASSWORD)
    built = forge.wheel("first")
    (folder / built.filename).write_bytes(built.data)
    importing = subprocess.Popen([*ENTREPOT, "--data", str(data), "import", str(folder)], env=environment_of(data))
    beside = Server("", data, importing)  # type: ignore[arg-type]  # nothing is read from it
    eventually(lambda: query(beside, "SELECT 1 FROM projects_file") != [])
    importing.kill()
    importing.wait()
    assert run(data, "import", str(folder)).stdout.endswith("Imported 1 files; 0 refused.\n")
    run(data, "verify")


@pytest.mark.embedded
def test_an_older_database_is_noticed_and_can_be_gone_on_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        for name in ("before", "malware", "removed"):
            assert publish(server, name) == 200
    shutil.copy(data / "entrepot.sqlite3", tmp_path / "backup")
    with serving(data) as server:
        server.command("status", "malware", "quarantined")
        server.command("delete", "removed")
        assert publish(server, "later") == 200
        eventually(lambda: "later" in server.get("/simple/").text)
    shutil.copy(tmp_path / "backup", data / "entrepot.sqlite3")
    for name in ("entrepot.sqlite3-wal", "entrepot.sqlite3-shm"):
        (data / name).unlink(missing_ok=True)
    for command in ("verify", "rebuild", "migrate"):
        done = run(data, command, check=False)
        assert (done.returncode, "--after-restore" in done.stderr) == (1, True)
    down = "is quarantined: taken down after the backup that was restored."
    said = run(data, "migrate", "--after-restore").stdout.splitlines()
    assert sorted(said) == [f"malware {down}", f"removed {down}"]
    with serving(data) as server:
        server.command("rebuild")
        assert [server.page(name)["files"] for name in ("malware", "removed")] == [[], []]
        server.command("verify")
        assert server.get("/simple/later/").status == 404
        assert publish(server, "again") == 200
        assert server.page("again")["meta"]["_last-serial"] > server.page("before")["meta"]["_last-serial"]
        ((gap,),) = query(server, "SELECT action FROM journal_entry WHERE project = 0")
        assert gap == "restored from a backup"


@pytest.mark.embedded
def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "entrepot.sqlite3").write_bytes(b"nonsense" * 1000)
    done = run(tmp_path, "verify", check=False)
    assert (done.returncode, "The database cannot be used" in done.stderr) == (1, True)


def test_a_library_of_sqlite_that_corrupts_databases_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys, types; old = types.ModuleType('pysqlite3'); old.sqlite_version = '3.40.1';"
        "old.sqlite_version_info = (3, 40, 1); sys.modules['pysqlite3'] = old; import entrepot.settings"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(ENTREPOT_DATA=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SQLite 3.40.1 can corrupt a database" in done.stderr


def test_what_cannot_be_read_or_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    for arguments, stdin, told in (
        (["user", "create", "x", "--email", "x@example.org", "--password-stdin"], b"\xff\xfe\n", b"Not text"),
        (["serve", "--host", "nope.invalid"], b"", b"is no address to listen on"),
    ):
        done = subprocess.run(
            [*ENTREPOT, "--data", str(tmp_path / "data"), *arguments],
            input=stdin,
            env=environment(PYTHONUTF8="1"),
            capture_output=True,
            check=False,
        )
        assert (done.returncode, told in done.stderr, b"Traceback" in done.stderr) == (1, True, False), done.stderr


def connected(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60)


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000])
def test_a_head_without_end_is_cut_off(used: Server, opening: bytes) -> None:
    with connected(used) as connection:
        connection.sendall(opening)
        try:
            for _ in range(100):
                connection.sendall(b"y" * 10_000)
        except OSError:
            return  # the server has closed the connection
        answer = connection.recv(100)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_trailers_say_nothing(used: Server) -> None:
    token = authorization(used.token)["Authorization"].encode()
    with connected(used) as connection:
        connection.sendall(
            b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n"
            b"1\r\nx\r\n0\r\nAuthorization: " + token + b"\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 403")


def test_a_body_that_stalls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STALLED", 0.01)

    async def silent() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(Refused, match="has stalled"):
        asyncio.run(asgi.Handler(tmp_path).read_body(silent))


@pytest.mark.parametrize("trouble", [DatabaseError, OSError])
def test_what_has_been_recorded_is_never_refused(trouble: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> bool:
        raise trouble

    monkeypatch.setattr(pages, "publish_own", fail)
    assert api.is_shown(1) is False


def test_a_child_that_died_is_replaced() -> None:
    assert readme.render("*a*", "text/markdown")
    children = [readme._children().get() for _ in range(readme.CHILDREN)]
    for child in children:
        if child._running is not None:
            child._running[0].kill()
            child._running[0].wait()
        readme._children().put(child)
    assert "<em>b</em>" in readme.render("*b*", "text/markdown")


def test_nobody_waits_for_ever_for_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "WAIT_LIMIT", 0.01)
    children = [readme._children().get() for _ in range(readme.CHILDREN)]
    try:
        with pytest.raises(Unavailable, match="try again"):
            readme.render("*a*", "text/markdown")
    finally:
        for child in children:
            readme._children().put(child)


def test_a_comment_has_an_end(used: Server) -> None:
    built = forge.wheel("commented")
    for length, status in ((1001, 400), (1000, 200)):
        answer = upload(used, built.filename, built.data, name="commented", version="1.0", comment="x" * length)
        assert answer.status == status
    assert used.get("/pypi/commented/json").json()["urls"][0]["comment_text"] == "x" * 1000


def test_a_token_that_leaked_is_revoked(used: Server) -> None:
    token = used.new_token("alice", "--description", "the one that leaked")
    built = forge.wheel("leaked")

    def again() -> int:
        return upload(used, built.filename, built.data, name="leaked", version="1.0", token=token).status

    assert again() == 200
    (line,) = [each for each in used.command("token", "list", "alice").stdout.splitlines() if "leaked" in each]
    assert "used never" not in line
    assert token not in line
    identifier = line.split()[0]
    assert identifier in used.command("token", "revoke", identifier).stdout
    assert again() == 403
    done = used.command("token", "revoke", identifier, check=False)
    assert (done.returncode, f"There is no token {identifier}." in done.stderr) == (1, True)
    used.new_token("alice", "--description", "unused")
    assert "used never  may upload  unused" in used.command("token", "list", "alice").stdout
