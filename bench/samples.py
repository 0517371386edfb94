"""What is uploaded and served: projects of a size that is met in practice."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import uploading
from archives import forge
from entrepot.documents import FileDetail, ProjectDetail, ReleaseDetail
from entrepot.names import ProjectName
from serving import Answer, Server

SEED = 20_240_229
PARAGRAPH = (
    "It reads `spam.toml`, asks *each* server in turn, and writes what it [found](https://example.org/found).\n\n"
)

METADATA = """\
Summary: Asks servers for spam
Author-email: The authors <authors@example.org>
License-Expression: MIT
Requires-Python: >=3.9
Classifier: Programming Language :: Python :: 3
Project-URL: Source, https://example.org/source
Requires-Dist: packaging>=24
Description-Content-Type: text/markdown

# Spam

{description}"""


def names(count: int) -> Iterator[str]:
    """Project names, none too similar to another: the letters that look like digits are left out."""
    for number in range(count):
        yield "bench-" + "".join("abcdefgh"[number >> shift & 7] for shift in (9, 6, 3, 0))


def wheel(name: str, version: str = "1.0", *, size: int = 100_000, description: int = 2_000) -> forge.Built:
    """A wheel of about `size` bytes, with a Markdown description of about `description` bytes."""
    text = METADATA.format(description=PARAGRAPH * (description // len(PARAGRAPH)))
    data = random.Random(f"{SEED} {name} {version}").randbytes(size)
    module = name.replace("-", "_")
    return forge.wheel(
        module,
        version,
        metadata=forge.core_metadata(name, version, text),
        files={f"{module}/data.bin": data},
    )


def sdist(name: str, version: str) -> forge.Built:
    """A source distribution."""
    metadata = forge.core_metadata(name, version, METADATA.format(description=PARAGRAPH))
    return forge.sdist(name.replace("-", "_"), version, pkg_info=metadata)


def upload(server: Server, built: forge.Built, name: str, version: str = "1.0") -> Answer:
    """Upload as twine does. Raises RuntimeError when it is refused."""
    answer = uploading.upload(server, built.filename, built.data, name=name, version=version)
    if answer.status != 200:
        raise RuntimeError(f"{built.filename}: {answer.status} {answer.reason}")
    return answer


def large_project(name: ProjectName, files: int) -> ProjectDetail:
    """A project whose page lists so many wheels, seven a release."""
    chance = random.Random(SEED)
    releases = [_release(name, f"{number // 20}.{number % 20}", chance) for number in range(files // 7)]
    return ProjectDetail(name, name, "active", "", files, (), tuple(releases))


def _release(name: str, version: str, chance: random.Random) -> ReleaseDetail:
    wheels = [_file(f"{name}-{version}-cp3{minor}-cp3{minor}-{PLATFORM}.whl", chance) for minor in range(8, 15)]
    return ReleaseDetail(version, version, False, "", tuple(wheels))


PLATFORM = "manylinux_2_17_x86_64.manylinux2014_x86_64"


def _file(filename: str, chance: random.Random) -> FileDetail:
    return FileDetail(
        filename=filename,
        kind="bdist_wheel",
        python_tag="cp3",
        size=chance.randrange(100_000, 9_000_000),
        sha256=chance.randbytes(32).hex(),
        blake2=chance.randbytes(32).hex(),
        md5=chance.randbytes(16).hex(),
        metadata_sha256=chance.randbytes(32).hex(),
        requires_python=">=3.8",
        comment="",
        uploaded_at=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(10**8)),
        yanked=False,
        yanked_reason="",
    )
