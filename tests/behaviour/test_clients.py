"""Publishing and installing with the clients that people use, against a real server."""

import hashlib
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from clients import (
    CLIENTS,
    FLIT,
    HATCHLING,
    POETRY,
    SETUPTOOLS,
    BackEnd,
    Installer,
    Machine,
    Project,
    Uploader,
    build,
    evaluate,
    flit_publish,
    hatch_publish,
    installed_version,
    old_pip_install,
    pip_install,
    poetry_publish,
    twine,
    uv_install,
    uv_publish,
)
from serving import Server

each_uploader = pytest.mark.parametrize(
    ("publish", "back_end"),
    [
        pytest.param(twine, SETUPTOOLS, id="twine"),
        pytest.param(uv_publish, HATCHLING, id="uv"),
        pytest.param(flit_publish, FLIT, id="flit"),
        pytest.param(hatch_publish, HATCHLING, id="hatch"),
        pytest.param(poetry_publish, POETRY, id="poetry"),
    ],
)
each_installer = pytest.mark.parametrize("install", [pip_install, old_pip_install, uv_install])
each_modern_installer = pytest.mark.parametrize("install", [pip_install, uv_install])

BUILDERS = CLIENTS / "builders"  # has the back ends

Ship = Callable[[Project], Path]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A project name that no other test takes: that of the test."""
    return re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


@pytest.fixture
def ship(machine: Machine, server: Server, tmp_path: Path) -> Ship:
    """Builds a project and publishes it; gives the directory of its sources."""

    def ship(project: Project) -> Path:
        directory = build(machine, project, tmp_path / f"{project.name}-{project.version}")
        uv_publish(machine, server, directory).succeeded()
        return directory

    return ship


@pytest.fixture(scope="session")
def harbour(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project `harbour`, which needs `crane`, and `lantern` for its extra `light`: all three are published."""
    path = tmp_path_factory.mktemp("harbour")
    machine = Machine(path / "home")
    projects = [
        Project("crane", "1.4", back_end=HATCHLING),
        Project("lantern", "0.2"),
        Project("harbour", "2.0", dependencies=["crane>=1"], extras={"light": ["lantern"]}),
    ]
    for project in projects:
        uv_publish(machine, server, build(machine, project, path / project.name)).succeeded()
    return path


# Publishing


@each_uploader
def test_wheel_and_sdist_are_published(
    server: Server, name: str, machine: Machine, tmp_path: Path, publish: Uploader, back_end: BackEnd
) -> None:
    project = Project(name, back_end=back_end)
    directory = build(machine, project, tmp_path / "sources")
    publish(machine, server, directory).succeeded()
    local = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.glob("dist/*")}
    page = server.page(name)
    assert {file["filename"]: file["hashes"]["sha256"] for file in page["files"]} == local
    assert set(local) == {project.wheel, project.sdist}


@each_uploader
def test_publishing_the_same_again_succeeds(
    server: Server, name: str, machine: Machine, tmp_path: Path, publish: Uploader, back_end: BackEnd
) -> None:
    directory = build(machine, Project(name, back_end=back_end), tmp_path / "sources")
    publish(machine, server, directory).succeeded()
    before = server.page(name)
    publish(machine, server, directory).succeeded()
    assert server.page(name) == before


@each_uploader
def test_other_bytes_under_a_used_filename_are_refused_with_the_reason(
    server: Server, name: str, machine: Machine, tmp_path: Path, publish: Uploader, back_end: BackEnd
) -> None:
    project = Project(name, back_end=back_end)
    publish(machine, server, build(machine, project, tmp_path / "sources")).succeeded()
    before = server.page(name)
    other = build(machine, replace(project, code="changed = True\n"), tmp_path / "changed")
    assert "File already exists" in publish(machine, server, other).failed()
    assert server.page(name) == before


@each_uploader
def test_a_wrong_token_is_refused_with_the_reason(
    server: Server, name: str, machine: Machine, tmp_path: Path, publish: Uploader, back_end: BackEnd
) -> None:
    directory = build(machine, Project(name, back_end=back_end), tmp_path / "sources")
    printed = publish(machine, replace(server, token="entrepot-wrong"), directory).failed()
    assert "403" in printed
    assert "Invalid or non-existent authentication information" in printed
    assert server.get(f"/simple/{name}/").status == 404


def test_uv_leaves_out_what_the_check_url_lists(server: Server, machine: Machine, ship: Ship) -> None:
    directory = ship(Project("ledger"))
    check = ("--check-url", f"{server.url}/simple/")
    printed = uv_publish(machine, server, directory, *check).succeeded()
    assert printed.count("already exists, skipping") == 2
    assert "Uploading" not in printed


def test_uv_finds_by_the_check_url_that_the_bytes_differ(
    server: Server, machine: Machine, ship: Ship, tmp_path: Path
) -> None:
    ship(Project("forgery"))
    other = build(machine, Project("forgery", code="changed = True\n"), tmp_path / "changed")
    printed = uv_publish(machine, server, other, "--check-url", f"{server.url}/simple/").failed()
    assert "Local file and index file do not match" in printed


def test_poetry_skips_what_exists(server: Server, machine: Machine, ship: Ship, tmp_path: Path) -> None:
    project = Project("skipper", back_end=POETRY)
    ship(project)
    before = server.page("skipper")
    other = build(machine, replace(project, code="changed = True\n"), tmp_path / "changed")
    printed = poetry_publish(machine, server, other, "--skip-existing").succeeded()
    assert "skipping" in printed.lower()
    assert server.page("skipper") == before


# Installing


@each_installer
def test_dependencies_and_extras_are_installed(
    server: Server, machine: Machine, harbour: Path, install: Installer
) -> None:
    environment = machine.environment()
    install(machine, server, environment, "harbour[light]").succeeded()
    evaluate(environment, "harbour, crane, lantern", "harbour", "crane", "lantern")
    assert installed_version(environment, "crane") == "1.4"


def test_pip_downloads_a_project_and_what_it_needs(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path
) -> None:
    index = ("--index-url", f"{server.url}/simple/")
    machine.run("pip", "download", *index, "harbour", cwd=tmp_path).succeeded()
    assert {path.name for path in tmp_path.glob("*.whl")} == {
        "harbour-2.0-py3-none-any.whl",
        "crane-1.4-py3-none-any.whl",
    }


def test_pip_accepts_the_hashes_that_uv_has_locked(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path
) -> None:
    wanted, locked = tmp_path / "wanted.in", tmp_path / "locked.txt"
    wanted.write_text("harbour[light]\n")
    index = ("--default-index", f"{server.url}/simple/")
    machine.run("uv", "pip", "compile", "--generate-hashes", *index, "--output-file", locked, wanted).succeeded()
    assert locked.read_text().count("--hash=sha256:") == 6
    environment = machine.environment()
    pip_install(machine, server, environment, "--require-hashes", "--requirement", str(locked)).succeeded()
    assert installed_version(environment, "harbour") == "2.0"


def test_uv_locks_hashes_sizes_and_upload_times(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path
) -> None:
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    (consumer / "pyproject.toml").write_text(
        '[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f'[[tool.uv.index]]\nurl = "{server.url}/simple/"\ndefault = true\n'
    )
    machine.run("uv", "add", "harbour[light]", cwd=consumer, UV_NO_CONFIG="0").succeeded()
    packages = {package["name"]: package for package in tomllib.loads((consumer / "uv.lock").read_text())["package"]}
    assert packages.keys() == {"consumer", "harbour", "crane", "lantern"}
    listed = {file["filename"]: file for file in server.page("harbour")["files"]}
    locked = [packages["harbour"]["sdist"], *packages["harbour"]["wheels"]]
    for file in locked:
        entry = listed[file["url"].rpartition("/")[2]]
        assert file["hash"] == f"sha256:{entry['hashes']['sha256']}"
        assert file["size"] == entry["size"]
        assert file["upload-time"][:19] == entry["upload-time"][:19]
    assert installed_version(consumer / ".venv", "lantern") == "0.2"


def test_poetry_adds_from_a_source_and_installs_what_it_locked(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path
) -> None:
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    (consumer / "pyproject.toml").write_text(
        '[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "here"\nurl = "{server.url}/simple/"\n'
    )
    machine.run("poetry", "add", "--no-interaction", "harbour[light]", cwd=consumer).succeeded()
    lock = tomllib.loads((consumer / "poetry.lock").read_text())
    hashes = {file["file"]: file["hash"] for package in lock["package"] for file in package["files"]}
    listed = [file for name in ("harbour", "crane", "lantern") for file in server.page(name)["files"]]
    assert hashes == {file["filename"]: f"sha256:{file['hashes']['sha256']}" for file in listed}
    rmtree(consumer / ".venv")
    machine.run("poetry", "install", "--no-interaction", cwd=consumer).succeeded()
    assert installed_version(consumer / ".venv", "lantern") == "0.2"


@each_modern_installer
def test_an_sdist_is_built_and_installed(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path, install: Installer
) -> None:
    """By the back ends that lie in the environment: they are not on this index, as isolation would need."""
    options = ("--no-build-isolation", "--no-binary", ":all:", "--target", str(tmp_path / "installed"))
    install(machine, server, BUILDERS, *options, "harbour").succeeded()
    for name in ("harbour", "crane"):
        assert (tmp_path / "installed" / name / "__init__.py").exists()


@each_installer
def test_a_release_for_other_pythons_is_passed_by(
    server: Server, name: str, machine: Machine, ship: Ship, install: Installer
) -> None:
    ship(Project(name, "1.0"))
    ship(Project(name, "2.0", requires_python=">=4"))
    install(machine, server, machine.environment(), name).succeeded()
    assert installed_version(machine.environment(), name) == "1.0"


@each_installer
def test_an_upload_can_be_installed_at_once_although_the_client_has_the_page_in_its_cache(
    server: Server, name: str, machine: Machine, ship: Ship, install: Installer
) -> None:
    environment = machine.environment()
    ship(Project(name, "1.0"))
    install(machine, server, environment, name).succeeded()
    ship(Project(name, "1.1"))
    install(machine, server, environment, "--upgrade", name).succeeded()
    assert installed_version(environment, name) == "1.1"


# What is fetched


def test_pip_resolves_by_the_sidecar_without_the_file(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path
) -> None:
    options = ("--dry-run", "-vv", "--report", str(tmp_path / "report.json"))
    printed = pip_install(machine, server, machine.environment(), *options, "harbour").succeeded()
    assert packages_fetched(printed) == [
        ("harbour-2.0-py3-none-any.whl.metadata", "200"),
        ("crane-1.4-py3-none-any.whl.metadata", "200"),
    ]
    assert "Would install crane-1.4 harbour-2.0" in printed


def test_uv_resolves_by_the_sidecar_without_the_file(
    server: Server, machine: Machine, harbour: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "wanted.in"
    wanted.write_text("harbour\n")
    index = ("--default-index", f"{server.url}/simple/")
    printed = machine.run("uv", "pip", "compile", "-v", *index, wanted).succeeded()
    fetched = re.findall(r"Sending fresh (\w+) request for: \S+/packages/\S+/(\S+)", printed)
    assert fetched == [
        ("GET", "harbour-2.0-py3-none-any.whl.metadata"),
        ("GET", "crane-1.4-py3-none-any.whl.metadata"),
    ]


def test_old_pip_reads_the_metadata_of_a_large_wheel_by_ranges(server: Server, machine: Machine, ship: Ship) -> None:
    numbers = [hashlib.sha256(bytes([number])).hexdigest() for number in range(256)] * 4
    ship(Project("barge", code=f"numbers = {numbers}\n"))
    options = ("--dry-run", "-vv", "--use-feature=fast-deps")
    printed = old_pip_install(machine, server, machine.environment(), *options, "barge").succeeded()
    assert ("barge-1.0-py3-none-any.whl", "206") in packages_fetched(printed)


def packages_fetched(printed: str) -> list[tuple[str, str]]:
    """The files below /packages/ that a talkative pip asked for by GET, with the status it got."""
    return re.findall(r'"GET /packages/[0-9a-f/]+/(\S+) HTTP/1.1" (\d+)', printed)


# Taking back


@each_modern_installer
def test_a_yanked_release_is_passed_by_unless_pinned(
    server: Server, name: str, machine: Machine, ship: Ship, install: Installer
) -> None:
    ship(Project(name, "1.0"))
    ship(Project(name, "2.0"))
    server.command("yank", name, "2.0", "--reason", "it eats files")
    environment = machine.environment()
    install(machine, server, environment, name).succeeded()
    assert installed_version(environment, name) == "1.0"
    assert "it eats files" in install(machine, server, environment, f"{name}==2.0").succeeded()
    assert installed_version(environment, name) == "2.0"
    server.command("unyank", name, "2.0")
    install(machine, server, machine.environment("another"), name).succeeded()
    assert installed_version(machine.environment("another"), name) == "2.0"


@each_modern_installer
def test_a_quarantined_project_offers_nothing(
    server: Server, name: str, machine: Machine, ship: Ship, install: Installer
) -> None:
    directory = ship(Project(name))
    server.command("status", name, "quarantined")
    install(machine, server, machine.environment(), name).failed()
    assert "quarantined" in uv_publish(machine, server, directory).failed()
    server.command("status", name, "active")
    install(machine, server, machine.environment(), name).succeeded()


def test_an_archived_project_can_be_installed_but_takes_no_upload(
    server: Server, machine: Machine, ship: Ship, tmp_path: Path
) -> None:
    ship(Project("attic"))
    server.command("status", "attic", "archived")
    for number, install in enumerate([pip_install, uv_install]):
        install(machine, server, machine.environment(str(number)), "attic").succeeded()
    newer = build(machine, Project("attic", "1.1"), tmp_path / "newer")
    for publish in (twine, uv_publish):
        printed = publish(machine, server, newer).failed()
        assert "403" in printed
        assert "archived" in printed


@each_modern_installer
def test_a_deleted_file_is_gone(server: Server, name: str, machine: Machine, ship: Ship, install: Installer) -> None:
    ship(Project(name, "1.0"))
    newer = Project(name, "2.0")
    ship(newer)
    environment = machine.environment()
    server.command("delete", name, "2.0", newer.wheel)
    install(machine, server, environment, "--only-binary", ":all:", name).succeeded()
    assert installed_version(environment, name) == "1.0"
    server.command("delete", name, "2.0")
    install(machine, server, environment, f"{name}==2.0").failed()
