"""Renders the descriptions of releases, so that a page only has to show them.

Following the journal notes what is lacking, which takes no time; rendering goes through it one by one, so that the
worker does everything else between two of them: on the first start of a large installation, too.
"""

import logging
from collections.abc import Iterator, Sequence

from django.utils import timezone

from entrepot import readme
from entrepot.names import ProjectName
from entrepot.ports.cdn import CacheTrouble, Cdn
from entrepot.projects import descriptions
from entrepot.projects.descriptions import Waiting
from entrepot.refusal import Refused

logger = logging.getLogger(__name__)


class Descriptions:
    """Follows the journal. Under another edition it begins anew, and finds everything lacking."""

    name = f"descriptions {readme.EDITION}"

    def follow(self, projects: Sequence[int]) -> None:
        """Note what their releases lack."""
        descriptions.owe(projects, at=timezone.now())


def render_owed(*, cdn: Cdn) -> Iterator[None]:
    """Render what is due, one description at each step: those that stand for their projects first, the newest first."""
    while waiting := descriptions.claim(due=timezone.now(), at=timezone.now()):
        _render(waiting)
        _purge(ProjectName(waiting.project), cdn)
        yield


def _render(waiting: Waiting) -> None:
    try:
        html = readme.render(waiting.text, waiting.content_type)
    except Refused as refusal:
        descriptions.keep_failure(waiting.file, refusal.message, at=timezone.now())
    except Exception:
        # Whatever is wrong with this text must not keep the others from being rendered.
        logger.exception("the description of file %d cannot be rendered", waiting.file)
        descriptions.keep_failure(waiting.file, descriptions.GIVEN_UP, at=timezone.now())
    else:
        descriptions.keep(waiting.file, html)


def _purge(name: ProjectName, cdn: Cdn) -> None:
    """Let caches in front ask for the pages that show it anew; where that fails, they do so within the hour.

    These pages have a tag of their own: the simple pages, which installers wait for, have nothing to do with it.
    """
    try:
        cdn.purge([f"described/{name}"])
    except CacheTrouble as trouble:
        logger.warning("caches may show %s without its description for an hour: %s", name, trouble)
