"""What a release needs beside itself: `Requires-Dist` (PEP 508), in groups by extra, as people read it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from entrepot.comparing import EXTRA

_BESIDE = re.compile(rf""" and (?:{EXTRA.pattern})|(?:{EXTRA.pattern})(?: and )?""")
_BRACKETS = re.compile(r"\([^()]*\)")

SHOWN = 200  # requirements of a release that are told
EXTRAS = 100  # of a release that are told for themselves


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
    """What is needed with an extra; with an empty one in any case, or, if `several`, with any of more than one."""

    extra: str
    needed: tuple[Needed, ...]
    several: bool = False


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
    outside, inner = marker, ""
    while outside != inner:
        outside, inner = _BRACKETS.sub("", outside), outside
    if " or " in outside or not EXTRA.search(outside):
        return marker
    beside = _BESIDE.sub("", marker)
    return beside[1:-1] if _BRACKETS.fullmatch(beside) else beside


def grouped(requirements: Sequence[str], extras: Sequence[str]) -> tuple[Group, ...]:
    """The first 200 requirements by extra: those that always apply, then the extras in the order of the metadata, and
    what several extras ask for, each once.

    An extra that asks for nothing is told of where all requirements are.
    """
    shown = [needed(each) for each in requirements[:SHOWN]]
    several = [each for each in shown if len(each.extras) > 1]
    asking = {"", *(extra for each in several for extra in each.extras)}
    groups: dict[str, list[Needed]] = {"": [], **{canonicalize_name(extra): [] for extra in extras[:EXTRAS]}}
    for each in shown:
        if len(each.extras) <= 1:
            groups.setdefault("".join(each.extras), []).append(each)
    nothing = groups.keys() - asking if len(requirements) <= SHOWN else frozenset()
    alone = [Group(extra, tuple(members)) for extra, members in groups.items() if members or extra in nothing]
    return (*alone, *([Group("", tuple(several), several=True)] if several else []))
