"""Uploads by the form that PyPI has always had, of small projects that are made for it."""

import base64
import hashlib
import io
import secrets
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from entrepot.conformance.asking import Credentials, Reply, Session

METADATA = """\
Metadata-Version: {metadata_version}
Name: {name}
Version: {version}
Summary: Left by a conformance suite; may be deleted
Requires-Python: >=3.8
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
WHEEL = "Wheel-Version: 1.0\nGenerator: conformance\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class Upload:
    """A form and its file. `changed` replaces fields, None leaves one out."""

    name: str
    version: str
    filename: str
    content: bytes
    changed: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The hash of the file."""
        return hashlib.sha256(self.content).hexdigest()

    def but(self, **changed: str | None) -> "Upload":
        """The same with other fields."""
        return replace(self, changed=changed)

    def fields(self) -> Sequence[tuple[str, str]]:
        """What the form says."""
        is_wheel = self.filename.endswith(".whl")
        fields: dict[str, str | None] = {
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": "2.2",
            "name": self.name,
            "version": self.version,
            "summary": "Left by a conformance suite; may be deleted",
            "requires_python": ">=3.8",
            "filetype": "bdist_wheel" if is_wheel else "sdist",
            "pyversion": "py3" if is_wheel else "source",
            "md5_digest": hashlib.md5(self.content, usedforsecurity=False).hexdigest(),
            "sha256_digest": self.sha256,
            "blake2_256_digest": hashlib.blake2b(self.content, digest_size=32).hexdigest(),
            **self.changed,
        }
        return [(key, value) for key, value in fields.items() if value is not None]


class Uploads:
    """Where uploads go, and by whom. Everything has one name, which nobody else has."""

    def __init__(self, url: str, session: Session, credentials: Credentials | None) -> None:
        self.url = url
        self.credentials = credentials
        self.name = f"entrepot-conformance-{secrets.token_hex(4)}"
        self.taken: list[str] = []
        self._session = session

    def wheel(self, version: str, *, note: str = "", metadata_version: str = "2.2") -> Upload:
        """A wheel, valid unless its metadata has a version that is not; another note makes other bytes of it."""
        stem = f"{self.name.replace('-', '_')}-{version}"
        info = f"{stem}.dist-info"
        content = {
            f"{self.name.replace('-', '_')}.py": f"# {note}\n",
            f"{info}/METADATA": self.metadata(version, metadata_version),
            f"{info}/WHEEL": WHEEL,
        }
        record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in content.items())
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, text in {**content, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
        return Upload(self.name, version, f"{stem}-py3-none-any.whl", packed.getvalue())

    def sdist(self, version: str) -> Upload:
        """A valid sdist."""
        stem = f"{self.name.replace('-', '_')}-{version}"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
            for path, text in (("PKG-INFO", self.metadata(version)), ("pyproject.toml", PYPROJECT)):
                member = tarfile.TarInfo(f"{stem}/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        return Upload(self.name, version, f"{stem}.tar.gz", packed.getvalue())

    def metadata(self, version: str, metadata_version: str = "2.2") -> str:
        """What the archives say of themselves."""
        return METADATA.format(name=self.name, version=version, metadata_version=metadata_version)

    def send(self, upload: Upload) -> Reply:
        """Upload it as twine does. Raises NoAnswer."""
        return self.send_as(self.credentials, upload)

    def send_as(self, credentials: Credentials | None, upload: Upload, url: str = "") -> Reply:
        """Upload it as somebody, maybe to another address. Raises NoAnswer."""
        file = f'"content"; filename="{upload.filename}"\r\nContent-Type: application/octet-stream'
        reply = self._post(upload, [(file, upload.content)], credentials, url or self.url)
        if reply.status < 300 and upload.filename not in self.taken:
            self.taken.append(upload.filename)
        return reply

    def send_without_file(self, upload: Upload) -> Reply:
        """Upload what the form says, and no file. Raises NoAnswer."""
        return self._post(upload, [], self.credentials, self.url)

    def _post(self, upload: Upload, files: Sequence[tuple[str, bytes]], by: Credentials | None, url: str) -> Reply:
        boundary = secrets.token_hex(16)
        parts = [*((f'"{name}"', value.encode()) for name, value in upload.fields()), *files]
        start = f"--{boundary}\r\nContent-Disposition: form-data; name="
        body = b"".join(f"{start}{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self._session.send("POST", url, {**kind, **_proof(by)}, body + f"--{boundary}--\r\n".encode())

    @cached_property
    def first_wheel(self) -> tuple[Upload, Reply]:
        """The wheel that cases about published files look at, and what came of its upload. Raises NoAnswer."""
        upload = self.wheel("1.0")
        return upload, self.send(upload)

    @cached_property
    def first_sdist(self) -> tuple[Upload, Reply]:
        """The same of an sdist. Raises NoAnswer."""
        upload = self.sdist("1.0")
        return upload, self.send(upload)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _proof(credentials: Credentials | None) -> Mapping[str, str]:
    """The header; none for nobody."""
    if credentials is None:
        return {}
    encoded = base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}
