"""Pages for everybody: caches may keep them, each reader gets them in their language, and nobody's name is in them."""

import gzip
import itertools

import brotli
import pytest
import zstandard

from archives import forge
from serving import Server
from uploading import upload
from visiting import Visitor, member

COUNT = itertools.count(1)
PAGE = "/help/"  # one that says the same from one moment to the next, as the figures of the front page need not
DECODED = {"br": brotli.decompress, "gzip": gzip.decompress, "zstd": zstandard.decompress}


def fresh() -> str:
    return f"reader{next(COUNT):03}"


def test_what_caches_are_told(site: Server) -> None:
    answer = site.get("/")
    assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert "stale-while-revalidate" in answer.headers["surrogate-control"]
    assert "front" in answer.headers["surrogate-key"].split()
    assert set(answer.headers["vary"].split(", ")) == {"Accept-Encoding", "Accept-Language", "Cookie"}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("coding", DECODED)
def test_every_coding_says_the_same(site: Server, coding: str) -> None:
    plain, answer = site.get(PAGE), site.get(PAGE, accept_encoding=coding)
    assert (answer.headers["content-encoding"], DECODED[coding](answer.body)) == (coding, plain.body)
    assert answer.headers["etag"] != plain.headers["etag"]
    assert int(answer.headers["content-length"]) == len(answer.body) < len(plain.body)


def test_a_browser_that_has_it_is_told_that_nothing_changed(site: Server) -> None:
    answer = site.get(PAGE, accept_encoding="br")
    again = site.get(PAGE, accept_encoding="br", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]


def test_it_is_the_same_for_whoever_has_signed_in(site: Server) -> None:
    """What is theirs is asked for apart, and kept by nobody."""
    person = member(site, fresh())
    assert person.get(PAGE).text == Visitor(site).get(PAGE).text
    told = person.get("/account/whoami/")
    assert (told.json(), told.headers["cache-control"]) == ({"name": person.name, "role": None}, "no-store")
    assert Visitor(site).get("/account/whoami/").json() == {"name": None, "role": None}


def test_scripts_know_whether_it_is_worth_asking(site: Server) -> None:
    """Only that: the cookie holds nothing that opens anything."""
    person = member(site, fresh())
    assert person.client.cookies["signed-in"] == "yes"
    person.post("/account/logout/")
    assert "signed-in" not in person.client.cookies


def test_what_no_database_takes_makes_no_sense(site: Server) -> None:
    """SQLite looks for it, and finds nothing; PostgreSQL does not take it."""
    built = forge.wheel("hidesnothing")
    assert upload(site, built.filename, built.data, name="hidesnothing", version="1.0").status == 200
    assert site.get("/project/hidesnothing/1.0/files/%00/").status in {400, 404}


class TestLanguage:
    def test_one_that_is_not_spoken_here_changes_nothing(self, site: Server) -> None:
        for path in ("/language/?to=tlh&next=/status/", "/language/"):
            answer = site.get(path)
            assert (answer.status, "set-cookie" in answer.headers) == (302, False)
        assert answer.headers["location"] == "/"

    def test_it_leads_nowhere_else(self, site: Server) -> None:
        for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
            assert site.get(f"/language/?to=en&next={elsewhere}").headers["location"] == "/"
        assert site.get("/language/?to=en&next=front").headers["location"] == "/"
        assert site.get("/language/?to=en&next=/status/").headers["location"] == "/status/"

    def test_another_site_chooses_nothing(self, site: Server) -> None:
        assert "set-cookie" not in site.get("/language/?to=ar&next=/", sec_fetch_site="cross-site").headers

    def test_the_choice_is_kept_for_pages_and_mails(self, site: Server) -> None:
        person = member(site, fresh())
        person.get("/language/?to=en&next=/account/")
        assert person.client.cookies["language"] == "en"
