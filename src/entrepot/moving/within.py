"""Reading a folder that somebody else packed, and nothing outside of it."""

import json
from pathlib import Path
from typing import Any

from entrepot.refusal import Refused


def file_within(root: Path, relative: str) -> Path:
    """The file that `relative` names below the folder `root`, wherever links lead, as long as they stay there.

    Raises Refused("not-inside"), or OSError where there is none.
    """
    try:
        path = (root / relative).resolve(strict=True)
    except (ValueError, RuntimeError) as error:  # a character that no name has; links in a circle
        raise Refused("not-inside", f"It cannot be a file: {error}.") from error
    if not path.is_relative_to(root.resolve()):
        raise Refused("not-inside", "It leads out of the folder, and is not read.")
    if not path.is_file():
        raise Refused("not-inside", "It is not a file.")
    return path


def bytes_within(root: Path, relative: str, *, most: int) -> bytes:
    """What a file there holds, of at most so many bytes. Raises Refused("invalid-export")."""
    with file_within(root, relative).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise invalid(relative, f"it is larger than {most} bytes")
    return data


def json_within(root: Path, relative: str, *, most: int) -> Any:
    """What a JSON document there says. Raises what `bytes_within` raises."""
    try:
        return json.loads(bytes_within(root, relative, most=most))
    except (ValueError, RecursionError) as error:
        raise invalid(relative, f"it is not JSON: {error}") from error


def invalid(name: str, why: str) -> Refused:
    """The refusal of a document that does not say what documents of its kind say."""
    return Refused("invalid-export", f"'{name}' cannot be read: {why}.")
