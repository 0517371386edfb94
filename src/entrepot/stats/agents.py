"""What kind of program fetched a file, by the user agent that it sent.

linehaul, which counts downloads for PyPI, knows what installers say. Everybody can send anything, so what is kept of
it comes from a small set: known names, versions as two small numbers.
"""

import logging
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from linehaul.ua import UserAgent
from linehaul.ua.parser import parse

INSTALLERS = frozenset(
    {"bazel", "conda", "distribute", "hatch", "homebrew", "os", "pdm", "pex", "pip", "pipenv", "pixi", "poetry"}
    | {"rye", "setuptools", "uv"}
)
MIRRORS = frozenset(
    {"artifactory", "bandersnatch", "devpi", "entrepot", "nexus", "pep381client", "proxpi", "pulp", "z3c.pypimirror"}
)
SYSTEMS = {"Darwin": "macOS", "Linux": "Linux", "Windows": "Windows"}
REMEMBERED = 20_000  # user agents

# What linehaul does not know, or knows only with more after it: newer programs, and those that say little.
_NAMED = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9.]*?)(?:core|-server|-package-client)?/(?P<version>[0-9][\w.!+-]*)")
_MINOR = re.compile(r"([0-9]{1,2}\.[0-9]{1,2})(?![0-9])")  # in ASCII: other scripts have digits, too
_PYTHON = re.compile(r"([23]\.[0-9]{1,2})(?![0-9])")

logging.getLogger("linehaul").setLevel(logging.CRITICAL)  # it complains at length of each odd user agent


class Maker(Enum):
    """Who made a download; the value is the name of the column that counts it."""

    INSTALLER = "direct"
    MIRROR = "mirrors"
    OTHER = "others"


@dataclass(frozen=True, slots=True)
class Agent:
    """A program. Of what is no installer only the `maker` is told; what an installer does not say is empty.

    `version` is the installer with its version, `python` the minor version that it installs for.
    """

    maker: Maker
    installer: str = ""
    version: str = ""
    python: str = ""
    system: str = ""


@lru_cache(REMEMBERED)
def agent_of(said: str) -> Agent:
    """The program that sends this user agent."""
    name, version, parsed = _parsed(said)
    if name in MIRRORS:
        return Agent(Maker.MIRROR)
    if name not in INSTALLERS:
        return Agent(Maker.OTHER)
    minor = _MINOR.match(version)
    implementation = parsed.implementation
    python = parsed.python or (implementation.version if implementation and implementation.name == "CPython" else "")
    minor_python = _PYTHON.match(python or "")
    return Agent(
        Maker.INSTALLER,
        installer=name,
        version=f"{name} {minor[1]}" if minor else "",
        python=minor_python[1] if minor_python else "",
        system="" if parsed.system is None else SYSTEMS.get(parsed.system.name or "", ""),
    )


def _parsed(said: str) -> tuple[str, str, UserAgent]:
    """The name in lower case, the version, and all that linehaul knows."""
    try:
        parsed = parse(said) or UserAgent()
    except Exception:  # noqa: BLE001 - strangers write these; none of it may keep the rest from being counted
        parsed = UserAgent()
    if parsed.installer is not None and parsed.installer.name:
        return parsed.installer.name.lower(), parsed.installer.version or "", parsed
    named = _NAMED.match(said)
    return (named["name"].lower(), named["version"], parsed) if named else ("", "", parsed)
