"""What every change of a project begins and ends with: the gate, and what is told of it."""

from collections.abc import Iterable

from django.utils import timezone

from entrepot.accounts.actor import Actor
from entrepot.accounts.tokens import Permission
from entrepot.journal import documents as owed
from entrepot.journal.documents import Document
from entrepot.journal.log import Event
from entrepot.projects import rights
from entrepot.projects.models import File, Index, Project, Release
from entrepot.projects.queries import file_of, project_named, release_of

LONGEST_REASON = 1000  # characters


def hold(index: int) -> Index:
    """Whoever changes a project of the index waits here until the others have committed, a few milliseconds.

    Each looks at what is there only then; before, others may be about to change it.
    """
    return Index.objects.select_for_update().get(pk=index)


def held_project(project: Project, by: Actor, permission: Permission) -> Project:
    """The project as it is now, when whoever asks may do this with it. Raises Forbidden."""
    held = project_named(hold(project.index_id), project.name)
    rights.check(by, held, permission, timezone.now())
    return held


def held_release(release: Release, by: Actor, permission: Permission) -> Release:
    """The release as it is now, under the same condition. Raises Forbidden."""
    return release_of(held_project(release.project, by, permission), release.version)


def held_file(file: File, by: Actor, permission: Permission) -> File:
    """The file as it is now, under the same condition. Raises Forbidden."""
    return file_of(held_release(file.release, by, permission), file.filename)


def event_of(
    project: Project,
    action: str,
    *,
    release: Release | None = None,
    reason: str = "",
    files: Iterable[File] = (),
) -> Event:
    """What happened to the project, or to one `release` of it, and all documents that say something else now.

    `files` are those that come or go: the notes that withhold them are owed.
    """
    touched = [release] if release else project.releases.all()
    documents: list[Document] = [
        *(owed.file(file.blake2, file.filename) for file in files),
        *(owed.release(project.pk, each.canonical) for each in touched),
        owed.project(project.pk),
        owed.project_list(project.index_id),
    ]
    return Event(
        index=project.index_id,
        project=project.pk,
        name=project.display_name,
        version=release.version if release else "",
        action=action,
        reason=reason,
        documents=tuple(documents),
    )


def one_line(text: str) -> str:
    """The text as the journal keeps it: a reason is one line of a changelog."""
    return " ".join(text.split())
