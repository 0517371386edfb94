"""What is in deploy/ fits together, and fits the program: without a container or a systemd to run it in."""

import ast
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import click
import pytest
import yaml

from clients import CLIENTS
from deploying import COMPOSE, DEPLOY, EXAMPLE, IMAGE, ROOT, name_of, pods, services
from entrepot import __version__
from entrepot.cli import main

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def section(text: str, name: str) -> RawConfigParser:
    """A unit file, of which keys may be repeated; the last one counts."""
    parser = RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    assert parser.has_section(name)
    return parser


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every call of `entrepot` that something in deploy/ makes: where, and its arguments."""
    for unit in UNITS:
        program, *arguments = shlex.split(section(unit.read_text(), "Service")["Service"]["ExecStart"])
        assert program == "/opt/entrepot/bin/entrepot"
        yield unit.name, [argument.replace("%i", "8001") for argument in arguments]
    for name, service in services().items():
        if service["image"].startswith(f"{IMAGE}:"):
            yield f"compose: {name}", service["command"]
    for owner, _, pod in pods():
        for container in pod["containers"]:
            yield name_of(owner), container["args"]
    containerfile = (DEPLOY / "container/Containerfile").read_text()
    yield "Containerfile", ast.literal_eval(re.findall(r"^CMD (\[.*\])", containerfile, re.MULTILINE)[-1])
    readme = (DEPLOY / "README.md").read_text() + (ROOT / "docs/operations.md").read_text()
    for line in re.findall(r"`entrepot ([a-z][^`]*)`", readme):
        yield "documentation", [word for word in line.split() if word != "…"]


@pytest.mark.parametrize(("where", "arguments"), [*command_lines()], ids=str)
def test_every_command_exists_with_its_options(where: str, arguments: list[str]) -> None:
    command: click.Command = main
    path: list[str] = []
    while isinstance(command, click.Group) and arguments:
        name, *arguments = arguments
        path.append(name)
        found = command.get_command(click.Context(command), name)
        assert found is not None, (where, path)
        command = found
    assert not command.hidden, where
    known = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert {argument for argument in arguments if argument.startswith("--")} <= known
    if where != "documentation":  # whose placeholders are not values
        whole = click.Context(main, **main.context_settings)  # or the command would never know -h again
        command.make_context(" ".join(path), list(arguments), whole)


def variables() -> Iterator[tuple[str, str]]:
    for path in sorted(each for each in DEPLOY.rglob("*") if each.is_file()):
        for name in set(re.findall(r"\b(?<!VARNISH_)ENTREPOT_[A-Z_]+", path.read_text())):
            yield str(path.relative_to(DEPLOY)), name


def test_every_variable_is_one_that_the_guide_knows() -> None:
    known = set(re.findall(r"^\| `(ENTREPOT_[A-Z_]+)`", (ROOT / "docs/guide.md").read_text(), re.MULTILINE))
    operations = {("docs/operations.md", name) for name in _named(ROOT / "docs/operations.md")}
    assert [each for each in {*variables(), *operations} if each[1] not in known] == []


def _named(page: Path) -> set[str]:
    return set(re.findall(r"ENTREPOT_[A-Z_]+", page.read_text()))


def test_one_version_everywhere() -> None:
    assert re.findall(r"ARG VERSION=(.*)", (DEPLOY / "container/Containerfile").read_text()) == [__version__]
    assert {image for service in services().values() if (image := service["image"]).startswith(f"{IMAGE}:")} == {
        f"{IMAGE}:{__version__}"
    }
    images = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())["images"]
    assert [(image["name"], image["newTag"]) for image in images] == [(IMAGE, __version__)]
    assert set(re.findall(rf"{IMAGE}:(\d[\d.]*\d)", (DEPLOY / "README.md").read_text())) == {__version__}


# systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_stop_in_order_and_keep_trying(unit: Path) -> None:
    parsed = section(unit.read_text(), "Service")
    if parsed["Service"]["Type"] == "oneshot":
        assert parsed["Service"]["Restart"] == "no"
        return
    assert parsed["Unit"]["StartLimitIntervalSec"] == "0"
    assert parsed["Service"]["KillMode"] == "mixed"
    assert int(parsed["Service"]["TimeoutStopSec"]) >= 45  # more than the supervisor's own patience


def test_no_unit_loosens_what_is_tight() -> None:
    tight = set(section((DEPLOY / "systemd/hardening.conf").read_text(), "Service")["Service"])
    assert {"NoNewPrivileges", "ProtectSystem", "SystemCallFilter", "MemoryDenyWriteExecute", "User"} <= tight
    for unit in UNITS:
        # systemd applies entrepot-.service.d to what begins so, and entrepot.service.d to that one.
        assert unit.name == "entrepot.service" or unit.name.startswith("entrepot-")
        assert set(section(unit.read_text(), "Service")["Service"]) & tight <= {"Restart"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in [*UNITS, *(DEPLOY / "systemd").glob("*.timer")]:
        # The program is not where it will be.
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/entrepot/bin/entrepot", "/bin/true"))
    for drop_in in ("entrepot.service.d", "entrepot-.service.d"):
        (tmp_path / drop_in).mkdir()
        shutil.copy(DEPLOY / "systemd/hardening.conf", tmp_path / drop_in)
    instances = [tmp_path / unit.name.replace("@.", "@8001.") for unit in UNITS]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *instances, tmp_path / "entrepot-backup.timer"],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if "entrepot" in line]) == (0, [])


# Container and compose


def test_the_image_is_locked_and_not_roots() -> None:
    text = (DEPLOY / "container/Containerfile").read_text()
    assert "--require-hashes --no-deps --only-binary :all:" in text
    for source in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / path).exists() for path in source.split())
        assert {path.partition("/")[0] for path in source.split()} <= {
            "requirements",
            "pyproject.toml",
            "src",
            *SHIPPED,
        }
    assert text.rindex("USER 10001:10001") > text.rindex("RUN ")
    assert re.findall(r"^(?:ARG|ENV) .*(?:TOKEN|SECRET|PASSWORD|KEY)", text, re.MULTILINE) == []


SHIPPED = {"README.md", "LICENSE"}


def test_what_the_builder_sees_is_what_the_image_takes() -> None:
    text = (DEPLOY / "container/Containerfile").read_text()
    copied = {path for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for path in line.split()}
    seen = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert seen == copied
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_compose_follows_its_specification() -> None:
    program = CLIENTS / "check-jsonschema/bin/check-jsonschema"
    assert program.exists(), f"{program} is missing: run tools/clients"
    checked = subprocess.run(
        [program, "--builtin-schema", "vendor.compose-spec", COMPOSE], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_compose_names_only_what_is_there() -> None:
    whole = yaml.safe_load(COMPOSE.read_text())
    for name, service in services().items():
        assert ":" in service["image"], name
        assert set(service.get("depends_on", {})) <= set(services())
        assert set(service["networks"]) <= set(whole["networks"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(whole["volumes"])
        assert {config["source"] for config in service.get("configs", [])} <= set(whole["configs"])
        assert set(service.get("secrets", [])) <= set(whole["secrets"])
    for config in whole["configs"].values():
        assert "content" in config or (COMPOSE.parent / config["file"]).exists()


def test_compose_publishes_the_cache_alone_and_the_read_plane_knows_no_database() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["varnish"]
    for name, service in services().items():
        if name.startswith("edge"):
            assert "data" not in service["networks"], name
            assert not {"ENTREPOT_DATABASE_URL", "ENTREPOT_SECRET"} & set(service["environment"]), name
            assert service["environment"]["AWS_ACCESS_KEY_ID"] == "reader", name


def test_compose_lets_every_part_write_what_it_must() -> None:
    for name, service in services().items():
        if service["image"].startswith("entrepot:") and service["read_only"]:
            written = [place.split(":")[0] for place in service["tmpfs"]]
            written += [place.split(":")[1] for place in service.get("volumes", [])]
            assert {"/tmp", "/data"} <= set(written), name


def test_compose_gets_all_its_secrets_from_outside() -> None:
    text = COMPOSE.read_text()
    wanted = set(re.findall(r"\$\{([A-Z_]+):\?", text)) | set(
        re.findall(r"environment: ([A-Z_]+)$", text, re.MULTILINE)
    )
    made = (COMPOSE.parent / "make-secrets").read_text()
    assert wanted == {name for name in wanted if re.search(rf"\b{name}\b", made)}
    assert not re.search(r"\$\{[A-Z_]+(?::?-|\})", text)  # none has a default, none may be empty


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    script = shutil.copy(COMPOSE.parent / "make-secrets", tmp_path)
    subprocess.run([script, "https://index.example"], check=True)
    made = (tmp_path / ".env").read_text()
    subprocess.run([script], check=True, stderr=subprocess.DEVNULL)
    assert (tmp_path / ".env").read_text() == made
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=") for line in made.splitlines())
    assert values.pop("ENTREPOT_PUBLIC_URL") == "https://index.example"
    assert len(set(values.values())) == len(values)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in values.values())


@pytest.mark.skipif(not shutil.which("varnishd", path="/usr/sbin"), reason="varnish is not installed")
def test_varnish_takes_the_backends_of_compose(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "varnish/entrepot.vcl", tmp_path)
    backend = yaml.safe_load(COMPOSE.read_text())["configs"]["backend"]["content"]
    (tmp_path / "backend.vcl").write_text(backend)
    compiled = subprocess.run(
        ["/usr/sbin/varnishd", "-j", "none", "-C", "-f", tmp_path / "entrepot.vcl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stderr
    addresses = {
        service["networks"]["inner"]["ipv4_address"]
        for name, service in services().items()
        if name.startswith(("edge", "web"))
    }
    assert set(re.findall(r'\.host = "([^"]*)"', backend)) == addresses
