"""How large files and projects may be: as the policy has it, or as a moderator has decided for one project."""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from entrepot.accounts import record
from entrepot.accounts.actor import Actor
from entrepot.accounts.tokens import Permission
from entrepot.names import ProjectName
from entrepot.policy import LARGEST_FILE
from entrepot.projects.changing import held_project
from entrepot.projects.models import Index, Project, ProjectLimit
from entrepot.refusal import Refused


@dataclass(frozen=True, slots=True)
class Sizes:
    """In bytes; `total` is None where a project may grow freely."""

    file: int
    total: int | None


def sizes_of(index: Index, name: ProjectName) -> Sizes:
    """What holds for the project of this name, also before there is one."""
    rules = index.policy
    limit = ProjectLimit.objects.filter(project__index=index, project__name=name).first()
    file = limit.file_size if limit is not None and limit.file_size is not None else rules.file_size_limit
    total = limit.total_size if limit is not None and limit.total_size is not None else rules.project_size_limit
    return Sizes(file, total)


@transaction.atomic(durable=True)
def set_limit(project: Project, *, by: Actor, reason: str, file_size: int | None, total_size: int | None) -> None:
    """Decide how large the project's files, and all together, may be: bytes; None: as the policy has it.

    What is there stays. Raises Refused("invalid-limit"), or Forbidden.
    """
    project, now = held_project(project, by, Permission.MANAGE), timezone.now()
    if file_size is not None and not 0 < file_size <= LARGEST_FILE:
        most = LARGEST_FILE >> 20
        raise Refused("invalid-limit", f"A file has at most {most} MB here, whatever is decided.", "file_size")
    given = {"file_size": file_size, "total_size": total_size}
    more = {"reason": reason, "by": by.origin.user, "at": now}
    ProjectLimit.objects.update_or_create(project=project, defaults=given | more)
    record.note("project:limits", by=by, at=now, project=project.pk, details=given | {"reason": reason})
