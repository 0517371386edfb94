"""Uploads as raw HTTP, so that each part of the form can be wrong."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence

from serving import Answer, Server

Fields = Sequence[tuple[str, str]]


def upload(
    server: Server,
    filename: str,
    content: bytes,
    *,
    name: str,
    version: str,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    **changed: str | None,
) -> Answer:
    """Upload a distribution the way twine does; `changed` replaces form fields, None leaves one out."""
    fields: dict[str, str | None] = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": name,
        "version": version,
        "filetype": "bdist_wheel" if filename.endswith(".whl") else "sdist",
        "pyversion": "py3" if filename.endswith(".whl") else "source",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest(),
        **{key.replace("action", ":action"): value for key, value in changed.items()},
    }
    given = [(key, value) for key, value in fields.items() if value is not None]
    return post(server, given, [("content", filename, content)], token=token, headers=headers)


def post(
    server: Server,
    fields: Fields,
    files: Sequence[tuple[str, str, bytes]],
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """POST a multipart form to the upload URL."""
    body, kind = form(fields, files)
    sent = {"Content-Type": kind, **authorization(server.token if token is None else token), **(headers or {})}
    return server.request("POST", "/legacy/", body, sent)


def authorization(token: str, user: str = "__token__") -> dict[str, str]:
    """The header that carries a token; none for an empty one."""
    encoded = base64.b64encode(f"{user}:{token}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"} if token else {}


def form(fields: Fields, files: Sequence[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """A multipart body and its content type. Names and filenames are written as they are, without any escaping."""
    boundary = secrets.token_hex(16)
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + text.encode() for name, text in fields]
    parts += [
        f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        for name, filename, content in files
    ]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"
