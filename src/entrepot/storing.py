"""The bytes of a distribution in the store, before anything is recorded of them."""

import hashlib
import io
from typing import BinaryIO

from entrepot import layout
from entrepot.archives import Distribution
from entrepot.digests import Digests
from entrepot.names import WheelFilename
from entrepot.ports.store import Store


def store_distribution(file: BinaryIO, dist: Distribution, digests: Digests, *, store: Store) -> tuple[str, list[str]]:
    """Store the file and, for a wheel, its metadata beside it.

    Returns the metadata's SHA-256, or nothing; and the keys where the bytes were found, which somebody may be about to
    remove.
    """
    filename = dist.filename.filename
    file.seek(0)
    objects: dict[str, BinaryIO] = {layout.package(digests.blake2, filename).key: file}
    metadata_sha256 = ""  # the metadata of an sdist may change when it is built
    if isinstance(dist.filename, WheelFilename) and dist.metadata_bytes:
        objects[layout.sidecar(digests.blake2, filename).key] = io.BytesIO(dist.metadata_bytes)
        metadata_sha256 = hashlib.sha256(dist.metadata_bytes).hexdigest()
    return metadata_sha256, [key for key, source in objects.items() if not store.create(key, source)]
