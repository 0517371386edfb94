"""Comparing a mirror with the index that it follows, as both are at this moment."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import cast

from django.utils import timezone

from entrepot.mirror.agenda import rules_of
from entrepot.mirror.models import Mirror
from entrepot.mirror.rules import Rules, sift
from entrepot.names import ProjectName
from entrepot.projects.models import File, Project, Status
from entrepot.refusal import Missing, Refused
from entrepot.upstream.client import Answer, Upstream
from entrepot.upstream.page import UpstreamProject
from entrepot.visible import visible


def differences(mirror: Mirror) -> Iterator[list[str]]:
    """What differs, project by project: files that lack or are too many, hashes, yanks, statuses.

    Whether the bytes are those of the hashes, `entrepot verify` says.
    """
    rules = rules_of(mirror)
    with closing(Upstream(mirror.url)) as upstream:
        for name in mirror.followed.order_by("name").values_list("name", flat=True).iterator():
            yield [f"{name}: {visible(each)}" for each in _of_project(mirror, rules, ProjectName(name), upstream)]


def _of_project(mirror: Mirror, rules: Rules, name: ProjectName, upstream: Upstream) -> Iterator[str]:
    project = Project.objects.filter(name=name, mirrored__mirror=mirror.name, deletion=None).first()
    try:
        page = cast("Answer", upstream.project(name)).project  # without an ETag there is always a page
    except Missing:
        if project is not None:
            yield "it is no longer there"
        return
    except Refused as refused:
        yield refused.message
        return
    yield from _of_files(project, rules, name, page)
    if project is not None and project.mirrored.status != page.status:
        yield f"it is {page.status} there, and was {project.mirrored.status} when it was looked at last"


def _of_files(project: Project | None, rules: Rules, name: ProjectName, page: UpstreamProject) -> Iterator[str]:
    here = {each.filename: each for each in File.objects.filter(release__project=project).defer("metadata")}
    there = {each.filename: each for each in page.files}
    for file in sift(rules, name, page.files, timezone.now()).files:
        if file.filename not in here:
            yield f"{file.filename} is not here"
    for filename, mine in here.items():
        theirs = there.get(filename)
        if theirs is None:
            if page.status != Status.QUARANTINED:
                yield f"{filename} is no longer there"
        elif theirs.hashes.get("sha256", mine.sha256) != mine.sha256:
            yield f"{filename} has another SHA-256 there: {theirs.hashes['sha256']}"
    yanked = {each.filename: " ".join((each.yanked or "").split()) for each in page.files if each.yanked is not None}
    seen: Mapping[str, str] = {} if project is None else project.mirrored.yanked
    for filename in sorted((yanked.keys() ^ seen.keys()) & here.keys()):
        yield f"{filename} is {'yanked' if filename in yanked else 'not yanked'} there"
