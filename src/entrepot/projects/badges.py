"""What a badge says of a project: two words about the release that stands for it."""

from entrepot.projects import history
from entrepot.projects.models import File


def version_of(project: int) -> str:
    """The version of the release that stands for the project with this id; empty where it has none."""
    line = history.shown(history.lines_of(project))
    return line.version if line else ""


def python_of(project: int) -> str:
    """Which Python that release requires, as its first file says; empty where it does not."""
    line = history.shown(history.lines_of(project))
    files = File.objects.filter(release=line.pk) if line else File.objects.none()
    return files.order_by("uploaded_at", "pk").values_list("requires_python", flat=True).first() or ""
