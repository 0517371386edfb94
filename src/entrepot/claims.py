"""What the form of the legacy upload API claims of a file, and whether the filename and the bytes say the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from entrepot import policy
from entrepot.archives import Filename
from entrepot.digests import Digests
from entrepot.form import Form
from entrepot.names import ProjectName, WheelFilename, canonical_version, parse_filename, parse_version
from entrepot.policy import Policy
from entrepot.refusal import Refused

DIGEST_FIELDS = {"md5": "md5_digest", "sha256": "sha256_digest", "blake2": "blake2_256_digest"}  # in the form
LONGEST_COMMENT = 1000  # characters; it is repeated in JSON documents
KINDS = {"sdist", "bdist_wheel"}

_HEX = {"md5": r"[0-9a-f]{32}", "sha256": r"[0-9a-f]{64}", "blake2": r"[0-9a-f]{64}"}


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


def claimed_upload(form: Form, action: str) -> Upload:
    """What the form says. Raises Refused when a field is missing or cannot be."""
    if action != "file_upload":
        raise Refused("unknown-action", f"Unknown action '{action}': files come with ':action' file_upload.", ":action")
    if form.get("protocol_version") not in {"", "1"}:
        raise Refused("unknown-protocol", "Unknown protocol version.", "protocol_version")
    for name in ("metadata_version", "name", "version"):
        if not form.get(name):
            raise Refused("field-missing", f"{name}: This field is required.", name)
    if form.get("filetype") not in KINDS:
        raise Refused("invalid-filetype", "Invalid value for filetype. Error: Use a known file type.", "filetype")
    _check_python_version(form)
    if len(form.get("comment")) > LONGEST_COMMENT:
        raise Refused("comment-too-long", f"comment: has more than {LONGEST_COMMENT} characters.", "comment")
    claimed = _claimed_digests(form)
    if form.content is None:
        raise Refused("no-file", "Upload payload does not have a file.", "content")
    if form.content.type.lower().startswith("image/"):
        raise Refused("invalid-distribution", "Invalid distribution file. It is said to be an image.", "content")
    return Upload(
        file=form.content.file,
        digests=form.content.digests,
        filename=form.content.filename,
        name=form.get("name"),
        version=form.get("version"),
        kind=form.get("filetype"),
        comment=form.get("comment"),
        claimed=claimed,
    )


def named_as_claimed(upload: Upload, rules: Policy) -> Filename:
    """The filename, parsed. Raises Refused when it is not of the name, the version and the kind that are claimed."""
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


def check_digests(upload: Upload) -> None:
    """Raises Refused("wrong-digest") when the bytes are not those that are claimed."""
    for name, claimed in upload.claimed.items():
        if claimed.lower() != getattr(upload.digests, name):
            raise Refused(
                "wrong-digest",
                f"The digest supplied does not match a digest calculated from the uploaded file ({name}).",
                DIGEST_FIELDS[name],
            )


def _check_python_version(form: Form) -> None:
    wheel, tag = form.get("filetype") == "bdist_wheel", form.get("pyversion")
    if wheel and not tag:
        raise Refused("field-missing", "Python version is required for binary distribution uploads.", "pyversion")
    if not wheel and tag not in {"", "source"}:
        raise Refused("invalid-pyversion", "Use 'source' as Python version for an sdist.", "pyversion")


def _claimed_digests(form: Form) -> Mapping[str, str]:
    claimed = {name: form.get(field).lower() for name, field in DIGEST_FIELDS.items() if form.get(field)}
    for name, digest in claimed.items():
        if not re.fullmatch(_HEX[name], digest):
            raise Refused(
                "invalid-digest", f"{DIGEST_FIELDS[name]}: Use a valid, hex-encoded, digest.", DIGEST_FIELDS[name]
            )
    if not claimed.keys() - {"md5"}:
        raise Refused(
            "no-digest", "Include at least one message digest: sha256_digest or blake2_256_digest.", "sha256_digest"
        )
    return claimed
