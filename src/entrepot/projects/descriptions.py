"""Descriptions as people read them."""

from dataclasses import dataclass

from django.db.models.fields.json import KT

from entrepot import documents
from entrepot.projects.models import File, Project


@dataclass(frozen=True, slots=True)
class ShownDescription:
    """`html` is safe to show as it is, and empty for a blank description; `text` is the description as written."""

    html: str = ""
    pending: bool = False
    failed: str = ""
    text: str = ""
    cut: bool = False


def description_of(project: Project, release: documents.ReleaseDetail) -> ShownDescription:
    """The release's description."""
    first = File.objects.filter(release__project=project, release__canonical=release.canonical).order_by("pk")
    return ShownDescription(pending=True, text=first.values_list(KT("metadata__description"), flat=True)[0] or "")
