"""How much two names differ for somebody who types."""


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
