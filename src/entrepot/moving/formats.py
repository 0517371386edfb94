"""Which files of another index can come along at all, by their names."""

from packaging.utils import canonicalize_name

from entrepot.moving.source import LeftOut
from entrepot.names import SDIST_SUFFIXES, parse_version
from entrepot.refusal import Refused

OTHERS = (".egg", ".exe", ".msi", ".rpm", ".deb")


def left_out(filename: str) -> LeftOut:
    """Why another file stays behind."""
    return LeftOut(filename, "It is neither a wheel nor a source distribution.")


def project_in(filename: str) -> str:
    """The project, normalized, that a file is of where nothing but its name tells it.

    Both the name of a project and a version may have hyphens: the version is the longest end that is one.
    """
    if filename.lower().endswith(".whl"):
        return canonicalize_name(filename.partition("-")[0])
    suffix = next(each for each in SDIST_SUFFIXES if filename.lower().endswith(each))
    stem = filename[: -len(suffix)]
    cuts = (at for at, letter in enumerate(stem) if letter == "-" and _is_version(stem[at + 1 :]))
    return canonicalize_name(stem[: next(cuts, len(stem))])


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except Refused:
        return False
    return True
