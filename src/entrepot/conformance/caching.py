"""What caches and clients need in order not to ask for the same again."""

import re

from entrepot.conformance import clauses
from entrepot.conformance.asking import Reply
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import AS_INSTALLER, HTML, JSON, Index
from entrepot.conformance.judging import offered, require

AREA = Area("caching", "Caching")
LONGEST = 600  # seconds


def _page(index: Index) -> Reply:
    """The page of the first project, as installers get it."""
    return index.page(index.looked_at()[0], AS_INSTALLER)


def _tag(index: Index) -> str:
    tag = _page(index).header("etag")
    offered(bool(tag), "Pages have no ETag.")
    return tag


@AREA.case(Level.SHOULD, clauses.ETAG)
def page_can_be_asked_again(index: Index) -> None:
    """A page has an ETag or Last-Modified: without one clients fetch all of it each time."""
    page = _page(index)
    require(bool(page.header("etag") or page.header("last-modified")), f"{page.url} has neither.")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def tag_is_strong(index: Index) -> None:
    """The ETag of a page is a strong one: uv asks again by no other."""
    tag = _tag(index)
    require(not tag.startswith("W/"), f"The page has the ETag {tag}.")


@AREA.case(Level.MUST, clauses.ETAG)
def tag_is_quoted(index: Index) -> None:
    """An ETag stands in quotation marks."""
    tag = _tag(index)
    require(re.fullmatch(r'(W/)?"[!#-~\x80-\xff]*"', tag) is not None, f"The page has the ETag {tag}.")


@AREA.case(Level.MUST, clauses.IF_NONE_MATCH)
def unchanged_is_304(index: Index) -> None:
    """Who has the page by its ETag already gets 304, and no body."""
    tag = _tag(index)
    for sent in (tag, f'"something else", {tag}'):
        reply = index.session.send("GET", _page(index).url, {**AS_INSTALLER, "If-None-Match": sent})
        require(reply.status == 304 and not reply.body, f"For If-None-Match: {sent} the page answers {reply.status}.")


@AREA.case(Level.MUST, clauses.IF_NONE_MATCH)
def changed_is_sent(index: Index) -> None:
    """Who has another page gets the new one."""
    reply = index.session.send("GET", _page(index).url, {**AS_INSTALLER, "If-None-Match": '"something else"'})
    require(reply.status == 200, f"For an ETag that is not the page's it answers {reply.status}.")


@AREA.case(Level.MUST, clauses.ETAG)
def each_form_has_its_own_tag(index: Index) -> None:
    """A strong ETag is the one of a single form in a single coding: no two of them have it in common."""
    project = index.looked_at()[0]
    seen: dict[str, bytes] = {}
    for accept in (HTML, JSON):
        for coding in ("identity", "gzip"):
            reply = index.page(project, {"Accept": accept, "Accept-Encoding": coding})
            tag, what = reply.header("etag"), f"{reply.type} {reply.header('content-encoding')}".encode()
            offered(bool(tag) and not tag.startswith("W/"), "Pages have no strong ETag.")
            require(seen.setdefault(tag, what) == what, f"The page has the ETag {tag} in more than one form or coding.")


@AREA.case(Level.MUST, clauses.HEAD)
def head_is_like_get(index: Index) -> None:
    """HEAD of a page answers as GET does, without the body."""
    page = _page(index)
    head = index.session.send("HEAD", page.url, AS_INSTALLER)
    right = head.status == page.status and head.type == page.type
    require(right, f"HEAD of {page.url} answers {head.status} with {head.header('content-type')!r}.")


@AREA.case(Level.CLIENTS, clauses.INSTALLERS)
def page_is_not_kept_long(index: Index) -> None:
    """Nobody is told to keep a page for more than ten minutes: pip and uv would not see a new release."""
    control = _page(index).header("cache-control")
    ages = [int(each) for each in re.findall(r"(?:^|[\s,])max-age=(\d+)", control)]
    require(not ages or max(ages) <= LONGEST or "no-cache" in control, f"The page has Cache-Control: {control}.")


@AREA.case(Level.CLIENTS, clauses.INSTALLERS)
def file_can_be_kept(index: Index) -> None:
    """A file has an ETag or Last-Modified, or may be kept: it is fetched once."""
    for file in index.sample():
        reply = index.fetch(file)
        kept = reply.header("etag") or reply.header("last-modified") or "max-age" in reply.header("cache-control")
        require(bool(kept), f"{file.filename} has neither ETag nor Last-Modified nor a max-age.")
