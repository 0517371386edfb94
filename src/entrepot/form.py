"""An upload's form, read once from front to back: fields into memory, the file to disk, hashed on its way.

Django's own parser is not used because it cleans filenames silently; what a client sends is to be judged as it was
sent.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from entrepot.digests import Digests, Hasher
from entrepot.refusal import Refused, TooLarge

CHUNK = 1 << 18
MAX_TEXT = 16 << 20  # bytes of all text fields together; descriptions are what is large
MAX_PARTS = 20_000
FILE = "content"
IGNORED = {"gpg_signature"}  # sent as a file by old clients

_FILENAME = re.compile(r";\s*filename(\*?)[^=]*=", re.IGNORECASE)


class Readable(Protocol):
    """A request body."""

    def read(self, size: int = ..., /) -> bytes:
        """Up to `size` bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """The file of an upload: where it waits, what its bytes are, and how the client named and typed it."""

    file: BinaryIO
    digests: Digests
    filename: str
    type: str


@dataclass(slots=True)
class Form:
    """Text fields with all their values, and the file that came with them, if one did."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    content: Content | None = None

    def get(self, name: str) -> str:
        """The value of a field that may stand once; empty when it is absent. Raises Refused("repeated-field")."""
        values = self.fields.get(name, [""])
        if len(values) > 1:
            raise Refused("repeated-field", f"{name}: stands more than once.", name)
        return values[0]


@contextmanager
def read_form(body: Readable, *, content_type: str, directory: Path, limit: int) -> Iterator[Form]:
    """Parse a multipart/form-data body (RFC 7578). The file waits, nameless, in `directory` until the context ends.

    Raises Refused for a malformed body and TooLarge for a file of more than `limit` bytes.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Refused("not-a-form", "An upload is a request of type multipart/form-data.")
    with tempfile.TemporaryFile(dir=directory) as file:
        try:
            parser = PushMultipartParser(options["boundary"], strict=True, max_segment_count=MAX_PARTS)
            form = _Reader(file, limit).read(parser, body)
        except MultipartError as error:
            raise Refused("not-a-form", f"The form cannot be read: {error}.") from error
        yield form


class _Reader:
    """Sorts what the parser finds."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.form = Form()
        self.file = file
        self.limit = limit
        self.room = MAX_TEXT
        self.hasher = Hasher()

    def read(self, parser: PushMultipartParser, body: Readable) -> Form:
        text = bytearray()
        part: MultipartSegment
        for event in parser.parse_blocking(body.read, CHUNK):
            if isinstance(event, MultipartSegment):
                part, text = event, bytearray()
                _check_part(part, self.form)
            elif event is None:
                self._end(part, bytes(text))
            elif part.name == FILE:
                self._write(event)
            else:
                text += event
                self.room -= len(event)
                if self.room < 0:
                    raise TooLarge("form-too-large", f"The fields of the form are larger than {MAX_TEXT >> 20} MB.")
        return self.form

    def _write(self, data: bytes | bytearray) -> None:
        self.hasher.update(data)
        if self.hasher.size > self.limit:
            raise TooLarge("file-too-large", f"File too large. Limit is {self.limit >> 20} MB.", FILE)
        self.file.write(data)

    def _end(self, part: MultipartSegment, text: bytes) -> None:
        if part.name == FILE:
            filename, kind = part.filename or "", part.content_type or ""
            self.form.content = Content(self.file, self.hasher.digests(), filename, kind)
        elif part.name not in IGNORED:
            self._keep(part.name or "", text)

    def _keep(self, name: str, text: bytes) -> None:
        try:
            value = text.decode().replace("\0", "\\x00")  # not every database takes a NUL in a text
        except UnicodeDecodeError:
            raise Refused("not-utf-8", f"{name}: is not UTF-8.", name) from None
        if value not in {"", "UNKNOWN"}:  # how old clients say that there is nothing
            self.form.fields.setdefault(name, []).append(value)


def _check_part(part: MultipartSegment, form: Form) -> None:
    name = part.name or ""
    marks = _FILENAME.findall(part.header("Content-Disposition") or "")
    if len(marks) > 1 or "*" in marks:
        raise Refused("two-filenames", f"{name}: the file is named more than once, or in an unusual way.", name)
    if name == FILE and "\\" in (part.header("Content-Disposition") or ""):
        raise Refused("invalid-filename", "The filename has a backslash.", FILE)
    if name != FILE:
        if marks and name not in IGNORED:
            raise Refused("not-text", f"{name}: Should not be a tuple.", name)
    elif not marks:
        raise Refused("no-file", "Upload payload does not have a file.", FILE)
    elif form.content is not None:
        raise Refused("repeated-field", f"{FILE}: stands more than once.", FILE)
