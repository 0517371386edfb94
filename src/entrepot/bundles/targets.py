"""For which machines a bundle is: which wheels fit them (platform compatibility tags, PEP 425, 600, 656)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from packaging.tags import compatible_tags, cpython_tags, mac_platforms

from entrepot.names import WheelFilename
from entrepot.refusal import Refused

_LINUX = re.compile(r"(many|musl)linux_(\d+)_(\d+)_(\w+)")
_MAC = re.compile(r"macosx_(\d+)_(\d+)_(\w+)")
_OLD_NAMES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_OLD_NAME = re.compile(rf"({'|'.join(_OLD_NAMES)})_(\w+)")
_PYTHON = re.compile(r"(\d+)\.(\d+)(t?)")


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of machine: platform tags and (interpreter, ABI) pairs that it takes; None where any will do."""

    name: str
    platforms: frozenset[str] | None
    pythons: frozenset[tuple[str, str]] | None

    def takes(self, wheel: WheelFilename) -> bool:
        """Whether the wheel can be installed there."""
        fits_platform = self.platforms is None or not self.platforms.isdisjoint(wheel.platforms)
        tags = product(wheel.python.split("."), wheel.abi.split("."))
        return fits_platform and (self.pythons is None or not self.pythons.isdisjoint(tags))


def targets(platforms: Sequence[str], pythons: Sequence[str]) -> list[Target]:
    """A target for each pair of a platform tag ("manylinux_2_28_x86_64") and a version of Python ("3.12", "3.13t").

    None when neither is given. Raises Refused("invalid-python").
    """
    if not platforms and not pythons:
        return []
    return [
        Target(
            " with ".join(each for each in (platform, python and f"Python {python}") if each),
            frozenset({"any", *_platforms(platform)}) if platform else None,
            frozenset(_pythons(python)) if python else None,
        )
        for platform, python in product(platforms or [""], pythons or [""])
    ]


def _platforms(platform: str) -> Iterable[str]:
    """The tags of wheels that run where those of `platform` do: all older ones of its kind."""
    if old := _OLD_NAME.fullmatch(platform):
        major, minor = _OLD_NAMES[old[1]]
        platform = f"manylinux_{major}_{minor}_{old[2]}"
    if linux := _LINUX.fullmatch(platform):
        kind, major, minor, machine = linux[1], int(linux[2]), int(linux[3]), linux[4]
        older = [f"{kind}linux_{major}_{each}_{machine}" for each in range(minor + 1)]
        spelled = [
            f"{name}_{machine}" for name, which in _OLD_NAMES.items() if kind == "many" and which <= (major, minor)
        ]
        return [*older, *spelled, f"linux_{machine}"]
    if mac := _MAC.fullmatch(platform):
        return mac_platforms((int(mac[1]), int(mac[2])), mac[3])
    return [platform]


def _pythons(version: str) -> Iterable[tuple[str, str]]:
    """The interpreters and ABIs that CPython of a version takes; `t` behind it is the free-threaded one."""
    parts = _PYTHON.fullmatch(version)
    if parts is None:
        raise Refused("invalid-python", f"{version!r} is not a version of Python like 3.12 or 3.13t.")
    number, digits = (int(parts[1]), int(parts[2])), f"cp{parts[1]}{parts[2]}"
    yield from ((tag.interpreter, tag.abi) for tag in cpython_tags(number, [digits + parts[3]], ["any"]))
    yield from ((tag.interpreter, tag.abi) for tag in compatible_tags(number, digits, ["any"]))
