"""Which releases some requirements need: pip finds out, in a process of its own, and says it as a lock.

What stands in the files holds: hashes, constraints, further files and indexes. pip resolves for the Python and the
machine that it runs on. Where the index is given, it is the only one besides those; else pip's configuration says.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from entrepot.bundles.locks import Release, parse_lock
from entrepot.names import ProjectName
from entrepot.refusal import Refused

_PAGE = re.compile(r"Fetched page (\S+)/([^/\s]+)/ as ")  # in pip's log, for each project on each index

_MORE_INDEXES = {"PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"}
_NO_CONFIGURATION = {"PIP_CONFIG_FILE": os.devnull}


def resolve(requirements: Sequence[Path], *, index_url: str) -> list[Release]:
    """The releases, each with the one file that pip would install, and the indexes that have it.

    `index_url` is empty where pip's configuration is to say it. Raises Refused: "not-resolved", "not-a-file".
    """
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        options = [f"--requirement={each}" for each in requirements]
        index = [f"--index-url={index_url}"] if index_url else []
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", f"--log={log}"]
        done = subprocess.run(
            [*pip, "lock", "--output=-", *index, *options],
            env=_environment(index_url), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Refused("not-resolved", f"pip finds no releases that fit: {_what_it_says(done.stderr)}")
        pages = _PAGE.findall(log.read_text())
    releases = parse_lock(done.stdout, Path.cwd() / "pylock.toml")
    return [
        replace(each, indexes=[url for url, name in pages if ProjectName(name) == each.project], partial=True)
        for each in releases
    ]


def _environment(index_url: str) -> dict[str, str]:
    """Without what would add indexes to the one that is given."""
    if not index_url:
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if name not in _MORE_INDEXES} | _NO_CONFIGURATION


def _what_it_says(text: str) -> str:
    """The errors: everything that follows the first one."""
    return " ".join(text[max(text.find("ERROR"), 0) :].split())
