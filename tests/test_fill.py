"""The generator of test data: it gives what it promises, and nobody can take half of it for the whole."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import uploading
from archives import forge
from clients import Machine, installed_version, pip_install, uv_install
from inside import eventually
from postgres import Cluster, running_cluster, serving_on
from serving import environment, run, serving

ROOT = Path(__file__).parents[1]
URL = "http://index.example"
ENOUGH = ("--projects", "40", "--releases", "160")
ALL = (
    *("projects_project", "projects_role", "projects_release", "projects_usedname", "projects_file", "projects_yank"),
    "journal_entry",
)


def fill(data: Path, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
    """Start the generator, in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.fill", *arguments],
        cwd=ROOT,
        env=environment(ENTREPOT_DATA=str(data), ENTREPOT_PUBLIC_URL=URL, **environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def filled(data: Path, *arguments: str, **environ: str) -> str:
    """Run the generator to its end, and give what it prints."""
    process = fill(data, *arguments, **environ)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("filled") / "data"
    filled(data, *ENOUGH)
    return data


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


def rows(data: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(data / "entrepot.sqlite3")) as database:
        return {table: [*database.execute(f"SELECT * FROM {table}")] for table in ALL}  # noqa: S608 - the names above


def names(data: Path) -> set[str]:
    with closing(sqlite3.connect(data / "entrepot.sqlite3")) as database:
        return {name for (name,) in database.execute("SELECT name FROM projects_project")}


def stored(data: Path) -> dict[str, bytes]:
    store = data / "store"
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_the_same_arguments_give_the_same_index(index: Path, tmp_path: Path) -> None:
    filled(tmp_path / "data", *ENOUGH, "--processes", "1")
    assert rows(tmp_path / "data") == rows(index)
    assert stored(tmp_path / "data") == stored(index)


def test_another_seed_gives_other_names(index: Path, tmp_path: Path) -> None:
    filled(tmp_path / "data", *ENOUGH, "--seed", "2")
    assert not names(tmp_path / "data") & names(index)


def test_there_are_as_many_as_were_asked_for(index: Path) -> None:
    counts = {table: len(found) for table, found in rows(index).items()}
    assert (counts["projects_project"], counts["projects_release"]) == (40, 160)
    assert counts["projects_file"] == counts["projects_usedname"] > 200
    assert counts["projects_yank"] > 0
    assert [row[0] for row in rows(index)["journal_entry"]] == [*range(1, counts["journal_entry"] + 1)]


def test_pages_and_files_are_those_of_the_index_itself(index: Path) -> None:
    assert "0 found wrong" in run(index, "verify").stdout


def test_every_file_would_be_taken_as_an_upload(index: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for path in (index / "store/packages").rglob("*"):
        if path.name.endswith((".whl", ".tar.gz")):
            shutil.copy(path, files)
    assert "; 0 refused" in run(tmp_path / "data", "import", str(files)).stdout


def test_a_package_can_be_installed_with_what_it_needs(index: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(index, data)
    (name, needed), *_ = _dependent(data)
    with serving(data, ENTREPOT_PUBLIC_URL=URL) as server:
        for install in (pip_install, uv_install):
            machine = Machine(tmp_path / install.__name__)
            environment = machine.environment()
            install(machine, server, environment, name).succeeded()
            assert installed_version(environment, name) > "0.0"
            assert installed_version(environment, needed) > "0.0"


def _dependent(data: Path) -> list[tuple[str, str]]:
    """Projects that need another one, and which."""
    with closing(sqlite3.connect(data / "entrepot.sqlite3")) as database:
        metadata = [json.loads(text) for (text,) in database.execute("SELECT metadata FROM projects_file")]
    return [(each["name"], each["requires_dist"][0].partition(">")[0]) for each in metadata if "requires_dist" in each]


def test_only_an_empty_index_is_filled(index: Path) -> None:
    process = fill(index, *ENOUGH)
    printed, _ = process.communicate()
    assert process.returncode != 0
    assert "not empty" in printed


def test_what_was_cut_short_is_refused_by_every_command(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = fill(data, "--projects", "2000", "--releases", "20000")
    eventually(lambda: len([*data.glob("store/pages/main/simple/*")]) > 100, within=60)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    refused = run(data, "verify", check=False)
    assert refused.returncode == 1
    assert "the database knows nothing of" in refused.stderr


def test_postgresql_is_filled_as_well(cluster: Cluster, tmp_path: Path) -> None:
    database, data = cluster.new_database(), tmp_path / "data"
    filled(data, *ENOUGH, ENTREPOT_DATABASE_URL=database.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENTREPOT_PUBLIC_URL", URL)
        with serving_on(database, data) as server:  # which makes a user and a token, with ids that were free
            assert (
                uploading.upload(
                    server, (built := forge.wheel()).filename, built.data, name="demo", version="1.0"
                ).status
                == 200
            )
            assert "0 found wrong" in server.command("verify").stdout
