"""The same index with its objects in S3: clients notice nothing, and the index lives through the loss of S3."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from archives import forge
from archives.forge import Built
from clients import (
    Installer,
    Machine,
    Project,
    Uploader,
    build,
    installed_version,
    pip_install,
    twine,
    uv_install,
    uv_publish,
)
from inside import eventually, query
from serving import Answer, Server, run, serving
from swift import Swift
from uploading import upload

LARGE = 300_000  # bytes: too large to be kept in memory


@contextmanager
def serving_from(swift: Swift, url: str, data: Path) -> Iterator[Server]:
    """A server whose objects are in S3. So is every command that the tests start until the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENTREPOT_STORE_URL", url)
        for name, value in swift.environment.items():
            patch.setenv(name, value)
        with serving(data) as server:
            yield server
            eventually(lambda: query(server, "SELECT 1 FROM journal_dirty") == [])
            server.command("verify")


@pytest.fixture(scope="module")
def server(swift: Swift, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_from(swift, swift.new_bucket(), tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="module")
def lending_server(swift: Swift, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that sends clients on to S3."""
    with serving_from(swift, swift.new_bucket(downloads="presigned"), tmp_path_factory.mktemp("lending")) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


def large_wheel(name: str) -> Built:
    noise = hashlib.shake_128(name.encode()).digest(LARGE)
    return forge.wheel(name, files={f"{name}/noise.bin": noise})


def publish(server: Server, built: Built) -> Answer:
    name, version = built.filename.split("-")[:2]
    return upload(server, built.filename, built.data, name=name, version=version)


def place(server: Server, project: str) -> str:
    """The path of the project's first file."""
    return str(server.page(project)["files"][0]["url"]).removeprefix("../..")


@pytest.mark.parametrize(
    ("name", "uploader", "install"),
    [
        ("twine-pip", twine, pip_install),
        ("twine-uv", twine, uv_install),
        ("uv-pip", uv_publish, pip_install),
        ("uv-uv", uv_publish, uv_install),
    ],
)
def test_clients_publish_and_install(
    server: Server, machine: Machine, tmp_path: Path, name: str, uploader: Uploader, install: Installer
) -> None:
    project = Project(name)
    uploader(machine, server, build(machine, project, tmp_path / "sources")).succeeded()
    install(machine, server, machine.environment(), project.name).succeeded()
    assert installed_version(machine.environment(), project.name) == "1.0"


def test_files_come_whole_and_in_parts(server: Server) -> None:
    built = large_wheel("parts")
    assert publish(server, built).status == 200
    path = place(server, "parts")
    whole = server.get(path)
    assert (whole.status, whole.body) == (200, built.data)
    head = server.request("HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(built.data)))
    part = server.get(path, range="bytes=1000-200999")
    assert (part.status, part.body) == (206, built.data[1000:201000])
    assert server.get(path, range="bytes=-7").body == built.data[-7:]
    assert server.get(path, if_none_match=whole.headers["etag"]).status == 304
    assert server.get(f"{path}.metadata").body.startswith(b"Metadata-Version:")
    assert server.get(path.replace("parts-1.0", "parts-9.0")).status == 404


def test_a_release_from_its_upload_to_its_end(server: Server) -> None:
    built = forge.wheel("life")
    assert [publish(server, each).status for each in (built, built)] == [200, 200]
    path = place(server, "life")
    server.command("yank", "life", "1.0", "--reason", "broken", "--by", "alice")
    eventually(lambda: server.page("life")["files"][0]["yanked"] == "broken")
    server.command("rebuild")
    server.command("delete", "life")
    eventually(lambda: (server.get("/simple/life/").status, server.get(path).status) == (404, 404))


@pytest.mark.parametrize(("name", "install"), [("pip", pip_install), ("uv", uv_install)])
def test_installers_follow_to_s3(lending_server: Server, machine: Machine, name: str, install: Installer) -> None:
    name = f"follows{name}"
    built = large_wheel(name)
    assert publish(lending_server, built).status == 200
    answer = lending_server.get(place(lending_server, name))
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    assert httpx2.get(answer.headers["location"], trust_env=False).content == built.data
    install(machine, lending_server, machine.environment(), name).succeeded()
    assert installed_version(machine.environment(), name) == "1.0"


def test_what_is_in_memory_is_served_while_s3_is_gone_and_uploads_wait(swift: Swift, server: Server) -> None:
    assert publish(server, forge.wheel("kept")).status == 200
    path, page = place(server, "kept"), server.page("kept")
    with ThreadPoolExecutor(16) as threads:  # at once, so that each process has it in its memory
        assert set(threads.map(lambda _: server.get(path).status, range(64))) == {200}
        assert list(threads.map(lambda _: server.page("kept"), range(64))) == [page] * 64
    late = forge.wheel("late")
    with swift.stopped():
        assert server.page("kept") == page
        assert server.get(path).status == 200
        refused = publish(server, late)
        assert (refused.status, "retry-after" in refused.headers) == (503, True)
        assert server.get("/simple/never-asked-for/").status == 503
    with swift.paused():
        began = time.monotonic()
        assert server.page("kept") == page
        assert time.monotonic() - began < 5
        assert publish(server, late).status == 503
        assert time.monotonic() - began < 30
    eventually(lambda: publish(server, late).status == 200)
    assert server.get(place(server, "late")).body == late.data


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://missing?endpoint={}", "There is no bucket 'missing'"),
        ("s3://missing?endpoint={}&colour=red", "has no option colour"),
        ("s3://missing?endpoint=http://127.0.0.1:9", "cannot write to its store"),
    ],
)
def test_a_store_that_cannot_be_used_is_named(
    swift: Swift, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, told: str
) -> None:
    monkeypatch.setenv("ENTREPOT_STORE_URL", url.format(swift.endpoint()))
    done = run(tmp_path, "rebuild", check=False)
    assert (done.returncode, told in done.stderr) == (1, True), done
    assert len(done.stderr.splitlines()) == 1
