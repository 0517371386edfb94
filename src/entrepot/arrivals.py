"""Taking in a distribution that another index has: as it is there, and whenever it was uploaded there.

What uploads have to be is not asked: old spellings, old releases and local versions come in. That it is the file that
was meant, its hash says. The order is that of `publishing`, and makes every crash harmless.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import BinaryIO

from django.db import connection
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from entrepot.archives import Distribution, open_foreign
from entrepot.digests import HASHES, Digests, Hasher, hash_like
from entrepot.names import ProjectName, parse_foreign
from entrepot.ports.store import CHUNK, Store
from entrepot.projects import arriving
from entrepot.projects.arriving import Sender
from entrepot.projects.models import Index
from entrepot.refusal import Refused
from entrepot.storing import store_distribution

LONGEST_SPECIFIER = 1000  # characters


@dataclass(frozen=True, slots=True)
class Arrival:
    """A distribution file of another index, and what is said of it there.

    `project` is the project's name, as it is spelled there. `hashes` maps names of algorithms, as hashlib has them, to
    hexadecimal digests; it may be empty. `uploaded_at` is None where that is not known. `requires_python` is for files
    whose own metadata do not say it. `provenance` is a provenance object (PEP 740), in JSON, or empty.
    """

    project: str
    filename: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    uploaded_at: datetime | None = None
    requires_python: str = ""
    provenance: str = ""


class Outcome(Enum):
    """What became of a file."""

    TAKEN = "taken"
    SAME = "same"  # these bytes are there already, under this name


def receive(file: BinaryIO, arrival: Arrival, *, index: Index, sender: Sender, store: Store) -> Outcome:
    """Take the file in, which is seekable. Raises Refused, or a kind of it; then nothing has changed.

    Codes: "invalid-name", "invalid-filename", "wrong-digest", "metadata-too-large", "file-exists", "filename-used", and
    those of `arriving.check`.
    """
    filename = parse_foreign(arrival.filename, ProjectName(arrival.project))
    arriving.check(index, filename.project, sender)
    digests = _read(file, arrival)
    if arriving.knows(index, filename.filename, {"sha256": digests.sha256}):
        return Outcome.SAME
    connection.close()  # others need it more than whoever reads an archive, and waits for the store
    dist = _said(open_foreign(file, filename), arrival)
    metadata_sha256, found = store_distribution(file, dist, digests, store=store)
    serial = arriving.take_in(
        index,
        _display_name(dist, arrival),
        dist,
        digests,
        sender=sender,
        metadata_sha256=metadata_sha256,
        uploaded_at=arrival.uploaded_at,
        provenance=arrival.provenance,
        is_stored=lambda: all(store.find(key) for key in found),
    )
    return Outcome.SAME if serial is None else Outcome.TAKEN


def _read(file: BinaryIO, arrival: Arrival) -> Digests:
    """What the bytes are. Raises Refused("wrong-digest")."""
    known = {name: digest.lower() for name, digest in arrival.hashes.items() if name in HASHES}
    checked = {name: hash_like(name, digest) for name, digest in known.items()}
    hasher = Hasher()
    file.seek(0)
    while chunk := file.read(CHUNK):
        for each in (hasher, *checked.values()):
            each.update(chunk)
    for name, digest in known.items():
        if not hmac.compare_digest(checked[name].hexdigest().encode(), digest.encode()):
            raise Refused("wrong-digest", f"'{arrival.filename}' has another {name} than is said of it.", "content")
    return hasher.digests()


def _display_name(dist: Distribution, arrival: Arrival) -> str:
    """How its authors spell the project's name, where the file says it."""
    return dist.metadata.name if ProjectName(dist.metadata.name) == dist.filename.project else arrival.project


def _said(dist: Distribution, arrival: Arrival) -> Distribution:
    """The distribution, with what only its index says of it."""
    if dist.metadata.requires_python or not _is_specifier(arrival.requires_python):
        return dist
    return replace(dist, metadata=replace(dist.metadata, requires_python=arrival.requires_python))


def _is_specifier(text: str) -> bool:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return len(text) <= LONGEST_SPECIFIER
