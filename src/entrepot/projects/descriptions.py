"""What a release says of itself, as it is shown."""

from dataclasses import dataclass

from entrepot.metadata import from_json
from entrepot.projects.models import File, Project, Release


@dataclass(frozen=True, slots=True)
class Description:
    """A description: `html` is safe to show; `pending` while it is being made, `failed` when `text` is all there is."""

    html: str
    pending: bool
    failed: bool
    text: str


def description_of(project: Project, release: Release) -> Description:
    """The description of a release of the project, from the file that was uploaded first."""
    first = File.objects.filter(release=release, release__project=project).order_by("pk")[:1]
    return Description(
        "", pending=False, failed=False, text="".join(from_json(each.metadata).description for each in first)
    )
