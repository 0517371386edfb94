"""Publishing a distribution: a list of named questions, then bytes, then one transaction.

The order makes every crash harmless. Until the transaction commits there are at most bytes under a content-addressed
key that nothing refers to, and `followers.collect` removes them after a day; once it has committed, the documents it
left owed are rows.
"""

import hashlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from django.db import connection
from django.utils import timezone

from entrepot import archives, layout, policy
from entrepot.accounts import limits
from entrepot.accounts.actor import Actor
from entrepot.accounts.limits import Limit, Room
from entrepot.archives import Distribution, Filename
from entrepot.digests import Digests
from entrepot.names import ProjectName, WheelFilename, canonical_version, parse_filename, parse_version
from entrepot.policy import Policy
from entrepot.ports.store import Store, is_whole
from entrepot.projects import actions, queries
from entrepot.projects.admission import Standing, admit
from entrepot.projects.models import Index
from entrepot.projects.sizes import Sizes, sizes_of
from entrepot.readme import check_description
from entrepot.refusal import Refused, TooLarge, TooMany

logger = logging.getLogger(__name__)

DIGEST_FIELDS = {"md5": "md5_digest", "sha256": "sha256_digest", "blake2": "blake2_256_digest"}  # in the form


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody wants to publish, and what they say of it.

    `name`, `version` and `kind` ("sdist" or "bdist_wheel") are claims, held against the filename and the archive,
    which is the truth. `claimed` maps "md5", "sha256" or "blake2" to a hexadecimal digest, in any case.
    """

    file: BinaryIO
    digests: Digests
    filename: str
    name: str
    version: str
    kind: str
    comment: str = ""
    claimed: Mapping[str, str] = field(default_factory=dict)


def publish(upload: Upload, *, index: Index, by: Actor, store: Store) -> int:
    """Check, store and record the upload. Returns the serial of its record, or, when the very file was there already,
    that of the project's last change.

    Raises Refused (or a kind of it); then nothing has changed.
    """
    filename = _named_as_claimed(upload, index.policy)
    _check_size(upload, sizes_of(index, filename.project))
    standing = admit(index, upload.name, filename, upload.digests, by, timezone.now())
    _check_digests(upload)
    if standing is Standing.SAME:
        _heal(store, upload, filename)
        return queries.last_serial(queries.project_named(index, filename.project))
    connection.close()  # others need it more than whoever reads an archive
    upload.file.seek(0)
    dist = archives.open_distribution(upload.file, filename)
    policy.check_metadata(dist.metadata, index.policy)
    check_description(dist.metadata.description, dist.metadata.description_content_type)
    _check_pace(standing, index.policy, by)
    connection.close()  # or waits for the store
    metadata_sha256, found = _store(store, upload, dist)
    return actions.add_file(
        index,
        dist,
        upload.digests,
        by=by,
        metadata_sha256=metadata_sha256,
        comment=upload.comment,
        is_stored=lambda: all(store.find(key) for key in found),
    )


def _named_as_claimed(upload: Upload, rules: Policy) -> Filename:
    name, version = ProjectName(upload.name), parse_version(upload.version)
    policy.check_version(version, rules)
    filename = parse_filename(upload.filename)
    if filename.kind != upload.kind:
        raise Refused("wrong-filetype", f"'{upload.filename}' is no {upload.kind}.", "filetype")
    if filename.project != name:
        raise Refused("wrong-name", f"'{upload.filename}' does not belong to project '{upload.name}'.", "name")
    if canonical_version(filename.version) != canonical_version(version):
        raise Refused("wrong-version", f"'{upload.filename}' is not of version '{upload.version}'.", "version")
    if isinstance(filename, WheelFilename):
        policy.check_platforms(filename, rules)
    return filename


def _check_size(upload: Upload, most: Sizes) -> None:
    if upload.digests.size > most.file:
        limit = most.file / 2**20
        raise TooLarge("file-too-large", f"File too large. Limit for '{upload.name}' is {limit:g} MB.", "content")


def _check_digests(upload: Upload) -> None:
    for name, claimed in upload.claimed.items():
        if claimed.lower() != getattr(upload.digests, name):
            raise Refused(
                "wrong-digest",
                f"The digest supplied does not match a digest calculated from the uploaded file ({name}).",
                DIGEST_FIELDS[name],
            )


def _check_pace(standing: Standing, rules: Policy, by: Actor) -> None:
    """Whoever has stolen a token publishes neither many projects nor a release of everything that its user has.

    Before the transaction, which must not wait for whoever counts.
    """
    if standing is Standing.FIRST and (full := _full("new-projects", rules.new_projects, by)):
        raise TooMany(
            "too-many-projects",
            f"Too many new projects: a user may make {full.limit.amount} in an hour. Try again later.",
            full.wait,
            limits.headers([full]),
        )
    if standing is Standing.RELEASE and (full := _full("new-releases", rules.new_releases, by)):
        raise TooMany(
            "too-many-releases",
            f"Too many new releases: a user may make {full.limit.amount} in an hour. Try again later.",
            full.wait,
            limits.headers([full]),
        )


def _full(name: str, amount: int | None, by: Actor) -> Room | None:
    """Count one more in this hour; the room, when there is none. Superusers and commands do it any number of times."""
    if amount is None or by.credential is None or by.credential.user.is_superuser:
        return None
    room = limits.COUNTING.spend(Limit(name, amount), f"user {by.credential.user.pk}")
    return None if room.admitted else room


def _store(store: Store, upload: Upload, dist: Distribution) -> tuple[str, list[str]]:
    """Store the file and, for a wheel, its metadata beside it.

    Returns the metadata's SHA-256, or nothing; and the keys where the bytes were found, which somebody may be about to
    remove.
    """
    blake2, filename = upload.digests.blake2, dist.filename.filename
    upload.file.seek(0)
    objects: dict[str, BinaryIO] = {layout.package(blake2, filename).key: upload.file}
    metadata_sha256 = ""  # the metadata of an sdist may change when it is built
    if isinstance(dist.filename, WheelFilename):
        objects[layout.sidecar(blake2, filename).key] = io.BytesIO(dist.metadata_bytes)
        metadata_sha256 = hashlib.sha256(dist.metadata_bytes).hexdigest()
    return metadata_sha256, [key for key, source in objects.items() if not store.create(key, source)]


def _heal(store: Store, upload: Upload, filename: Filename) -> None:
    """Store the very file once more where the store has lost it, or a part of it."""
    key = layout.package(upload.digests.blake2, filename.filename).key
    beside = layout.sidecar(upload.digests.blake2, filename.filename).key
    lost_metadata = isinstance(filename, WheelFilename) and store.find(beside) is None
    if not is_whole(key, upload.digests.size, store=store) or lost_metadata:
        upload.file.seek(0)
        _store(store, upload, archives.open_distribution(upload.file, filename))
        logger.warning("%s was damaged or missing, and was stored again from an upload", key)
