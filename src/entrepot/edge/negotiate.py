"""Which form of a page to send, and in which coding: PEP 691 and RFC 9110, section 12.

Results are remembered by header value, of which real clients send a handful. A header longer than LONGEST characters is
taken as not sent: no client needs it, and it keeps what is remembered small.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from entrepot import layout
from entrepot.page import IDENTITY

LONGEST = 1000

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_CODINGS = ("zstd", "br", "gzip", IDENTITY)  # best first

# What a client names, and what it gets. `latest` is answered with the version it stands for.
_NAMES = {
    "application/vnd.pypi.simple.v1+json": layout.SIMPLE_JSON,
    "application/vnd.pypi.simple.latest+json": layout.SIMPLE_JSON,
    "application/vnd.pypi.simple.v1+html": layout.SIMPLE_HTML,
    "application/vnd.pypi.simple.latest+html": layout.SIMPLE_HTML,
    "text/html": layout.HTML,
}
# At equal weight, best last: by name the newest and richest form; by wildcard what a browser can show.
_NAMED = (layout.HTML, layout.SIMPLE_HTML, layout.SIMPLE_JSON)
_ANY = (layout.SIMPLE_JSON, layout.SIMPLE_HTML, layout.HTML)


def known_type(name: str) -> str | None:
    """The media type to answer with when a client names exactly one, as in `?format=`; None for any other."""
    return _NAMES.get(name.lower())


def simple_type(accept: str) -> str | None:
    """The media type of a simple page for this `Accept` ("" when not sent); None when no type will do (406)."""
    return _simple_type(accept if len(accept) <= LONGEST else "")


def prefers_json(accept: str) -> bool:
    """Whether JSON is to be sent instead of a page for people, for this `Accept` ("" when not sent).

    At equal weight what is named goes before what a wildcard covers, and the page before JSON.
    """
    weights = dict(_members(accept if len(accept) <= LONGEST else ""))
    page, json = ((_weight(each, weights), each in weights) for each in ("text/html", layout.JSON))
    return json[0] > 0 and json > page


def coding(accept_encoding: str) -> str:
    """The content coding for this `Accept-Encoding` ("" when not sent); identity when nothing else will do."""
    return _coding(accept_encoding if len(accept_encoding) <= LONGEST else "")


@lru_cache(256)
def _simple_type(accept: str) -> str | None:
    named: dict[str, float] = {}
    wildcards: dict[str, float] = {}
    for name, weight in _members(accept):
        if name in _NAMES:
            offered = _NAMES[name]
            named[offered] = max(weight, named.get(offered, 0.0))
        else:
            wildcards[name] = weight
    if not named and not wildcards:
        return layout.HTML
    ranked = [(weight, 1, _NAMED.index(offered), offered) for offered, weight in named.items()]
    ranked += [
        (_weight(offered, wildcards), 0, _ANY.index(offered), offered) for offered in _ANY if offered not in named
    ]
    weight, _, _, best = max(ranked)
    return best if weight else None


def _weight(offered: str, weights: dict[str, float]) -> float:
    """The weight of a type: its own, else that of `type/*`, else that of `*/*`, else none."""
    own = f"{offered.partition('/')[0]}/*"
    return weights.get(offered, weights.get(own, weights.get("*/*", 0.0)))


@lru_cache(256)
def _coding(accept_encoding: str) -> str:
    weights = {name.removeprefix("x-"): weight for name, weight in _members(accept_encoding)}
    others = weights.get("*", 0.0)
    ranked = [(weights.get(name, others), -place, name) for place, name in enumerate(_CODINGS)]
    weight, _, best = max(ranked)
    return best if weight else IDENTITY


def _members(header: str) -> Iterator[tuple[str, float]]:
    """The names in a header, lower-case, with their weights; members with a malformed weight are left out.

    Other parameters (`charset`, `level`) make no difference between what is offered.
    """
    for member in header.split(","):
        name, *parameters = (part.strip().lower() for part in member.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if name and _WEIGHT.fullmatch(weight):
            yield name, float(weight)
