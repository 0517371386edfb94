"""WHEEL: what a wheel says about itself (binary distribution format), held against its filename."""

import re
from itertools import product

from entrepot.archives.faults import invalid, shown
from entrepot.names import WheelFilename
from entrepot.refusal import Refused

MAX_TAGS = 1000  # what a filename's tag sets may multiply to

_LINE = re.compile(r"([A-Za-z][A-Za-z-]*):[ \t]*([^\x00-\x1f\x7f]*)")
_VERSION = re.compile(r"1\.[0-9]{1,9}", re.ASCII)


def check(data: bytes, path: str, filename: WheelFilename) -> None:
    """Raises `Refused` unless `data`, the file `path`, is well-formed and agrees with `filename`."""
    fields = _fields(data, path)
    if not _VERSION.fullmatch(_only(fields, "wheel-version", path)):
        raise _wrong(path, "its Wheel-Version is not 1.x")
    if _only(fields, "root-is-purelib", path).lower() not in {"true", "false"}:
        raise _wrong(path, "its Root-Is-Purelib is neither true nor false")
    if ([filename.build] if filename.build else []) != fields.get("build", []):
        raise _wrong(path, "its Build is not the build number of the filename")
    _check_tags(fields.get("tag", []), path, filename)


def _fields(data: bytes, path: str) -> dict[str, list[str]]:
    """The fields by their names in lower case. Nothing may follow an empty line: some readers stop there."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _wrong(path, "it is not UTF-8") from None
    fields: dict[str, list[str]] = {}
    for line in text.replace("\r\n", "\n").rstrip("\n").split("\n"):
        field = _LINE.fullmatch(line)
        if field is None:
            raise _wrong(path, f"the line {shown(line)} is not a field")
        fields.setdefault(field[1].lower(), []).append(field[2].strip())
    return fields


def _only(fields: dict[str, list[str]], name: str, path: str) -> str:
    values = fields.get(name, [])
    if len(values) != 1:
        raise _wrong(path, f"it has {len(values)} fields {name!r}")
    return values[0]


def _check_tags(tags: list[str], path: str, filename: WheelFilename) -> None:
    """Raises `Refused` unless `tags`, each of which may be compressed, expand to the same set as the filename."""
    parts = [set(filename.python.split(".")), set(filename.abi.split(".")), set(filename.platforms)]
    expected = set(product(*parts))
    if len(expected) > MAX_TAGS:
        raise invalid("wheel-tags", f"The filename stands for more than {MAX_TAGS} compatibility tags.")
    found: set[tuple[str, ...]] = set()
    for tag in tags:
        sets = [set(part.split(".")) for part in tag.lower().split("-")]
        if len(sets) != 3 or not all(given <= part for given, part in zip(sets, parts, strict=True)):
            raise invalid("wheel-tags", f"Tag {shown(tag)} in {shown(path)} is not among those of the filename.")
        found.update(product(*sets))
    if found != expected:
        missing = "-".join(min(expected - found))
        raise invalid("wheel-tags", f"Tag {shown(missing)} of the filename is not in {shown(path)}.")


def _wrong(path: str, why: str) -> Refused:
    return invalid("wheel-file", f"{shown(path)} is wrong: {why}.")
