"""The identifiers of the index, each parsed once into a type that cannot be wrong: project, version, filename.

Everything here is total: a string gives a value or a `Refused`, whoever sent it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version
from stdlib_list import short_versions, stdlib_list

from entrepot.refusal import Refused

NAME_LIMIT = 100  # characters
VERSION_LIMIT = 128  # characters
FILENAME_LIMIT = 200  # characters: `.metadata` and a temporary suffix still fit the 255 bytes of common file systems

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_TAGS = r"[a-z0-9_]+(?:\.[a-z0-9_]+)*"
_WHEEL = re.compile(
    rf"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-(?P<build>[0-9][a-zA-Z0-9_.]*))?"
    rf"-(?P<python>(?![0-9]|{_TAGS}\.[0-9]){_TAGS})-(?P<abi>{_TAGS})-(?P<platforms>{_TAGS})\.whl"
)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\]|\.\.")

_OTHER_FORMATS = {
    ".egg": "eggs are no longer taken (PEP 715): upload a wheel",
    ".exe": "installers are not taken (PEP 527): upload a wheel",
    ".msi": "installers are not taken (PEP 527): upload a wheel",
    ".rpm": "packages of an operating system are not taken (PEP 527): upload a wheel",
    ".deb": "packages of an operating system are not taken (PEP 527): upload a wheel",
    ".zip": "a source distribution ends in '.tar.gz' (PEP 625)",
    ".tgz": "a source distribution ends in '.tar.gz' (PEP 625)",
    ".tar": "a source distribution ends in '.tar.gz' (PEP 625)",
    ".tar.bz2": "a source distribution ends in '.tar.gz' (PEP 625)",
    ".tar.xz": "a source distribution ends in '.tar.gz' (PEP 625)",
    ".tar.z": "a source distribution ends in '.tar.gz' (PEP 625)",
}

# Older spellings, which installers still take from other indexes.
_OLD_WHEEL = re.compile(
    r"(?P<name>[^\s-]+)-(?P<version>[^\s-]+)(?:-(?P<build>[0-9][^\s-]*))?"
    r"-(?P<python>[^\s-]+)-(?P<abi>[^\s-]+)-(?P<platforms>[^\s-]+)\.whl"
)
SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz")
_OLD_PLAIN = re.compile(r"[A-Za-z0-9._~!+-]+")  # what a URL's path holds as it is

_SKELETON = str.maketrans("lio", "110", "._-")


class ProjectName(str):
    """A project's name in its normal form (PEP 503): lower case, each run of `-`, `_` and `.` one `-`.

    Takes any spelling, at most 100 characters of ASCII. Raises Refused("invalid-name").
    """

    __slots__ = ()

    def __new__(cls, raw: str) -> Self:
        if len(raw) > NAME_LIMIT:
            raise Refused("invalid-name", f"A project name has at most {NAME_LIMIT} characters.", "name")
        if _NAME.fullmatch(raw) is None:
            sentence = "letters, digits, '.', '_' and '-', with a letter or digit at both ends"
            raise Refused("invalid-name", f"{raw!r} is not a project name: it takes ASCII {sentence}.", "name")
        return super().__new__(cls, canonicalize_name(raw))


def skeleton(name: ProjectName) -> str:
    """What is left of a name for the eye; two names with one skeleton are too similar to exist side by side."""
    return name.translate(_SKELETON)


def is_standard_library(name: ProjectName) -> bool:
    """Whether any Python had a standard module, or a package with modules, of this name."""
    return name in _standard_library()


@lru_cache(maxsize=1)
def _standard_library() -> frozenset[str]:
    modules = {module for version in short_versions for module in stdlib_list(version)}
    return frozenset(canonicalize_name(name) for module in modules for name in _with_parents(module))


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def parse_version(raw: str) -> Version:
    """The version that `raw` spells (PEP 440), at most 128 characters. Raises Refused("invalid-version")."""
    if len(raw) > VERSION_LIMIT:
        raise Refused("invalid-version", f"A version has at most {VERSION_LIMIT} characters.", "version")
    if not raw.isascii():
        raise Refused("invalid-version", f"{raw!r} is not a version: it takes ASCII characters only.", "version")
    try:
        return Version(raw)
    except InvalidVersion:
        raise Refused("invalid-version", f"{raw!r} is not a version (PEP 440).", "version") from None


def canonical_version(version: Version) -> str:
    """The key of a release: versions that are equal (`1.0`, `1.0.0`) have one text, others have another."""
    return canonicalize_version(version)


@dataclass(frozen=True, slots=True)
class WheelFilename:
    """A wheel's filename (PEP 427), normalized; `build`, `python` and `abi` as written, `build` empty when absent."""

    kind: ClassVar[str] = "bdist_wheel"

    filename: str
    project: ProjectName
    version: Version
    build: str
    python: str
    abi: str
    platforms: tuple[str, ...]

    @property
    def stem(self) -> str:
        """`{name}-{version}`: what the `.dist-info` directory inside the wheel is called after."""
        return _stem(self.project, self.version)

    @property
    def python_tag(self) -> str:
        """What the upload form calls `pyversion`."""
        return self.python


@dataclass(frozen=True, slots=True)
class SdistFilename:
    """A source distribution's filename (PEP 625)."""

    kind: ClassVar[str] = "sdist"
    python_tag: ClassVar[str] = "source"

    filename: str
    project: ProjectName
    version: Version

    @property
    def stem(self) -> str:
        """`{name}-{version}`: what the only top-level directory of the archive is called."""
        return _stem(self.project, self.version)


def parse_filename(filename: str) -> WheelFilename | SdistFilename:
    """What a distribution's filename says (PEP 427, PEP 625), in its one normalized spelling.

    Raises Refused("invalid-filename").
    """
    if len(filename) > FILENAME_LIMIT:
        raise Refused("invalid-filename", f"A filename has at most {FILENAME_LIMIT} characters.", "content")
    if not filename.isascii() or _FORBIDDEN.search(filename):
        reason = "it takes printable ASCII characters, no '/', '\\' or '..'"
        raise _invalid(filename, reason)
    if filename.endswith(".whl"):
        return _parse_wheel(filename)
    if filename.endswith(".tar.gz"):
        return _parse_sdist(filename)
    raise _invalid(filename, _about_extension(filename))


def is_distribution(filename: str) -> bool:
    """Whether a file is of a kind that installers take, by the end of its name."""
    return filename.lower().endswith((".whl", *SDIST_SUFFIXES))


def parse_foreign(filename: str, project: ProjectName) -> WheelFilename | SdistFilename:
    """What the name of a file says that another index has in `project`, in any spelling that installers understand.

    Raises Refused("invalid-filename") for what they pass by: other kinds of file, names of other projects, versions
    that are none.
    """
    if len(filename) > FILENAME_LIMIT:
        raise Refused("invalid-filename", f"A filename has at most {FILENAME_LIMIT} characters.", "content")
    if not _OLD_PLAIN.fullmatch(filename) or ".." in filename:
        raise _invalid(filename, "it takes letters, digits, '.', '_', '~', '!', '+' and '-'")
    if parts := _OLD_WHEEL.fullmatch(filename):
        version = _version_after(filename, f"{parts['name']}-{parts['version']}", project)
        platforms = tuple(parts["platforms"].split("."))
        return WheelFilename(filename, project, version, parts["build"] or "", parts["python"], parts["abi"], platforms)
    if not filename.lower().endswith(SDIST_SUFFIXES):
        raise _invalid(filename, "installers take wheels and source distributions")
    return SdistFilename(filename, project, _version_after(filename, _without_suffix(filename), project))


def _version_after(filename: str, stem: str, project: ProjectName) -> Version:
    """The version in `{name}-{version}`, where both may have hyphens: it is what follows the project's name."""
    name, version = next((pair for pair in _splits(stem) if str(canonicalize_name(pair[0])) == project), ("", ""))
    if not name:
        raise _invalid(filename, f"it is not of project '{project}'")
    try:
        return parse_version(version)
    except Refused as refused:
        raise _invalid(filename, refused.message.rstrip(".")) from None


def written_stem(filename: WheelFilename | SdistFilename) -> str:
    """`{name}-{version}` in the spelling of this very filename, which its archive is likely to share."""
    if isinstance(filename, WheelFilename):
        return "-".join(filename.filename.split("-")[:2])
    return _without_suffix(filename.filename)


def _without_suffix(filename: str) -> str:
    """The name of an sdist, without what tells how it is packed."""
    return next(filename[: -len(each)] for each in SDIST_SUFFIXES if filename.lower().endswith(each))


def possible_projects(filename: str) -> set[ProjectName]:
    """The projects that a distribution file of this name may belong to, however it is spelled."""
    found = set()
    for name, _version in _splits(filename):
        with suppress(Refused):
            found.add(ProjectName(name))
    return found


def _splits(stem: str) -> Iterator[tuple[str, str]]:
    """The text in two, at each hyphen."""
    return ((stem[:at], stem[at + 1 :]) for at, letter in enumerate(stem) if letter == "-")


def _about_extension(filename: str) -> str:
    known = (reason for suffix, reason in _OTHER_FORMATS.items() if filename.lower().endswith(suffix))
    return next(known, "it has to end in exactly '.whl' or '.tar.gz'")


def _parse_wheel(filename: str) -> WheelFilename:
    parts = _WHEEL.fullmatch(filename)
    if parts is None:
        raise _invalid(filename, "a wheel is '{name}-{version}[-{build}]-{python}-{abi}-{platform}.whl' (PEP 427)")
    project, version = _normalized(filename, parts["name"], parts["version"])
    build, platforms = parts["build"] or "", tuple(parts["platforms"].split("."))
    return WheelFilename(filename, project, version, build, parts["python"], parts["abi"], platforms)


def _parse_sdist(filename: str) -> SdistFilename:
    name, _, version = filename.removesuffix(".tar.gz").rpartition("-")
    return SdistFilename(filename, *_normalized(filename, name, version))


def _normalized(filename: str, name: str, version: str) -> tuple[ProjectName, Version]:
    try:
        project, parsed = ProjectName(name), parse_version(version)
    except Refused as refused:
        raise _invalid(filename, refused.message.rstrip(".")) from None
    stem = _stem(project, parsed)
    if f"{name}-{version}" != stem:
        raise _invalid(filename, f"its normalized spelling begins with '{stem}'")
    return project, parsed


def _stem(project: ProjectName, version: Version) -> str:
    return f"{project.replace('-', '_')}-{version}"


def _invalid(filename: str, reason: str) -> Refused:
    return Refused("invalid-filename", f"{filename!r} is not a valid filename: {reason}.", "content")
