"""Projects as search knows them: read from the state as it is."""

from collections.abc import Sequence

from django.db.models import Max

from entrepot.documents import ReleaseDetail
from entrepot.journal.models import Entry
from entrepot.projects.models import Project
from entrepot.projects.queries import project_detail, release_info, shown_release, visible_projects
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
    release = shown_release(project_detail(project))
    if release is None or all(file.yanked for file in release.files):
        return None
    return _document(project, release, serial)


def _document(project: Project, release: ReleaseDetail, serial: int) -> Document:
    metadata = release_info(project, release).metadata
    return Document(
        project=project.pk,
        serial=serial,
        name=project.normalized,
        display_name=project.display_name,
        version=release.version,
        summary=metadata.summary,
        keywords=metadata.keywords,
        description=metadata.description,
        classifiers=metadata.classifiers,
        requires_python=metadata.requires_python,
        status=project.status,
        released_at=min(file.uploaded_at for file in release.files),
    )
