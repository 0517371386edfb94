"""What changed between two releases."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import Truncator
from django.views.decorators.http import require_safe

from entrepot.comparing import Line
from entrepot.config import Config
from entrepot.projects import inside
from entrepot.projects.inside import ArchiveChanges
from entrepot.visible import visible
from entrepot.web.caching import shared
from entrepot.web.inside import apart
from entrepot.web.moving import moved_to
from entrepot.web.project import or_gone

MEMBERS = 500  # of each kind that are shown
LINES = 1000  # of a comparison that are shown
VALUES = 50  # of one field that are shown
VALUE_LIMIT = 200  # characters of one


@require_safe
@or_gone
@apart
@shared("project/{name}")
def changes(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """What a release changed since another one: `?since=VERSION`, or the one before."""
    sides = inside.sides(name, version, request.GET.get("since", ""))
    if (name, version) != (sides.project, sides.new.version):
        return redirect(moved_to(request, "changes", sides.project, sides.new.version), permanent=True)
    context: dict[str, object] = {"sides": sides}
    if sides.old is not None and sides.empty is None:
        found = inside.changes(sides.old, sides.new, store=Config.current().store())
        lines = found.description.lines
        context |= {
            "fields": [(each, _values(each.removed), _values(each.added)) for each in found.fields],
            "found": found,
            "lines": [Line(each.sign, visible(each.text)) for each in lines[:LINES]],
            "lines_left": max(0, len(lines) - LINES),
            "parts": _parts(found.archive) if found.archive is not None else [],
        }
    return render(request, "inside/changes.html", context)


def _parts(archive: ArchiveChanges) -> list[dict[str, object]]:
    """Changed, added and removed members: what they are called, where they can be seen, and how many there are."""
    if archive.members is None:
        return []
    changed = [
        {"name": visible(new.neutral), "before": _path(old.path, archive.openable_before), "size_before": old.size}
        | {"after": _path(new.path, archive.openable), "size": new.size}
        for old, new in archive.members.changed[:MEMBERS]
    ]
    added = [
        {"name": visible(each.neutral), "after": _path(each.path, archive.openable), "size": each.size}
        for each in archive.members.added[:MEMBERS]
    ]
    removed = [
        {"name": visible(each.neutral), "before": _path(each.path, archive.openable_before), "size_before": each.size}
        for each in archive.members.removed[:MEMBERS]
    ]
    return [
        {"kind": "changed", "rows": changed, "count": len(archive.members.changed)},
        {"kind": "added", "rows": added, "count": len(archive.members.added)},
        {"kind": "removed", "rows": removed, "count": len(archive.members.removed)},
    ]


def _values(given: Sequence[str]) -> list[str]:
    return [visible(Truncator(each).chars(VALUE_LIMIT)) for each in given[:VALUES]]


def _path(path: str, openable: frozenset[str]) -> str:
    return path if path in openable else ""
