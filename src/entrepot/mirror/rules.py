"""What of another index is wanted: which projects, which versions, which files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from entrepot.archives import Filename
from entrepot.names import ProjectName, WheelFilename, is_distribution, parse_foreign
from entrepot.refusal import Refused
from entrepot.upstream.page import UpstreamFile

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """Empty, or None, is no rule.

    `projects` maps the names that are wanted to the versions that are ("" for all). `without` are patterns of names
    that are not wanted, as of the shell. Of wheels those are wanted for any platform, or for one that a pattern in
    `platforms` matches. Files are wanted that were uploaded at least `older_than` and at most `newer_than` days ago,
    and that have at most `largest` bytes; without knowing that, they are not.
    """

    projects: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    older_than: int | None = None
    newer_than: int | None = None
    largest: int | None = None

    def wants(self, name: ProjectName) -> bool:
        """Whether the project is wanted."""
        listed = not self.projects or name in self.projects
        return listed and not any(fnmatchcase(name, pattern.lower()) for pattern in self.without)


@dataclass(frozen=True, slots=True)
class Sifted:
    """The files that are wanted; when the next one will be old enough, if any; and what has names that nobody reads."""

    files: tuple[UpstreamFile, ...]
    later: datetime | None
    refused: tuple[str, ...]


def read_projects(lines: Iterable[str]) -> dict[str, str]:
    """Names and versions from lines of requirements, with comments: "ham", "spam>=2,<3".

    Raises Refused("invalid-requirement").
    """
    projects = {}
    for line in lines:
        text = line.partition("#")[0].strip()
        if text:
            wanted = _requirement(text)
            projects[str(ProjectName(wanted.name))] = str(wanted.specifier)
    return projects


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        message = f"{text!r} is no project with versions, as in 'ham' or 'spam>=2,<3'."
        raise Refused("invalid-requirement", message, "projects") from error


def sift(rules: Rules, name: ProjectName, files: Iterable[UpstreamFile], now: datetime) -> Sifted:
    """What is wanted of a project's files."""
    wanted, waiting, refused = [], [], []
    specifier = SpecifierSet(rules.projects.get(name, ""))
    for file in files:
        if not is_distribution(file.filename):
            continue
        try:
            parsed = parse_foreign(file.filename, name)
        except Refused as refusal:
            refused.append(refusal.message)
            continue
        if not specifier.contains(parsed.version, prereleases=True) or not _is_for(rules, parsed, file):
            continue
        ripe = _ripe(rules, file, now)
        if ripe is None:
            continue
        if ripe > now:
            waiting.append(ripe)
        else:
            wanted.append(file)
    return Sifted(tuple(wanted), min(waiting, default=None), tuple(refused))


def _is_for(rules: Rules, parsed: Filename, file: UpstreamFile) -> bool:
    if rules.largest is not None and (file.size is None or file.size > rules.largest):
        return False
    if not rules.platforms or not isinstance(parsed, WheelFilename):
        return True
    patterns = ("any", *rules.platforms)
    return any(fnmatchcase(platform, pattern) for platform in parsed.platforms for pattern in patterns)


def _ripe(rules: Rules, file: UpstreamFile, now: datetime) -> datetime | None:
    """From when on the file is wanted; None where it never is, or not any more."""
    if rules.older_than is None and rules.newer_than is None:
        return now
    if file.uploaded_at is None:
        return None
    if rules.newer_than is not None and now - file.uploaded_at > rules.newer_than * DAY:
        return None
    return file.uploaded_at + (rules.older_than or 0) * DAY
