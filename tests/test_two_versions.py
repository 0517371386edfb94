"""An upgrade without a stop: this version and a newer one serve the same index at the same time.

The newer one is a copy of the source with one more migration, which expands the tables: a column that may be empty and
a table.
"""

import hashlib
import http.client
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest

import entrepot
from archives import forge
from inside import eventually, parts
from postgres import Database, running_cluster, serving_on
from serving import ENTREPOT, Server, environment, serving
from uploading import authorization, form, upload

BUSY = ("busy0", "busy1", "busy2")
SOURCE = Path(entrepot.__file__).parent
MIGRATION = """
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [("projects", "{last}")]
    operations = [
        migrations.AddField("project", "colour", models.CharField(max_length=20, null=True)),
        migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())]),
    ]
"""
MODELS = """
Project.add_to_class("colour", models.CharField(max_length=20, null=True))
class Note(models.Model):
    text = models.TextField()
"""


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment in which `entrepot` is the newer version."""
    folder = tmp_path_factory.mktemp("newer")
    package = folder / "entrepot"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text('__version__ = "99.0"\n')
    last = max(path.stem for path in package.glob("projects/migrations/0*.py"))
    (package / "projects/migrations/9999_expand.py").write_text(MIGRATION.format(last=last))
    with (package / "projects/models.py").open("a") as models:
        models.write(MODELS)
    return {"PYTHONPATH": str(folder)}


@contextmanager
def without_measuring() -> Iterator[None]:
    """Nobody asks which lines of the copy are run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith("COVERAGE_")]:
            patch.delenv(name)
        yield


def command(server: Server, environ: Mapping[str, str], *arguments: str) -> str:
    """Run a command of one version or the other."""
    done = subprocess.run(
        [*ENTREPOT, "--data", str(server.data), *arguments],
        env=environment(**environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


@dataclass
class Client:
    """Uploads, reads, and never tries again. `server` is where a balancer would send it, and may change at any time."""

    server: Server
    acknowledged: list[str] = field(default_factory=list)
    _enough: Event = field(default_factory=Event)

    def work(self) -> None:
        for number in count(1):
            name = BUSY[number % 3]
            built = forge.wheel(name, tag=f"py3{number}-none-any")
            answer = upload(self.server, built.filename, built.data, name=name, version="1.0")
            assert answer.status == 200, answer
            for path in ("/simple/", "/simple/first/", f"/pypi/{name}/json"):
                assert self.server.get(path).status == 200
            self.acknowledged.append(built.filename)
            if self._enough.is_set():
                return

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as threads:
            working = threads.submit(self.work)
            try:
                yield
            finally:
                self._enough.set()
            working.result()

    def go_on(self) -> None:
        """Wait until it has got some more answers."""
        enough = len(self.acknowledged) + 3
        eventually(lambda: len(self.acknowledged) >= enough)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_cluster() as cluster:
        yield cluster.new_database()


def publish(server: Server, name: str, version: str = "1.0") -> int:
    built = forge.wheel(name, version)
    return upload(server, built.filename, built.data, name=name, version=version).status


def test_an_upgrade_without_a_stop(
    database: Database, newer: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTREPOT_PUBLIC_URL", "https://index.example")
    with serving_on(database, tmp_path) as old:
        assert publish(old, "first") == 200
        client = Client(old)
        with without_measuring(), ExitStack() as until_the_end:
            with client.at_work():
                client.go_on()
                new = until_the_end.enter_context(serving(tmp_path, **newer))
                assert has_new_column(database)
                client.go_on()
                both_change_things(old, new, newer)
                client.server = new
                client.go_on()
                stop_in_the_middle_of_an_upload(old)
                client.go_on()
            shown = {file["filename"] for name in BUSY for file in new.page(name)["files"]}
            assert shown == set(client.acknowledged)
            check_both_agree(database, new, newer)
        with serving(tmp_path) as again:  # the upgrade was taken back
            assert publish(again, "back") == 200
            check_both_agree(database, again, newer)


def has_new_column(database: Database) -> bool:
    return database.query("SELECT 1 FROM information_schema.columns WHERE column_name = 'colour'") != []


def both_change_things(old: Server, new: Server, newer: Mapping[str, str]) -> None:
    """Each version makes a project, and takes back the other's release."""
    assert [publish(old, "oldmade"), publish(new, "newmade")] == [200, 200]
    command(old, {}, "yank", "newmade", "1.0", "--reason", "by old")
    command(new, newer, "yank", "oldmade", "1.0", "--reason", "by new")
    for server in (old, new):
        yanked = [server.page(name)["files"][0]["yanked"] for name in ("newmade", "oldmade")]
        assert yanked == ["by old", "by new"]


def stop_in_the_middle_of_an_upload(server: Server) -> None:
    built = forge.wheel("slow")
    fields = [(":action", "file_upload"), ("protocol_version", "1"), ("metadata_version", "2.1"), ("name", "slow")]
    fields += [("version", "1.0"), ("filetype", "bdist_wheel"), ("pyversion", "py3")]
    fields += [("sha256_digest", hashlib.sha256(built.data).hexdigest())]
    body, kind = form(fields, [("content", built.filename, built.data)])
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), **authorization(server.token)}
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    with closing(connection):
        connection.putrequest("POST", "/legacy/")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body[:100])
        connection.sock.sendall(body[100:200])
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: parts(server, "work") == [])
        connection.sock.sendall(body[200:])
        assert connection.getresponse().status == 200
    assert server.process.wait(60) == 0


def check_both_agree(database: Database, server: Server, newer: Mapping[str, str]) -> None:
    """What is published is what either version would publish."""
    eventually(lambda: database.query("SELECT 1 FROM journal_dirty") == [])
    for environ in ({}, newer):
        assert command(server, environ, "verify").endswith("; 0 found wrong.\n")
