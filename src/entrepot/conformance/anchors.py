"""The HTML form of a simple page, read as a browser reads it, with what only its source shows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link: the address it leads to, without the fragment; its attributes, None for one without a value."""

    url: str
    fragment: str
    text: str
    attributes: Mapping[str, str | None]
    source: str  # the start tag, as sent

    @property
    def last(self) -> str:
        """The last segment of the path, decoded."""
        return last_segment(self.url)

    def has(self, attribute: str) -> bool:
        """Whether there is such an attribute, with or without a value."""
        return attribute in self.attributes

    def value(self, attribute: str) -> str:
        """An attribute; empty when there is none."""
        return self.attributes.get(attribute) or ""

    def raw(self, attribute: str) -> str:
        """An attribute as its source has it; empty when there is none in quotes."""
        found = re.search(rf"""\s{attribute}\s*=\s*(?:"([^"]*)"|'([^']*)')""", self.source, re.IGNORECASE)
        return (found[1] or found[2] or "") if found else ""


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A page: its address, the source, whether it is HTML5, its named meta elements, its links."""

    url: str
    source: str
    is_html5: bool
    metas: Mapping[str, str]
    anchors: Sequence[Anchor]


def read(source: str, url: str) -> HtmlPage:
    """The page with that source, at an address."""
    reader = _Reader(url)
    reader.feed(source)
    reader.close()
    return HtmlPage(url, source, reader.is_html5, reader.metas, reader.anchors)


def last_segment(url: str) -> str:
    """The last segment of the path of an address, decoded; a slash at its end does not count."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


@dataclass
class _Open:
    attributes: Mapping[str, str | None]
    source: str
    text: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = url
        self._open: _Open | None = None
        self.is_html5 = False
        self.metas: dict[str, str] = {}
        self.anchors: list[Anchor] = []

    def handle_decl(self, decl: str) -> None:
        self.is_html5 |= decl.strip().lower() == "doctype html"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "base":
            self._base = urljoin(self._base, attributes.get("href") or "")
        elif tag == "meta":
            self.metas[attributes.get("name") or ""] = attributes.get("content") or ""
        elif tag == "a":
            self._open = _Open(attributes, self.get_starttag_text() or "")

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open and "href" in self._open.attributes:
            url, fragment = urldefrag(urljoin(self._base, self._open.attributes["href"] or ""))
            text = "".join(self._open.text).strip()
            self.anchors.append(Anchor(url, fragment, text, self._open.attributes, self._open.source))
            self._open = None
