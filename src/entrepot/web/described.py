"""What a release says of itself and nobody has verified, in the form in which pages show it."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from itertools import islice
from urllib.parse import urlsplit

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from entrepot.metadata import CoreMetadata
from entrepot.projects.pages import ReleasePage
from entrepot.visible import visible

# Labels that have an agreed meaning, and what else is written for them (well-known project URLs).
_WELL_KNOWN = {
    "homepage": ("homepage",),
    "documentation": ("documentation", "docs"),
    "source": ("source", "repository", "sourcecode", "github"),
    "changelog": ("changelog", "changes", "whatsnew", "history"),
    "releasenotes": ("releasenotes",),
    "issues": ("issues", "bugs", "issue", "tracker", "issuetracker", "bugtracker"),
    "download": ("download",),
    "funding": ("funding", "sponsor", "donate", "donation"),
}
_MEANING = {alias: label for label, aliases in _WELL_KNOWN.items() for alias in aliases}
_IN_SCRIPT = str.maketrans({"<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


# Strangers write all of it, and it is made into one page: what nobody would read is left out.
LINKS = 50
URL_LIMIT = 1000  # characters of one
NAME_LIMIT = 300  # characters of what authors are called
ADDRESSES_LIMIT = 2000  # characters of their addresses
KEYWORDS = 100
KEYWORD_LIMIT = 100  # characters of one
CLASSIFIERS = 100
CLASSIFIER_LIMIT = 200  # characters of one
_NESTING_LIMIT = 50  # of what the parser of addresses recurses into


@dataclass(frozen=True, slots=True)
class Link:
    """A link that the author gives, to `host`, under a label that people know or the author's own."""

    label: str
    url: str
    host: str


@dataclass(frozen=True, slots=True)
class Classifiers:
    """The classifiers of one kind: the whole text of each, for the search, and what of it is to be shown."""

    kind: str
    shown: tuple[tuple[str, str], ...]


def links(about: CoreMetadata) -> list[Link]:
    """Where the author leads to, over http or https: what has an agreed meaning first, in its order; each URL once.

    Of the project URLs, the first 50 are looked at.
    """
    given = [("Homepage", about.home_page), ("Download", about.download_url), *about.project_urls[:LINKS]]
    known = _labels()
    found: dict[str, tuple[str, Link]] = {}
    for label, url in given:
        parts = _parts(url)
        if parts is not None:
            meaning = _MEANING.get(re.sub(r"[\W_]", "", label).lower(), "")
            found.setdefault(url, (meaning, Link(known.get(meaning, label), url, visible(parts))))
    order = list(_WELL_KNOWN)
    ranked = sorted(found.values(), key=lambda each: order.index(each[0]) if each[0] else len(order))
    return [link for _meaning, link in ranked]


def _parts(url: str) -> str | None:
    """The host of an http(s) URL; None for everything else, and for what no browser would follow."""
    if len(url) > URL_LIMIT:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in {"http", "https"} and host else None


def _labels() -> dict[str, str]:
    return {
        "homepage": _("Home page"),
        "documentation": _("Documentation"),
        "source": _("Source code"),
        "changelog": _("Changelog"),
        "releasenotes": _("Release notes"),
        "issues": _("Issues"),
        "download": _("Download"),
        "funding": _("Funding"),
    }


def authors(name: str, email: str) -> list[tuple[str, str]]:
    """Names and addresses, each of which may be empty, from two fields that may both hold several (RFC 5322)."""
    name, people = Truncator(name).chars(NAME_LIMIT), _people(email)
    match people:
        case [(told, address)] if told == address:
            return [(name or told, address)]
    alone = [(name, "")] if name and name not in dict(people) else []
    return [*alone, *people]


def _people(email: str) -> list[tuple[str, str]]:
    """As `authors`; a text that cannot be parsed stands for itself."""
    if len(email) > ADDRESSES_LIMIT:
        whole, _comma, _rest = email[:ADDRESSES_LIMIT].rpartition(",")
        return [*_people(whole), ("…", "")]
    if max(map(email.count, "(:")) > _NESTING_LIMIT:
        return [(Truncator(email).chars(NAME_LIMIT), "")]
    return [(told or address, address if "@" in address else "") for told, address in getaddresses([email]) if address]


def keywords(text: str) -> list[str]:
    """The keywords, which are separated by commas, or by spaces where there are none; of each, what fits in a line."""
    parts = text.split(",") if "," in text else text.split()
    return list(dict.fromkeys(part.strip()[:KEYWORD_LIMIT] for part in parts if part.strip()))


def classifiers(given: Iterable[str]) -> list[Classifiers]:
    """The first hundred classifiers by kind, which is what stands before the first `::`."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for each in islice(dict.fromkeys(short for short in given if len(short) <= CLASSIFIER_LIMIT), CLASSIFIERS):
        kind, _separator, rest = each.partition(" :: ")
        kinds.setdefault(kind, []).append((each, rest or kind))
    return [Classifiers(kind, tuple(shown)) for kind, shown in kinds.items()]


def linked_data(
    page: ReleasePage, found: Iterable[Link], words: Sequence[str], *, url: str, address: str
) -> SafeString:
    """The release as JSON-LD (schema.org), safe inside of a script element; `address` is the page, `url` the site.

    `found` are its links, and `words` its keywords.
    """
    about = page.metadata
    told = {
        "@context": "https://schema.org",
        "@type": "SoftwareSourceCode",
        "name": page.project.display_name,
        "description": about.summary,
        "url": address,
        "version": page.line.version,
        "datePublished": page.line.at,
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {about.requires_python}" if about.requires_python else "Python",
        "license": about.license_expression,
        "keywords": ", ".join(words[:KEYWORDS]),
        "codeRepository": next((each.url for each in found if each.label == _("Source code")), ""),
        "maintainer": [{"@type": "Person", "name": user, "url": f"{url}/user/{user}/"} for _role, user in page.people],
    }
    text = json.dumps({key: value for key, value in told.items() if value}, ensure_ascii=False, cls=DjangoJSONEncoder)
    return mark_safe(text.translate(_IN_SCRIPT))  # noqa: S308 - nothing in it ends a script, or begins a comment
