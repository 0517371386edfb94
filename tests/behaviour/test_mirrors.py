"""Programs that mirror indexes, run for real: from nothing, and after every kind of change."""

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import inside
from archives import forge
from clients import CLIENTS, Machine
from encrypted import encrypted
from mail_server import new_certificate
from serving import Answer, Server, free_port, request, serving
from uploading import upload

INDEX = "root/upstream"  # of devpi-server: a user, and a name
JSON = "application/vnd.pypi.simple.v1+json"
CONFIGURATION = """
[mirror]
directory = {directory}
master = {url}
json = true
stop-on-error = true
timeout = 30
workers = 2
cleanup = true
api-method = {method}
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data") as running:
        for name, version in (("Spam", "1.0"), ("Spam", "1.1"), ("ham", "1.0"), ("eggs", "1.0")):
            publish(running, name, version)
        yield running


def publish(server: Server, name: str, version: str) -> None:
    metadata = forge.core_metadata(name, version, "Requires-Python: >=3.8\n")
    built = forge.wheel(name.lower(), version, metadata=metadata)
    assert upload(server, built.filename, built.data, name=name, version=version).status == 200


def change(server: Server) -> None:
    """One change of each kind that a mirror has to follow."""
    publish(server, "Spam", "2.0")
    publish(server, "bacon", "1.0")
    server.command("yank", "spam", "1.0", "--reason", "It burns")
    server.command("status", "ham", "archived")
    server.command("delete", "spam", "1.1")
    server.command("delete", "eggs")


def listed(server: Server) -> dict[str, dict[str, str]]:
    """The hash of each file, by its name, of each project."""
    projects = server.get("/simple/", accept=JSON).json()["projects"]
    names = [each["name"].lower() for each in projects]
    return {name: {file["filename"]: file["hashes"]["sha256"] for file in server.page(name)["files"]} for name in names}


class Bandersnatch:
    """A mirror that bandersnatch keeps."""

    def __init__(self, home: Path, url: str, method: str, trust: Path) -> None:
        self._machine = Machine(home)
        # It looks at no exceptions to a proxy.
        self._settings = {"http_proxy": "", "https_proxy": "", "all_proxy": "", "SSL_CERT_FILE": str(trust)}
        self._web = home / "mirror" / "web"
        self._configuration = home / "bandersnatch.conf"
        home.mkdir()
        text = CONFIGURATION.format(directory=home / "mirror", url=url, method=method)
        self._configuration.write_text(text)

    def run(self, *arguments: str) -> str:
        """Run one of its commands, and what it printed."""
        command: list[str | Path] = ["-c", self._configuration, *arguments]
        return self._machine.run("bandersnatch", *command, cwd=None, **self._settings).succeeded()

    def held(self) -> dict[str, dict[str, str]]:
        """The hash of each file that a page of the mirror leads to, of each project whose document it keeps.

        The page of a project that is gone stays there, and leads to nothing.
        """
        names = sorted(path.name for path in (self._web / "json").iterdir())
        return {name: dict(self._files(self._web / "simple" / name / "index.html")) for name in names}

    def _files(self, page: Path) -> Iterator[tuple[str, str]]:
        for link in re.findall('href="([^"]+)"', page.read_text()):
            path, _, told = link.partition("#sha256=")
            file = (page.parent / path).resolve()
            assert hashlib.sha256(file.read_bytes()).hexdigest() == told
            yield file.name, told

    def document(self, name: str) -> dict:  # type: ignore[type-arg]
        """What it keeps of the JSON document of a project."""
        return json.loads((self._web / "json" / name).read_text())  # type: ignore[no-any-return]

    def serial(self) -> int:
        """How far it has come."""
        return int((self._web.parent / "status").read_text())


@pytest.mark.parametrize("method", ["xmlrpc", "simple"])
def test_bandersnatch_follows(index: Server, tmp_path: Path, method: str) -> None:
    certificate = new_certificate(tmp_path)
    with encrypted(index.url, certificate) as url:
        follow(index, Bandersnatch(tmp_path / "home", url, method, certificate.path))


def follow(index: Server, mirror: Bandersnatch) -> None:
    mirror.run("mirror")
    assert mirror.held() == listed(index)
    assert sorted(mirror.held()) == ["eggs", "ham", "spam"]
    change(index)
    mirror.run("mirror")
    mirror.run("verify", "--delete", "--json-update")
    assert mirror.held() == listed(index)
    assert sorted(mirror.held()) == ["bacon", "ham", "spam"]
    spam = mirror.document("spam")["releases"]
    assert sorted(spam) == ["1.0", "2.0"]
    assert [spam["1.0"][0][key] for key in ("yanked", "yanked_reason")] == [True, "It burns"]
    verified = mirror.run("verify", "--delete", "--json-update", "--dry-run")
    assert "has no files to delete" in verified
    assert "would be fetched" not in verified
    assert "mismatch" not in verified


class Devpi:
    """devpi-server, which mirrors an index, and asks again after three seconds: with none it loses its own list."""

    def __init__(self, home: Path, upstream: str) -> None:
        self._machine, self._upstream, self._port = Machine(home), upstream, free_port()
        self._machine.run("devpi", "--serverdir", home / "server", "--no-root-pypi").succeeded()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Let it run; gives the URL of the simple pages of the mirror."""
        program = CLIENTS / "devpi" / "bin" / "devpi-server"
        where = (
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--debug",
            "--serverdir",
            self._machine.home / "server",
        )
        with subprocess.Popen([program, *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                inside.eventually(self._answers, within=60)
                self._make_mirror()
                yield f"http://127.0.0.1:{self._port}/{INDEX}/+simple/"
            finally:
                process.terminate()

    def _answers(self) -> bool:
        try:
            return self._sent("GET", "/+api").status == 200
        except OSError:
            return False

    def _make_mirror(self) -> None:
        login = self._sent("POST", "/+login", {"user": "root", "password": ""}).json()["result"]["password"]
        mirror = {"type": "mirror", "mirror_url": f"{self._upstream}/simple/", "mirror_cache_expiry": "3"}
        proof = base64.b64encode(f"root:{login}".encode()).decode()
        assert self._sent("PUT", f"/{INDEX}", mirror, {"X-Devpi-Auth": proof}).status == 200

    def _sent(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        kind = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        return request(method, f"127.0.0.1:{self._port}", path, json.dumps(body).encode() if body else b"", kind)


def test_devpi_follows(index: Server, tmp_path: Path) -> None:
    with Devpi(tmp_path / "home", index.url).running() as mirror:
        inside.eventually(lambda: seen(mirror, "spam", "ham", "eggs") == listed(index))
        change(index)
        inside.eventually(lambda: seen(mirror, "spam", "ham", "bacon") == listed(index))
        inside.eventually(lambda: "eggs" not in [each["name"] for each in get(mirror).json()["projects"]])
        spam = get(mirror + "spam/").json()
        assert {file["filename"]: file["yanked"] for file in spam["files"] if file.get("yanked")} == {
            "spam-1.0-py3-none-any.whl": "It burns"
        }
        machine = Machine(tmp_path / "machine")
        machine.run("pip", "download", "--index-url", mirror, "--no-deps", "spam", "ham", "bacon").succeeded()
        assert sorted(path.name for path in machine.home.glob("*.whl")) == [
            *("bacon-1.0-py3-none-any.whl", "ham-1.0-py3-none-any.whl", "spam-2.0-py3-none-any.whl")
        ]


def get(url: str) -> Answer:
    parts = urlsplit(url)
    return request("GET", parts.netloc, parts.path, b"", {"Accept": JSON})


def seen(mirror: str, *names: str) -> dict[str, dict[str, str]]:
    """The hash of each file of each project that a mirror has, as its simple pages tell."""
    pages = {name: get(f"{mirror}{name}/") for name in names}
    return {
        name: {file["filename"]: file["hashes"]["sha256"] for file in page.json()["files"]}
        for name, page in pages.items()
        if page.status == 200
    }


def test_pip_fetches_everything(index: Server, tmp_path: Path) -> None:
    change(index)
    everything = [f"{name}=={file.split('-')[1]}" for name, files in listed(index).items() for file in files]
    machine = Machine(tmp_path / "machine")
    for wanted in everything:
        fetched = ("--index-url", f"{index.url}/simple/", "--no-deps", wanted)
        machine.run("pip", "download", *fetched).succeeded()
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in machine.home.glob("*.whl")}
    assert held == {file: told for files in listed(index).values() for file, told in files.items()}
    assert len(held) == 4
