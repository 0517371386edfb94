"""Pages that stand for long: help, security and the policies. Whoever runs the index can put own ones in their place.

`NAME.LANGUAGE.md` in the directory of pages stands for the page in that language, `NAME.md` in all others; without
either it is our template. The Markdown of operators is rendered and made safe as descriptions are, once for each
process and each time that the file has changed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from entrepot import readme
from entrepot.config import Config
from entrepot.web.caching import SHORTLY, shared

POLICIES = {
    "terms-of-use": _("Terms of use"),
    "acceptable-use": _("Acceptable use"),
    "privacy": _("Privacy"),
    "names": _("Names"),
}
TITLES = {"help": _("Help"), "security": _("Security"), "policies": _("Policies"), **POLICIES}

_HEADING = re.compile(r"\s*#[ \t]+(?P<title>[^\n]*?)[ \t#]*(?:\n|\Z)")
_DEEPER = re.compile(r"<(/?)h([3-6])\b")


@dataclass(frozen=True, slots=True)
class Written:
    """A page of the operator's: its first heading as plain text, which may be missing, and the rest as safe HTML."""

    title: str
    html: str


@require_safe
@shared("standing", surrogate=SHORTLY)
def page(request: HttpRequest, name: str) -> HttpResponse:
    """A page by its name, which is one of TITLES."""
    config, title = Config.current(), TITLES[name]
    for path in _places(config.pages, name):
        if path.is_file():
            stat = path.stat()
            own = _written(path, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
            return render(request, "standing/own.html", {"title": own.title or title, "html": own.html})
    context = {"title": title, "policies": POLICIES, "url": config.public_url, "contact": config.security_contact}
    return render(request, f"standing/{name}.html", context)


def _places(folder: Path, name: str) -> Iterator[Path]:
    yield folder / f"{name}.{get_language()}.md"
    yield folder / f"{name}.md"


@lru_cache(256)
def _written(path: Path, _stamp: tuple[int, int, int]) -> Written:
    """Raises what `readme.render` raises."""
    text = path.read_text("utf-8", errors="replace")
    heading = _HEADING.match(text)
    title, rest = (heading["title"], text[heading.end() :]) if heading else ("", text)
    # Descriptions stand below a heading of ours, these do not. What was made safe is canonical: a tag is what looks
    # like one.
    html = _DEEPER.sub(lambda tag: f"<{tag[1]}h{int(tag[2]) - 1}", readme.render(rest, "text/markdown"))
    return Written(title, html)
