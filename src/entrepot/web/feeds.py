"""What is new, as RSS 2.0 with the Atom link to itself that its advisory board recommends."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Rss201rev2Feed
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from entrepot.config import Config
from entrepot.names import ProjectName
from entrepot.projects import news
from entrepot.projects.news import News
from entrepot.web.caching import SHORTLY, shared
from entrepot.web.project import or_gone

PROJECTS, RELEASES, OF_ONE = 40, 100, 40  # how many items each feed has

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2


@require_safe
@shared("updates", surrogate=SHORTLY)
def packages(_request: HttpRequest) -> HttpResponse:
    """The newest projects."""
    told = news.newest_projects(PROJECTS)
    return _feed(_("New projects"), _("The newest projects of this index"), "/", "/rss/packages.xml", told)


@require_safe
@shared("updates", surrogate=SHORTLY)
def updates(_request: HttpRequest) -> HttpResponse:
    """The newest releases of all projects."""
    told = news.newest_releases(RELEASES)
    return _feed(_("New releases"), _("The newest releases of all projects"), "/", "/rss/updates.xml", told)


@require_safe
@or_gone
@shared(surrogate=SHORTLY)
def releases(_request: HttpRequest, name: str) -> HttpResponse:
    """The newest releases of one project, whatever spelling of its name is asked for."""
    title, told = news.releases_of(name, OF_ONE)
    normalized = ProjectName(name)
    about = _("The newest releases of %(project)s") % {"project": title}
    path = f"/rss/project/{normalized}/releases.xml"
    return _feed(_("Releases of %(project)s") % {"project": title}, about, f"/project/{normalized}/", path, told)


def _feed(title: str, about: str, page: str, path: str, items: Iterable[News]) -> HttpResponse:
    """A feed at `path`, about what is shown at `page`."""
    url = Config.current().public_url
    feed = Rss201rev2Feed(f"Entrepot: {title}", f"{url}{page}", about, language=get_language(), feed_url=url + path)
    for each in items:
        link = f"{url}/project/{each.name}/" + (f"{quote(each.version, safe='!+')}/" if each.version else "")
        feed.add_item(
            title=f"{each.title} {each.version}".strip(),
            link=link,
            description=_NO_XML.sub("", each.summary),
            pubdate=each.at,
            unique_id=link,
            unique_id_is_permalink=True,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type="application/rss+xml; charset=utf-8")
