"""The legacy upload API of an index in a test: the form is read, and judged, as a real one reads and judges it."""

import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from entrepot.claims import Upload, check_digests, claimed_upload, named_as_claimed
from entrepot.form import Form, read_form
from entrepot.policy import LARGEST_FILE, PRIVATE
from entrepot.refusal import Refused, TooLarge
from entrepot.testing.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an uploader sent: the text fields of the form, each with all its values, and the file."""

    fields: Mapping[str, Sequence[str]]
    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an upload is answered with."""

    status: HTTPStatus
    reason: str


def take(body: bytes, content_type: str, shelf: Shelf, uploads: list[Uploaded]) -> Verdict:
    """Publish what the form holds. What could be read of it is noted in `uploads`, published or not."""
    try:
        with read_form(
            io.BytesIO(body), content_type=content_type, directory=Path(tempfile.gettempdir()), limit=LARGEST_FILE
        ) as form:
            uploads.append(_uploaded(form))
            _publish(claimed_upload(form, form.get(":action")), shelf)
    except TooLarge as refusal:
        return Verdict(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, refusal.message)
    except Refused as refusal:
        return Verdict(HTTPStatus.BAD_REQUEST, refusal.message)
    return Verdict(HTTPStatus.OK, "OK")


def _uploaded(form: Form) -> Uploaded:
    if form.content is None:
        return Uploaded(form.fields, "", b"")
    form.content.file.seek(0)
    return Uploaded(form.fields, form.content.filename, form.content.file.read())


def _publish(upload: Upload, shelf: Shelf) -> None:
    named_as_claimed(upload, PRIVATE)
    check_digests(upload)
    upload.file.seek(0)
    shelf.publish(upload.file.read(), upload.filename)
