"""Known vulnerabilities: advisories that the operator imports, and the releases of this index that they are about."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from entrepot.documents import Vulnerability
from entrepot.journal import documents as owed
from entrepot.journal import log
from entrepot.layout import INDEX
from entrepot.names import canonical_version, parse_version
from entrepot.projects import osv
from entrepot.projects.models import Advisory, Affected, Project, Release


@transaction.atomic(durable=True)
def keep(told: osv.Advisory) -> bool:
    """Keep what an advisory says, unless it is known as it is or newer; whether anything is new.

    All documents of the projects that it names, or named before, are owed in the same transaction.
    """
    known = Advisory.objects.select_for_update().filter(identifier=told.identifier).first()
    if known is not None and known.modified >= told.modified:
        return False
    if known is None and not told.affected:
        return False
    names: set[str] = {each.name for each in told.affected}
    if known is not None:
        names.update(known.affected.values_list("name", flat=True))
        known.delete()
    _write(told)
    log.owe_along(_documents(names), at=timezone.now())
    return True


def _write(told: osv.Advisory) -> None:
    advisory = Advisory.objects.create(
        identifier=told.identifier,
        aliases=told.aliases,
        summary=told.summary,
        details=told.details,
        modified=told.modified,
        withdrawn=told.withdrawn,
    )
    Affected.objects.bulk_create(
        Affected(advisory=advisory, name=each.name, versions=each.versions, ranges=each.ranges, fixed_in=each.fixed_in)
        for each in told.affected
    )


def _documents(names: Iterable[str]) -> list[owed.Document]:
    projects = Project.objects.filter(index__slug=INDEX, name__in=names, deletion=None)
    releases = Release.objects.filter(project__in=projects).values_list("project_id", "canonical")
    return [
        *(owed.project(each) for each in projects.values_list("pk", flat=True)),
        *(owed.release(project, canonical) for project, canonical in releases),
    ]


def vulnerabilities_of(name: str, version: str) -> tuple[Vulnerability, ...]:
    """What is known of a version of the project with this normalized name, by id; what was withdrawn is left out."""
    parsed = parse_version(version)
    canonical = canonical_version(parsed)
    found = Affected.objects.filter(name=name, advisory__withdrawn=None).select_related("advisory")
    return tuple(
        Vulnerability(
            identifier=each.advisory.identifier,
            aliases=tuple(each.advisory.aliases),
            summary=each.advisory.summary,
            details=each.advisory.details,
            fixed_in=tuple(each.fixed_in),
        )
        for each in found.order_by("advisory__identifier")
        if canonical in each.versions or any(osv.is_within(parsed, span) for span in each.ranges)
    )
