"""The tags of a wheel (PEP 425, 427, 600, 656) in words."""

import re

from django.utils.translation import gettext as _

from entrepot.names import ProjectName, WheelFilename, parse_foreign

_PYTHON = re.compile(r"(?P<kind>[a-z]+?)(?P<major>[0-9])(?P<minor>[0-9]*)")
_KINDS = {"py": "Python", "cp": "CPython", "pp": "PyPy", "ip": "IronPython", "jy": "Jython", "graalpy": "GraalPy"}
_ABI = re.compile(r"(?:cp[0-9]+|abi[0-9])(?P<flags>[a-z]*)")
_PLATFORM = re.compile(
    r"(?P<system>manylinux|musllinux|macosx|linux|android|ios|win|pyodide)(?P<year>1|2010|2014)?"
    r"(?:_(?P<version>[0-9]+(?:_[0-9]+)?)(?=_))?_?(?P<machine>[a-z0-9_]+)"
)
_OLD = {"1": "2.5", "2010": "2.12", "2014": "2.17"}  # manylinux1 and so on: versions of glibc (PEP 600)
_MACHINES = {
    "x86_64": "x86-64",
    "amd64": "x86-64",
    "i686": "x86",
    "32": "x86",
    "aarch64": "ARM64",
    "arm64": "ARM64",
    "armv7l": "ARMv7",
    "universal2": "ARM64, x86-64",
    "intel": "x86-64, x86",
    "ppc64le": "POWER",
    "s390x": "IBM Z",
    "riscv64": "RISC-V",
}


def words(filename: str, project: ProjectName) -> tuple[str, str, str]:
    """For which Python, which binary interface and which platforms a file is; all empty for a source distribution."""
    parsed = parse_foreign(filename, project)
    if not isinstance(parsed, WheelFilename):
        return "", "", ""
    python = ", ".join(map(_python, parsed.python.split(".")))
    abi = ", ".join(map(_abi, parsed.abi.split(".")))
    return python, abi, " · ".join(dict.fromkeys(map(_platform, parsed.platforms)))


def _python(tag: str) -> str:
    found = _PYTHON.fullmatch(tag)
    if found is None:
        return tag
    kind = _KINDS.get(found["kind"], found["kind"])
    return f"{kind} {found['major']}.{found['minor']}" if found["minor"] else f"{kind} {found['major']}"


def _abi(tag: str) -> str:
    if tag == "none":
        return ""
    found = _ABI.fullmatch(tag)
    if found is None:
        return tag
    if tag.startswith("abi"):
        return _("stable interface (%(tag)s)") % {"tag": tag}
    return {"": "", "t": _("without the global lock (%(tag)s)") % {"tag": tag}}.get(found["flags"], tag)


def _platform(tag: str) -> str:
    if tag == "any":
        return _("any platform")
    found = _PLATFORM.fullmatch(tag)
    if found is None:
        return tag
    version = _OLD.get(found["year"] or "") or (found["version"] or "").replace("_", ".")
    told = {"version": version, "machine": _MACHINES.get(found["machine"], found["machine"])}
    return _system(found["system"]) % told


def _system(system: str) -> str:
    return {
        "manylinux": _("Linux with glibc %(version)s or newer, %(machine)s"),
        "musllinux": _("Linux with musl %(version)s or newer, %(machine)s"),
        "macosx": _("macOS %(version)s or newer, %(machine)s"),
        "android": _("Android, API level %(version)s or newer, %(machine)s"),
        "ios": _("iOS %(version)s or newer, %(machine)s"),
        "pyodide": _("Pyodide %(version)s, %(machine)s"),
        "linux": _("Linux, %(machine)s"),
        "win": _("Windows, %(machine)s"),
    }[system]
