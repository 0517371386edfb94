"""JSON of strangers: what has another shape than it should counts as empty; the cases on shapes tell of it."""

from collections.abc import Mapping, Sequence


def mapping(value: object) -> Mapping[str, object]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[object]:
    """The array, or an empty one."""
    return value if isinstance(value, list) else []


def words(value: object) -> str:
    """The string, or an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """The integer, if it is one. True and false are none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def strings(value: object) -> Mapping[str, str]:
    """The members of an object that are strings."""
    return {key: each for key, each in mapping(value).items() if isinstance(each, str)}
