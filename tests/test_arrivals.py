"""Files of other indexes come in as they are there, and never in place of what is here."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archives import forge
from entrepot.accounts import prohibiting
from entrepot.accounts.actor import OPERATOR, Actor
from entrepot.accounts.models import ProhibitedName, User
from entrepot.archives import open_foreign
from entrepot.arrivals import Arrival, Outcome, receive
from entrepot.digests import Hasher
from entrepot.edge.routes import Document, route
from entrepot.followers import drift, pages
from entrepot.journal.models import Entry
from entrepot.layout import provenance
from entrepot.names import ProjectName, parse_foreign, possible_projects
from entrepot.page import Page
from entrepot.projects import actions, arriving
from entrepot.projects.arriving import Sender
from entrepot.projects.models import Role
from entrepot.refusal import Refused, Unavailable
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

BY_HAND = Sender(OPERATOR)
MIRROR = Sender(OPERATOR, "upstream")
LONG_AGO = datetime(2011, 5, 4, 3, 2, 1, tzinfo=UTC)
PROVENANCE = json.dumps({"version": 1, "attestation_bundles": []})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def zipped(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def take(world: World, filename: str, data: bytes, *, sender: Sender = BY_HAND, **said: Any) -> Outcome:
    arrival = Arrival(**{"project": filename.partition("-")[0], "filename": filename, **said})
    return receive(io.BytesIO(data), arrival, index=world.index, sender=sender, store=world.store)


def page(world: World, name: str) -> dict[str, Any]:
    """A project's simple page, once all that is owed is published."""
    for _ in pages.publish_owed(due=drift.END_OF_TIME, store=world.store, cdn=world.cdn):
        pass
    found = world.simple(name)
    assert found is not None
    told: dict[str, Any] = json.loads(found.body)
    return told


def test_a_file_keeps_its_time_its_hash_and_its_old_spelling(world: World) -> None:
    data = forge.gzip_file(forge.tar_file([]))
    sha256 = hashlib.sha256(data).hexdigest()
    hashes = {
        "sha256": sha256.upper(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "crc32": "no such thing",
    }
    assert take(world, "Old.Name-1.0-beta2.zip", data, hashes=hashes, uploaded_at=LONG_AGO) is Outcome.TAKEN
    [file] = page(world, "old-name")["files"]
    assert file["filename"] == "Old.Name-1.0-beta2.zip"
    assert file["upload-time"] == "2011-05-04T03:02:01.000000Z"
    assert file["hashes"] == {"sha256": sha256}
    assert page(world, "old-name")["versions"] == ["1.0b2"]
    assert world.complaints() == []


def test_the_same_file_once_more_changes_nothing(world: World) -> None:
    built = forge.wheel()
    take(world, built.filename, built.data)
    before = page(world, "demo")
    assert take(world, built.filename, built.data) is Outcome.SAME
    assert page(world, "demo") == before


@pytest.mark.parametrize("name", ["sha512", "sha384", "sha256", "blake2b", "sha224", "sha1", "md5"])
def test_another_hash_than_is_said_is_refused(world: World, name: str) -> None:
    digests = {"blake2b": lambda data: hashlib.blake2b(data, digest_size=32)}
    right = digests.get(name, lambda data: hashlib.new(name, data))(b"the bytes").hexdigest()
    with pytest.raises(Refused) as refused:
        take(world, "demo-1.0.tar.gz", b"other bytes", hashes={name: right})
    assert (refused.value.code, name in refused.value.message) == ("wrong-digest", True)
    for odd in ("", "abc", right + right):
        with pytest.raises(Refused):
            take(world, "demo-1.0.tar.gz", b"the bytes", hashes={name: odd})
    assert take(world, "demo-1.0.tar.gz", b"the bytes", hashes={name: right}) is Outcome.TAKEN


@pytest.mark.parametrize(
    ("filename", "project", "why"),
    [
        ("demo-1.0.exe", "demo", "installers take wheels"),
        ("demo-1.0-py3.egg", "demo", "installers take wheels"),
        ("demo-2004d.tar.gz", "demo", "not a version"),
        ("other-1.0.tar.gz", "demo", "not of project 'demo'"),
        ("demo-1.0 final.tar.gz", "demo", "it takes letters"),
        ("demo-1..0.tar.gz", "demo", "it takes letters"),
        (f"demo-{'1' * 200}.tar.gz", "demo", "at most 200 characters"),
        ("demo.tar.gz", "demo", "not of project 'demo'"),
        ("other-1.0-py3-none-any.whl", "demo", "not of project 'demo'"),
    ],
)
def test_what_installers_pass_by_is_refused_by_its_name(world: World, filename: str, project: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        take(world, filename, b"", project=project)
    assert refused.value.code == "invalid-filename"


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("a-b-1.0.tar.gz", "a-b", "1.0"),
        ("a.b_c-1.0-1.tar.bz2", "a-b-c", "1.0.post1"),
        ("A-1.0.zip", "a", "1.0"),
        ("a-1-2-1.0.tgz", "a-1-2", "1.0"),
        ("a-1.0.tar.xz", "a", "1.0"),
        ("A.B-1.0-1x-py2.py3-none-any.whl", "a-b", "1.0"),
    ],
)
def test_old_names_are_read_as_installers_read_them(filename: str, project: str, version: str) -> None:
    parsed = parse_foreign(filename, ProjectName(project))
    assert str(parsed.version) == version
    assert project in possible_projects(filename)


def test_metadata_is_read_as_far_as_it_goes(world: World) -> None:
    faulty = (
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: fine\nRequires-Dist: ???\nRequires-Python: >=3\n\n"
    )
    data = zipped({"demo-1.0.dist-info/METADATA": faulty, "demo.py": b""})
    take(world, "demo-1.0-py3-none-any.whl", data, requires_python=">=2")
    said = world.file("demo-1.0-py3-none-any.whl").metadata
    assert said["summary"] == "fine"
    assert "requires_dist" not in said
    [file] = page(world, "demo")["files"]
    assert file["core-metadata"] == {"sha256": hashlib.sha256(faulty).hexdigest()}
    assert file["requires-python"] == ">=3"


@pytest.mark.parametrize(
    ("said", "shown"), [(">=3.8", ">=3.8"), ("three", None), (",".join([">=3"] * 300), None), ("", None)]
)
def test_what_only_the_index_says_of_python_is_kept_where_it_is_legal(
    world: World, said: str, shown: str | None
) -> None:
    take(world, "demo-1.0-py3-none-any.whl", b"no zip", requires_python=said)
    [file] = page(world, "demo")["files"]
    assert file.get("requires-python") == shown
    assert file["core-metadata"] is False


@pytest.mark.parametrize(
    "members",
    [
        {"a.dist-info/METADATA": b"x", "b.dist-info/METADATA": b"y"},
        {"demo-1.0.dist-info/METADATA": b"Metadata-Version: 1.0\nName: demo\nVersion: 1.0\nName: twice\n"},
        {"demo-1.0.dist-info/METADATA": b"\xff"},
    ],
)
def test_metadata_that_cannot_be_read_says_name_and_version(world: World, members: Mapping[str, bytes]) -> None:
    take(world, "demo-1.0-py3-none-any.whl", zipped(members))
    assert world.file("demo-1.0-py3-none-any.whl").metadata == {
        "metadata_version": "",
        "name": "demo",
        "version": "1.0",
    }


def test_source_distributions_tell_by_their_pkg_info(world: World) -> None:
    said = forge.core_metadata(more="Summary: told\n")
    take(world, "demo-1.0.zip", zipped({"demo-1.0/PKG-INFO": said, "demo-1.0/a/PKG-INFO": b"no"}))
    assert world.file("demo-1.0.zip").metadata["summary"] == "told"
    built = forge.sdist()
    take(world, built.filename, built.data)
    assert world.file(built.filename).metadata["name"] == "demo"


def test_provenance_is_published_beside_the_file_and_goes_with_it(world: World) -> None:
    built = forge.wheel()
    take(world, built.filename, built.data, provenance=PROVENANCE)
    [file] = page(world, "demo")["files"]
    path = f"/integrity/demo/1/{built.filename}/provenance"
    assert file["provenance"] == f"https://index.example{path}"
    html = world.simple_html("demo")
    assert html is not None
    assert f'data-provenance="https://index.example{path}"' in html.body.decode()
    place = provenance(ProjectName("demo"), "1", built.filename)
    assert place.path == path
    asked = route(path.encode())
    assert isinstance(asked, Document)
    assert asked.place == place
    assert shown(world, place.key) == json.loads(PROVENANCE)
    assert world.complaints() == []
    world.show(actions.delete_file(world.file(built.filename), by=OPERATOR))
    assert shown(world, place.key) is None
    assert world.complaints() == []


def shown(world: World, key: str) -> Any:
    found: Page | None = world.store.read_page(key)
    return json.loads(found.body) if found and found.variants else None


def test_other_bytes_never_take_the_place_of_a_file(world: World) -> None:
    take(world, "demo-1.0.tar.gz", b"one")
    with pytest.raises(Refused, match="File already exists"):
        take(world, "demo-1.0.tar.gz", b"two")
    world.show(actions.delete_file(world.file("demo-1.0.tar.gz"), by=OPERATOR))
    with pytest.raises(Refused) as refused:
        take(world, "demo-1.0.tar.gz", b"one")
    assert refused.value.code == "filename-used"


def test_names_that_look_alike_come_in_from_elsewhere(world: World) -> None:
    for name in ("lion", "1i0n", "l10n"):
        take(world, f"{name}-1.0.tar.gz", name.encode())
        assert page(world, name)["name"] == name


def test_the_projects_of_this_index_and_of_a_mirror_are_kept_apart(world: World) -> None:
    take(world, "mine-1.0.tar.gz", b"mine")
    take(world, "theirs-1.0.tar.gz", b"theirs", sender=MIRROR)
    with pytest.raises(Refused) as refused:
        take(world, "mine-2.0.tar.gz", b"new", sender=MIRROR)
    assert refused.value.code == "project-local"
    for other in (BY_HAND, Sender(OPERATOR, "another")):
        with pytest.raises(Refused) as refused:
            take(world, "theirs-2.0.tar.gz", b"new", sender=other)
        assert refused.value.code == "project-mirrored"
    with pytest.raises(Refused, match="follows another index") as refused:
        world.upload(forge.wheel(name="theirs", version="2.0"))
    assert refused.value.code == "project-mirrored"
    assert arriving.release_from("upstream") == 1
    take(world, "theirs-2.0.tar.gz", b"new")


def test_a_mirror_brings_no_name_that_the_operator_forbids(world: World) -> None:
    prohibiting.prohibit("evil", ProhibitedName.Kind.PROJECT, by=OPERATOR, reason="no")
    with pytest.raises(Refused) as refused:
        take(world, "evil-1.0.tar.gz", b"", sender=MIRROR)
    assert refused.value.code == "prohibited-name"
    assert take(world, "evil-1.0.tar.gz", b"") is Outcome.TAKEN


def test_what_was_deleted_here_stays_deleted(world: World) -> None:
    take(world, "demo-1.0.tar.gz", b"one", sender=MIRROR)
    world.show(actions.delete_project(world.project("demo"), by=OPERATOR))
    with pytest.raises(Refused) as refused:
        take(world, "demo-2.0.tar.gz", b"two", sender=MIRROR)
    assert refused.value.code == "project-deleted"


def test_what_was_deleted_there_comes_back_with_it(world: World) -> None:
    take(world, "demo-1.0.tar.gz", b"one", sender=MIRROR)
    project = world.project("demo")
    serial = arriving.close(project, sender=MIRROR)
    assert serial is not None
    world.show(serial)
    assert arriving.close(project, sender=MIRROR) is None
    found = world.simple("demo")
    assert found is not None
    assert not found.variants
    take(world, "demo-2.0.tar.gz", b"two", sender=MIRROR)
    assert [each["filename"] for each in page(world, "demo")["files"]] == ["demo-2.0.tar.gz"]
    assert world.complaints() == []


def test_whoever_moves_in_owns_what_comes(world: World) -> None:
    bob = User.objects.create(username="bob")
    take(world, "demo-1.0.tar.gz", b"one", sender=Sender(Actor(world.user)))
    project = world.project("demo")
    assert arriving.give_role(project, bob, Role.Name.MAINTAINER, sender=BY_HAND) is not None
    assert arriving.give_role(project, bob, Role.Name.OWNER, sender=BY_HAND) is None
    assert sorted(project.roles.values_list("user__username", "name")) == [("alice", "Owner"), ("bob", "Maintainer")]


def test_yanks_and_statuses_follow_and_what_is_done_here_stays(world: World) -> None:
    for version in ("1.0", "2.0", "3.0"):
        take(world, f"demo-{version}.tar.gz", version.encode(), sender=MIRROR)
    project = world.project("demo")

    def settle(yanked: Mapping[str, str], status: str = "active", reason: str = "") -> dict[str, object]:
        arriving.settle(project, yanked=yanked, status=status, reason=reason, sender=MIRROR)
        told = page(world, "demo")
        files = {each["filename"][5:8]: each["yanked"] for each in told["files"]}
        return {**files, **told["project-status"]}

    gone = {"demo-9.0.tar.gz": "not here"}
    assert settle({"demo-1.0.tar.gz": "bad", "demo-2.0.tar.gz": "", **gone}, "deprecated", "old") == {
        "1.0": "bad",
        "2.0": True,
        "3.0": False,
        "status": "deprecated",
        "reason": "old",
    }
    actions.yank_file(world.file("demo-3.0.tar.gz"), by=OPERATOR, reason="here")
    actions.unyank_file(world.file("demo-2.0.tar.gz"), by=OPERATOR)
    assert settle({"demo-1.0.tar.gz": "worse", "demo-2.0.tar.gz": ""}, "archived") == {
        "1.0": "worse",
        "2.0": False,
        "3.0": "here",
        "status": "archived",
    }
    world.show(actions.set_status(project, "quarantined", by=OPERATOR, reason="malware"))
    assert settle({}) == {"status": "quarantined", "reason": "malware"}
    world.show(actions.set_status(project, "archived", by=OPERATOR))
    assert settle({}, "archived") == {"1.0": False, "2.0": False, "3.0": "here", "status": "archived"}
    assert settle({}) == {"1.0": False, "2.0": False, "3.0": "here", "status": "active"}
    assert arriving.settle(project, yanked={}, status="active", sender=MIRROR) is None
    assert settle({}, "quarantined") == {"status": "quarantined"}
    assert world.complaints() == []


def test_files_that_are_gone_there_go_here(world: World) -> None:
    for version in ("1.0", "2.0"):
        take(world, f"demo-{version}.tar.gz", version.encode(), sender=MIRROR)
    project = world.project("demo")
    assert arriving.drop(project, {"demo-1.0.tar.gz", "demo-2.0.tar.gz"}, sender=MIRROR) == 0
    assert arriving.drop(project, {"demo-2.0.tar.gz"}, sender=MIRROR) == 1
    assert [each["filename"] for each in page(world, "demo")["files"]] == ["demo-2.0.tar.gz"]
    assert world.complaints() == []


def test_the_journal_says_which_mirror_it_was(world: World) -> None:
    take(world, "demo-1.0.tar.gz", b"one", sender=MIRROR)
    entries = list(Entry.objects.values_list("action", "credential"))
    assert entries == [
        ("create", "mirror upstream"),
        ("new release", "mirror upstream"),
        ("add source file demo-1.0.tar.gz", "mirror upstream"),
    ]


def record(world: World, *, stored: bool) -> int | None:
    """Record a file as `receive` does, once its bytes are stored."""
    built, hasher = forge.wheel(), Hasher()
    hasher.update(built.data)
    return arriving.take_in(
        world.index,
        "demo",
        open_foreign(io.BytesIO(built.data), parse_foreign(built.filename, ProjectName("demo"))),
        hasher.digests(),
        sender=BY_HAND,
        metadata_sha256="",
        uploaded_at=None,
        provenance="",
        is_stored=lambda: stored,
    )


def test_of_two_who_bring_the_same_file_one_records_it(world: World) -> None:
    assert record(world, stored=True) is not None
    assert record(world, stored=True) is None


def test_bytes_that_were_collected_meanwhile_are_brought_once_more(world: World) -> None:
    with pytest.raises(Unavailable) as refused:
        record(world, stored=False)
    assert refused.value.code == "try-later"
    assert not world.index.projects.exists()
