"""Advisories in the OSV format, of the ecosystem PyPI, read without trust."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packaging.version import Version

from entrepot.names import ProjectName, canonical_version, parse_version
from entrepot.refusal import Refused

ECOSYSTEM = "PyPI"
SIZE_LIMIT = 4 * 1024 * 1024  # bytes of one advisory
LENGTH = 100  # characters of an id

Range = tuple[str, str, str]  # introduced, fixed, last affected; empty where it does not say


@dataclass(frozen=True, slots=True)
class AffectedProject:
    """Which releases of a project are affected: `versions`, which are canonical, and those within `ranges`."""

    name: ProjectName
    versions: tuple[str, ...]
    ranges: tuple[Range, ...]

    @property
    def fixed_in(self) -> tuple[str, ...]:
        """The versions that begin to be free of it, in their order."""
        return tuple(sorted({fixed for _introduced, fixed, _last in self.ranges if fixed}, key=parse_version))


@dataclass(frozen=True, slots=True)
class Advisory:
    """What an advisory says; `withdrawn` is None while it stands."""

    identifier: str
    aliases: tuple[str, ...]
    summary: str
    details: str
    modified: datetime
    withdrawn: datetime | None
    affected: tuple[AffectedProject, ...]


def parse(data: bytes) -> Advisory:
    """The advisory in a JSON document. Raises Refused("invalid-advisory")."""
    if len(data) > SIZE_LIMIT:
        raise _invalid(f"it is larger than {SIZE_LIMIT} bytes")
    try:
        told = json.loads(data)
        identifier, modified = told["id"], _moment(told["modified"])
        withdrawn = _moment(told["withdrawn"]) if told.get("withdrawn") else None
        aliases = tuple(str(each) for each in told.get("aliases") or ())
        affected = _affected(told.get("affected") or ())
        summary, details = str(told.get("summary") or ""), str(told.get("details") or "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _invalid(f"{type(error).__name__}: {error}") from None
    if not isinstance(identifier, str) or not 0 < len(identifier) <= LENGTH or not identifier.isprintable():
        raise _invalid("it has no id")
    return Advisory(identifier, aliases, _plain(summary), _plain(details), modified, withdrawn, affected)


def _invalid(why: str) -> Refused:
    return Refused("invalid-advisory", f"This is no advisory in the OSV format: {why}.")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment


def _plain(text: str) -> str:
    """The text without what no database keeps."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _affected(entries: Iterable[Mapping[str, Any]]) -> tuple[AffectedProject, ...]:
    """By project: several entries about one are one. What has no valid name or version here concerns nothing here."""
    by_name: dict[ProjectName, tuple[set[str], set[Range]]] = {}
    for entry in entries:
        package = entry.get("package") or {}
        if package.get("ecosystem") != ECOSYSTEM:
            continue
        name = _name(package["name"])
        if name is None:
            continue
        versions, ranges = by_name.setdefault(name, (set(), set()))
        versions.update(canonical_version(each) for each in map(_version, entry.get("versions") or ()) if each)
        for span in entry.get("ranges") or ():
            if span.get("type") == "ECOSYSTEM":
                ranges.update(_ranges(span.get("events") or ()))
    return tuple(
        AffectedProject(name, tuple(sorted(versions)), tuple(sorted(ranges)))
        for name, (versions, ranges) in sorted(by_name.items())
    )


def _name(text: str) -> ProjectName | None:
    try:
        return ProjectName(text)
    except Refused:
        return None


def _version(text: str) -> Version | None:
    try:
        return parse_version(text)
    except Refused:
        return None


def _ranges(events: Sequence[Mapping[str, str]]) -> Iterable[Range]:
    """Events in the order of their versions, each `introduced` with the next that ends it."""
    sortable = []
    for event in events:
        for kind in ("introduced", "fixed", "last_affected"):
            version = _version(event[kind]) if kind in event else None
            if version is not None:
                sortable.append((version, kind, str(version)))
    begun = ""
    for _at, kind, text in sorted(sortable):
        if kind == "introduced":
            begun = begun or text
        elif begun:
            yield (begun, text, "") if kind == "fixed" else (begun, "", text)
            begun = ""
    if begun:
        yield begun, "", ""


def is_within(version: Version, span: Sequence[str]) -> bool:
    """Whether the version lies in a range; `introduced` 0 is before all versions."""
    introduced, fixed, last = span
    if introduced != "0" and version < parse_version(introduced):
        return False
    if fixed and version >= parse_version(fixed):
        return False
    return not last or version <= parse_version(last)
