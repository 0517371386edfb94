"""A stranger's HTML, cleaned already, made fit to stand inside a page of ours.

Three passes. `readme_renderer` has sanitized the HTML with nh3, which parses as browsers do and writes out what it
understood: every attribute in double quotes, every `&`, `<` and `>` of a text escaped. In that form tags are a regular
language, so the second pass reads them with a regular expression, without any doubt about where one ends, and changes
the structure. Then nh3 parses the outcome and has the last word, with a list that is stricter than the first one:
whatever the second pass did, nothing else gets out.
"""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape

import nh3
from pygments.token import STANDARD_TYPES

PREFIX = "user-content-"  # of ids, so that they are none of ours and hide no variable of a script (DOM clobbering)
IMAGES = "/image/"  # followed by the URL of the image, as hexadecimal UTF-8; whoever shows it puts a signature between
TABLE = '<div class="scrolls" role="group" tabindex="0" aria-label="table">'  # around each: whoever shows it translates
LONGEST_IMAGE_URL = 1500  # bytes; twice that in hexadecimal fits into a request line
MOST_IMAGES = 200  # of one description: each is fetched by us, on behalf of whoever looks

_ATTRIBUTES = r'(?: [a-z-]+="[^"]*")*'
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_TAG = re.compile(rf"<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?P<attributes>{_ATTRIBUTES})>")
_IMAGE = re.compile(rf'<img src="{IMAGES}(?P<url>[0-9a-f]+)"(?P<rest>{_ATTRIBUTES})>')
_EMPTY_LINK = re.compile(rf"<a(?P<attributes>{_ATTRIBUTES})></a>")  # the anchor of a heading, which nobody can see
_HEADING = re.compile(r"h[1-6]")
_FIRST, _LAST = 3, 6  # levels of headings; the first two are the page's
_WEB = re.compile(r"(?:https?:)?//[^\s/?#\\][^\s\\]*", re.IGNORECASE)
_MAIL = re.compile(r"mailto:[^\s]+", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,4}%?")
_SPAN = re.compile(r"[0-9]{1,2}")  # what browsers would make of more takes minutes to lay out
# Landmarks are the page's, and two of these elements are out of use.
_RENAMED = {"section": "div", "aside": "div", "nav": "div", "tt": "code", "acronym": "abbr"}

_CLASSES = frozenset(filter(None, STANDARD_TYPES.values())) | {
    *("admonition", "admonition-title", "code", "literal-block", "math", "plain", "scrolls", "task"),
}
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del", "details"),
    *("div", "dl", "dt", "em", "figcaption", "figure", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol"),
    *("p", "pre", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul", "var"),
}
_KEPT = {
    "*": {"id", "class"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "div": {"align", "role", "tabindex", "aria-label"},  # all but the first are what we wrote
    **{name: {"align"} for name in ("h3", "h4", "h5", "h6", "p")},
    "img": {"src", "width", "height", "alt", "align", "loading"},
    "ol": {"start"},
    "pre": {"dir", "tabindex"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align"},
}


def finished(html: str, *, image: Callable[[str], str], table: str) -> str:
    """What `fit` made, with the path that `image` gives for a URL in hexadecimal, and tables called `table`."""
    labelled = html.replace(TABLE, TABLE.replace('"table"', f'"{escape(table)}"'))
    return _IMAGE.sub(lambda found: f'<img src="{image(found["url"])}"{found["rest"]}>', labelled)


def without_images(html: str) -> str:
    """What `fit` made, with the alternative texts in place of images."""
    return _IMAGE.sub(lambda found: dict(_ATTRIBUTE.findall(found["rest"]))["alt"], html)


def fit(html: str) -> str:
    """The fragment as it may be shown; takes what nh3 has written.

    Headings begin at the third level and skip none. Ids begin with PREFIX, and links within the fragment lead to them.
    Images come from below IMAGES; one that is not on the web is its alternative text, and so is each after the first
    MOST_IMAGES. A table can be scrolled by
    keyboard, and so can code. Links lead to the web, to a mailbox, or within the fragment.
    """
    writer = _Writer()
    written = writer.rewrite(_EMPTY_LINK.sub(r"<span\g<attributes>></span>", html))
    return nh3.clean(
        written,
        tags=_TAGS,
        attributes=_KEPT,
        attribute_filter=_filtered,
        link_rel="nofollow ugc noopener",
        url_schemes={"http", "https", "mailto"},
    )


class _Writer:
    """The second pass: remembers what is open."""

    def __init__(self) -> None:
        self._outline: list[int] = []  # the levels, as given, of the headings that the next one may belong under
        self._headings: list[str] = []  # open, as written
        self._tables = 0
        self._images = 0
        self._link = False

    def rewrite(self, html: str) -> str:
        """All tags rewritten."""
        return _TAG.sub(self._tag, html)

    def _tag(self, tag: re.Match[str]) -> str:
        name = _RENAMED.get(tag["name"], tag["name"])
        end, attributes = tag["end"], tag["attributes"]
        if _HEADING.fullmatch(name):
            return f"</{self._headings.pop()}>" if end else f"<{self._heading(int(name[1]))}{attributes}>"
        match name:
            case "input":
                return _box(attributes)
            case "img":
                return self._image(attributes)
            case "table":
                return self._table(end, attributes)
            case "a":
                self._link = not end
            case "pre" if not end:
                attributes = f'{attributes} tabindex="0" dir="ltr"'
        return f"<{end}{name}{attributes}>"

    def _heading(self, level: int) -> str:
        while self._outline and self._outline[-1] >= level:
            self._outline.pop()
        name = f"h{min(_FIRST + len(self._outline), _LAST)}"
        self._outline.append(level)
        self._headings.append(name)
        return name

    def _table(self, end: str, attributes: str) -> str:
        if end:
            self._tables -= 1
            return "</table>" if self._tables else "</table></div>"
        self._tables += 1
        return f"<table{attributes}>" if self._tables > 1 else f"{TABLE}<table{attributes}>"

    def _image(self, attributes: str) -> str:
        given = {name: unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
        url = _on_the_web(given.pop("src", "").strip().replace(" ", "%20"))
        alt = given.pop("alt", "").strip()
        if self._link and not alt:  # a link needs a name
            alt = url.rpartition("/")[2] or url
        if not url or len(url.encode()) > LONGEST_IMAGE_URL or self._images == MOST_IMAGES:
            return escape(alt)
        self._images += 1
        kept = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
        return f'<img src="{IMAGES}{url.encode().hex()}" alt="{escape(alt)}" loading="lazy"{kept}>'


def _box(attributes: str) -> str:
    """A task's box as a character, which every reader's program can say; other controls are none of a description's."""
    given = dict(_ATTRIBUTE.findall(attributes))
    if given.get("type") != "checkbox":
        return ""
    return f'<span class="task">{"☑" if "checked" in given else "☐"}</span>'


def _on_the_web(url: str) -> str:
    """The URL with its scheme; empty for one that leads elsewhere, or nowhere without a page to start from."""
    if not _WEB.fullmatch(url):
        return ""
    return f"https:{url}" if url.startswith("//") else url


def _filtered(_tag: str, name: str, value: str) -> str | None:
    """The value that an attribute keeps, None when it goes: the third pass."""
    return _JUDGES[name](value) if name in _JUDGES else value


def _image(path: str) -> str | None:
    return path if re.fullmatch(rf"{IMAGES}[0-9a-f]+", path) else None


def _classes(given: str) -> str | None:
    return " ".join(each for each in given.split() if each in _CLASSES) or None


def _length(given: str) -> str | None:
    found = _LENGTH.fullmatch(given.strip().removesuffix("px"))
    return found and found[0]


def _span(given: str) -> str | None:
    return given if _SPAN.fullmatch(given) else None


def _link(given: str) -> str | None:
    url = given.strip()
    if url.startswith("#"):
        target = _own(url[1:])
        return target and f"#{target}"
    return url if _MAIL.fullmatch(url) else _on_the_web(url) or None


def _own(identifier: str) -> str | None:
    """The id under which we know it; renderers have put the prefix before some, and some twice."""
    while identifier.startswith(PREFIX):
        identifier = identifier.removeprefix(PREFIX)
    return PREFIX + identifier if identifier and not re.search(r"\s", identifier) else None


_JUDGES: Mapping[str, Callable[[str], str | None]] = {
    "id": _own,
    "href": _link,
    "src": _image,
    "class": _classes,
    "width": _length,
    "height": _length,
    "colspan": _span,
    "rowspan": _span,
}
