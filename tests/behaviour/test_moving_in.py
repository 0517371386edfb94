"""Moving in from other indexes: each export is made by the real program, and taken in for real."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import inside
from archives import forge
from behaviour.test_mirrors import Bandersnatch
from clients import CLIENTS, Machine, installed_version, pip_install
from encrypted import encrypted
from mail_server import new_certificate
from serving import ENTREPOT, Answer, Server, environment_of, free_port, request, run, serving
from uploading import upload

OLD = 1_400_000_000  # seconds since 1970, and the same as a simple page tells it
OLD_TIME = "2014-05-13T16:53:20.000000Z"
RUN = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
JSON = {"Accept": "application/json", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Where everything moves to; there is a user alice."""
    with serving(tmp_path_factory.mktemp("here") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory without a server, into which little or nothing gets."""
    return tmp_path_factory.mktemp("spare") / "data"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine") / "home")


def packed(folder: Path, name: str, *versions: str) -> list[Path]:
    """A wheel and an sdist of each version, in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for version in versions:
        metadata = forge.core_metadata(name, version)
        wheel = forge.wheel(name.lower(), version, metadata=metadata)
        for built in (wheel, forge.sdist(name.lower(), version, pkg_info=metadata)):
            (folder / built.filename).write_bytes(built.data)
            made.append(folder / built.filename)
    return made


def twine(machine: Machine, url: str, user: str, password: str, files: list[Path]) -> None:
    options = ("--non-interactive", "--disable-progress-bar", "--repository-url", url)
    sent = machine.run("twine", "upload", *options, *files, TWINE_USERNAME=user, TWINE_PASSWORD=password)
    sent.succeeded()


@contextmanager
def peer(client: str, program: str, *arguments: str | Path, ready: str, port: int) -> Iterator[str]:
    """A server of somebody else's, until the end; gives its URL."""
    command = [CLIENTS / client / "bin" / program, *arguments]
    with subprocess.Popen([str(each) for each in command], **RUN) as process:  # type: ignore[call-overload]
        try:
            inside.eventually(lambda: answers(port, ready), within=60)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def answers(port: int, path: str) -> bool:
    try:
        return request("GET", f"127.0.0.1:{port}", path, b"", JSON).status == 200
    except OSError:
        return False


def files_of(server: Server, project: str) -> dict[str, dict[str, Any]]:
    return {file["filename"]: file for file in server.page(project)["files"]}


def roles_of(server: Server, project: str) -> dict[str, str]:
    roles = server.get(f"/pypi/{project}/json").json()["ownership"]["roles"]
    return {each["user"]: each["role"] for each in roles}


def installs(machine: Machine, server: Server, name: str, version: str) -> None:
    environment = machine.environment(name)
    pip_install(machine, server, environment, f"{name}=={version}").succeeded()
    assert installed_version(environment, name) == version


def lines(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return done.stdout.splitlines()


@dataclass(frozen=True)
class Home:
    """Another index that runs, and what it keeps."""

    url: str
    folder: Path


@pytest.fixture(scope="module")
def pypiserver(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Iterator[Home]:
    """A pypiserver to which carol has uploaded; somebody has put older files into folders of its directory."""
    folder, port = tmp_path_factory.mktemp("pypiserver"), free_port()
    kept, htpasswd = folder / "packages", folder / ".htpasswd"
    kept.mkdir()
    digest = base64.b64encode(hashlib.sha1(b"secret", usedforsecurity=False).digest()).decode()
    htpasswd.write_text(f"# users\ncarol:{{SHA}}{digest}\nalice:{{SHA}}{digest}\n\n")
    options = ("run", "--port", str(port), "--passwords", htpasswd, "--authenticate", "update", kept)
    with peer("pypiserver", "pypi-server", *options, ready="/simple/", port=port) as url:
        twine(machine, f"{url}/", "carol", "secret", packed(folder / "dist", "Jam", "1.0", "1.1"))
        (kept / "old" / "ones").mkdir(parents=True)
        (kept / "old" / "ones" / "Jam-0.1.zip").write_bytes(forge.zip_file([forge.Entry(b"Jam-0.1/setup.py", b"pass")]))
        os.utime(kept / "old" / "ones" / "Jam-0.1.zip", (OLD, OLD))
        os.link(kept / "old" / "ones" / "Jam-0.1.zip", kept / "old-jam-2-0.1.zip")
        (kept / "jam-0.1-py2.7.egg").touch()
        (kept / "README.txt").touch()
        (kept / ".trash").mkdir()
        shutil.copy(kept / "jam-1.0.tar.gz", kept / ".trash" / "jam-9.0.tar.gz")
        yield Home(url, kept)


JAM = {f"jam-{version}{end}" for version in ("1.0", "1.1") for end in (".tar.gz", "-py3-none-any.whl")} | {
    "Jam-0.1.zip"
}


class TestPypiserver:
    def test_its_directory_and_its_users(self, here: Server, pypiserver: Home, machine: Machine) -> None:
        command = ("import", str(pypiserver.folder), "--htpasswd", str(pypiserver.folder.parent / ".htpasswd"))
        assert lines(here.command(*command)) == [
            "jam-0.1-py2.7.egg: It is neither a wheel nor a source distribution.",
            "Made accounts for carol. They have no password: see `entrepot user address`.",
            "There already, and left alone: the accounts alice.",
            "Imported 6 files; 1 skipped; 0 refused.",
        ]
        files = files_of(here, "jam")
        assert set(files) == JAM
        assert files["Jam-0.1.zip"]["upload-time"] == OLD_TIME
        assert roles_of(here, "jam") == {}
        installs(machine, here, "jam", "1.1")
        assert lines(here.command(*command))[-1] == "Imported 0 files; 6 were there already; 1 skipped; 0 refused."
        assert here.command("verify").stdout.endswith("; 0 found wrong.\n")

    def test_a_user_comes_in_when_the_operator_vouches(self, here: Server, tmp_path: Path) -> None:
        (tmp_path / "htpasswd").write_text("dora:x\ndora-:x\nd\0:x\n")
        done = here.command("import", str(tmp_path), "--htpasswd", str(tmp_path / "htpasswd"), check=False)
        assert done.returncode == 1
        assert [line.partition(":")[0] for line in lines(done)[:2]] == ["dora-", "d⟨U+0000⟩"]
        wrong = here.command("user", "address", "dora", "alice@example.org", check=False)
        assert wrong.stderr == "Error: Somebody has an account with this address.\n"
        assert here.command("user", "address", "dora", "nowhere", check=False).returncode == 1
        told = here.command("user", "address", "dora", "Dora@Example.org").stdout
        assert told == "Dora@Example.org is a verified address of dora now.\n"
        assert "dora  dora@example.org  since" in here.command("user", "list").stdout
        again = here.command("user", "address", "dora", "other@example.org", check=False)
        assert again.stderr.startswith("Error: The account dora has an owner already")
        assert here.command("user", "address", "alice", "other@example.org", check=False).returncode == 1
        metadata = forge.core_metadata("doras", "1.0")
        built = forge.wheel("doras", "1.0", metadata=metadata)
        token = here.new_token("dora")
        assert upload(here, built.filename, built.data, name="doras", version="1.0", token=token).status == 200

    def test_its_pages(self, pypiserver: Home, tmp_path: Path) -> None:
        command = ("import", f"{pypiserver.url}/simple/", "--by", "alice")
        with serving(tmp_path / "data") as server:
            assert lines(server.command(*command)) == [
                "jam-0.1-py2.7.egg: It is neither a wheel nor a source distribution.",
                "Imported 6 files; 1 skipped; 0 refused.",
            ]
            assert set(files_of(server, "jam")) == JAM
            assert roles_of(server, "jam") == {"alice": "Owner"}
            again = server.command(*command)
            assert lines(again)[-1] == "Imported 0 files; 6 were there already; 1 skipped; 0 refused."

    def test_some_projects(self, pypiserver: Home, tmp_path: Path, spare: Path) -> None:
        wanted = tmp_path / "wanted"
        wanted.write_text("# what we need\nJAM  # this\nnot-there-at-all\n\n")
        done = run(spare, "import", f"{pypiserver.url}/simple", "--projects", str(wanted), check=False)
        assert done.returncode == 1
        *_, missing, last = lines(done)
        assert missing.startswith("not-there-at-all: ")
        assert last == "Imported 5 files; 1 skipped; 1 refused."

    def test_it_was_killed_on_the_way(self, pypiserver: Home, tmp_path: Path) -> None:
        packed(pypiserver.folder / "many", "Bread", *(f"1.{minor}" for minor in range(10)))
        (tmp_path / "wanted").write_text("bread")
        report = tmp_path / "report"
        asked = (f"{pypiserver.url}/simple/", "--projects", str(tmp_path / "wanted"), "--report", str(report))
        run(tmp_path / "data", "migrate")
        command = [*ENTREPOT, "--data", str(tmp_path / "data"), "import", *asked]
        with subprocess.Popen(command, env=environment_of(tmp_path / "data"), **RUN) as process:  # type: ignore[call-overload]
            inside.eventually(lambda: report.exists() and b"\n" in report.read_bytes())
            process.kill()
        taken = len(report.read_text().splitlines())
        assert 0 < taken < 20
        done = run(tmp_path / "data", "import", *asked)
        told = [json.loads(line) for line in report.read_text().splitlines()]
        became = [each["became"] for each in told]
        assert became.count("there already") in {taken, taken + 1}  # it may have died between taking and telling
        assert sorted(set(became)) == ["taken", "there already"]
        assert len({each["what"] for each in told}) == 20
        assert lines(done)[-1].startswith(f"Imported {became.count('taken')} files; ")
        assert run(tmp_path / "data", "verify").stdout.endswith("; 0 found wrong.\n")


class Devpi:
    """A devpi-server with the users alice, who has an address and two indexes, and bob."""

    def __init__(self, host: str) -> None:
        self._host = host
        root = self._login("root", "")
        self._put(root, "alice", {"password": "secret-1", "email": "Alice@elsewhere.example"})
        self._put(root, "bob", {"password": "secret-2"})
        alice = self._login("alice", "secret-1")
        uploaders = ["alice", "bob", ":AUTHENTICATED:"]
        self._put(alice, "alice/dev", {"type": "stage", "bases": ["root/pypi"], "acl_upload": uploaders})
        self._put(alice, "alice/prod", {"type": "stage", "bases": [], "acl_upload": ["alice"]})

    def _login(self, user: str, password: str) -> str:
        given = self._sent("POST", "/+login", {"user": user, "password": password}).json()["result"]["password"]
        return base64.b64encode(f"{user}:{given}".encode()).decode()

    def _put(self, proof: str, path: str, body: object) -> None:
        assert self._sent("PUT", f"/{path}", body, proof).status in {200, 201}

    def _sent(self, method: str, path: str, body: object, proof: str = "") -> Answer:
        return request(method, self._host, path, json.dumps(body).encode(), JSON | {"X-Devpi-Auth": proof})


@pytest.fixture(scope="module")
def devpi(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Iterator[Home]:
    """A devpi-server that runs, and what it has exported."""
    folder, port = tmp_path_factory.mktemp("devpi"), free_port()
    server, export = ("--serverdir", folder / "server"), folder / "export"
    machine.run("devpi", *server).succeeded()
    options = ("--host", "127.0.0.1", "--port", str(port), *server)
    with peer("devpi", "devpi-server", *options, ready="/+api", port=port) as url:
        Devpi(f"127.0.0.1:{port}")
        twine(machine, f"{url}/alice/dev/", "bob", "secret-2", packed(folder / "dist", "Honey", "1.0", "1.1"))
        twine(machine, f"{url}/alice/prod/", "alice", "secret-1", packed(folder / "dist2", "Toast", "1.0"))
        documented(url, folder)
        program = CLIENTS / "devpi" / "bin" / "devpi-export"
        subprocess.run([program, *server, export], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield Home(url, export)


def documented(url: str, folder: Path) -> None:
    """Upload documentation, as `devpi upload --with-docs` does."""
    page = forge.zip_file([forge.Entry(b"index.html", b"<p>Honey")])
    form = {":action": "doc_upload", "name": "Honey", "version": "1.0"}
    boundary = "--------------------------------0"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{each}\r\n'
        for name, each in form.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="honey.zip"\r\n\r\n'
    body = "".join([*parts, head]).encode() + page + f"\r\n--{boundary}--\r\n".encode()
    login = base64.b64encode(b"alice:secret-1").decode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": f"Basic {login}"}
    assert request("POST", url.removeprefix("http://"), "/alice/dev/", body, kind).status == 200


HONEY = {f"honey-{version}{end}" for version in ("1.0", "1.1") for end in (".tar.gz", "-py3-none-any.whl")}


class TestDevpi:
    def test_an_export(self, here: Server, devpi: Home, machine: Machine) -> None:
        several = here.command("import", str(devpi.folder), check=False)
        assert several.returncode == 1
        assert "say which one: alice/dev (1 projects), alice/prod (1 projects)" in several.stderr
        unknown = here.command("import", str(devpi.folder), "--index", "root/pypi", check=False)
        assert unknown.stderr.startswith("Error: The export has no index 'root/pypi' with files of its own")
        command = ("import", str(devpi.folder), "--index", "alice/dev")
        assert lines(here.command(*command)) == [
            "root/pypi: It mirrors another index: its files stay there.",
            "honey-1.0.doc.zip: Documentation is not kept here.",
            "Made accounts for bob. They have no password: see `entrepot user address`.",
            "There already, and left alone: the accounts alice.",
            "Imported 4 files; 2 skipped; 0 refused.",
        ]
        files = files_of(here, "honey")
        assert set(files) == HONEY
        listed = json.loads((devpi.folder / "dataindex.json").read_text())["indexes"]["alice/dev"]["files"]
        told = {each["relpath"].rpartition("/")[2]: each["entrymapping"]["hashes"]["sha256"] for each in listed}
        assert {name: file["hashes"]["sha256"] for name, file in files.items()} == {name: told[name] for name in HONEY}
        assert roles_of(here, "honey") == {"alice": "Owner", "bob": "Maintainer"}
        assert here.get("/pypi/honey/json").json()["info"]["name"] == "Honey"
        installs(machine, here, "honey", "1.1")
        assert lines(here.command(*command))[-1] == "Imported 0 files; 4 were there already; 2 skipped; 0 refused."

    def test_users_bring_addresses_that_nobody_has_shown_to_be_theirs(self, devpi: Home, tmp_path: Path) -> None:
        made = run(tmp_path / "data", "import", str(devpi.folder), "--index", "alice/prod")
        assert "Made accounts for " in made.stdout
        assert "alice  alice@elsewhere.example  since" in run(tmp_path / "data", "user", "list").stdout
        run(tmp_path / "data", "user", "address", "alice", "alice@elsewhere.example")
        run(tmp_path / "data", "delete", "toast")
        again = run(tmp_path / "data", "import", str(devpi.folder), "--index", "alice/prod", check=False)
        assert "\ntoast: Project 'toast' was deleted here.\n" in again.stdout

    def test_its_pages(self, devpi: Home, tmp_path: Path) -> None:
        (tmp_path / "wanted").write_text("honey")
        command = ("import", f"{devpi.url}/alice/dev/+simple/", "--projects", str(tmp_path / "wanted"))
        with serving(tmp_path / "data") as server:
            assert lines(server.command(*command)) == ["Imported 4 files; 0 refused."]
            assert set(files_of(server, "honey")) == HONEY
            assert lines(server.command(*command)) == ["Imported 0 files; 4 were there already; 0 refused."]
            everything = server.command("import", f"{devpi.url}/alice/prod/+simple/")
            assert lines(everything) == ["Imported 2 files; 0 refused."]


Change = Callable[[dict[str, Any]], object]


class TestExportsThatCannotBeTrusted:
    @pytest.fixture
    def export(self, devpi: Home, tmp_path: Path) -> Path:
        shutil.copytree(devpi.folder, tmp_path / "export")
        return tmp_path / "export"

    def changed(
        self, export: Path, change: Change, data: Path, *, index: Sequence[str] = ("--index", "alice/prod")
    ) -> "subprocess.CompletedProcess[str]":
        """Import it after the change of its listing."""
        listing = json.loads((export / "dataindex.json").read_text())
        change(listing)
        (export / "dataindex.json").write_text(json.dumps(listing))
        return run(data, "import", str(export), *index, check=False)

    def test_paths_and_hashes(self, export: Path, tmp_path: Path) -> None:
        outside = tmp_path / "toast-2.0.tar.gz"
        outside.write_bytes(forge.sdist("toast", "2.0").data)
        (export / "toast-3.0.tar.gz").symlink_to(outside)
        (export / "toast-4.0.zip").symlink_to("toast-4.0.zip")
        (export / "toast-5.0.zip").mkdir()
        paths = [
            "../toast-2.0.tar.gz",
            str(outside),
            "toast-3.0.tar.gz",
            "toast-4.0.zip",
            "toast-5.0.zip",
            "toast-6.zip",
        ]

        def change(listing: dict[str, Any]) -> None:
            files = listing["indexes"]["alice/prod"]["files"]
            wheel = next(each for each in files if each["relpath"].endswith(".whl"))
            sdist = next(each for each in files if each["relpath"].endswith(".gz"))
            wheel["entrymapping"]["hashes"]["sha256"] = "0" * 64
            files += [{**sdist, "relpath": path} for path in [*paths, "toast-7.0\0.zip", "a/toast-1.exe"]]
            listing["indexes"]["alice/prod"]["indexconfig"]["acl_upload"] += ["nobody", "no\0body"]
            files.append({**sdist, "type": "toxresult", "relpath": "toxresult-1.json"})

        done = self.changed(export, change, tmp_path / "data")
        told = dict(line.split(": ", 1) for line in lines(done)[:-2])
        out, no_file = "It leads out of the folder, and is not read.", "It is not a file."
        assert told.pop("toast-1.0-py3-none-any.whl").endswith("has another sha256 than is said of it.")
        assert told.pop("toast-4.0.zip").startswith("It cannot be a file: ")
        assert told.pop("toast-6.zip").startswith("[Errno 2]")
        assert told.pop("toast-7.0⟨U+0000⟩.zip").startswith("It cannot be a file: ")
        assert told == {
            "root/pypi": "It mirrors another index: its files stay there.",
            "toast-1.exe": "It is neither a wheel nor a source distribution.",
            "toxresult-1.json": "Test results are not kept here.",
            "toast-2.0.tar.gz": out,
            "toast-3.0.tar.gz": out,
            "toast-5.0.zip": no_file,
        }
        assert lines(done)[-1] == "Imported 1 files; 3 skipped; 8 refused."
        assert done.returncode == 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda listing: listing.pop("users"),
            lambda listing: listing["indexes"].update({"alice/prod": 5}),
            lambda listing: listing["indexes"]["alice/prod"]["files"].append({}),
        ],
    )
    def test_another_form(self, export: Path, change: Change, spare: Path) -> None:
        done = self.changed(export, change, spare)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: 'dataindex.json' cannot be read: it is not as devpi-server writes it")

    def test_a_file_that_is_not_as_others_are(self, export: Path, spare: Path) -> None:
        def change(listing: dict[str, Any]) -> None:
            listing["indexes"]["alice/dev"]["files"].clear()  # so the other one is the only one with files
            del listing["indexes"]["alice/prod"]["files"][0]["entrymapping"]

        done = self.changed(export, change, spare, index=())
        assert "toast: 'dataindex.json' cannot be read: " in done.stdout
        assert done.returncode == 1

    def test_no_json(self, export: Path, spare: Path) -> None:
        (export / "dataindex.json").write_text("[" * 100_000)
        done = run(spare, "import", str(export), check=False)
        assert done.stderr.startswith("Error: 'dataindex.json' cannot be read: it is not JSON")

    def test_too_many_users(self, tmp_path: Path, spare: Path) -> None:
        (tmp_path / "htpasswd").write_bytes(b"a:b\n" * (1 << 18) + b"\n")
        done = run(spare, "import", str(tmp_path), "--htpasswd", str(tmp_path / "htpasswd"), check=False)
        assert done.stderr == "Error: 'htpasswd' cannot be read: it is larger than 1048576 bytes.\n"


def published(server: Server, name: str, *versions: str) -> None:
    for version in versions:
        built = forge.wheel(name.lower(), version, metadata=forge.core_metadata(name, version))
        assert upload(server, built.filename, built.data, name=name, version=version).status == 200


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A mirror of an index that knows how files come to be yanked."""
    folder = tmp_path_factory.mktemp("mirrored")
    certificate = new_certificate(folder)
    with serving(folder / "data") as upstream, encrypted(upstream.url, certificate) as url:
        published(upstream, "Marmalade", "1.0", "1.1")
        published(upstream, "tea", "1.0")
        upstream.command("yank", "marmalade", "1.0", "--reason", "It burns")
        Bandersnatch(folder / "home", url, "simple", certificate.path).run("mirror")
        yield upstream, folder / "home" / "mirror"


class TestBandersnatch:
    def test_a_mirror(self, here: Server, mirror: tuple[Server, Path], machine: Machine) -> None:
        upstream, folder = mirror
        assert lines(here.command("import", str(folder))) == ["Imported 3 files; 0 refused."]
        there, got = files_of(upstream, "marmalade"), files_of(here, "marmalade")
        said = ("hashes", "upload-time", "yanked", "size")
        assert {name: [file[key] for key in said] for name, file in got.items()} == {
            name: [file[key] for key in said] for name, file in there.items()
        }
        assert here.get("/pypi/marmalade/json").json()["info"]["name"] == "Marmalade"
        installs(machine, here, "marmalade", "1.1")
        again = here.command("import", str(folder))
        assert lines(again) == ["Imported 0 files; 3 were there already; 0 refused."]

    def test_without_documents_and_by_first_letters(self, mirror: tuple[Server, Path], tmp_path: Path) -> None:
        upstream, folder = mirror
        shutil.copytree(folder, tmp_path / "mirror")
        web = tmp_path / "mirror" / "web"
        shutil.rmtree(web / "json")
        (web / "simple" / "t").mkdir()
        (web / "simple" / "tea").rename(web / "simple" / "t" / "tea")
        (web / "simple" / "t" / "nothing").mkdir()
        with serving(tmp_path / "data") as server:
            assert lines(server.command("import", str(tmp_path / "mirror"))) == ["Imported 3 files; 0 refused."]
            assert files_of(server, "tea").keys() == files_of(upstream, "tea").keys()
            yanked = [file.get("yanked") for file in files_of(server, "marmalade").values()]
            assert sorted(map(str, yanked)) == ["False", "It burns"]

    def test_documents_that_make_no_sense(self, mirror: tuple[Server, Path], tmp_path: Path, spare: Path) -> None:
        shutil.copytree(mirror[1], tmp_path / "mirror")
        (tmp_path / "mirror" / "web" / "json" / "tea").write_text('{"releases": {"1.0": [{"filename": 5}]}}')
        done = run(spare, "import", str(tmp_path / "mirror"), check=False)
        assert lines(done)[0].startswith("tea: 'json/tea' cannot be read: it is not a project's document")
        assert lines(done)[-1] == "Imported 2 files; 1 refused."


def test_a_place_that_is_none(tmp_path: Path, spare: Path) -> None:
    assert "does not exist" in run(spare, "import", str(tmp_path / "nowhere"), check=False).stderr
    nobody = f"http://127.0.0.1:{free_port()}/simple/"
    done = run(spare, "import", nobody, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {nobody} could not be read: ")
