"""Backup and restore, on SQLite and on PostgreSQL: beside a running server, to another place, and after damage."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.followers import backup, restore
from entrepot.ports.files import FileStore
from entrepot.ports.store import Found
from entrepot.projects import actions
from inside import eventually
from postgres import Cluster, running_cluster
from serving import ENTREPOT, Server, environment, run, serving
from uploading import upload
from world import new_world

Completed = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@dataclass
class Installations:
    """Makes places for installations whose rows are in one kind of database; each has a database of its own."""

    folder: Path
    new_url: Callable[[], str]
    urls: dict[Path, str] = field(default_factory=dict)

    def place(self, name: str) -> Path:
        """A data directory for a new installation."""
        data = self.folder / name
        self.urls[data] = self.new_url()
        return data

    @contextmanager
    def used(self, data: Path) -> Iterator[None]:
        """Servers and commands that are started meanwhile use the database of `data`."""
        with pytest.MonkeyPatch.context() as patch:
            if self.urls[data]:
                patch.setenv("ENTREPOT_DATABASE_URL", self.urls[data])
            yield

    @contextmanager
    def serving(self, data: Path) -> Iterator[Server]:
        with self.used(data), serving(data) as server:
            yield server

    def run(self, data: Path, *arguments: str, check: bool = True) -> Completed:
        with self.used(data):
            return run(data, *arguments, check=check)


@pytest.fixture(params=["sqlite", "postgresql"])
def installations(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installations:
    monkeypatch.setenv("ENTREPOT_PUBLIC_URL", "https://index.example")  # wherever they are
    if request.param == "sqlite":
        return Installations(tmp_path, lambda: "")
    cluster: Cluster = request.getfixturevalue("cluster")
    return Installations(tmp_path, lambda: cluster.new_database().url)


def imported(data: Path, folder: Path, *files: forge.Built) -> None:
    """Publish the files, without a server."""
    folder.mkdir()
    for built in files:
        (folder / built.filename).write_bytes(built.data)
    run(data, "import", str(folder))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where there are an installation on SQLite with a wheel and an sdist, and a backup of it."""
    folder = tmp_path_factory.mktemp("original")
    imported(folder / "data", folder / "files", forge.wheel("demo"), forge.sdist("demo"))
    run(folder / "data", "backup", str(folder / "backup"))
    return folder


@pytest.fixture
def filled(original: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of both for one test: data directory and backup."""
    for name in ("data", "backup"):
        shutil.copytree(original / name, tmp_path / name)
    return tmp_path / "data", tmp_path / "backup"


def publish(server: Server, built: forge.Built) -> int:
    name, version = built.filename.removesuffix(".tar.gz").split("-")[:2]
    return upload(server, built.filename, built.data, name=name, version=version).status


@contextmanager
def uploading_all_the_time(server: Server) -> Iterator[list[forge.Built]]:
    """Upload one file after another; gives those that were acknowledged."""
    enough, acknowledged = Event(), list[forge.Built]()

    def go_on() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            built = forge.wheel(f"busy{number % 5}", tag=f"py3{number}-none-any")
            assert publish(server, built) == 200
            acknowledged.append(built)

    with ThreadPoolExecutor(1) as threads:
        uploader = threads.submit(go_on)
        try:
            yield acknowledged
        finally:
            enough.set()
        uploader.result()


@dataclass(frozen=True)
class History:
    """What became of some projects; `shrunk` lost its release 2.0."""

    gone: str
    shrunk: str


def live_through(server: Server) -> History:
    """Some history: uploads, and what can be done to them."""
    chance = random.Random(3)  # noqa: S311 - not a secret
    names = [f"past{number}" for number in range(4)]
    for name in names:
        for version in ("1.0", "2.0"):
            built = forge.sdist(name, version) if chance.random() < 0.5 else forge.wheel(name, version)
            assert publish(server, built) == 200
    yanked, marked, gone, shrunk = chance.sample(names, 4)
    server.command("yank", yanked, "1.0", "--reason", "broken")
    server.command("status", marked, "quarantined", "--reason", "looked at")
    server.command("delete", gone)
    server.command("delete", shrunk, "2.0")
    return History(gone, shrunk)


def everything_shown(server: Server) -> dict[str, dict]:  # type: ignore[type-arg]
    """What the simple pages say of each project, without their serials."""
    names = [
        each["name"] for each in server.get("/simple/", accept="application/vnd.pypi.simple.v1+json").json()["projects"]
    ]
    pages = {name: server.page(name) for name in names}
    return {name: {key: value for key, value in page.items() if key != "meta"} for name, page in pages.items()}


def check_downloads(server: Server) -> None:
    """Every file that is shown has the bytes that its hashes promise, and so has its metadata."""
    for name, page in everything_shown(server).items():
        for file in page["files"]:
            place = f"/simple/{name}/{file['url']}".replace(f"/simple/{name}/../..", "")
            assert sha256(server.get(place).body).hexdigest() == file["hashes"]["sha256"]
            if file["core-metadata"]:
                metadata = server.get(f"{place}.metadata").body
                assert sha256(metadata).hexdigest() == file["core-metadata"]["sha256"]


def test_a_backup_beside_a_busy_server_and_its_restoring_elsewhere(
    installations: Installations, tmp_path: Path
) -> None:
    directory = tmp_path / "backup"
    old, new = installations.place("old"), installations.place("new")
    with installations.serving(old) as server:
        past = live_through(server)
        with uploading_all_the_time(server) as acknowledged:
            eventually(lambda: len(acknowledged) > 3)
            before = {name: page["files"] for name, page in everything_shown(server).items()}
            first = server.command("backup", str(directory)).stdout
            eventually(lambda: len(acknowledged) > 6)
            sure = len(acknowledged)
            second = server.command("backup", str(directory)).stdout
            went_on = len(acknowledged)
        assert went_on > sure
    assert str(old / "secret") in first
    made = backup.generations(directory)
    assert [each.manifest.serial for each in made] == sorted({each.manifest.serial for each in made})
    assert first.startswith(f"Backed up serial {made[0].manifest.serial} into ")
    assert f"{made[0].manifest.files} files, {made[0].manifest.files} of them new." in first
    fewer = made[1].manifest.files - made[0].manifest.files
    assert f"{made[1].manifest.files} files, {fewer} of them new." in second

    done = installations.run(new, "restore", str(directory))
    assert done.stdout.splitlines()[-1].endswith("; 0 found wrong.")
    for name in ("secret", "token"):
        shutil.copy(old / name, new / name)
    with installations.serving(new) as server:
        shown = everything_shown(server)
        for built in acknowledged[:sure]:
            files = {
                file["filename"]: file["hashes"]["sha256"] for file in shown[built.filename.split("-")[0]]["files"]
            }
            assert files[built.filename] == sha256(built.data).hexdigest()
        assert {name: shown[name]["files"] for name in before if name.startswith("past")} == {
            name: files for name, files in before.items() if name.startswith("past")
        }
        check_downloads(server)
        check_tombstones(server, past)


def test_not_the_last_backup(filled: tuple[Path, Path], tmp_path: Path) -> None:
    data, directory = filled
    imported(data, tmp_path / "more", forge.wheel("later"))
    run(data, "backup", str(directory))
    first, _ = backup.generations(directory)
    said = run(tmp_path / "new", "restore", str(directory), "--serial", str(first.manifest.serial)).stdout
    assert said.startswith(f"Restored serial {first.manifest.serial}; the store lacked 3 of 3 files.\n")


def check_tombstones(server: Server, past: History) -> None:
    """What was deleted before the backup stays so, its names too; what is there can be gone on with."""
    assert server.get(f"/simple/{past.gone}/").status == 404
    assert publish(server, forge.wheel(past.gone, "3.0")) == 400
    changed = [each(past.shrunk, "2.0", files={"x.py": b""}) for each in (forge.wheel, forge.sdist)]
    assert 400 in [publish(server, each) for each in changed]
    assert publish(server, forge.wheel(past.shrunk, "4.0")) == 200
    assert server.page(past.shrunk)["meta"]["_last-serial"] > 100


def test_the_database_alone_onto_a_store_that_survived(installations: Installations, tmp_path: Path) -> None:
    data = installations.place("data")
    with installations.serving(data) as server:
        for name in ("kept", "removed", "hidden", "before"):
            assert publish(server, forge.wheel(name)) == 200
        server.command("delete", "before")
        for status in ("quarantined", "active"):  # of which a note stays that says nothing any more
            server.command("status", "kept", status)
        server.command("backup", str(tmp_path / "backup"))
        for name in ("later", "briefly"):
            assert publish(server, forge.wheel(name)) == 200
        server.command("delete", "briefly", "1.0")
        server.command("delete", "removed", "1.0")
        server.command("status", "hidden", "quarantined")
        last = server.page("later")["meta"]["_last-serial"]
    refused = installations.run(data, "restore", str(tmp_path / "backup"), check=False)
    assert (refused.returncode, "The database is not empty" in refused.stderr) == (1, True)

    installations.urls[data] = installations.new_url()
    for path in data.glob("entrepot.sqlite3*"):
        path.unlink()
    (kept,) = (data / "store/packages").rglob("kept-*.whl")
    truncate(kept)
    said = installations.run(data, "restore", str(tmp_path / "backup")).stdout.splitlines()
    down = "is quarantined: taken down after the backup that was restored."
    assert said[0].endswith("; the store lacked 1 of 6 files.")
    assert said[1:3] == [f"removed {down}", f"hidden {down}"] or said[1:3] == [f"hidden {down}", f"removed {down}"]
    with installations.serving(data) as server:
        server.command("verify")
        assert server.get("/simple/later/").status == 404
        assert server.get("/simple/before/").status == 404
        assert server.page("removed")["files"] == []
        assert publish(server, forge.wheel("later")) == 200
        assert publish(server, forge.wheel("briefly")) == 400
        server.command("verify")
        assert publish(server, forge.wheel("again")) == 200
        assert server.page("again")["meta"]["_last-serial"] > last + 100
        check_downloads(server)


def test_an_interrupted_backup_is_none_and_the_next_one_goes_on(tmp_path: Path) -> None:
    data, directory = tmp_path / "data", tmp_path / "backup"
    imported(data, tmp_path / "files", *(forge.wheel("demo", tag=f"py3{minor}-none-any") for minor in range(80)))
    command = [*ENTREPOT, "--data", str(data), "backup", str(directory)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
    eventually(lambda: len(list(directory.glob("files/packages/*/*/*/[!.]*.whl"))) > 3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert backup.generations(directory) == []
    assert "none" in run(tmp_path / "new", "restore", str(directory), check=False).stderr

    said = run(data, "backup", str(directory)).stdout
    (made,) = backup.generations(directory)
    assert list((directory / "generations").iterdir()) == [made.path]
    assert made.manifest.files == 160
    new = int(said.partition(" of them new")[0].rpartition(" ")[2])
    assert 0 < new < 160
    run(tmp_path / "new", "restore", str(directory))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


DAMAGE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "file-flipped": ("files/packages/*/*/*/*.whl", flip, "1 files of the backup are damaged"),
    "file-missing": ("files/packages/*/*/*/*.metadata", Path.unlink, "1 files of the backup are damaged"),
    "database-flipped": ("generations/*/database.sqlite", flip, "is not what it was"),
    "database-truncated": ("generations/*/database.sqlite", truncate, "is not what it was"),
    "database-missing": ("generations/*/database.sqlite", Path.unlink, "is not what it was"),
    "list-truncated": ("generations/*/SHA256SUMS", truncate, "is not what it was"),
    "manifest-truncated": ("generations/*/manifest.json", truncate, "is not what it was"),
    "manifest-missing": ("generations/*/manifest.json", Path.unlink, "Serials of those it has: none."),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_refused(filled: tuple[Path, Path], tmp_path: Path, damage: str) -> None:
    _, directory = filled
    pattern, spoil, told = DAMAGE[damage]
    (path,) = directory.glob(pattern)
    spoil(path)
    done = run(tmp_path / "new", "restore", str(directory), check=False)
    assert (done.returncode, told in done.stderr) == (1, True), done
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["secret"]


def test_a_backup_without_a_damaged_file_is_restored_when_one_asks_for_it(
    filled: tuple[Path, Path], tmp_path: Path
) -> None:
    _, directory = filled
    (wheel,) = directory.rglob("*.whl")
    flip(wheel)
    done = run(tmp_path / "new", "restore", str(directory), "--skip-damaged", check=False)
    assert (done.returncode, done.stderr) == (1, "")
    first, second, *_, last = done.stdout.splitlines()
    assert first == f"{wheel}: its bytes are wrong"
    assert second.endswith("; the store lacked 2 of 3 files.")
    assert last.endswith("; 1 found wrong.")


def test_other_things_that_cannot_be_restored(
    filled: tuple[Path, Path], tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, directory = filled
    (made,) = backup.generations(directory)
    done = run(tmp_path / "new", "restore", str(directory), "--serial", "3", check=False)
    assert f"Serials of those it has: {made.manifest.serial}." in done.stderr
    for database in (data / "entrepot.sqlite3", data / "entrepot.sqlite3-wal"):
        database.touch()
        assert "The database is not empty" in run(data, "restore", str(directory), check=False).stderr
        database.unlink()
    monkeypatch.setenv("ENTREPOT_DATABASE_URL", cluster.new_database().url)
    done = run(tmp_path / "new", "restore", str(directory), check=False)
    assert done.stderr == "Error: The backup is of sqlite; the database here is postgresql.\n"


def test_no_database_to_back_up(tmp_path: Path) -> None:
    done = run(tmp_path / "data", "backup", str(tmp_path / "backup"), check=False)
    assert (done.returncode, "The database cannot be copied" in done.stderr) == (1, True)


def test_what_the_store_has_wrong_is_told_and_left_out(filled: tuple[Path, Path], tmp_path: Path) -> None:
    data, _ = filled
    (wheel,) = (data / "store" / "packages").rglob("*.whl")
    flip(wheel)
    (data / "store" / "packages" / wheel.relative_to(data / "store/packages")).with_name(
        f"{wheel.name}.metadata"
    ).unlink()
    directory = tmp_path / "another"
    done = run(data, "backup", str(directory), check=False)
    assert done.returncode == 1
    assert f"{wheel.name}: its bytes are wrong in the store\n" in done.stdout
    assert f"{wheel.name}.metadata: missing in the store\n" in done.stdout
    assert "2 files are not in it" in done.stdout
    assert list(directory.rglob("*demo*.whl*")) == []

    done = run(tmp_path / "new", "restore", str(directory), check=False)
    assert (done.returncode, done.stdout.splitlines()[-1].endswith("; 2 found wrong.")) == (1, True), done


def test_only_some_generations_are_kept(filled: tuple[Path, Path], tmp_path: Path) -> None:
    data, directory = filled
    imported(data, tmp_path / "more", forge.wheel("kept"), forge.wheel("removed"))
    run(data, "backup", str(directory))
    run(data, "delete", "removed")
    assert "Removed 0 files" in run(data, "backup", str(directory), "--keep", "2").stdout
    assert len(backup.generations(directory)) == 2
    assert "Removed 2 files" in run(data, "backup", str(directory), "--keep", "1").stdout
    assert len(backup.generations(directory)) == 1
    assert list(directory.rglob("removed*")) == []
    run(tmp_path / "new", "restore", str(directory))


def test_old_backups_go_first_so_that_a_full_disk_has_room(filled: tuple[Path, Path]) -> None:
    data, directory = filled
    run(data, "backup", str(directory))
    (data / "entrepot.sqlite3").write_bytes(b"nonsense" * 1000)
    done = run(data, "backup", str(directory), "--keep", "1", check=False)
    assert (done.returncode, "The database cannot be copied" in done.stderr) == (1, True)
    assert len(backup.generations(directory)) == 1


def test_one_backup_at_a_time(filled: tuple[Path, Path]) -> None:
    data, directory = filled
    with backup.held(directory):
        done = run(data, "backup", str(directory), check=False)
    assert done.stderr == f"Error: Another backup is being written into {directory}.\n"


class HastyStore(FileStore):
    """A store with a collector that removes what somebody is about to read."""

    def find(self, key: str) -> Found | None:
        found = super().find(key)
        self.remove_unwanted(key, time.time() + 1)
        return found


@pytest.mark.django_db(transaction=True)
def test_what_was_deleted_and_removed_while_the_backup_was_made(tmp_path: Path) -> None:
    world, directory = new_world(tmp_path / "store"), tmp_path / "backup"
    wheel = forge.wheel("gone")
    world.upload(wheel)
    draft = backup.copy_database(directory, now=datetime.now(UTC))
    file = world.file(wheel.filename)
    serial = actions.delete_file(file, by=OPERATOR)
    world.show(serial)
    said = list(backup.copy_files(draft, directory, store=HastyStore(tmp_path / "store")))
    assert [each.rpartition(": ")[2] for each in said] == ["deleted meanwhile"] * 2
    made = backup.finish(draft)
    assert (len(made.manifest.deleted), made.manifest.lost) == (2, [])
    assert list(restore.check_backup(made, directory)) == []

    world.upload(forge.wheel("gone", "2.0"))
    restored = world.file("gone-2.0-py3-none-any.whl")  # what the restored database still has
    restored.blake2, restored.filename = file.blake2, file.filename
    restored.save()
    restore.repeat_deletions(made)
    assert not backup.recorded(made.manifest.deleted[0]).exists()


def test_the_programs_of_postgresql(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = cluster.new_database()
    monkeypatch.setenv("ENTREPOT_DATABASE_URL", database.url)
    imported(tmp_path / "data", tmp_path / "files", forge.wheel("demo"))
    run(tmp_path / "data", "backup", str(tmp_path / "good"))
    programs = tmp_path / "programs"
    programs.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(programs))
        done = run(tmp_path / "data", "backup", str(tmp_path / "none"), check=False)
        assert done.stderr.startswith("Error: The program pg_dump is missing. It comes with PostgreSQL's clients")
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text("#!/bin/sh\necho no such thing >&2; exit 1\n")
        (programs / name).chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        done = run(tmp_path / "data", "backup", str(tmp_path / "none"), check=False)
        assert done.stderr == "Error: pg_dump failed, and nothing was changed: no such thing\n"
        monkeypatch.setenv("ENTREPOT_DATABASE_URL", cluster.new_database().url)
        done = run(tmp_path / "new", "restore", str(tmp_path / "good"), check=False)
        assert done.stderr == "Error: pg_restore failed, and nothing was changed: no such thing\n"
    assert backup.generations(tmp_path / "none") == []
    monkeypatch.setenv("ENTREPOT_DATABASE_URL", database.url.replace(database.name, "nowhere"))
    done = run(tmp_path / "new", "restore", str(tmp_path / "good"), check=False)
    assert (done.returncode, "The database cannot be used" in done.stderr) == (1, True)
