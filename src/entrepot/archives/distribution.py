"""What opening a distribution gives, and the part that wheels and sdists share: the metadata inside."""

from collections.abc import Iterable
from dataclasses import dataclass

from entrepot import metadata
from entrepot.archives.faults import invalid, shown
from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName, SdistFilename, WheelFilename, parse_version
from entrepot.refusal import Refused

Filename = WheelFilename | SdistFilename


@dataclass(frozen=True, slots=True)
class Distribution:
    """A wheel or an sdist that is what it says it is. `metadata_bytes` are those of METADATA or PKG-INFO."""

    filename: Filename
    metadata_bytes: bytes
    metadata: CoreMetadata


def read_whole(data: Iterable[bytes], size: int, limit: int, name: str) -> bytes:
    """All of a member that is read into memory. Raises `Refused` when its `size` is over `limit` bytes."""
    if size > limit:
        raise invalid("member-too-large", f"Member {shown(name)} is larger than {limit} bytes.")
    return b"".join(data)


def describe(filename: Filename, data: bytes, member: str) -> Distribution:
    """The distribution of that name whose metadata, `data`, is in `member`. Raises `Refused` when they differ."""
    try:
        facts = metadata.parse(data)
    except Refused as refused:
        message = f"Invalid distribution file. Member {shown(member)}: {refused.message}"
        raise type(refused)(refused.code, message, refused.field) from None
    if ProjectName(facts.name) != filename.project:
        raise invalid("metadata-mismatch", f"Its filename and {shown(member)} have different names: {facts.name!r}.")
    if parse_version(facts.version) != filename.version:
        raise invalid(
            "metadata-mismatch", f"Its filename and {shown(member)} have different versions: {facts.version!r}."
        )
    return Distribution(filename, data, facts)


def missing_license(path: str) -> Refused:
    return invalid("license-file-missing", f"License-File names {shown(path)}, which is not there.")
