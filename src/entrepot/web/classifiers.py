"""All classifiers that a project can have, as the tree that they are."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import trove_classifiers
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from entrepot.web.caching import shared

SEPARATOR = " :: "
LONGEST = 100  # characters of a question; no classifier is longer by much
WORDS = 8  # of a question
VALID = tuple(each for each in trove_classifiers.sorted_classifiers if each in trove_classifiers.classifiers)

Tree = dict[str, "Tree"]


@require_safe
@shared("classifiers")
def classifiers(request: HttpRequest) -> HttpResponse:
    """Those with all words of `?q=` in them, or all; each leads to the projects that have it."""
    asked = request.GET.get("q", "")[:LONGEST]
    wanted = list(dict.fromkeys(asked.casefold().split()))[:WORDS]
    found = tuple(each for each in VALID if all(word in each.casefold() for word in wanted)) if wanted else VALID
    listed = all_of_them() if found == VALID else _list(_tree(found))
    return render(request, "classifiers.html", {"listed": listed, "count": len(found), "q": asked})


@lru_cache(1)
def all_of_them() -> SafeString:
    """The whole list, which costs more than the rest of the page."""
    return _list(_tree(VALID))


def _tree(found: Iterable[str]) -> Tree:
    root: Tree = {}
    for each in found:
        branch = root
        for part in each.split(SEPARATOR):
            branch = branch.setdefault(part, {})
    return root


def _list(tree: Mapping[str, Tree], above: str = "") -> SafeString:
    return format_html_join("", "<li>{}{}</li>", (_item(part, above + part, below) for part, below in tree.items()))


def _item(part: str, full: str, below: Tree) -> tuple[str, str]:
    """What the tree says at this place, which is a classifier itself or only above some, and what is below."""
    link = format_html('<a href="/search/?{}">{}</a>', urlencode({"c": full}), part)
    inner = format_html("<ul>{}</ul>", _list(below, full + SEPARATOR)) if below else ""
    return link if full in trove_classifiers.classifiers else part, inner
