"""Advisories: what they say is read without trust, kept once, and told of the releases that they are about."""

import json
from collections.abc import Collection
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.utils import timezone
from packaging.version import Version

from archives import forge
from entrepot.followers import pages
from entrepot.journal import log
from entrepot.ports.cdn import NoCdn
from entrepot.projects import osv, vulnerabilities
from entrepot.projects.models import Advisory
from entrepot.refusal import Refused
from serving import Server
from uploading import upload
from visiting import Visitor, words
from world import World, new_world

DAY = "2026-01-0{}T00:00:00Z"


def advisory(identifier: str = "X-1", day: int = 1, **told: object) -> bytes:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]
    affected = [{"package": {"ecosystem": "PyPI", "name": "Demo"}, "ranges": ranges}]
    return json.dumps({"id": identifier, "modified": DAY.format(day), "affected": affected, **told}).encode()


@pytest.fixture
def world(tmp_path: Path, transactional_db: None) -> World:
    world = new_world(tmp_path)
    for version in ("1.0", "2.0"):
        world.upload(forge.wheel("demo", version))
    return world


def keep(world: World, data: bytes) -> bool:
    kept = vulnerabilities.keep(osv.parse(data))
    for keys in pages.publish_owed(
        due=log.next_due() or Advisory.objects.get().modified, store=world.store, cdn=world.cdn
    ):
        assert keys
    assert world.complaints() == []
    return kept


def told(world: World, version: str) -> list[dict[str, object]]:
    page = world.release_json("demo", version)
    assert page
    return json.loads(page.body)["vulnerabilities"]  # type: ignore[no-any-return]


def test_the_documents_of_affected_releases_tell_of_it(world: World) -> None:
    assert keep(world, advisory(aliases=["CVE-1"], summary="Bad", details="Very"))
    known = {
        "id": "X-1",
        "source": "osv",
        "link": "https://osv.dev/vulnerability/X-1",
        "aliases": ["CVE-1"],
        "summary": "Bad",
        "details": "Very",
        "fixed_in": ["2.0"],
        "withdrawn": None,
    }
    assert (told(world, "1"), told(world, "2")) == ([known], [])
    newest = world.json("demo")
    assert newest
    assert json.loads(newest.body)["vulnerabilities"] == []


class PurgedCdn(NoCdn):
    """Remembers what was purged."""

    def __init__(self) -> None:
        self.purged: set[str] = set()

    def purge(self, tags: Collection[str]) -> None:
        self.purged.update(tags)


def test_caches_are_told_of_the_pages_that_tell_of_it(world: World) -> None:
    cdn = PurgedCdn()
    assert vulnerabilities.keep(osv.parse(advisory()))
    for _ in pages.publish_owed(due=timezone.now(), store=world.store, cdn=cdn):
        pass
    assert cdn.purged == {"project/demo"}


def test_only_what_is_newer_changes_anything(world: World) -> None:
    assert keep(world, advisory(day=2, summary="Second"))
    for day in (1, 2):
        assert not vulnerabilities.keep(osv.parse(advisory(day=day, summary="Other")))
        assert log.next_due() is None
    assert [each["summary"] for each in told(world, "1")] == ["Second"]
    elsewhere = [{"package": {"ecosystem": "PyPI", "name": "other"}, "versions": ["1.0"]}]
    assert keep(world, advisory(day=3, affected=elsewhere))
    assert told(world, "1") == []


def test_what_was_withdrawn_is_not_told(world: World) -> None:
    assert keep(world, advisory())
    assert len(told(world, "1")) == 1
    assert keep(world, advisory(day=2, withdrawn=DAY.format(2)))
    assert told(world, "1") == []


def test_what_is_about_nothing_here_is_not_kept(world: World) -> None:
    assert not vulnerabilities.keep(osv.parse(advisory(affected=[])))
    assert not Advisory.objects.exists()


def test_entries_about_one_project_are_one() -> None:
    entries = [
        {"package": {"ecosystem": "PyPI", "name": "A_b"}, "versions": ["1.0", "nonsense", "1.0.0"]},
        {"package": {"ecosystem": "npm", "name": "a-b"}, "versions": ["9"]},
        {"package": {"ecosystem": "PyPI", "name": "-"}, "versions": ["9"]},
        {
            "package": {"ecosystem": "PyPI", "name": "a.b"},
            "ranges": [
                {"type": "GIT", "events": [{"introduced": "abc"}]},
                {
                    "type": "ECOSYSTEM",
                    "events": [
                        *({"fixed": "1.5"}, {"introduced": "1.2"}, {"introduced": "1.3"}, {"introduced": "what"}),
                        *({"introduced": "3"}, {"last_affected": "3.5"}, {"fixed": "3.6"}, {"introduced": "4"}),
                    ],
                },
            ],
        },
    ]
    (found,) = osv.parse(advisory(affected=entries)).affected
    assert (found.name, found.versions, found.fixed_in) == ("a-b", ("1",), ("1.5",))
    assert found.ranges == (("1.2", "1.5", ""), ("3", "", "3.5"), ("4", "", ""))


@pytest.mark.parametrize(
    ("version", "span", "within"),
    [
        ("1.0a1", ("0", "1.0", ""), True),
        ("1.0", ("0", "1.0", ""), False),
        ("0.9", ("1.0", "", ""), False),
        ("5", ("1.0", "", ""), True),
        ("1.5", ("1.0", "", "1.5"), True),
        ("1.6", ("1.0", "", "1.5"), False),
    ],
)
def test_ranges(version: str, span: osv.Range, within: bool) -> None:
    assert osv.is_within(Version(version), span) is within


NONE = [
    *(b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b" " * (osv.SIZE_LIMIT + 1)),
    *(advisory("x" * 101), advisory(""), advisory("a\n"), advisory(id=5), advisory(aliases=5)),
    *(advisory(modified="x"), advisory(modified="2026-01-01T00:00:00"), advisory(withdrawn="x")),
    *(advisory(affected=[1]), advisory(affected=[{"package": {"ecosystem": "PyPI"}}])),
    advisory(affected=[{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": [5]}]),
]


@pytest.mark.parametrize("data", NONE, ids=range(len(NONE)))
def test_what_is_no_advisory(data: bytes) -> None:
    with pytest.raises(Refused, match="no advisory") as caught:
        osv.parse(data)
    assert caught.value.code == "invalid-advisory"


def test_text_that_no_database_keeps() -> None:
    assert osv.parse(advisory(summary="a\0b\ud800")).summary == "ab?"


def test_by_the_command_line(site: Server, tmp_path: Path) -> None:
    built = forge.wheel("vulnerable")
    assert upload(site, built.filename, built.data, name="vulnerable", version="1.0").status == 200
    affected = [{"package": {"ecosystem": "PyPI", "name": "vulnerable"}, "versions": ["1.0"]}]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/one.json").write_bytes(advisory("V-1", affected=affected, aliases=["CVE-9"], summary="Leaks"))
    (tmp_path / "two.json").write_bytes(advisory("V-2", affected=affected, withdrawn=DAY.format(1)))
    with ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("README", "about")
        archive.writestr("three.json", advisory("V-3", affected=affected))
        archive.writestr("bad.json", "{}")
    paths = [str(tmp_path / each) for each in ("folder", "two.json", "all.zip")]
    done = site.command("vulnerabilities", "import", *paths, check=False)
    assert done.returncode == 1
    assert "bad.json: This is no advisory" in done.stdout
    assert "3 advisories are new; 0 are known already, or about other things; 1 refused." in done.stdout
    done = site.command("vulnerabilities", "import", *paths[:2])
    assert "0 advisories are new; 2 are known" in done.stdout
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    done = site.command("vulnerabilities", "import", str(tmp_path / "broken.zip"), check=False)
    assert (done.returncode, "is no zip archive" in done.stderr) == (1, True)
    page = words(Visitor(site).get("/project/vulnerable/"))
    assert "This release has 2 known vulnerabilities." in page
    assert "V-1 CVE-9 Leaks No version is known to be free of it. V-3" in page
