"""Text as words: what is looked for and what is looked in are taken apart by the same rule, whatever the engine.

Capitals, accents and widths do not count, and neither does what stands between words. Han and kana have no blanks
between words, so each character is one. What projects say of themselves is found in other forms of its English words,
too: beside each word stands its stem. Names are what they are.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer

WORDS_ASKED = 8  # of one query; nobody means more
LONGEST_WORD = 100  # characters that count
SHORTEST_BEGINNING = 3  # characters, from which on the beginning of a word finds the word
STEMS_KEPT = 50_000  # words whose stems are remembered: some megabytes, and most of any text

_WORD = re.compile(r"[\u3041-\u30fa\u3400-\u9fff]|[^\W_\u3041-\u30fa\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """The words of a text, in its order."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    # Most texts have nothing that could combine, and most of the time went into looking for it.
    kept = folded if folded.isascii() else "".join(each for each in folded if not unicodedata.combining(each))
    return [each[:LONGEST_WORD] for each in _WORD.findall(kept)]


def asked(text: str) -> tuple[str, ...]:
    """The first words of what somebody asks for, each once."""
    return tuple(dict.fromkeys(words(text)))[:WORDS_ASKED]


@lru_cache(STEMS_KEPT)
def stem(word: str) -> str:
    """What a word has in common with its other forms: `sign` of `signing` and of `signed`. It need not be a word."""
    # A stemmer holds the word it is at, so threads cannot share one.
    return str(EnglishStemmer().stemWord(word)) if word.isascii() and word.isalpha() else word


def with_stems(given: Iterable[str]) -> list[str]:
    """Words, and then the stems that are not among them."""
    known = list(given)
    there = dict.fromkeys(known)
    return [*known, *(each for each in dict.fromkeys(map(stem, there)) if each not in there)]


def squashed(name: str) -> str:
    """A name without what stands between its words: `foo-bar`, `Foo_Bar` and `foobar` are looked for as one."""
    return "".join(words(name))


def name_words(name: str) -> list[str]:
    """The words of a project's name, and the name in one piece."""
    return list(dict.fromkeys([*words(name), squashed(name)[:LONGEST_WORD]]))


def as_name(text: str) -> str:
    """What somebody asks for, spelled as a normalized name would be (PEP 503); it need not be a valid one."""
    return "-".join(words(text))[:100]


def is_beginning(word: str) -> bool:
    """Whether a word that is asked for stands for all that begin with it."""
    return len(word) >= SHORTEST_BEGINNING
