"""Carrying distributions to where there is no network: `entrepot bundle`, then `entrepot import`, and real clients."""

import base64
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from archives import forge
from clients import Machine, installed_version
from entrepot.cli import main
from serving import ENTREPOT, Server, environment, serving
from uploading import upload

HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"
HAM = [f"{HERE}-{HERE}-manylinux_2_17_x86_64", "cp39-abi3-win_amd64", "cp39-abi3-macosx_11_0_arm64"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An index with a network: spam needs ham, which is deprecated; a release of eggs is yanked."""
    with serving(tmp_path_factory.mktemp("source")) as running:
        publish(running, "spam", "1.0", "py3-none-any", more="Requires-Python: >=3.8\nRequires-Dist: ham>=1\n")
        publish(running, "ham", "1.2", *HAM)
        publish(running, "eggs", "1.0", "py3-none-any")
        running.command("yank", "eggs", "1.0", "--reason", "It smells")
        running.command("status", "ham", "deprecated", "--reason", "Use bacon")
        yield running


@pytest.fixture(scope="module")
def beyond(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An index without a network."""
    with serving(tmp_path_factory.mktemp("beyond")) as running:
        yield running


@pytest.fixture(autouse=True)
def as_on_a_new_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def publish(server: Server, name: str, version: str, *tags: str, more: str = "") -> None:
    metadata = forge.core_metadata(name, version, more)
    built = [forge.wheel(name, version, tag=tag, metadata=metadata) for tag in tags]
    for each in (*built, forge.sdist(name, version, pkg_info=metadata)):
        assert upload(server, each.filename, each.data, name=name, version=version).status == 200


def simple(server: Server) -> str:
    return f"{server.url}/simple/"


def bundle(output: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["bundle", str(output), *map(str, arguments)])


def bundled(output: Path, *arguments: str | Path) -> list[str]:
    """Make a bundle; the names of the files in it."""
    made = bundle(output, *arguments)
    assert made.exit_code == 0, made.output
    return [file["filename"] for project in manifest(output)["projects"] for file in project["files"]]


def refused(output: Path, *arguments: str | Path) -> str:
    """What is said instead of making one."""
    made = bundle(output, *arguments)
    assert made.exit_code == 1, made.output
    assert not output.exists()
    return made.output


def manifest(path: Path) -> Any:
    with tarfile.open(path) as archive:
        first = archive.extractfile(archive.getmembers()[0])
        assert first is not None
        return json.loads(first.read())


def wanted(folder: Path, *lines: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def uv_lock(source: Server, folder: Path, *lines: str, options: tuple[str, ...] = ("--universal",)) -> Path:
    """A lock that uv makes, for every machine."""
    index = ("--default-index", simple(source), *options, "--format", "pylock.toml")
    machine = Machine(folder / "home")
    machine.run("uv", "pip", "compile", *index, "-o", folder / "pylock.toml", wanted(folder, *lines)).succeeded()
    return folder / "pylock.toml"


def test_requirements_are_carried_to_an_index_without_a_network(source: Server, beyond: Server, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    compiling = (
        "pip",
        "compile",
        "--generate-hashes",
        "--default-index",
        simple(source),
        "-o",
        tmp_path / "locked.txt",
    )
    machine.run("uv", *compiling, wanted(tmp_path, "spam", "eggs==1.0")).succeeded()
    made = subprocess.run(
        [*ENTREPOT, "bundle", "b.tar", "-r", "locked.txt", "--index-url", simple(source)],
        cwd=tmp_path, env=environment(ENTREPOT_DATABASE_URL="nowhere"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    digest = hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest()
    assert made.stdout.splitlines()[0].startswith("Bundled 3 files of 3 projects, ")
    assert made.stdout.splitlines()[1] == f"{digest}  b.tar"
    assert manifest(tmp_path / "b.tar")["sources"] == [simple(source)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "locked.txt", "machine", "requirements.txt"]

    done = beyond.command("import", str(tmp_path / "b.tar"), "--sha256", digest)
    assert done.stdout == "Imported 3 files; 0 refused.\n"
    for name in ("spam", "ham", "eggs"):
        there, here = source.page(name), beyond.page(name)
        (file,) = here["files"]
        (same,) = (each for each in there["files"] if each["filename"] == file["filename"])
        for key in ("hashes", "size", "upload-time", "yanked", "requires-python", "core-metadata"):
            assert file.get(key) == same.get(key), key
        assert here.get("project-status") == there.get("project-status")

    python = str(machine.environment() / "bin" / "python")
    locked = ("--require-hashes", "-r", str(tmp_path / "locked.txt"))
    machine.run("pip", "--python", python, "install", "--index-url", simple(beyond), *locked).succeeded()
    assert installed_version(machine.environment(), "ham") == "1.2"
    other = str(machine.environment("other") / "bin" / "python")
    machine.run("uv", "pip", "install", "--python", other, "--default-index", simple(beyond), "spam").succeeded()
    assert installed_version(machine.environment("other"), "ham") == "1.2"

    again = beyond.command("import", str(tmp_path / "b.tar"))
    assert again.stdout == "Imported 0 files; 3 were there already; 0 refused.\n"
    wrong = beyond.command("import", str(tmp_path / "b.tar"), "--sha256", "0" * 64, check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"Error: b.tar is another archive: its SHA-256 is {digest}. Nothing was taken." in wrong.stderr


def test_a_lock_of_uv_is_carried_with_files_for_all_machines(source: Server, beyond: Server, tmp_path: Path) -> None:
    lock = uv_lock(source, tmp_path, "spam")
    names = bundled(tmp_path / "b.tar", "--lock", lock, "--index-url", simple(source))
    of_ham = sorted([*(f"ham-1.2-{tag}.whl" for tag in HAM), "ham-1.2.tar.gz"])
    assert names == [*of_ham, "spam-1.0-py3-none-any.whl", "spam-1.0.tar.gz"]
    beyond.command("import", str(tmp_path / "b.tar"))
    assert [file["filename"] for name in ("ham", "spam") for file in beyond.page(name)["files"]] == names
    assert [file["requires-python"] for file in beyond.page("spam")["files"]] == [">=3.8"] * 2
    # A lock names the addresses that it was made from: on this side it is made anew, and has the same hashes.
    pinned, locked = [f"{each['name']}=={each['version']}" for each in packages(lock)], hashes(lock)
    assert hashes(uv_lock(beyond, tmp_path, *pinned)) == locked
    machine = Machine(tmp_path / "machine")
    python = str(machine.environment() / "bin" / "python")
    machine.run("uv", "pip", "sync", "--python", python, "--preview", lock).succeeded()
    assert installed_version(machine.environment(), "spam") == "1.0"


def packages(lock: Path) -> Any:
    """What a lock names."""
    return tomllib.loads(lock.read_text())["packages"]


def hashes(lock: Path) -> list[str]:
    """Those of all wheels in a lock."""
    return sorted(wheel["hashes"]["sha256"] for each in packages(lock) for wheel in each["wheels"])


def test_a_lock_of_pip_tells_less_than_the_index(source: Server, tmp_path: Path) -> None:
    lock, requirements = tmp_path / "pylock.toml", wanted(tmp_path, "spam")
    index = ("--index-url", simple(source))
    Machine(tmp_path / "home").run("pip", "lock", *index, "-r", requirements, "-o", lock).succeeded()
    names = [f"ham-1.2-{HAM[0]}.whl", "spam-1.0-py3-none-any.whl"]
    assert bundled(tmp_path / "b.tar", "--lock", lock) == names
    assert [file.keys() for each in manifest(tmp_path / "b.tar")["projects"] for file in each["files"]] == [
        {"filename", "hashes", "size"}
    ] * 2
    assert bundled(tmp_path / "b.tar", "--lock", lock, *index) == names
    ham, spam = manifest(tmp_path / "b.tar")["projects"]
    assert ham["project-status"] == {"status": "deprecated", "reason": "Use bacon"}
    assert (spam["files"][0]["requires-python"], "upload-time" in spam["files"][0]) == (">=3.8", True)


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (["--platform", "win_amd64"], [HAM[1]]),
        (["--platform", "win_amd64", "--platform", "macosx_14_0_arm64", "--python", "3.12"], [HAM[2], HAM[1]]),
        (["--platform", "manylinux2014_x86_64", "--sdists"], [HAM[0], "sdist"]),
        (["--platform", "win_arm64", "--platform", "win_amd64"], [HAM[1], "sdist"]),
        (["--sdists"], [HAM[0], "sdist"]),
    ],
)
def test_files_for_other_machines(source: Server, tmp_path: Path, options: list[str], files: list[str]) -> None:
    names = bundled(tmp_path / "b.tar", "-r", wanted(tmp_path, "ham"), "--index-url", simple(source), *options)
    assert names == sorted("ham-1.2.tar.gz" if each == "sdist" else f"ham-1.2-{each}.whl" for each in files)


def test_the_same_bytes_of_the_same_files(source: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("PIP_INDEX_URL", simple(source))
    for name in ("a.tar", "b.tar"):
        assert len(bundled(tmp_path / name, "-r", wanted(tmp_path, "spam"), "--sdists")) == 4
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert manifest(tmp_path / "a.tar")["made-at"] == "2023-11-14T22:13:20Z"
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert {(each.mode, each.uid, each.gid, each.uname) for each in archive} == {(0o644, 0, 0, "")}


def test_requirements_that_cannot_be_met(source: Server, tmp_path: Path) -> None:
    index = ("--index-url", simple(source))
    said = refused(tmp_path / "b.tar", "-r", wanted(tmp_path, "spam", "ham>2"), *index)
    assert "pip finds no releases that fit: ERROR:" in said
    assert "ham" in said
    wrong = f"spam==1.0 --hash=sha256:{'0' * 64}"
    said = refused(tmp_path / "b.tar", "-r", wanted(tmp_path, wrong), *index)
    assert "DO NOT MATCH THE HASHES" in said
    assert bundle(tmp_path / "b.tar").exit_code == 2


LOCK = """
lock-version = "1.0"
created-by = "by hand"
[[packages]]
name = "spam"
version = "1.0"
{}
"""


def hand_lock(folder: Path, text: str) -> Path:
    path = folder / "pylock.toml"
    path.write_text(LOCK.format(text))
    return path


def entry(built: forge.Built, **changed: object) -> str:
    """A file in a lock: an inline table of TOML."""
    digest = hashlib.sha256(built.data).hexdigest()
    return _toml({"name": built.filename, "hashes": {"sha256": digest}, "size": len(built.data), **changed})


def wheel(built: forge.Built, **changed: object) -> str:
    """The wheels of a package in a lock: this one."""
    return f"wheels = [{entry(built, **changed)}]"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(each)}' for key, each in value.items())} }}"
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)


SPAM = forge.wheel("spam")
SPAM_SOURCE = forge.sdist("spam")


def test_files_that_lie_beside_the_lock(tmp_path: Path) -> None:
    (tmp_path / SPAM.filename).write_bytes(SPAM.data)
    (tmp_path / SPAM_SOURCE.filename).write_bytes(SPAM_SOURCE.data)
    strong = {name: hashlib.new(name, SPAM.data).hexdigest() for name in ("sha256", "sha512", "md5")}
    strong["blake2b"] = hashlib.blake2b(SPAM.data, digest_size=32).hexdigest()
    moment = datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as TOML may have it
    by_path = wheel(SPAM, path=SPAM.filename, hashes=strong, **{"upload-time": moment})
    by_url = entry(SPAM_SOURCE, url=(tmp_path / SPAM_SOURCE.filename).as_uri())
    lock = hand_lock(tmp_path, f"{by_path}\nsdist = {by_url}")
    assert bundled(tmp_path / "b.tar", "--lock", lock) == [SPAM.filename, SPAM_SOURCE.filename]
    (project,) = manifest(tmp_path / "b.tar")["projects"]
    assert project["files"][0]["upload-time"] == "2020-01-02T03:04:05Z"
    (tmp_path / SPAM.filename).unlink()
    assert "No such file or directory" in refused(tmp_path / "c.tar", "--lock", lock)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('vcs = { type = "git", url = "https://code.example/spam", commit-id = "abc" }', "spam is a revision of a git"),
        ('directory = { path = ".", editable = true }', "spam is the directory '.'. A bundle takes wheels"),
        (wheel(SPAM, url="ftp://x/y"), "is not the URL of a simple index"),
        (wheel(SPAM, path="x", hashes={"shake": "ab"}), "no hash that can be checked"),
        (wheel(SPAM, path="x", hashes={"sha256": "xx"}), "no hash that can be checked"),
        (
            'archive = { url = "https://code.example/main.zip", hashes = { sha256 = "' + "0" * 64 + '" } }',
            "'main.zip' is not a valid filename",
        ),
        ("nonsense", "pylock.toml is not a lock file (PEP 751)"),
        ("sdist = 1", "pylock.toml is not a lock file (PEP 751)"),
    ],
)
def test_what_no_lock_may_name(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refused(tmp_path / "b.tar", "--lock", hand_lock(tmp_path, text))


def test_one_file_with_two_hashes(tmp_path: Path) -> None:
    one = hand_lock(tmp_path, wheel(SPAM, path="x")).rename(tmp_path / "pylock.one.toml")
    two = hand_lock(tmp_path, wheel(SPAM, path="x", hashes={"sha256": "0" * 64}))
    said = refused(tmp_path / "b.tar", "--lock", one, "--lock", two)
    assert f"{SPAM.filename} is wanted with two different hashes." in said


def test_a_machine_that_has_nothing(tmp_path: Path) -> None:
    only = forge.wheel("spam", tag="py3-none-win_amd64")
    (tmp_path / only.filename).write_bytes(only.data)
    text = wheel(only, path=only.filename)
    options = ("--platform", "manylinux_2_28_x86_64")
    said = refused(tmp_path / "b.tar", "--lock", hand_lock(tmp_path, text), *options)
    assert "spam 1.0 has no wheel for manylinux_2_28_x86_64, and no source distribution." in said
    lock = hand_lock(tmp_path, f"marker = \"sys_platform == 'win32'\"\n{text}")
    assert bundled(tmp_path / "b.tar", "--lock", lock, *options) == []


class Place(http.server.ThreadingHTTPServer):
    """A place on the web that breaks off: of each path it sends so many bytes at a time, if that is said."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Files)
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.at_a_time: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.users: dict[str, str] = {}
        self.endless: set[str] = set()
        self.flowing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Files(http.server.BaseHTTPRequestHandler):
    """Sends what the place has, from where it is asked for."""

    server: Place

    def do_GET(self) -> None:
        begin = self.headers.get("Range", "")
        self.server.asked.append((self.path, begin))
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            self.server.users[self.path] = base64.b64decode(credentials).decode()
        if self.path not in self.server.files:
            if self.server.endless:
                self.server.flowing.wait(10)
            self.send_error(404)
            return
        if self.path in self.server.endless:
            self._go_on_for_ever()
            return
        whole = self.server.files[self.path]
        start = int(begin.removeprefix("bytes=").rstrip("-") or 0)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Type", self.server.types.get(self.path, "application/octet-stream"))
        self.send_header("Content-Length", str(len(whole) - start))
        if begin:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.end_headers()
        self.wfile.write(whole[start:][: self.server.at_a_time.get(self.path)])

    def _go_on_for_ever(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):  # when nobody listens any more
            while True:
                self.wfile.write(bytes(1000))
                self.server.flowing.set()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def place() -> Iterator[Place]:
    with Place() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,)).start()
        yield running
        running.shutdown()


def place_lock(place: Place, folder: Path, **changed: object) -> Path:
    for built in (SPAM, SPAM_SOURCE):
        place.files[f"/{built.filename}"] = built.data
    wheels = wheel(SPAM, url=f"{place.url}/{SPAM.filename}", **changed)
    sdist = entry(SPAM_SOURCE, url=f"{place.url}/{SPAM_SOURCE.filename}")
    return hand_lock(folder, f"{wheels}\nsdist = {sdist}")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [({"hashes": {"sha256": "0" * 64}}, f"and not {'0' * 64}."), ({"hashes": {"md5": "0" * 32}}, "its md5 is "),
     ({"size": len(SPAM.data) + 1}, "ends too early"), ({"size": 3}, "more than the 3 bytes")],
)  # fmt: skip
def test_a_file_that_is_another(place: Place, tmp_path: Path, changed: dict[str, Any], sentence: str) -> None:
    said = refused(tmp_path / "b.tar", "--lock", place_lock(place, tmp_path, **changed))
    assert SPAM.filename in said
    assert sentence in said


def test_one_refusal_ends_the_rest(place: Place, tmp_path: Path) -> None:
    lock = place_lock(place, tmp_path)
    lock.write_text(re.sub(", size = [0-9]+", "", lock.read_text()))
    place.endless.add(f"/{SPAM.filename}")
    del place.files[f"/{SPAM_SOURCE.filename}"]
    assert f"There is nothing at {place.url}/{SPAM_SOURCE.filename}" in refused(tmp_path / "b.tar", "--lock", lock)


def test_what_breaks_off_goes_on(place: Place, tmp_path: Path) -> None:
    lock, path = place_lock(place, tmp_path), f"/{SPAM.filename}"
    place.at_a_time[path] = third = len(SPAM.data) // 3 + 1
    assert len(bundled(tmp_path / "b.tar", "--lock", lock)) == 2
    assert [begin for asked, begin in place.asked if asked == path] == ["", f"bytes={third}-", f"bytes={2 * third}-"]


def test_an_interrupted_run_goes_on_with_the_next(place: Place, tmp_path: Path) -> None:
    lock, path = place_lock(place, tmp_path), f"/{SPAM.filename}"
    place.at_a_time[path] = few = 50
    assert SPAM.filename in refused(tmp_path / "b.tar", "--lock", lock)
    assert (tmp_path / "b.tar.partial").is_dir()
    had = place.asked.count((path, f"bytes={few}-")) and sum(asked == path for asked, _ in place.asked) * few
    place.asked.clear()
    place.at_a_time.clear()
    assert len(bundled(tmp_path / "b.tar", "--lock", lock)) == 2
    assert place.asked == [(path, f"bytes={had}-")]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.tar", "pylock.toml"]


@pytest.mark.parametrize("begun", [b"of another file", SPAM.data + b"!"])
def test_what_was_begun_of_another_file_is_thrown_away(place: Place, tmp_path: Path, begun: bytes) -> None:
    lock, path = place_lock(place, tmp_path), f"/{SPAM.filename}"
    place.at_a_time[path] = 50
    refused(tmp_path / "b.tar", "--lock", lock)
    place.at_a_time.clear()
    for each in (tmp_path / "b.tar.partial").iterdir():
        each.write_bytes(begun)
    assert len(bundled(tmp_path / "b.tar", "--lock", lock)) == 2


JSON = "application/vnd.pypi.simple.v1+json"


def index_page(place: Place, *files: dict[str, Any]) -> str:
    """A project's page in the place; gives the address of the index."""
    page = {"meta": {"api-version": "1.4"}, "name": "spam", "files": files, "project-status": {"status": "archived"}}
    place.files["/simple/spam/"] = json.dumps(page).encode()
    place.types["/simple/spam/"] = JSON
    return f"{place.url}/simple/"


def listed(place: Place, built: forge.Built, **more: object) -> dict[str, Any]:
    """A file on that page."""
    place.files[f"/{built.filename}"] = built.data
    digest = hashlib.sha256(built.data).hexdigest()
    return {"filename": built.filename, "url": f"/{built.filename}", "hashes": {"sha256": digest}, **more}


def test_what_an_index_tells_of_its_files(place: Place, own_server: Server, tmp_path: Path) -> None:
    proof = {"version": 1, "attestation_bundles": []}
    place.files |= {"/proof": json.dumps(proof).encode(), "/broken": b"{"}
    more = forge.wheel("spam", tag="py3-none-win_amd64")
    odd: list[dict[str, Any]] = [
        {"filename": "spam-1.0.exe", "url": "/x", "hashes": {}},
        {"filename": "spam-0.9.tar.gz", "url": "/x"},
    ]
    index = index_page(
        place,
        listed(place, SPAM, provenance="/proof", yanked=True),
        listed(place, SPAM_SOURCE, provenance="/broken", yanked="It burns"),
        listed(place, more, provenance="/nowhere"),
        *odd,
    )
    options = ("--sdists", "--platform", "win_amd64")
    requirements = wanted(tmp_path, "spam==1.0")
    names = bundled(tmp_path / "b.tar", "-r", requirements, "--index-url", index, *options)
    assert names == sorted([SPAM.filename, more.filename, SPAM_SOURCE.filename])
    (project,) = manifest(tmp_path / "b.tar")["projects"]
    told = {file["filename"]: (file.get("provenance"), file.get("yanked")) for file in project["files"]}
    assert told == {SPAM.filename: (proof, True), SPAM_SOURCE.filename: (None, "It burns"), more.filename: (None, None)}
    assert project["project-status"] == {"status": "archived", "reason": ""}
    own_server.command("import", str(tmp_path / "b.tar"))
    here = {file["filename"]: file for file in own_server.page("spam")["files"]}
    assert {name: file["yanked"] for name, file in here.items()} == {name: told[name][1] or False for name in told}
    assert [name for name, file in here.items() if "provenance" in file] == [SPAM.filename]
    assert own_server.get(urlsplit(here[SPAM.filename]["provenance"]).path).json() == proof
    lock = place_lock(place, tmp_path)
    lock.write_text(lock.read_text().replace('version = "1.0"\n', f'version = "1.0"\nindex = "{index}"\n'))
    assert len(bundled(tmp_path / "b.tar", "--lock", lock)) == 2
    (project,) = manifest(tmp_path / "b.tar")["projects"]
    assert [file["yanked"] for file in project["files"]] == [True, "It burns"]


def test_a_page_that_speaks_of_another_file_tells_nothing(place: Place, tmp_path: Path) -> None:
    lock = place_lock(place, tmp_path)
    index = index_page(place, {**listed(place, SPAM, yanked=True), "hashes": {"sha256": "1" * 64}})
    bundled(tmp_path / "b.tar", "--lock", lock, "--index-url", index)
    (project,) = manifest(tmp_path / "b.tar")["projects"]
    assert [file.keys() for file in project["files"]] == [{"filename", "hashes", "size"}] * 2
    absent = f"{place.url}/another/"
    bundled(tmp_path / "b.tar", "--lock", lock, "--lock", lock, "--index-url", absent)
    assert manifest(tmp_path / "b.tar")["sources"] == [absent]
    assert [path for path, _ in place.asked].count("/another/spam/") == 1


def test_a_password_is_told_to_the_index_and_not_to_readers(place: Place, tmp_path: Path) -> None:
    index = index_page(place, listed(place, SPAM)).replace("http://", "http://alice:secret@")
    bundled(tmp_path / "b.tar", "-r", wanted(tmp_path, "spam"), "--index-url", index)
    assert place.users == {"/simple/spam/": "alice:secret", f"/{SPAM.filename}": "alice:secret"}
    assert b"secret" not in (tmp_path / "b.tar").read_bytes()


def test_what_a_bundle_may_get_wrong(beyond: Server, tmp_path: Path) -> None:
    wheel_of, sdist_of = forge.wheel("bacon"), forge.sdist("bacon")
    for each in (wheel_of, sdist_of):
        (tmp_path / each.filename).write_bytes(each.data)
    files = f"{wheel(wheel_of, path=wheel_of.filename)}\nsdist = {entry(sdist_of, path=sdist_of.filename)}"
    lock = hand_lock(tmp_path, files)
    lock.write_text(lock.read_text().replace('"spam"', '"bacon"'))
    bundled(tmp_path / "b.tar", "--lock", lock)
    whole = (tmp_path / "b.tar").read_bytes()

    def imported(data: bytes) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "b.tar").write_bytes(data)
        return beyond.command("import", str(tmp_path / "b.tar"), check=False)

    cut = imported(whole[:-12_000])
    assert (cut.returncode, cut.stdout) == (1, "")
    assert "Error: The bundle cannot be read: it " in cut.stderr
    assert beyond.get("/simple/bacon/").status == 404

    at = whole.index(wheel_of.data)
    lying = imported(whole[: at + 100] + bytes([whole[at + 100] ^ 1]) + whole[at + 101 :])
    assert lying.returncode == 1
    assert lying.stdout.splitlines() == [
        f"{wheel_of.filename}: '{wheel_of.filename}' has another sha256 than is said of it.",
        "Imported 1 files; 1 refused.",
    ]
    assert [file["filename"] for file in beyond.page("bacon")["files"]] == [sdist_of.filename]
    assert imported(whole).stdout == "Imported 1 files; 1 were there already; 0 refused.\n"
