"""Descriptions as people read them: rendered once, by a worker (`followers.descriptions`), then read from here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Min
from django.db.models.fields.json import KT
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot import fragment
from entrepot.accounts import sealing
from entrepot.config import Config
from entrepot.projects import history
from entrepot.projects.models import Description, File, Project
from entrepot.readme import RENDERER

AT_ONCE = 500  # rows in one statement
LEASE = timedelta(minutes=2)  # for a worker to render what it claimed
ATTEMPTS = 3  # what was rendered at its upload fails when the machine is too busy
AGAIN = timedelta(minutes=10)
LARGEST = 2_000_000  # characters of HTML that one page shows
TEXT_SHOWN = 100_000  # characters of a text that is shown as it was written

GIVEN_UP = "The description cannot be rendered."  # in English, as all reasons of renderers are
_TEXT, _CONTENT_TYPE = KT("metadata__description"), KT("metadata__description_content_type")


@dataclass(frozen=True, slots=True)
class ShownDescription:
    """`html` is safe to show as it is, and empty for a blank description.

    While that is `pending`, and after it has `failed` for a reason that is one sentence, `text` is the description as
    it was written, or its beginning where it is long (`cut`).
    """

    html: str = ""
    pending: bool = False
    failed: str = ""
    text: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A description to render: of which file and project, and the fields of its core metadata."""

    file: int
    project: str
    text: str
    content_type: str


def description_of(release: int) -> ShownDescription:
    """The description of the release with this id, in one query; in a second one where there is only the text."""
    of_release = File.objects.filter(release=release).order_by("pk")
    fields = ("pk", "description__html", "description__failure", "description__renderer")
    file, html, failure, renderer = of_release.values_list(*fields).first() or (0, "", "", RENDERER)  # just deleted
    if renderer and not failure:
        return ShownDescription(html=_finished(html))
    text = File.objects.filter(pk=file).values_list(_TEXT, flat=True).first() or ""  # or deleted just now
    return ShownDescription(
        pending=not renderer, failed=failure or "", text=text[:TEXT_SHOWN], cut=len(text) > TEXT_SHOWN
    )


def _finished(html: str) -> str:
    if Config.current().images == "off":
        html = fragment.without_images(html)
    signature = image_signatures()
    return fragment.finished(
        html, image=lambda address: f"{fragment.IMAGES}{signature(address)}/{address}", table=_("Table")
    )


def image_signatures() -> Callable[[str], str]:
    """What shows that an image's URL, in hexadecimal, stands in some description: nothing else is fetched."""
    digest = sealing.digests("image")
    return lambda address: digest(address)[:32]


def owe(projects: Sequence[int], *, at: datetime) -> None:
    """Note which descriptions the projects with these ids lack, or have from another renderer, to be rendered from
    then on."""
    ready = Description.objects.filter(file__release__project__in=projects, renderer=RENDERER, due_at=None)
    done = set(ready.values_list("file_id", flat=True))
    lacking: dict[int, dict[int, int]] = {}
    of_releases = File.objects.filter(release__project__in=projects).values_list("release__project", "release")
    for project, release, first in of_releases.annotate(first=Min("pk")).order_by("first"):
        if first not in done:
            lacking.setdefault(project, {})[release] = first
    for project in Project.objects.filter(pk__in=lacking):
        _note(project, lacking[project.pk], at)


def _note(project: Project, lacking: dict[int, int], at: datetime) -> None:
    shown = history.shown_of(project)
    Description.objects.bulk_create(
        (
            Description(file_id=file, rank=0 if shown and shown.pk == release else 1, due_at=at)
            for release, file in lacking.items()
        ),
        batch_size=AT_ONCE,
        update_conflicts=True,
        unique_fields=["file"],
        update_fields=["rank", "due_at", "attempts"],
    )


def claim(*, due: datetime, at: datetime) -> Waiting | None:
    """What is to be rendered next of all that is due by then, None when nothing is. No other worker gets it for a
    while."""
    waiting = Description.objects.filter(due_at__lte=due).order_by("rank", "-file")
    for pk, due_at in waiting.values_list("pk", "due_at")[:AT_ONCE]:
        mine = Description.objects.filter(pk=pk, due_at=due_at)
        file = File.objects.filter(pk=pk)
        found = file.values_list("release__project__name", _TEXT, _CONTENT_TYPE).first()
        if found is None:  # deleted by a server that does not know of this table
            mine.delete()
        elif mine.filter(attempts__gte=ATTEMPTS).update(due_at=None, renderer=RENDERER, failure=GIVEN_UP):
            continue  # whoever rendered it did not live to say what was wrong
        elif mine.update(due_at=at + LEASE, attempts=F("attempts") + 1):
            name, text, content_type = found
            return Waiting(pk, name, text or "", content_type or "")
    return None


def keep(file: int, html: str) -> None:
    """The file's description is rendered, for good; one that is too long is shown as it was written."""
    failure = "The description is too long to be shown as a page." if len(html) > LARGEST else ""
    row = Description.objects.filter(pk=file)
    row.update(html="" if failure else html, failure=failure, renderer=RENDERER, due_at=None)


def keep_failure(file: int, failure: str, *, at: datetime) -> None:
    """It could not be rendered; to be tried again, unless that happened too often."""
    row = Description.objects.filter(pk=file)
    row.update(html="", failure=failure, renderer=RENDERER, due_at=at + AGAIN)
    row.filter(attempts__gte=ATTEMPTS).update(due_at=None)


def next_due() -> datetime | None:
    """When the next description is to be rendered, which may have been already; None when none is."""
    now = timezone.now()
    if Description.objects.filter(due_at__lte=now).exists():  # of very many, perhaps
        return now
    due: datetime | None = Description.objects.filter(due_at__isnull=False).aggregate(next=Min("due_at"))["next"]
    return due
