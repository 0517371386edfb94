"""What a release needs beside itself: `Requires-Dist` (PEP 508), in groups by extra, as people read it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from entrepot.comparing import EXTRA

_BESIDE = re.compile(r"""\(([^()]*)\) and (?:extra == "[^"]*"|"[^"]*" == extra)""")


@dataclass(frozen=True, slots=True)
class Needed:
    """One requirement: `name` is normalized; `wanted` says extras and versions, `condition` where it applies.

    It is asked for with one of `extras` only, if any are named.
    """

    name: str
    written: str  # the name, as the author writes it
    wanted: str
    condition: str
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """What is needed with an extra; with an empty one, in any case."""

    extra: str
    needed: tuple[Needed, ...]


@lru_cache(1024)
def needed(text: str) -> Needed:
    """What one `Requires-Dist` says, which has been judged when it was uploaded."""
    parsed = Requirement(text)
    marker = str(parsed.marker) if parsed.marker else ""
    extras = [canonicalize_name(first or second) for first, second in EXTRA.findall(marker)]
    named = f"[{', '.join(sorted(parsed.extras))}]" if parsed.extras else ""
    version = f"@ {parsed.url}" if parsed.url else str(parsed.specifier)
    return Needed(
        name=canonicalize_name(parsed.name),
        written=parsed.name,
        wanted=" ".join(part for part in (named, version) if part),
        condition=_condition(marker) if len(extras) == 1 else marker,
        extras=tuple(dict.fromkeys(extras)),
    )


def _condition(marker: str) -> str:
    """What the marker says beside the one extra that it names; all of it where the two cannot be told apart."""
    if beside := _BESIDE.fullmatch(marker):
        return beside[1]
    if " or " in marker or "(" in marker:
        return marker
    return " and ".join(part for part in marker.split(" and ") if not EXTRA.fullmatch(part))


def grouped(requirements: Iterable[str], extras: Iterable[str]) -> tuple[Group, ...]:
    """The requirements by extra: first those that always apply, then the extras in the order of the metadata."""
    groups: dict[str, list[Needed]] = {"": [], **{canonicalize_name(extra): [] for extra in extras}}
    for each in map(needed, requirements):
        for extra in each.extras or ("",):
            groups.setdefault(extra, []).append(each)
    return tuple(Group(extra, tuple(members)) for extra, members in groups.items() if members or extra)
