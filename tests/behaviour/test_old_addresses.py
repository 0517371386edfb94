"""Links and tools of an older time still arrive."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from archives import forge
from serving import Server, serving
from uploading import upload


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("old")) as running:
        for built in (forge.wheel("spam_ham", "1.0"), forge.sdist("spam_ham", "1.0")):
            assert upload(running, built.filename, built.data, name="spam_ham", version="1.0").status == 200
        yield running


@pytest.mark.parametrize(
    ("path", "now"),
    [
        ("/pypi", "/"),
        ("/pypi/", "/"),
        ("/pypi?:action=search&term=two+words", "/search/?q=two+words"),
        ("/pypi?:action=search&name=spam", "/search/?q=spam"),
        ("/pypi?:action=browse&c=523", "/search/?q="),
        ("/pypi?:action=display&name=spam_ham", "/project/spam-ham/"),
        ("/pypi?:action=display&name=spam_ham&version=1.0", "/project/spam-ham/1/"),
        ("/pypi?:action=files&name=spam_ham&version=1.0", "/project/spam-ham/1/"),
        ("/pypi?:action=rss", "/rss/updates.xml"),
        ("/pypi?%3Aaction=packages_rss", "/rss/packages.xml"),
        ("/pypi/Spam_Ham", "/project/spam-ham/"),
        ("/pypi/spam_ham/", "/project/spam-ham/"),
        ("/pypi/spam_ham/1.0", "/project/spam-ham/1/"),
        ("/pypi/spam_ham/1.0/", "/project/spam-ham/1/"),
        ("/p/spam_ham/", "/project/spam-ham/"),
        ("/p/spam_ham", "/project/spam-ham/"),
        ("/p/spam_ham/1.0/", "/project/spam-ham/1/"),
    ],
)
def test_pages_have_moved(index: Server, path: str, now: str) -> None:
    answer = index.get(path)
    assert (answer.status, answer.headers["location"]) == (301, now)
    assert index.get(now).status in {200, 302}


def test_the_way_leads_to_the_release(index: Server) -> None:
    assert index.get("/project/spam-ham/1/").headers["location"] == "/project/spam-ham/1.0/"


@pytest.mark.parametrize(
    "path",
    [
        "/pypi?:action=display",
        "/pypi?:action=display&name=no/name",
        "/pypi?:action=display&name=spam_ham&version=of/it",
        "/pypi?:action=unheard_of",
        "/pypi/no%20name/",
        "/p/spam_ham/nonsense!/",
    ],
)
def test_what_never_was(index: Server, path: str) -> None:
    assert index.get(path).status == 404


@pytest.mark.parametrize("action", ["file_upload", "submit", "submit_pkg_info", "doc_upload"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_uploads_are_elsewhere(index: Server, action: str, method: str) -> None:
    answer = index.request(method, f"/pypi?:action={action}", b"")
    assert (answer.status, answer.reason) == (410, "Files are uploaded to /legacy/.")
    assert answer.text == "Files are uploaded to /legacy/.\n"


def test_doap_is_gone(index: Server) -> None:
    answer = index.get("/pypi?:action=doap&name=spam_ham")
    assert (answer.status, "/pypi/NAME/json" in answer.text) == (410, True)


def test_classifiers_are_listed_for_programs(index: Server) -> None:
    answer = index.get("/pypi?:action=list_classifiers")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert "Framework :: Django :: 5.2" in lines
    assert len(lines) > 800
    assert index.get("/pypi?:action=list_classifiers", if_none_match=answer.headers["etag"]).status == 304


def test_what_is_neither_read_nor_posted(index: Server) -> None:
    assert index.request("PUT", "/pypi", b"").status == 405


@pytest.mark.parametrize(
    ("path", "filename"),
    [
        ("source/s/spam_ham", "spam_ham-1.0.tar.gz"),
        ("source/s/Spam-Ham", "spam_ham-1.0.tar.gz"),
        ("py3/s/spam_ham", "spam_ham-1.0-py3-none-any.whl"),
        ("2.7/s/spam-ham", "spam_ham-1.0.tar.gz"),
    ],
)
def test_files_are_found_by_their_names(index: Server, path: str, filename: str) -> None:
    (file,) = (each for each in index.page("spam-ham")["files"] if each["filename"] == filename)
    answer = index.get(f"/packages/{path}/{filename}")
    assert (answer.status, answer.headers["location"]) == (302, urljoin("/simple/spam-ham/", file["url"]))
    assert answer.headers["surrogate-key"] == "project/spam-ham"
    assert index.get(answer.headers["location"]).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "source/s/spam_ham/spam_ham-2.0.tar.gz",
        "source/h/ham/ham-1.0.tar.gz",
        "source/s/-/ham-1.0.tar.gz",
        "source/s/spam_ham/",
        "source/s/spam_ham/../x",
    ],
)
def test_files_that_never_were(index: Server, path: str) -> None:
    assert index.get(f"/packages/{path}").status == 404


def test_files_are_found_without_the_database(index: Server) -> None:
    file = index.data / "entrepot.sqlite3"
    hidden: Path = file.rename(file.with_name("hidden"))
    try:
        assert index.get("/packages/source/s/spam_ham/spam_ham-1.0.tar.gz").status == 302
    finally:
        hidden.rename(file)
