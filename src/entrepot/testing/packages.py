"""Small packages made on the spot: valid, the same bytes each time, and built and installed without any network."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from entrepot.names import ProjectName, parse_version

THEN = (2020, 2, 2, 0, 0, 0)  # when every member of an archive was written
# An sdist holds what its wheel holds, and this, which packs it (PEP 517).
BACK_END = """\
import pathlib
import zipfile

MEMBERS = {members}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(wheel_directory, "{wheel}"), "w") as archive:
        for name in MEMBERS:
            archive.writestr(zipfile.ZipInfo(name, {then}), pathlib.Path("wheel", name).read_bytes())
    return "{wheel}"
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "back_end"
backend-path = ["."]
"""


class Contents(TypedDict, total=False):
    """What a package may be given; see `Package`."""

    requires: Sequence[str]
    requires_python: str
    extras: Mapping[str, Sequence[str]]
    files: Mapping[str, str | bytes]
    scripts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Built:
    """A distribution file."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """A package to be built.

    `requires` and the lists in `extras` are requirements (PEP 508). `files` maps paths below `site-packages` to what is
    in them; without any there is one module, called as the project, with its `__version__`. `scripts` maps commands to
    "module:function".
    """

    name: str
    version: str = "1.0"
    requires: Sequence[str] = ()
    requires_python: str = ""
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    def wheel(self, tag: str = "py3-none-any") -> Built:
        """The wheel for that tag (PEP 425). Raises Refused("invalid-name") and Refused("invalid-version")."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in self._members(tag).items():
                archive.writestr(zipfile.ZipInfo(name, THEN), content)
        return Built(f"{self._stem}-{tag}.whl", file.getvalue())

    def sdist(self) -> Built:
        """The sdist, which brings its own back end. Raises as `wheel` does."""
        members = self._members("py3-none-any")
        wheel = f"{self._stem}-py3-none-any.whl"
        files = {
            "PKG-INFO": self._metadata(),
            "pyproject.toml": PYPROJECT.encode(),
            "back_end.py": BACK_END.format(members=json.dumps(list(members)), wheel=wheel, then=THEN).encode(),
            **{f"wheel/{name}": content for name, content in members.items()},
        }
        file = io.BytesIO()
        with (
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for name, content in files.items():
                member = tarfile.TarInfo(f"{self._stem}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return Built(f"{self._stem}.tar.gz", file.getvalue())

    @property
    def _module(self) -> str:
        return ProjectName(self.name).replace("-", "_")

    @property
    def _stem(self) -> str:
        return f"{self._module}-{parse_version(self.version)}"

    def _members(self, tag: str) -> dict[str, bytes]:
        """The members of the wheel, by name; RECORD comes last, as installers like it."""
        info = f"{self._stem}.dist-info"
        files = self.files or {f"{self._module}.py": f"__version__ = {self.version!r}\n"}
        members = {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}
        members[f"{info}/METADATA"] = self._metadata()
        members[f"{info}/WHEEL"] = _wheel_file(tag)
        if self.scripts:
            lines = [f"{command} = {function}\n" for command, function in self.scripts.items()]
            members[f"{info}/entry_points.txt"] = "".join(["[console_scripts]\n", *lines]).encode()
        record = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in members.items()]
        members[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
        return members

    def _metadata(self) -> bytes:
        lines = ["Metadata-Version: 2.2", f"Name: {self.name}", f"Version: {self.version}"]
        if self.requires_python:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines += [f"Requires-Dist: {each}" for each in self.requires]
        for extra, requires in self.extras.items():
            lines.append(f"Provides-Extra: {extra}")
            lines += [f"Requires-Dist: {_only_with(extra, each)}" for each in requires]
        return "".join(f"{line}\n" for line in lines).encode()


def _wheel_file(tag: str) -> bytes:
    python, abi, platform = (each.split(".") for each in tag.split("-"))
    tags = [f"Tag: {one}-{two}-{three}\n" for one in python for two in abi for three in platform]
    pure = "true" if platform == ["any"] else "false"
    head = f"Wheel-Version: 1.0\nGenerator: entrepot\nRoot-Is-Purelib: {pure}\n"
    return "".join([head, *tags]).encode()


def _only_with(extra: str, requirement: str) -> str:
    what, mark, marker = requirement.partition(";")
    return f"{what}; ({marker.strip()}) and extra == {extra!r}" if mark else f"{what}; extra == {extra!r}"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
