"""Reading a form: the file goes to disk, whatever its size, and to nowhere when the form is refused."""

import hashlib
import io
from pathlib import Path

import pytest

from entrepot.accounts.actor import Actor
from entrepot.claims import Upload
from entrepot.digests import Digests
from entrepot.form import read_form
from entrepot.policy import PUBLIC
from entrepot.ports.files import FileStore
from entrepot.projects.models import Index
from entrepot.publishing import publish
from entrepot.refusal import Refused, TooLarge
from uploading import form


def test_fields_and_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    body, kind = form([("a", "1"), ("b", "2"), ("b", "3"), ("c", "")], [("content", "x.whl", content)])
    with read_form(io.BytesIO(body), content_type=kind, directory=tmp_path, limit=len(content)) as read:
        assert read.get("a") == "1"
        assert read.get("c") == read.get("never") == ""
        assert read.fields["b"] == ["2", "3"]
        assert read.content is not None
        assert (read.content.filename, read.content.type) == ("x.whl", "application/octet-stream")
        assert read.content.digests.size == len(content)
        assert read.content.digests.sha256 == hashlib.sha256(content).hexdigest()
        assert read.content.digests.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
        read.content.file.seek(0)
        assert read.content.file.read() == content
        assert list(tmp_path.iterdir()) == []  # it has no name
        with pytest.raises(Refused, match="b: stands more than once"):
            read.get("b")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    body, kind = form([], [("content", "x.whl", bytes((1 << 20) + 1))])
    with (
        pytest.raises(TooLarge, match=r"File too large\. Limit is 1 MB\.") as refused,
        read_form(io.BytesIO(body), content_type=kind, directory=tmp_path, limit=1 << 20),
    ):
        pass
    assert (refused.value.code, refused.value.field) == ("file-too-large", "content")


def test_a_body_that_ends_too_soon(tmp_path: Path) -> None:
    body, kind = form([("a", "1")], [])
    for end in range(len(body) - 4):
        with (
            pytest.raises(Refused, match="The form cannot be read"),
            read_form(io.BytesIO(body[:end]), content_type=kind, directory=tmp_path, limit=1),
        ):
            pass


@pytest.mark.django_db
def test_a_file_that_is_too_large_for_the_index(tmp_path: Path) -> None:
    """Asked again where files come in without a form."""
    store = FileStore(tmp_path)
    digests = Digests(PUBLIC.file_size_limit + 1, "0" * 64, "0" * 64, "0" * 32)
    upload = Upload(io.BytesIO(), digests, "demo-1.0.tar.gz", "demo", "1.0", "sdist")
    with pytest.raises(TooLarge, match=r"File too large\. Limit for 'demo' is 2048 MB\."):
        publish(upload, index=Index.objects.create(url="https://index.example"), by=Actor(None), store=store)
    assert list(tmp_path.iterdir()) == []
