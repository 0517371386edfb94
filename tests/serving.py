"""A real server, started as anybody starts it, and ways to talk to it."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

ENTREPOT = [sys.executable, "-m", "entrepot"]
OWN = {"DJANGO_SETTINGS_MODULE", "ENTREPOT_DATA"}  # what concerns this process of the tests alone
DATABASE = "ENTREPOT_DATABASE_URL"
PASSWORD = "correct horse battery staple"


@dataclass
class Databases:
    """Where the rows of a data directory are: in a file of its own, unless `url_of` it says otherwise."""

    url_of: Callable[[Path], str] = field(default=lambda _data: "")


DATABASES = Databases()


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, with its reason phrase. Header names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> dict:  # type: ignore[type-arg]
        return json.loads(self.body)  # type: ignore[no-any-return]


@dataclass
class Server:
    """A running server. `token` is an upload token of the user `alice`, who is a superuser."""

    url: str
    data: Path
    process: "subprocess.Popen[str]"
    token: str = ""

    def command(self, *arguments: str, check: bool = True, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `entrepot` beside the server, on its data."""
        return run(self.data, *arguments, check=check, stdin=stdin)

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own; redirects are not followed."""
        return request(method, urlsplit(self.url).netloc, path, body, headers or {})

    def get(self, path: str, **headers: str) -> Answer:
        """GET with headers given as keywords: `accept_encoding="gzip"`."""
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def page(self, project: str) -> dict:  # type: ignore[type-arg]
        """A project's simple page in its JSON form."""
        answer = self.get(f"/simple/{project}/", accept="application/vnd.pypi.simple.v1+json")
        assert answer.status == 200, answer
        return answer.json()

    def new_token(self, user: str = "alice", *options: str) -> str:
        """An upload token, made by the command line."""
        return self.command("token", "create", user, *options).stdout.strip()


def request(method: str, host: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """One request to a host and port, on a connection of its own."""
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, body or None, dict(headers))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.reason, named, response.read())
    finally:
        connection.close()


def run(data: Path, *arguments: str, check: bool = True, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command `entrepot` on a data directory."""
    done = subprocess.run(
        [*ENTREPOT, "--data", str(data), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment_of(data),
    )
    assert done.returncode == 0 or not check, f"{arguments}: {done.stdout}{done.stderr}"
    return done


def environment(**changed: str) -> dict[str, str]:
    """The environment of a command that is started for real."""
    return {name: value for name, value in os.environ.items() if name not in OWN} | changed


def environment_of(data: Path) -> dict[str, str]:
    """The same, for a command on a data directory; its database is the one of the environment, if that names one."""
    url = os.environ.get(DATABASE) or DATABASES.url_of(data)
    return environment(**({DATABASE: url} if url else {}))


@cache
def _begun() -> TemporaryDirectory[str]:
    """A data directory with the user alice and her token, for all tests to begin with: making one takes seconds."""
    folder = TemporaryDirectory(prefix="entrepot-begun-")
    data = Path(folder.name)
    run(data, "migrate")
    alice = ("alice", "--email", "alice@example.org", "--password-stdin", "--superuser")
    run(data, "user", "create", *alice, stdin=PASSWORD)
    (data / "token").write_text(run(data, "token", "create", "alice").stdout.strip())
    return folder


def _is_like_all_others(data: Path, environ: Mapping[str, str]) -> bool:
    """Whether a directory is new, and nothing says that what is made there is to be special."""
    special = {name for name in (*environment_of(data), *environ) if name.startswith("ENTREPOT_")}
    return special <= {"ENTREPOT_DNS", "ENTREPOT_PROXIES"} and not (data.exists() and any(data.iterdir()))


@contextmanager
def serving(data: Path, **environ: str) -> Iterator[Server]:
    """A server on a free port, or ENTREPOT_PORT, with the user alice and a token; stopped in order at the end."""
    if _is_like_all_others(data, environ):
        shutil.copytree(_begun().name, data, dirs_exist_ok=True)
    process = subprocess.Popen(
        [*ENTREPOT, "serve", "--data", str(data), "--port", environ.get("ENTREPOT_PORT", "0")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment_of(data) | environ,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready" in line, line
        server = Server(line.split()[-1].rstrip("/"), data, process)
        if not (data / "token").exists():
            server.command(
                *("user", "create", "alice", "--email", "alice@example.org", "--password-stdin", "--superuser"),
                stdin=PASSWORD,
            )
            (data / "token").write_text(server.new_token())
        server.token = (data / "token").read_text()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
