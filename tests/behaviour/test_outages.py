"""What people with pip, uv and twine notice while the index has lost one of its parts: reading goes on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from archives import forge
from clients import Machine, Project, build, installed_version, pip_install, twine, uv_install
from inside import eventually
from scaled import Scaled, scaled
from serving import Server
from swift import Swift
from uploading import upload

LIBRARY = Project("outage-library")
TOOL = Project("outage-tool", dependencies=["outage-library"])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, swift: Swift) -> Iterator[Scaled]:
    """An index of many parts that has a tool, and a library that it needs."""
    folder = tmp_path_factory.mktemp("index")
    machine = Machine(folder / "home")
    with scaled(folder, swift) as running:
        for project in (LIBRARY, TOOL):
            twine(machine, running.site, build(machine, project, folder / project.name)).succeeded()
        yield running


def check_installing(folder: Path, *sites: Server) -> None:
    """A new machine, which has nothing in a cache, can install the tool with what it needs."""
    for number, site in enumerate(sites):
        for install in (pip_install, uv_install):
            machine = Machine(folder / f"{install.__name__}{number}")
            environment = machine.environment()
            install(machine, site, environment, TOOL.name).succeeded()
            assert [installed_version(environment, each.name) for each in (TOOL, LIBRARY)] == ["1.0", "1.0"]


def check_refused(index: Scaled) -> None:
    """An upload is asked to come again, and nothing of it is shown. By hand, for twine tries five times."""
    origin = replace(index.commands[0], token=index.site.token)
    built = forge.wheel("refused")
    answer = upload(origin, built.filename, built.data, name="refused", version="1.0")
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")


def check_uploading(index: Scaled, directory: Path, machine: Machine) -> None:
    """What could not be uploaded can be, as soon as all parts are there, and is installed with it."""
    eventually(lambda: twine(machine, index.site, directory).status == 0, within=60)
    environment = machine.environment("afterwards")
    uv_install(machine, index.site, environment, directory.name).succeeded()
    assert installed_version(environment, directory.name) == "1.0"


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_without_the_database(index: Scaled, tmp_path: Path, how: str) -> None:
    machine = Machine(tmp_path / "home")
    new = build(machine, Project(f"database-{how}"), tmp_path / f"database-{how}")
    with getattr(index.cluster, how)():
        check_installing(tmp_path, index.site, index.edge, index.commands[0])
        check_refused(index)
    check_uploading(index, new, machine)


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_without_the_store(index: Scaled, tmp_path: Path, how: str) -> None:
    check_installing(tmp_path / "before", index.site, index.edge)
    machine = Machine(tmp_path / "home")
    new = build(machine, Project(f"store-{how}"), tmp_path / f"store-{how}")
    with getattr(index.swift, how)():
        check_installing(tmp_path / "without", index.site, index.edge)
        check_refused(index)
    check_uploading(index, new, machine)
