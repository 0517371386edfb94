"""Uploads by the form that every uploading program sends."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from entrepot.conformance import clauses
from entrepot.conformance.asking import PLAIN, Credentials, Reply
from entrepot.conformance.core import Area, Level
from entrepot.conformance.index import File, Index
from entrepot.conformance.judging import NotOffered, offered, require
from entrepot.conformance.uploads import Upload, Uploads

AREA = Area("upload", "Uploads")


def _uploads(index: Index) -> Uploads:
    if index.uploads is None:
        raise NotOffered("No address for uploads was given.")
    return index.uploads


def _published(index: Index) -> Sequence[tuple[Upload, File]]:
    """The first wheel and the first sdist, as the page shows them now. Raises NotOffered when neither is there."""
    uploads = _uploads(index)
    sent = [upload for upload, _reply in (uploads.first_wheel, uploads.first_sdist)]
    shown = {each.filename: each for each in index.files_now(uploads.name)}
    found = [(upload, shown[upload.filename]) for upload in sent if upload.filename in shown]
    offered(bool(found), "No upload was taken, or none is shown.")
    return found


def _refused(index: Index, upload: Upload) -> Reply:
    """The answer to an upload that is to be refused, when it is, and leaves nothing behind. Raises Failed.

    Where everything is refused (wrong credentials, a wrong address), that tells nothing: raises NotOffered.
    """
    _offers_uploads(index)
    return _is_refusal(index, upload, _uploads(index).send(upload))


def _offers_uploads(index: Index) -> None:
    offered(_uploads(index).first_wheel[1].status < 300, "A valid wheel is not taken either.")


def _is_refusal(index: Index, upload: Upload, reply: Reply) -> Reply:
    require(400 <= reply.status < 500, f"It answers {reply.status}: {_said(reply)}")
    hashes = [each.hashes.get("sha256") for each in index.files_now(upload.name) if each.filename == upload.filename]
    require(upload.sha256 not in hashes, f"It answers {reply.status}, and the page shows the file.")
    return reply


def _said(reply: Reply) -> str:
    return " ".join(reply.text.split())[:200]


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def wheel_is_taken(index: Index) -> None:
    """A valid wheel is taken."""
    reply = _uploads(index).first_wheel[1]
    require(200 <= reply.status < 300, f"It answers {reply.status}: {_said(reply)}")


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def sdist_is_taken(index: Index) -> None:
    """A valid sdist is taken."""
    reply = _uploads(index).first_sdist[1]
    require(200 <= reply.status < 300, f"It answers {reply.status}: {_said(reply)}")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def shown_at_once(index: Index) -> None:
    """What was taken is on its page at once: uv publish looks there after an upload."""
    uploads = _uploads(index)
    sent = [upload for upload, reply in (uploads.first_wheel, uploads.first_sdist) if reply.status < 300]
    offered(bool(sent), "No upload was taken.")
    shown = [each.filename for each in index.files_now(uploads.name)]
    missing = [each.filename for each in sent if each.filename not in shown]
    require(not missing, f"The page does not show {', '.join(missing)}.")


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def shown_with_its_hash(index: Index) -> None:
    """What is shown has the hash of what was sent."""
    for upload, file in _published(index):
        found = file.hashes.get("sha256", "")
        offered(bool(found), "The page tells no SHA-256.")
        require(found == upload.sha256, f"{file.filename} has {found}, not {upload.sha256}.")


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def same_bytes_come_back(index: Index) -> None:
    """What is fetched is what was sent."""
    for upload, file in _published(index):
        reply = index.session.get(file.url, PLAIN)
        require(reply.body == upload.content, f"{file.filename} answers {reply.status}, with other bytes.")


@AREA.case(Level.MUST, clauses.PEP_503)
def requires_python_is_shown(index: Index) -> None:
    """The page tells the Requires-Python that the file has, if it tells any."""
    for _upload, file in _published(index):
        offered(bool(file.requires_python), "The page tells no Requires-Python.")
        require(file.requires_python == ">=3.8", f"{file.filename} has {file.requires_python!r}, not '>=3.8'.")


@AREA.case(Level.MUST, clauses.PEP_658)
def metadata_is_its_own(index: Index) -> None:
    """The metadata beside the wheel, if there is any, is the METADATA in it."""
    uploads = _uploads(index)
    wheels = [file for _upload, file in _published(index) if file.is_wheel and file.sidecar is not None]
    offered(bool(wheels), "The wheel's metadata is not beside it.")
    for file in wheels:
        reply = index.session.get(f"{file.url}.metadata", PLAIN)
        same = reply.text == uploads.metadata("1.0")
        require(same, f"{file.filename}.metadata answers {reply.status}, with another text.")


@AREA.case(Level.CLIENTS, clauses.BY_UPLOADERS)
def same_again_is_fine(index: Index) -> None:
    """The same bytes once more are answered with success: twine sends all of it again after a failure."""
    uploads = _uploads(index)
    upload, first = uploads.first_wheel
    offered(first.status < 300, "The first upload was not taken.")
    reply = uploads.send(upload)
    require(200 <= reply.status < 300, f"It answers {reply.status}: {_said(reply)}")


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def other_bytes_are_refused(index: Index) -> None:
    """Other bytes by the name of a file that is there are refused, and the first file stays."""
    first = _uploads(index).first_wheel[0]
    offered(first.filename in [file.filename for _upload, file in _published(index)], "The wheel was not taken.")
    _refused(index, _uploads(index).wheel("1.0", note="other bytes"))
    still = [upload for upload, file in _published(index) if file.filename == first.filename]
    require(bool(still), f"{first.filename} is gone.")
    kept = index.session.anew(_published(index)[0][1].url, PLAIN).body
    require(kept == first.content, f"{first.filename} has other bytes now.")


@AREA.case(Level.CLIENTS, clauses.BY_UPLOADERS)
def duplicate_is_told(index: Index) -> None:
    """That refusal is 400 with the words `already exist`, or 409: --skip-existing looks for it."""
    first, first_reply = _uploads(index).first_wheel
    offered(first_reply.status < 300, "The first upload was not taken.")
    reply = _uploads(index).send(_uploads(index).wheel(first.version, note="other bytes"))
    right = reply.status == 409 or (reply.status == 400 and "already exist" in reply.text.lower())
    require(right, f"It answers {reply.status}: {_said(reply)}")


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def wrong_hash_is_refused(index: Index) -> None:
    """A file that has another SHA-256 than the form says is refused: it was damaged on the way."""
    upload = _uploads(index).wheel("1.1")
    _refused(index, upload.but(sha256_digest="0" * 64, md5_digest=None, blake2_256_digest=None))


@AREA.case(Level.SHOULD, clauses.UPLOAD_API)
def other_projects_file_is_refused(index: Index) -> None:
    """A file whose name is another project's is refused."""
    uploads = _uploads(index)
    upload = uploads.wheel("1.2")
    _refused(index, replace(upload, filename=upload.filename.replace("entrepot", "another", 1)))


@AREA.case(Level.SHOULD, clauses.UPLOAD_API)
def other_versions_file_is_refused(index: Index) -> None:
    """A file whose name has another version than the form is refused."""
    _refused(index, replace(_uploads(index).wheel("1.3"), version="1.4"))


@AREA.case(Level.SHOULD, clauses.UPLOAD_API)
def broken_wheel_is_refused(index: Index) -> None:
    """A wheel that cannot be read is refused."""
    whole = _uploads(index).wheel("1.5")
    _refused(index, replace(whole, content=whole.content[: len(whole.content) // 2]))


@AREA.case(Level.SHOULD, clauses.UPLOAD_API)
def broken_sdist_is_refused(index: Index) -> None:
    """An sdist that cannot be read is refused."""
    _refused(index, replace(_uploads(index).sdist("1.6"), content=b"this is no archive"))


@AREA.case(Level.SHOULD, clauses.METADATA_VERSION)
def unknown_metadata_version_is_refused(index: Index) -> None:
    """Metadata of a version whose major is not known is refused."""
    _refused(index, _uploads(index).wheel("1.7", metadata_version="9.0").but(metadata_version="9.0"))


@AREA.case(Level.SHOULD, clauses.UPLOAD_API)
def incomplete_form_is_refused(index: Index) -> None:
    """A form that lacks the name, the version or the kind of file, or has a kind that is none, is refused."""
    upload = _uploads(index).wheel("1.8")
    for changed in ({"name": None}, {"version": None}, {"filetype": None}, {"filetype": "bdist_egg"}):
        _refused(index, replace(upload, changed=changed))


@AREA.case(Level.SHOULD, clauses.UPLOAD_API)
def form_without_a_file_is_refused(index: Index) -> None:
    """A form without a file is refused."""
    uploads = _uploads(index)
    upload = uploads.wheel("1.9")
    _offers_uploads(index)
    _is_refusal(index, upload, uploads.send_without_file(upload))


@AREA.case(Level.CLIENTS, clauses.BY_UPLOADERS)
def refusal_says_why(index: Index) -> None:
    """A refusal has a text, which uploading programs show."""
    uploads = _uploads(index)
    reply = uploads.send(uploads.wheel("2.3").but(name=None))
    offered(reply.status >= 400, "A form without a name is not refused.")
    require(bool(reply.text.strip()), f"It answers {reply.status}, without a word.")


@AREA.case(Level.MUST, clauses.UPLOAD_API)
def nobody_is_refused(index: Index) -> None:
    """Who shows no credentials, or wrong ones, is answered 401 or 403."""
    for reply in _without_right(index):
        require(reply.status in {401, 403}, f"It answers {reply.status}: {_said(reply)}")


@AREA.case(Level.MUST, clauses.UNAUTHORIZED)
def challenge_is_sent(index: Index) -> None:
    """401 comes with WWW-Authenticate."""
    asked = [reply for reply in _without_right(index) if reply.status == 401]
    offered(bool(asked), "It does not answer 401.")
    for reply in asked:
        require(bool(reply.header("www-authenticate")), "It has no WWW-Authenticate.")


@AREA.case(Level.CLIENTS, clauses.BY_UPLOADERS)
def redirect_keeps_the_method(index: Index) -> None:
    """Without the slash at its end the address leads on by 307 or 308, if it does: flit would GET after a 301."""
    uploads = _uploads(index)
    offered(len(urlsplit(uploads.url).path) > 1, "Uploads go to the root.")
    reply = uploads.send_as(uploads.credentials, uploads.wheel("2.0"), uploads.url.rstrip("/"))
    require(reply.status not in {301, 302, 303}, f"It answers {reply.status}.")
    require(reply.status < 500, f"It answers {reply.status}: {_said(reply)}")


@AREA.case(Level.SHOULD, clauses.ALLOW)
def get_is_405(index: Index) -> None:
    """GET at the address of uploads is 405, and Allow names POST, unless a page is there."""
    reply = index.session.send("GET", _uploads(index).url, {})
    offered(reply.status != 200, "Something can be read at the address of uploads.")
    require(reply.status == 405, f"It answers {reply.status}.")
    require("POST" in reply.header("allow"), f"It has Allow: {reply.header('allow')}.")


@AREA.case(Level.CLIENTS, clauses.BY_UV)
def upload_to_pages_is_405(index: Index) -> None:
    """An upload to the address of the simple pages is 405: uv then says which address was meant."""
    uploads = _uploads(index)
    same_host = urlsplit(index.url).netloc == urlsplit(uploads.url).netloc
    reply = uploads.send_as(uploads.credentials if same_host else None, uploads.wheel("2.1"), index.url)
    require(reply.status == 405, f"It answers {reply.status}.")


def _without_right(index: Index) -> Sequence[Reply]:
    """Answers to uploads with no credentials, and with wrong ones. Raises NotOffered when none are needed."""
    uploads = _uploads(index)
    if uploads.credentials is None:
        raise NotOffered("No credentials were given.")
    wrong = Credentials(uploads.credentials.user, f"not-{uploads.credentials.password}")
    return [uploads.send_as(each, uploads.wheel("2.2")) for each in (None, wrong)]
