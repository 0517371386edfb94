"""Entrepot and the servers that somebody would take instead, each started as its manual says, with the same packages.

Those that keep packages get them in the quickest way they have; those that only cache find them at Entrepot. Logs of
requests are off wherever there is a switch, and servers in Python get as many processes as Entrepot has.
"""

import base64
import http.client
import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import uploading
from archives.forge import Built
from bench import processes
from entrepot.cli.serve import WEBS
from entrepot.digests import Hasher
from serving import ENTREPOT, environment, run

ENVIRONMENTS = Path(__file__).parents[1] / ".peers"
PASSWORD = "a secret of the benchmark"
GUNICORN = ("--workers", str(WEBS), "--worker-class", "gthread", "--threads", "16", "--keep-alive", "75")
PERYX = """\
[log]
level = "warn"
[[index]]
name = "hosted"
route = "hosted"
ecosystem = "pypi"
hosted = true
[[index.access_token]]
name = "bench"
secret = "{secret}"
actions = ["read", "write"]
[[index]]
name = "cached"
route = "cached"
ecosystem = "pypi"
[[index.upstream]]
name = "entrepot"
url = "{upstream}"
"""


@dataclass(frozen=True)
class Gate:
    """Where uploads go, and with which name and password."""

    path: str
    user: str = ""
    password: str = ""


class Peer(ABC):
    """A server: what it is called, where its simple index is, and how it comes to life below `home` on `port`."""

    name: str
    index = "/simple/"
    gate: Gate | None = None

    def __init__(self, home: Path, packages: Path, port: int, upstream: str) -> None:
        self.home, self.packages, self.port, self.upstream = home, packages, port, upstream
        home.mkdir(exist_ok=True)

    @property
    def version(self) -> str:
        """The version that is installed."""
        place = ENVIRONMENTS / self.name.split()[0]
        paths = [str(path) for path in place.glob("lib/python3*/site-packages")]
        return next(each.version for each in distributions(name=place.name, path=paths))

    @property
    def environ(self) -> Mapping[str, str]:
        """Settings it takes from its environment; its home is its own."""
        return {"HOME": str(self.home)}

    def prepare(self) -> None:  # noqa: B027 - some need nothing
        """What comes before it is started for the first time."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """How it is started."""

    def feed(self) -> None:  # noqa: B027 - some need nothing
        """What comes after it was started for the first time."""

    def upload(self, built: Built, name: str, version: str) -> None:
        """Upload as twine does. Raises RuntimeError when it is refused."""
        if self.gate is None:
            raise RuntimeError(f"{self.name} takes no uploads")
        hasher = Hasher()
        hasher.update(built.data)
        is_wheel = built.filename.endswith(".whl")
        fields = [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.4"),
            ("name", name),
            ("version", version),
            ("filetype", "bdist_wheel" if is_wheel else "sdist"),
            ("pyversion", built.filename.split("-")[-3] if is_wheel else "source"),
            ("sha256_digest", hasher.digests().sha256),
            ("blake2_256_digest", hasher.digests().blake2),
        ]
        body, kind = uploading.form(fields, [("content", built.filename, built.data)])
        headers = {"Content-Type": kind, **uploading.authorization(self.gate.password, self.gate.user)}
        self.send("POST", self.gate.path, body, headers)

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """One request; gives the body of the answer. Raises RuntimeError when it is no success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=processes.PATIENCE)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{self.name}: {method} {path}: {answer.status} {answer.reason}: {said[:200]!r}")
        return said

    def program(self, name: str) -> Path:
        """A program of its environment."""
        return ENVIRONMENTS / self.name.split()[0] / "bin" / name


class Entrepot(Peer):
    """Ourselves, with SQLite and files."""

    name = "entrepot"

    @property
    def version(self) -> str:
        """The version that is installed."""
        return next(each.version for each in distributions(name="entrepot"))

    def prepare(self) -> None:
        """Import the packages; make a user and a token."""
        run(self.home, "import", str(self.packages))
        # A superuser, who may make any number of projects: that is not what is measured.
        user = ("user", "create", "alice", "--email", "alice@example.org", "--password-stdin", "--superuser")
        run(self.home, *user, stdin=PASSWORD)
        self.gate = Gate("/legacy/", "__token__", run(self.home, "token", "create", "alice").stdout.strip())

    def command(self) -> Sequence[str | Path]:
        """As README says."""
        return [*ENTREPOT, "serve", "--data", self.home, "--port", str(self.port)]


class PeryxHosted(Peer):
    """peryx, keeping packages itself."""

    name = "peryx hosted"
    index = "/hosted/simple/"
    gate: Gate | None = Gate("/hosted/", "__token__", PASSWORD)

    def prepare(self) -> None:
        """Configure it, and import the packages."""
        self._configuration.write_text(PERYX.format(secret=PASSWORD, upstream=f"{self.upstream}/simple/"))
        command: list[str | Path] = [self.program("peryx"), "import-dir", *self._options, "hosted", self.packages]
        subprocess.run(command, env=environment(), check=True, capture_output=True)

    def command(self) -> Sequence[str | Path]:
        """With its configuration."""
        return [self.program("peryx"), "serve", *self._options, "--port", str(self.port)]

    @property
    def _configuration(self) -> Path:
        return self.home / "peryx.toml"

    @property
    def _options(self) -> Sequence[str | Path]:
        return ["--config", self._configuration, "--data-dir", self.home / "data"]


class PeryxCached(PeryxHosted):
    """peryx in front of Entrepot."""

    name = "peryx cached"
    index = "/cached/simple/"
    gate = None


class Devpi(Peer):
    """devpi-server, with an index of its own and no mirror."""

    name = "devpi-server"
    volatile = True  # what was uploaded can be replaced
    index = "/bench/index/+simple/"
    gate = Gate("/bench/index/", "bench", PASSWORD)

    def prepare(self) -> None:
        """Make its directory."""
        command: list[str | Path] = [self.program("devpi-init"), "--serverdir", self.home / "server", "--no-root-pypi"]
        subprocess.run(command, env=environment(), check=True, capture_output=True)

    def command(self) -> Sequence[str | Path]:
        """With core metadata, which it has for those who ask for it."""
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        return [self.program("devpi-server"), "--serverdir", self.home / "server", *where, "--enable-core-metadata"]

    def feed(self) -> None:
        """Make the user and the index, and upload the packages."""
        kind = {"Content-Type": "application/json"}
        account = {"password": PASSWORD, "email": "bench@example.org"}
        self.send("PUT", "/bench", json.dumps(account).encode(), kind)
        login = json.dumps({"user": "bench", "password": PASSWORD}).encode()
        token = json.loads(self.send("POST", "/+login", login, kind))["result"]["password"]
        proof = base64.b64encode(f"bench:{token}".encode()).decode()
        settings = json.dumps({"bases": [], "type": "stage", "volatile": self.volatile}).encode()
        self.send("PUT", "/bench/index", settings, {**kind, "X-Devpi-Auth": proof})
        for path in sorted(self.packages.iterdir()):  # one at a time: some of several at once get a 500
            name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
            self.upload(Built(path.name, path.read_bytes()), name.replace("_", "-"), version)


class Pypiserver(Peer):
    """pypiserver on gunicorn, with a folder."""

    name = "pypiserver"
    gate = Gate("/")

    def prepare(self) -> None:
        """Link the packages into its folder."""
        (self.home / "packages").mkdir()
        for path in self.packages.iterdir():
            (self.home / "packages" / path.name).hardlink_to(path)

    def command(self) -> Sequence[str | Path]:
        """Its application, which takes uploads from everybody."""
        settings = f"roots=['{self.home}/packages'], authenticate=[], password_file='.', disable_fallback=True"
        application = f"pypiserver:app({settings})"
        return [self.program("gunicorn"), *GUNICORN, "--bind", f"127.0.0.1:{self.port}", application]


class Proxpi(Peer):
    """proxpi on gunicorn, in front of Entrepot."""

    name = "proxpi"
    index = "/index/"

    @property
    def environ(self) -> Mapping[str, str]:
        """Where it finds and where it keeps packages."""
        return {
            **super().environ,
            "PROXPI_INDEX_URL": f"{self.upstream}/simple/",
            "PROXPI_CACHE_DIR": str(self.home / "cache"),
            "PROXPI_LOGGING_LEVEL": "ERROR",
        }

    def command(self) -> Sequence[str | Path]:
        """Its application."""
        return [self.program("gunicorn"), *GUNICORN, "--bind", f"127.0.0.1:{self.port}", "proxpi.server:app"]


class SimpleRepositoryServer(Peer):
    """simple-repository-server, in front of Entrepot."""

    name = "simple-repository-server"

    def command(self) -> Sequence[str | Path]:
        """With the address of what it serves."""
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        return [self.program("simple-repository-server"), *where, f"{self.upstream}/simple/"]


OTHERS: Sequence[type[Peer]] = (PeryxHosted, PeryxCached, Devpi, Pypiserver, Proxpi)
