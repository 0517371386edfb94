"""Publishing a distribution: a list of named questions, then bytes, then one transaction.

The order makes every crash harmless. Until the transaction commits there are at most bytes under a content-addressed
key that nothing refers to, and `followers.collect` removes them after a day; once it has committed, the documents it
left owed are rows.
"""

import logging

from django.db import connection
from django.utils import timezone

from entrepot import archives, layout, policy
from entrepot.accounts import limits
from entrepot.accounts.actor import Actor
from entrepot.accounts.limits import Limit, Room
from entrepot.archives import Filename
from entrepot.claims import Upload, check_digests, named_as_claimed
from entrepot.names import WheelFilename
from entrepot.policy import Policy
from entrepot.ports.store import Store, is_whole
from entrepot.projects import actions, queries
from entrepot.projects.admission import Standing, admit
from entrepot.projects.models import Index
from entrepot.projects.sizes import Sizes, sizes_of
from entrepot.readme import check_description
from entrepot.refusal import TooLarge, TooMany
from entrepot.storing import store_distribution

logger = logging.getLogger(__name__)


def publish(upload: Upload, *, index: Index, by: Actor, store: Store) -> int:
    """Check, store and record the upload. Returns the serial of its record, or, when the very file was there already,
    that of the project's last change.

    Raises Refused (or a kind of it); then nothing has changed.
    """
    filename = named_as_claimed(upload, index.policy)
    _check_size(upload, sizes_of(index, filename.project))
    standing = admit(index, upload.name, filename, upload.digests, by, timezone.now())
    check_digests(upload)
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
    metadata_sha256, found = store_distribution(upload.file, dist, upload.digests, store=store)
    return actions.add_file(
        index,
        dist,
        upload.digests,
        by=by,
        metadata_sha256=metadata_sha256,
        comment=upload.comment,
        is_stored=lambda: all(store.find(key) for key in found),
    )


def _check_size(upload: Upload, most: Sizes) -> None:
    if upload.digests.size > most.file:
        limit = most.file / 2**20
        raise TooLarge("file-too-large", f"File too large. Limit for '{upload.name}' is {limit:g} MB.", "content")


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


def _heal(store: Store, upload: Upload, filename: Filename) -> None:
    """Store the very file once more where the store has lost it, or a part of it."""
    key = layout.package(upload.digests.blake2, filename.filename).key
    beside = layout.sidecar(upload.digests.blake2, filename.filename).key
    lost_metadata = isinstance(filename, WheelFilename) and store.find(beside) is None
    if not is_whole(key, upload.digests.size, store=store) or lost_metadata:
        upload.file.seek(0)
        store_distribution(upload.file, archives.open_distribution(upload.file, filename), upload.digests, store=store)
        logger.warning("%s was damaged or missing, and was stored again from an upload", key)
