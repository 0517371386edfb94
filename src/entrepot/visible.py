"""Text of strangers as readers may see it: what would hide, or turn its surroundings round, is spelled out."""

import re

# Controls but for the tab, marks that turn the direction of text, separators, and what takes no room at all.
_HIDDEN = re.compile(
    "[\x00-\x08\n-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """`text` with its hidden characters by their numbers, such as ⟨U+202E⟩."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
