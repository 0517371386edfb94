"""What a description says, without what it only points to: addresses, targets of links, images, badges, HTML tags.

Markdown and reStructuredText are taken apart alike, whatever a description says it is: what one means nothing to the
other. Nothing here looks back, so the time it takes grows with the text and no faster, whoever wrote it.
"""

import re
from html import unescape

_POINTERS = (
    # An HTML comment; it ends where the next one begins, too.
    re.compile(r"<!--(?:[^-<]|-(?!->)|<(?!!--))*+(?:-->)?"),
    # reStructuredText: an image with its options, also as what a substitution stands for; a target.
    re.compile(r"^[ \t]*+\.\.[ \t]++(?:\|[^|\n]*+\|[ \t]*+)?(?:image|figure)::.*+(?:\n[ \t]++:.*+)*+", re.MULTILINE),
    re.compile(r"^[ \t]*+\.\.[ \t]++_.*+$", re.MULTILINE),
    # Markdown: an image, the target of a link, and what a reference stands for.
    re.compile(r"!\[[^\[\]]*+\](?:\([^()]*+\)|\[[^\[\]]*+\])?"),
    re.compile(r"(?<=\])(?:\([^()]*+\)|\[[^\[\]]*+\])"),
    re.compile(r"^[ ]{0,3}\[[^\[\]\n]++\]:.*+$", re.MULTILINE),
    # HTML: a tag.
    re.compile(r"</?[A-Za-z][^<>]*+>"),
    # An address, wherever it is.
    re.compile(r"(?:\b[A-Za-z0-9+]{1,12}://|\bwww\.|\bmailto:)[^\s<>\"'`()\[\]]*+"),
)


def prose(markup: str) -> str:
    """The text of a description, in any of the markups it may be in."""
    for each in _POINTERS:
        markup = each.sub(" ", markup)
    return unescape(markup)
