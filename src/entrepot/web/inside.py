"""Looking inside a distribution file: what is in it, and one file of it as text.

What strangers have packed is shown as text on pages of ours, never sent as it is. And should a way be found to have
a page say something else than it should, it says so as if from another origin, where no script runs and nobody is
signed in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import groupby

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from entrepot.archives.inside import Content
from entrepot.archives.member import Inner, Kind
from entrepot.config import Config
from entrepot.projects import inside
from entrepot.projects.inside import Listing
from entrepot.visible import visible
from entrepot.web.caching import shared
from entrepot.web.moving import moved_to
from entrepot.web.project import or_gone

ROWS = 1000  # members on a page
LINES = 10_000  # lines of a file that are shown

UTF_8 = "UTF-8"
_BINARY = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # controls that no text of old has

# A form may choose another release, and a link may fetch the file. Nothing else works, least of all a script.
APART = {
    "Content-Security-Policy": (
        "sandbox allow-forms allow-downloads; default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "unsafe-none",  # browsers refuse a page with both a sandbox and any other
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Row:
    """A member in its folder; `path` is empty when there is nothing to open, `name` is fit to be seen."""

    name: str
    path: str
    kind: str
    size: int
    target: str


@dataclass(frozen=True, slots=True)
class Text:
    """A file as text; `encoding` is empty for what is none."""

    lines: tuple[str, ...] = ()
    encoding: str = ""
    has_hidden: bool = False
    is_cut: bool = False


def apart(view: View) -> View:
    """Let the page of the view be as if from another origin."""

    @wraps(view)
    def answer(request: HttpRequest, **names: str) -> HttpResponse:
        response = view(request, **names)
        for name, value in APART.items():
            response[name] = value
        return response

    return answer


@require_safe
@or_gone
@apart
@shared("project/{name}")
def listing(request: HttpRequest, name: str, version: str, filename: str) -> HttpResponse:
    """What is in a file, folder by folder."""
    file = inside.offered_file(name, version, filename)
    if (name, version) != (file.project, file.version):
        return redirect(moved_to(request, "inside", file.project, file.version, filename), permanent=True)
    found = inside.listing(file, store=Config.current().store())
    files = [each for each in found.members if each.kind is not Kind.FOLDER]
    page = Paginator(files, ROWS).get_page(request.GET.get("page"))
    context = {
        "file": file,
        "obstacle": found.obstacle,
        "page": page,
        "folders": _folders(files[page.start_index() - 1 : page.end_index()], found),
        "count": len(files),
        "total": sum(each.size for each in files),
    }
    return render(request, "inside/listing.html", context)


@require_safe
@or_gone
@apart
@shared("project/{name}")
def member(request: HttpRequest, name: str, version: str, filename: str, path: str) -> HttpResponse:
    """One file of a file, as text with numbered lines."""
    file = inside.offered_file(name, version, filename)
    if (name, version) != (file.project, file.version):
        there = moved_to(request, "inside_member", file.project, file.version, filename, path)
        return redirect(there, permanent=True)
    opened = inside.opened(file, path, store=Config.current().store())
    text = Text() if opened.content is None else as_text(opened.content)
    context = {"file": file, "path": visible(path), "opened": opened, "text": text}
    return render(request, "inside/member.html", context)


def as_text(content: Content) -> Text:
    """The beginning of a file as text, if it is any."""
    head, is_cut = content.head, content.inner.size > len(content.head)
    text, encoding = _decoded(head, is_cut=is_cut)
    if "\0" in text or (encoding != UTF_8 and _BINARY.search(text)):
        return Text()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    shown = tuple(visible(line) for line in lines[:LINES])
    return Text(shown, encoding, list(shown) != lines[:LINES], is_cut or len(lines) > LINES)


def _decoded(head: bytes, *, is_cut: bool) -> tuple[str, str]:
    """UTF-8, even where its last character is cut off; else every byte is some character of Latin-1."""
    try:
        return head.decode(), UTF_8
    except UnicodeDecodeError as error:
        if is_cut and error.reason == "unexpected end of data":
            return head[: error.start].decode(), UTF_8
        return head.decode("latin-1"), "ISO 8859-1"


def _folders(inners: list[Inner], found: Listing) -> list[tuple[str, list[Row]]]:
    """The members by folder; the one at the root has no name."""
    return [
        (visible(folder), [_row(inner, found) for inner in members])
        for folder, members in groupby(inners, lambda inner: inner.path[: inner.path.rfind("/") + 1])
    ]


def _row(inner: Inner, found: Listing) -> Row:
    return Row(
        name=visible(inner.path.rpartition("/")[2]),
        path=inner.path if inner.path in found.openable and inner.is_plain else "",
        kind=inner.kind.value,
        size=inner.size,
        target=visible(inner.target),
    )
