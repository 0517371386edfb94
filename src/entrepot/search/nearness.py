"""How much two names differ for somebody who types."""

from collections.abc import Callable, Iterable, Sequence


def distance(one: str, other: str) -> int:
    """How many letters were left out, added, changed or swapped with the next one (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, against in enumerate(other, 1):
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, last = last, current
    return last[-1]


def forgiven(name: str) -> int:
    """How many slips are forgiven in a name: none in a very short one, where they make another name."""
    return min(2, len(name) // 4 + (len(name) > 2))


def misspelt(word: str) -> int:
    """How many slips are forgiven in a word: fewer than in a name, as there are more words that look alike."""
    return min(2, len(word) // 4)


def respelled(words: Sequence[str], alike: Callable[[str], Iterable[str]]) -> str:
    """What was meant by these words: of those that are `alike`, the one with the fewest slips, in place of each.

    Empty where nothing is better than what was asked for.
    """
    better = [_nearest(word, alike(word)) for word in words]
    return " ".join(better) if better != list(words) else ""


def _nearest(word: str, alike: Iterable[str]) -> str:
    slips = sorted((distance(word, each), each) for each in alike)
    return next((each for count, each in slips if count <= misspelt(word)), word)
