"""Real clients, each from its own virtual environment below `.clients`, which `tools/clients` makes.

They run as on a new machine: an empty home directory, none of this machine's settings, and a network that ends here,
for the proxy to everything else is a port that nobody listens on. A client that asks another index than the one it was
given fails.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from venv import EnvBuilder

from serving import Server

CLIENTS = Path(__file__).resolve().parents[1] / ".clients"
# The others are called as their environment is.
PROGRAMS = {"oldpip": "pip", "builders": "python", "devpi": "devpi-init"}
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Outcome:
    """How a client ended, and what it printed, with any white space as one blank: they wrap lines as they like."""

    status: int
    printed: str

    def succeeded(self) -> str:
        """What was printed by a client that had to succeed."""
        assert self.status == 0, self.printed
        return self.printed

    def failed(self) -> str:
        """What was printed by a client that had to fail."""
        assert self.status != 0, self.printed
        return self.printed


@dataclass(frozen=True)
class Machine:
    """A machine that has nothing but the clients; their caches live as long as its home directory."""

    home: Path

    def run(self, client: str, *arguments: str | Path, cwd: Path | None = None, **settings: str) -> Outcome:
        """Run a client; `settings` are environment variables."""
        program = CLIENTS / client / "bin" / PROGRAMS.get(client, client)
        assert program.exists(), f"{program} is missing: run tools/clients"
        self.home.mkdir(exist_ok=True)
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd or self.home,
            env={**self._environ(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, " ".join(done.stdout.split()))

    def environment(self, name: str = "environment") -> Path:
        """A virtual environment with nothing in it, made the first time it is asked for."""
        path = self.home / name
        if not path.exists():
            EnvBuilder(symlinks=True).create(path)
        return path

    def _environ(self) -> dict[str, str]:
        home = str(self.home)
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "HOME": home,
            "TMPDIR": home,
            **{f"XDG_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("CACHE", "CONFIG", "DATA", "STATE")},
            **{f"{scheme}_proxy": NOWHERE for scheme in ("http", "https", "all")},
            "no_proxy": "127.0.0.1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_CONFIG": "1",
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            "FLIT_NO_NETWORK": "1",  # else it asks PyPI for the classifiers
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        }


@dataclass(frozen=True)
class BackEnd:
    """What builds a project: the requirement and the module of `[build-system]` (PEP 517)."""

    requirement: str
    module: str


FLIT = BackEnd("flit_core", "flit_core.buildapi")
HATCHLING = BackEnd("hatchling", "hatchling.build")
POETRY = BackEnd("poetry-core", "poetry.core.masonry.api")
SETUPTOOLS = BackEnd("setuptools", "setuptools.build_meta")


@dataclass(frozen=True)
class Project:
    """A project's sources: one package, whose `__init__.py` is `code`. `name` is normalized."""

    name: str
    version: str = "1.0"
    back_end: BackEnd = FLIT
    requires_python: str = ">=3.9"
    dependencies: Sequence[str] = ()
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    code: str = ""

    @property
    def package(self) -> str:
        """What to import."""
        return self.name.replace("-", "_")

    @property
    def wheel(self) -> str:
        """The filename of the wheel."""
        return f"{self.package}-{self.version}-py3-none-any.whl"

    @property
    def sdist(self) -> str:
        """The filename of the sdist."""
        return f"{self.package}-{self.version}.tar.gz"

    def write(self, directory: Path) -> None:
        """Write the sources into a new directory."""
        package = directory / self.package
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(self.code)
        (directory / "README.md").write_text(f"# {self.name}\n")
        (directory / "pyproject.toml").write_text(self._configuration())

    def _configuration(self) -> str:
        """The pyproject.toml (PEP 621). Strings and lists of strings look in TOML as they do in JSON."""
        lines = [
            "[build-system]",
            f"requires = {json.dumps([self.back_end.requirement])}",
            f"build-backend = {json.dumps(self.back_end.module)}",
            "[project]",
            f"name = {json.dumps(self.name)}",
            f"version = {json.dumps(self.version)}",
            'description = "A package to try things with"',
            'readme = "README.md"',
            'license = "MIT"',
            'authors = [{ name = "The authors", email = "authors@example.org" }]',
            'keywords = ["first", "second"]',
            'classifiers = ["Programming Language :: Python :: 3"]',
            f"requires-python = {json.dumps(self.requires_python)}",
            f"dependencies = {json.dumps(self.dependencies)}",
            "[project.urls]",
            'Documentation = "https://docs.example/"',
            "[project.optional-dependencies]",
            *(f"{extra} = {json.dumps(dependencies)}" for extra, dependencies in self.extras.items()),
        ]
        return "".join(f"{line}\n" for line in lines)


def build(machine: Machine, project: Project, directory: Path) -> Path:
    """Write a project into a new directory, and its wheel and its sdist into `dist` there. Returns the directory.

    The hooks of its back end are called as a build front end does (PEP 517), without the time that one takes.
    """
    project.write(directory)
    (directory / "dist").mkdir()
    hooks = f"import {project.back_end.module} as hooks; hooks.build_wheel('dist'); hooks.build_sdist('dist')"
    machine.run("builders", "-c", hooks, cwd=directory).succeeded()
    return directory


# Uploaders: each publishes what lies in `dist` of a directory that `build` made, with the token of the server.
Uploader = Callable[[Machine, Server, Path], Outcome]


def twine(machine: Machine, server: Server, directory: Path) -> Outcome:
    """`twine upload`"""
    return machine.run(
        "twine",
        *("upload", "--non-interactive", "--disable-progress-bar"),
        *sorted(directory.glob("dist/*")),
        TWINE_REPOSITORY_URL=f"{server.url}/legacy/",
        TWINE_USERNAME="__token__",
        TWINE_PASSWORD=server.token,
    )


def uv_publish(machine: Machine, server: Server, directory: Path, *options: str) -> Outcome:
    """`uv publish`"""
    return machine.run(
        "uv",
        *("publish", *options),
        *sorted(directory.glob("dist/*")),
        UV_PUBLISH_URL=f"{server.url}/legacy/",
        UV_PUBLISH_TOKEN=server.token,
    )


def flit_publish(machine: Machine, server: Server, directory: Path) -> Outcome:
    """`flit publish`, which builds anew."""
    return machine.run(
        *("flit", "publish"),
        cwd=directory,
        FLIT_INDEX_URL=f"{server.url}/legacy/",
        FLIT_USERNAME="__token__",
        FLIT_PASSWORD=server.token,
    )


def hatch_publish(machine: Machine, server: Server, directory: Path) -> Outcome:
    """`hatch publish`"""
    return machine.run(
        *("hatch", "--no-interactive", "publish", "--no-prompt", "--repo", f"{server.url}/legacy/"),
        cwd=directory,
        HATCH_INDEX_USER="__token__",
        HATCH_INDEX_AUTH=server.token,
    )


def poetry_publish(machine: Machine, server: Server, directory: Path, *options: str) -> Outcome:
    """`poetry publish`"""
    return machine.run(
        *("poetry", "publish", "--no-interaction", "--repository", "here", *options),
        cwd=directory,
        POETRY_REPOSITORIES_HERE_URL=f"{server.url}/legacy/",
        POETRY_HTTP_BASIC_HERE_USERNAME="__token__",
        POETRY_HTTP_BASIC_HERE_PASSWORD=server.token,
    )


# Installers: each installs requirements into a virtual environment, from the server alone; options go before them.
class Installer(Protocol):
    """A client that installs."""

    def __call__(self, machine: Machine, server: Server, environment: Path, *arguments: str) -> Outcome:
        """Install what the arguments name."""


def pip_install(machine: Machine, server: Server, environment: Path, *arguments: str) -> Outcome:
    """`pip install`, the newest."""
    return machine.run("pip", *_pip_install(server, environment), *arguments)


def old_pip_install(machine: Machine, server: Server, environment: Path, *arguments: str) -> Outcome:
    """`pip install` of a pip that does not know the metadata keys of PEP 714."""
    return machine.run("oldpip", *_pip_install(server, environment), *arguments)


def uv_install(machine: Machine, server: Server, environment: Path, *arguments: str) -> Outcome:
    """`uv pip install`"""
    index = ("--default-index", f"{server.url}/simple/")
    return machine.run("uv", "pip", "install", "--python", str(environment), *index, *arguments)


def _pip_install(server: Server, environment: Path) -> tuple[str, ...]:
    index = ("--index-url", f"{server.url}/simple/")
    return ("--python", str(environment / "bin" / "python"), "install", *index)


def evaluate(environment: Path, expression: str, *modules: str) -> str:
    """The value of an expression in the Python of a virtual environment, with these modules imported."""
    program = "".join(f"import {module}; " for module in modules) + f"print({expression})"
    done = subprocess.run(
        [environment / "bin" / "python", "-I", "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def installed_version(environment: Path, name: str) -> str:
    """The version of a project that is installed in a virtual environment."""
    return evaluate(environment, f"importlib.metadata.version({name!r})", "importlib.metadata")
