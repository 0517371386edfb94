"""The packages that every server is given, as a folder of files."""

from collections.abc import Iterator
from pathlib import Path

from archives import forge
from archives.forge import Built
from bench import samples

SMALL, LARGE = "spam", "ham"  # projects with 12 files and with many
FILE, BIG_FILE = "eggs", "bacon"  # projects with one file, of 2 KB and of 5 MB
FAMILY = 30  # small projects that need each other, as the branches of a tree
PYTHONS = range(8, 15)


def relative(number: int) -> str:
    """The name of a project of the family; 0 needs all others."""
    return f"family-{'abcdef'[number // 6]}{'abcdef'[number % 6]}"


def write(folder: Path, files: int) -> None:
    """Write them all; the large project has so many files."""
    folder.mkdir()
    for each in _packages(files):
        (folder / each.filename).write_bytes(each.data)


def _packages(files: int) -> Iterator[Built]:
    for number in range(6):
        yield samples.wheel(SMALL, f"1.{number}", size=1_000)
        yield samples.sdist(SMALL, f"1.{number}")
    for number in range(files):
        release, python = divmod(number, len(PYTHONS))
        tag = f"cp3{PYTHONS[python]}-cp3{PYTHONS[python]}-{samples.PLATFORM}"
        yield forge.wheel(LARGE, f"{release // 20}.{release % 20}", tag=tag)
    yield samples.wheel(FILE, size=1_000, description=0)
    yield samples.wheel(BIG_FILE, size=5_000_000, description=0)
    for number in range(FAMILY):
        yield _family_member(number)


def _family_member(number: int) -> Built:
    name = relative(number)
    needed = [relative(other) for other in (2 * number + 1, 2 * number + 2) if other < FAMILY]
    metadata = forge.core_metadata(name, "1.0", "".join(f"Requires-Dist: {other}>=1\n" for other in needed))
    module = name.replace("-", "_")
    return forge.wheel(module, "1.0", metadata=metadata, files={f"{module}/data.bin": bytes(range(256)) * 40})
