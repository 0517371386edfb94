"""Text of strangers as readers may see it: what would hide, or turn its surroundings round, is spelled out."""

import re

# Controls but for the tab, marks that turn the direction of text, separators, what takes no room at all, fillers, and
# variation selectors, of which there are as many as a byte has values. Left are joiners, and the selector that makes
# an emoji of a sign: people write with these, and they hold little.
_HIDDEN = re.compile(
    "[\x00-\x08\n-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0e\ufeff\uffa0\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)


def visible(text: str) -> str:
    """`text` with its hidden characters by their numbers, such as ⟨U+202E⟩."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
