"""What a member of an archive may be called, in wheels and sdists alike.

A name is refused when any reader on any system could take it for another place than the one it spells: outside the
tree, a second spelling of a member, or the same file on a disk that folds case or Unicode forms.
"""

import re
import unicodedata
from hashlib import blake2b

from entrepot.archives.faults import invalid, shown
from entrepot.archives.limits import MAX_NODES
from entrepot.refusal import Refused

MAX_PATH = 1024  # bytes of UTF-8
MAX_COMPONENT = 255  # bytes of UTF-8
MAX_DEPTH = 64

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE = re.compile(r"[A-Za-z]:")
_WINDOWS = str.maketrans(':<>|"?*', "_______")  # what Python's zipfile makes of these there


def decoded(name: bytes) -> str:
    """`name` as text. Raises `Refused` unless it is UTF-8."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise _odd(name, "is not UTF-8") from None


def check(path: str) -> None:
    """Raises `Refused` unless `path`, without the slash that ends a directory's name, is a plain relative path."""
    if len(path.encode()) > MAX_PATH:
        raise _odd(path, f"is longer than {MAX_PATH} bytes")
    if _CONTROL.search(path):
        raise _odd(path, "has a control character")
    if "\\" in path:
        raise _odd(path, "has a backslash")
    if path.startswith("/") or _DRIVE.match(path):
        raise _odd(path, "is absolute")
    components = path.split("/")
    if len(components) > MAX_DEPTH:
        raise _odd(path, f"is deeper than {MAX_DEPTH} directories")
    for component in components:
        if not component.strip(". "):
            raise _odd(path, f"has the component {component!r}")
        if len(component.encode()) > MAX_COMPONENT:
            raise _odd(path, f"has a component longer than {MAX_COMPONENT} bytes")


class Tree:
    """The places that an archive's members take. Raises `Refused` when two of them would meet.

    It holds short digests, not names, so that the longest names the limits allow still fit in little memory.
    """

    def __init__(self) -> None:
        self._spellings: dict[bytes, bytes] = {}  # digest of the folded path: digest of its kind and exact spelling
        self._directories: set[bytes] = set()  # folded directories that are members themselves

    def add_file(self, path: str) -> None:
        if not self._claim(path, "file"):
            raise invalid("member-duplicate", f"Member {shown(path)} occurs twice.")
        self._add_parents(path)

    def add_directory(self, path: str) -> None:
        folded = _folded(path)
        if folded in self._directories:
            raise invalid("member-duplicate", f"Member {shown(path)} occurs twice.")
        self._directories.add(folded)
        if self._claim(path, "directory"):
            self._add_parents(path)

    def has_file(self, path: str) -> bool:
        return self._spellings.get(_folded(path)) == _spelled(path, "file")

    def _add_parents(self, path: str) -> None:
        while "/" in path:
            path = path.rpartition("/")[0]
            if not self._claim(path, "directory"):  # known, and so are its parents
                return

    def _claim(self, path: str, kind: str) -> bool:
        """Whether `path` is new. Raises `Refused` when its place is taken by something else."""
        spelled = _spelled(path, kind)
        taken = self._spellings.setdefault(_folded(path), spelled)
        if taken is spelled and len(self._spellings) > MAX_NODES:
            raise invalid(
                "archive-members", f"It has more than {MAX_NODES} files and directories, up to {shown(path)}."
            )
        if taken != spelled:
            raise invalid(
                "member-collision", f"Member {shown(path)} would take the place of another one on some systems."
            )
        return taken is spelled


def _folded(path: str) -> bytes:
    """The same for all paths that some system takes for one: by case, Unicode form, what Windows drops or maps."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold()).translate(_WINDOWS)
    return _digest("/".join(component.rstrip(". ") for component in text.split("/")))


def _spelled(path: str, kind: str) -> bytes:
    return _digest(f"{kind} {path}")


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _odd(name: bytes | str, why: str) -> Refused:
    return invalid("member-name", f"The name of member {shown(name)} {why}.")
