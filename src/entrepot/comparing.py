"""What changed between two releases, found by comparing facts: core metadata, names of files, members of archives."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from entrepot.metadata import CoreMetadata, header_name
from entrepot.names import SdistFilename, WheelFilename

# What is compared line by line is bounded: the time that it takes grows with the square of the lines, or worse.
MAX_LINES = 1_000  # of one text, without what both begin and end with
MAX_CHARACTERS = 200_000  # of both of them together
CONTEXT = 3  # lines around each change

# How `packaging` writes a marker that asks for an extra; either side may come first.
EXTRA = re.compile(r"""\bextra == "([^"]*)"|"([^"]*)" == extra\b""")

_APART = {"name", "version", "description"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the core metadata, by its name in the file, with the values that were removed and added."""

    field: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison: `sign` is "+", "-", " ", or "@" where lines are left out before it."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class TextChange:
    """Two texts line by line; no `lines` where they are too long or too different for that."""

    changed: bool
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; `digest` tells its content from any other one. `neutral` leaves the version out."""

    path: str
    neutral: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """Two archives, by the neutral paths of their members, in their order; `same` is how many did not change."""

    removed: tuple[Member, ...]
    added: tuple[Member, ...]
    changed: tuple[tuple[Member, Member], ...]
    same: int


def compare_metadata(old: CoreMetadata, new: CoreMetadata) -> tuple[FieldChange, ...]:
    """The fields that differ, but for name, version and description. Lists are compared as sets, by what they mean."""
    changes = []
    for field in fields(CoreMetadata):
        before, after = _values(old, field.name), _values(new, field.name)
        removed = tuple(text for key, text in before.items() if key not in after)
        added = tuple(text for key, text in after.items() if key not in before)
        if (removed or added) and field.name not in _APART:
            changes.append(FieldChange(header_name(field.name).title(), removed, added))
    return tuple(changes)


def _values(metadata: CoreMetadata, field: str) -> dict[Hashable, str]:
    """What a field says, by what it means, without repetitions, in its order."""
    value = getattr(metadata, field)
    if field == "keywords":
        value = tuple(word.strip() for word in value.split(","))
    if field == "project_urls":
        value = tuple(", ".join(pair) for pair in value)
    same: Callable[[str], Hashable] = _MEANINGS.get(field, str)
    return {same(each): each for each in ((value,) if isinstance(value, str) else value) if each}


@lru_cache(1024)
def meaning(requirement: str) -> Hashable:
    """What a `Requires-Dist` (PEP 508) asks for, however it is spelled, which has been judged when it was uploaded."""
    parsed = Requirement(requirement)
    extras = frozenset(map(canonicalize_name, parsed.extras))
    marker = EXTRA.sub(_normalized, str(parsed.marker)) if parsed.marker else ""
    return canonicalize_name(parsed.name), extras, parsed.specifier, parsed.url, marker


def _normalized(condition: re.Match[str]) -> str:
    return f'extra == "{canonicalize_name(condition[1] or condition[2])}"'


_MEANINGS: dict[str, Callable[[str], Hashable]] = {"requires_dist": meaning, "provides_extra": canonicalize_name}


def compare_texts(old: str, new: str) -> TextChange:
    """Two texts, line by line: what changed, with three lines around it."""
    if old == new:
        return TextChange(changed=False)
    before, after = old.splitlines(), new.splitlines()
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    first, last = max(0, start - CONTEXT), max(0, end - CONTEXT)
    before, after = before[first : len(before) - last], after[first : len(after) - last]
    if max(len(before), len(after)) > MAX_LINES or sum(map(len, (*before, *after))) > MAX_CHARACTERS:
        return TextChange(changed=True)
    return TextChange(changed=True, lines=tuple(_lines(before, after)))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _lines(before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    heads = 0
    for text in difflib.unified_diff(before, after, n=CONTEXT, lineterm=""):
        if text.startswith("@@"):
            heads += 1
            if heads > 1:
                yield Line("@", "")
        elif heads:
            yield Line(text[0], text[1:])


def best_pair(
    old: Iterable[WheelFilename | SdistFilename], new: Iterable[WheelFilename | SdistFilename]
) -> tuple[WheelFilename | SdistFilename, WheelFilename | SdistFilename] | None:
    """The two files that show best what changed: the sdists, else the two wheels that have most in common."""
    pairs = [(a, b) for a, b in product(old, new) if a.kind == b.kind]
    return max(pairs, key=_likeness, default=None)


def _likeness(pair: tuple[WheelFilename | SdistFilename, WheelFilename | SdistFilename]) -> tuple[int, ...]:
    old, new = pair
    if not isinstance(old, WheelFilename) or not isinstance(new, WheelFilename):
        return (1,)
    platforms = len({*old.platforms} & {*new.platforms})
    return (0, platforms, old.python == new.python, old.abi == new.abi)


def neutral(path: str, stem: str) -> str:
    """`path` without the version that a folder at the root is called after, which is another one in each release.

    `stem` is the `{name}-{version}` of the file: `demo-1.0/a.py` of an sdist is `a.py`, and
    `demo-1.0.dist-info/WHEEL` of a wheel `demo.dist-info/WHEEL`.
    """
    root, slash, rest = path.partition("/")
    if slash and root == stem:
        return rest
    if slash and root.startswith(f"{stem}."):
        return f"{stem.partition('-')[0]}{root.removeprefix(stem)}/{rest}"
    return path


def compare_members(old: Iterable[Member], new: Iterable[Member]) -> MemberChanges:
    """What was removed, added, and changed in its content. Of several with one path, the first is held against the
    first, and so on."""
    before, after = _numbered(old), _numbered(new)
    both = [(before[key], after[key]) for key in sorted(before.keys() & after.keys())]
    changed = tuple(pair for pair in both if _differ(*pair))
    return MemberChanges(
        removed=tuple(before[key] for key in sorted(before.keys() - after.keys())),
        added=tuple(after[key] for key in sorted(after.keys() - before.keys())),
        changed=changed,
        same=len(both) - len(changed),
    )


def _numbered(members: Iterable[Member]) -> dict[tuple[str, int], Member]:
    times: Counter[str] = Counter()
    found = {}
    for member in members:
        times[member.neutral] += 1
        found[member.neutral, times[member.neutral]] = member
    return found


def _differ(old: Member, new: Member) -> bool:
    return (old.size, old.digest) != (new.size, new.digest)
