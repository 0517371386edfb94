"""Following other indexes, as operators do it: by commands, with a running server and real indexes."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import inside
from archives import forge
from clients import CLIENTS, Machine
from serving import Server, free_port, request, serving
from uploading import upload

JSON = "application/vnd.pypi.simple.v1+json"


def publish(server: Server, name: str, version: str) -> str:
    built = forge.wheel(name, version, metadata=forge.core_metadata(name, version, "Requires-Python: >=3.8\n"))
    assert upload(server, built.filename, built.data, name=name, version=version).status == 200
    return built.filename


def files(server: Server, name: str) -> dict[str, dict[str, object]]:
    """What the page of a project says of its files, but for where they are."""
    if server.get(f"/simple/{name}/").status == 404:
        return {}
    offered = [{**each, "url": ""} for each in server.page(name)["files"]]
    return {each["filename"]: each for each in offered}


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """One index to follow, and the one that follows."""
    with serving(tmp_path_factory.mktemp("there")) as there, serving(tmp_path_factory.mktemp("here")) as here:
        yield there, here


def test_a_running_server_follows_by_itself_and_installers_notice_no_difference(
    indexes: tuple[Server, Server], tmp_path: Path
) -> None:
    there, here = indexes
    for name, version in (("spam", "1.0"), ("spam", "1.1"), ("ham", "1.0")):
        publish(there, name, version)
    there.command("yank", "spam", "1.0", "--reason", "It burns")
    there.command("status", "ham", "archived", "--reason", "Done")
    publish(here, "mine", "1.0")
    done = here.command("mirror", "add", "there", f"{there.url}/simple", "--every", "10")
    assert "there follows" in done.stdout
    inside.eventually(lambda: files(here, "ham") == files(there, "ham"))
    inside.eventually(lambda: files(here, "spam") == files(there, "spam"))
    assert here.page("ham")["project-status"] == {"status": "archived", "reason": "Done"}
    assert here.command("mirror", "verify", "there").stdout.startswith("0 differences")

    machine = Machine(tmp_path / "home")
    environment = machine.environment()
    arguments = ("install", "--index-url", f"{here.url}/simple/", "--target", environment, "spam", "ham", "mine")
    machine.run("pip", *arguments).succeeded()

    refused = upload(here, "spam-2.0-py3-none-any.whl", forge.wheel("spam", "2.0").data, name="spam", version="2.0")
    assert (refused.status, "the mirror 'there'" in refused.reason) == (403, True)

    publish(there, "spam", "2.0")
    publish(there, "mine", "9.9")
    there.command("unyank", "spam", "1.0")
    there.command("delete", "spam", "1.1")
    there.command("delete", "ham")
    inside.eventually(lambda: files(here, "spam") == files(there, "spam"), within=60)
    assert set(files(here, "mine")) == {"mine-1.0-py3-none-any.whl"}
    for _ in range(7):
        here.command("mirror", "sync", "there", check=False)
    assert here.get("/simple/ham/").status == 404
    listed = here.command("mirror", "list").stdout
    assert "there  http" in listed
    assert "mine: Project 'mine' is this index's own" in listed
    assert here.command("verify", check=False).stdout.endswith("0 found wrong.\n")


def test_what_is_wanted_can_be_said_and_changed(indexes: tuple[Server, Server], tmp_path: Path) -> None:
    there, _here = indexes
    for version in ("1.0", "2.0"):
        publish(there, "wanted", version)
        publish(there, "unwanted", version)
    (tmp_path / "wanted").write_text("# what we use\nWanted>=2\n")
    with serving(tmp_path / "data") as fresh:
        url = f"{there.url}/simple/"
        fresh.command("mirror", "add", "some", url, "--projects", str(tmp_path / "wanted"), "--largest", "100")
        done = fresh.command("mirror", "sync", "some").stdout
        assert "removed 0; 0 refused, 0 projects failed" in done
        assert set(files(fresh, "wanted")) == {"wanted-2.0-py3-none-any.whl"}
        assert fresh.get("/simple/unwanted/").status == 404
        fresh.command("mirror", "change", "some", "--project", "wanted", "--url", url.removesuffix("/"))
        fresh.command("mirror", "sync", "some")
        assert len(files(fresh, "wanted")) == 2
        assert "1 projects are this index's own" in fresh.command("mirror", "remove", "some").stdout
        assert len(files(fresh, "wanted")) == 2


def test_mistakes_are_told(indexes: tuple[Server, Server]) -> None:
    _there, here = indexes
    for arguments, said in (
        (("add", "x", "index.example"), "is not the URL of a simple index"),
        (("add", "x", "https://alice:secret@index.example/simple/"), ".netrc"),
        (("add", "x", "https://index.example/simple/", "--project", "one two"), "is no project with versions"),
        (("sync", "nothing"), "There is no mirror named 'nothing'"),
        (("remove", "nothing"), "There is no mirror named 'nothing'"),
    ):
        done = here.command("mirror", *arguments, check=False)
        assert (done.returncode, said in done.stderr) == (1, True), done
    here.command("mirror", "add", "nowhere", "http://127.0.0.1:9/simple/")
    failed = here.command("mirror", "sync", "nowhere", check=False)
    assert (failed.returncode, "cannot be asked" in failed.stdout) == (1, True)
    assert "127.0.0.1:9" in here.command("mirror", "list").stdout
    here.command("mirror", "remove", "nowhere")


@contextmanager
def pypiserver(folder: Path) -> Iterator[str]:
    """A real pypiserver of a folder: pages in HTML, without times and serials."""
    port = free_port()
    program = CLIENTS / "pypiserver" / "bin" / "pypi-server"
    arguments = ["run", "--port", str(port), "--interface", "127.0.0.1", "--disable-fallback", str(folder)]
    with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            inside.eventually(lambda: _answers(port))
            yield f"http://127.0.0.1:{port}/simple/"
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        return request("GET", f"127.0.0.1:{port}", "/simple/", b"", {}).status == 200
    except OSError:
        return False


def test_an_index_of_html_pages_is_followed_too(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    built = forge.wheel("demo", "1.0")
    (folder / built.filename).write_bytes(built.data)
    (folder / "Old.Thing-1.0.zip").write_bytes(b"an old thing")
    with pypiserver(folder) as url, serving(tmp_path / "data") as here:
        here.command("mirror", "add", "old", url)
        here.command("mirror", "sync", "old")
        assert set(files(here, "demo")) == {built.filename}
        assert set(files(here, "old-thing")) == {"Old.Thing-1.0.zip"}
        again = forge.wheel("demo", "2.0")
        (folder / again.filename).write_bytes(again.data)
        told = here.command("mirror", "verify", "old", check=False)
        assert (told.returncode, f"demo: {again.filename} is not here" in told.stdout) == (1, True)
        here.command("mirror", "sync", "old")
        assert set(files(here, "demo")) == {built.filename, again.filename}
        assert "0 differences" in here.command("mirror", "verify", "old").stdout
        page = here.get("/project/old-thing/")
        assert (page.status, "Old.Thing-1.0.zip" in page.text) == (200, True)
        assert page.text.count("Another index, by the mirror old") == 2
        assert json.loads(here.get("/simple/", accept=JSON).text)["projects"]
