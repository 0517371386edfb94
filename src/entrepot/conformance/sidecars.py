"""Metadata beside files."""

import io
import zipfile
from collections.abc import Iterator
from email import message_from_bytes

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from entrepot.conformance import clauses
from entrepot.conformance.asking import PLAIN, Reply
from entrepot.conformance.core import Area, Level
from entrepot.conformance.hashes import digest
from entrepot.conformance.index import File, Index
from entrepot.conformance.judging import offered, require

AREA = Area("metadata", "Metadata beside files")


def _sidecars(index: Index) -> Iterator[tuple[File, Reply]]:
    """Files whose metadata is offered, with what its address sends. Raises NotOffered when there are none."""
    files = [file for file in index.sample() if file.sidecar is not None]
    offered(bool(files), "No file that was looked at has its metadata beside it.")
    for file in files:
        yield file, index.session.get(f"{file.url}.metadata", PLAIN)


@AREA.case(Level.MUST, clauses.PEP_658)
def is_there(index: Index) -> None:
    """Metadata that a page announces can be had: installers do not look elsewhere."""
    for file, reply in _sidecars(index):
        require(reply.status == 200, f"{file.filename}.metadata answers {reply.status}.")


@AREA.case(Level.SHOULD, clauses.PEP_658)
def hash_is_told(index: Index) -> None:
    """The page tells a hash of the metadata."""
    for file, _reply in _sidecars(index):
        require(bool(file.sidecar), f"{file.filename} has its metadata announced without a hash.")


@AREA.case(Level.MUST, clauses.PEP_658)
def has_its_hash(index: Index) -> None:
    """The metadata has the hash that the page tells."""
    for file, reply in _sidecars(index):
        for name, told in (file.sidecar or {}).items():
            found = digest(name, reply.body) or told
            require(found == told, f"{file.filename}.metadata has {name} {found}, and the page says {told[:150]}.")


@AREA.case(Level.MUST, clauses.PEP_658)
def is_what_the_wheel_holds(index: Index) -> None:
    """The metadata of a wheel is its METADATA, byte for byte."""
    wheels = [(file, reply) for file, reply in _sidecars(index) if file.is_wheel]
    offered(bool(wheels), "No wheel that was looked at has its metadata beside it.")
    for file, reply in wheels:
        require(reply.body == _metadata(index, file), f"{file.filename}.metadata differs from what the wheel holds.")


@AREA.case(Level.MUST, clauses.PEP_503)
def page_tells_requires_python(index: Index) -> None:
    """The Requires-Python that a page tells of a wheel is the one that its METADATA has."""
    wheels = [file for file in index.sample() if file.is_wheel and file.requires_python]
    offered(bool(wheels), "No page tells Requires-Python of a wheel.")
    for file in wheels:
        own = str(message_from_bytes(_metadata(index, file))["Requires-Python"] or "")
        same = _specifier(own) == _specifier(file.requires_python)
        require(same, f"{file.filename} has {own!r}, and its page says {file.requires_python!r}.")


def _metadata(index: Index, file: File) -> bytes:
    """The METADATA in a wheel; empty when there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(index.fetch(file).body)) as archive:
            names = [each for each in archive.infolist() if each.filename.endswith(".dist-info/METADATA")]
            return b"".join(archive.read(each) for each in names if each.file_size < 10_000_000)
    except zipfile.BadZipFile:
        return b""


def _specifier(text: str) -> str:
    """The same for all spellings of the same."""
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        return text
