"""Which versions of Python a project admits, by its Requires-Python (core metadata)."""

from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

PYTHONS = ("2.7", *(f"3.{minor}" for minor in range(6, 21)))  # those that can be asked for, the oldest first
OFFERED = tuple(reversed(PYTHONS[PYTHONS.index("3.8") : PYTHONS.index("3.15") + 1]))  # those that a form lists
_PATCHES = 30  # no version of Python had so many releases


@lru_cache(maxsize=4096)
def shut_out(requires_python: str) -> tuple[str, ...]:
    """The versions among PYTHONS of which it admits no release; none where it says nothing that can be understood."""
    try:
        admitted = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return ()
    return tuple(
        each
        for each in PYTHONS
        if requires_python and not any(admitted.contains(f"{each}.{patch}") for patch in range(_PATCHES))
    )
