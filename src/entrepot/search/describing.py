"""Projects as search knows them: read from the state as it is."""

from collections.abc import Sequence

from django.db.models import Max, Min

from entrepot.journal.models import Entry
from entrepot.projects import history
from entrepot.projects.models import File, Project
from entrepot.projects.queries import metadata_of, visible_projects
from entrepot.search.port import Document, Gone


def described(projects: Sequence[int]) -> tuple[list[Document], list[Gone]]:
    """The projects with these ids: those that are to be found, and those that are not.

    These are the deleted and the quarantined ones, and those that have no file left that is not yanked.
    """
    # Before the state: it may be newer than its serial says, and is then read once more.
    entries = Entry.objects.filter(project__in=projects).values_list("project").annotate(last=Max("serial"))
    serials: dict[int, int] = dict(entries.order_by())
    shown = visible_projects().filter(pk__in=projects)
    documents = [each for project in shown if (each := _described(project, serials[project.pk]))]
    found = {each.project for each in documents}
    return documents, [Gone(each, serials[each]) for each in projects if each not in found]


def _described(project: Project, serial: int) -> Document | None:
    line = history.shown_of(project)
    if line is None or line.yanked:
        return None
    files = File.objects.filter(release=line.pk)
    metadata = metadata_of(files)
    return Document(
        project=project.pk,
        serial=serial,
        name=project.normalized,
        display_name=project.display_name,
        version=line.version,
        summary=metadata.summary,
        keywords=metadata.keywords,
        description=metadata.description,
        classifiers=metadata.classifiers,
        requires_python=metadata.requires_python,
        status=project.status,
        released_at=files.aggregate(first=Min("uploaded_at"))["first"],
    )
