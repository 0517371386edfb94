"""Writing a bundle: a tar archive (POSIX pax), whose bytes depend on nothing but what is in it."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from entrepot.bundles import manifest as manifests
from entrepot.bundles.manifest import BundledFile, Manifest


def write(manifest: Manifest, files: Callable[[BundledFile], Path], draft: Path) -> Iterator[BundledFile]:
    """Write the archive to `draft`, and give each file when it is in; its bytes are at the path that `files` gives.

    Raises OSError.
    """
    with draft.open("wb") as target:
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            said = manifests.render(manifest)
            archive.addfile(_member(manifests.NAME, len(said), int(manifest.made_at.timestamp())), io.BytesIO(said))
            for file in manifest.files():
                moment = int(file.uploaded_at.timestamp()) if file.uploaded_at else 0
                with files(file).open("rb") as source:
                    archive.addfile(_member(file.place, file.size, moment), source)
                yield file
        target.flush()
        os.fsync(target.fileno())


def _member(name: str, size: int, moment: int) -> tarfile.TarInfo:
    """A plain file of nobody's, that everybody may read."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, moment, 0o644
    return member


def sha256_of(file: io.BufferedReader) -> str:
    """The SHA-256, in hexadecimal, of what is left to read in the file."""
    return hashlib.file_digest(file, "sha256").hexdigest()
