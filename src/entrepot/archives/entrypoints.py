"""entry_points.txt: the scripts that an installer will write (entry points specification).

Readers differ on indented lines (a continuation, or an entry of its own), on odd line ends and on repeated sections.
What they could read in two ways is refused, so that the names judged here are the names that get installed.
"""

import re
from collections.abc import Iterator

from entrepot.archives.faults import invalid, shown
from entrepot.refusal import Refused

_SCRIPTS = frozenset({"console_scripts", "gui_scripts"})
_SCRIPT_NAME = re.compile(r"[\w.-]+")
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_ODD_SPACE = re.compile(r"[^\S \t\n]")


def check(data: bytes, path: str) -> None:
    """Raises `Refused` unless `data`, the file `path`, is UTF-8, INI with `=`, and names scripts sanely."""
    seen: set[tuple[str, str]] = set()
    section = ""
    for line in _lines(data, path):
        header = _SECTION.fullmatch(line)
        name, equals, _ = line.partition("=")
        if header:
            section, name = header[1].strip(), ""
        elif not (section and equals):
            raise _wrong(path, f"the line {shown(line)} is neither a section nor an entry of one")
        elif section in _SCRIPTS and not _SCRIPT_NAME.fullmatch(name.strip()):
            raise _wrong(path, f"{shown(name.strip())} is not a name for a script")
        entry = (section, name.strip())
        if entry in seen:
            raise _wrong(path, f"the line {shown(line)} repeats another one's name")
        seen.add(entry)


def _lines(data: bytes, path: str) -> Iterator[str]:
    """The lines that say something, without the space at their ends."""
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _wrong(path, "it is not UTF-8") from None
    if odd := _ODD_SPACE.search(text):
        raise _wrong(path, f"it has the odd space {odd[0]!a}")
    for line in text.split("\n"):
        if line.strip() and not line.startswith("#"):
            if line[0].isspace():
                raise _wrong(path, f"the line {shown(line)} is indented")
            yield line.rstrip()


def _wrong(path: str, why: str) -> Refused:
    return invalid("wheel-entry-points", f"{shown(path)} is wrong: {why}.")
