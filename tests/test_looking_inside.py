"""What is read for whoever looks inside: from the database in a fixed number of queries, and from the store."""

from collections.abc import Generator
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from archives import forge
from archives.forge import Entry, TarEntry
from entrepot.accounts.actor import Actor
from entrepot.archives.limits import MIB
from entrepot.comparing import FieldChange
from entrepot.ports.files import FileStore
from entrepot.projects import actions, inside
from entrepot.projects.inside import Changes, OfferedFile
from entrepot.projects.models import File
from entrepot.refusal import Missing, Unavailable
from test_arrivals import take
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = new_world(tmp_path / "store")
    made.upload(forge.wheel(files={"demo/a.py": b"1\n", "demo/b.py": b"2\n"}))
    made.upload(forge.sdist(files={"src/a.py": b"1\n", "old.txt": b"x"}))
    made.upload(forge.wheel("demo", "1.1", files={"demo/a.py": b"1\n", "demo/b.py": b"3\n"}))
    made.upload(forge.sdist("demo", "1.1", files={"src/a.py": b"2\n", "new.txt": b"x"}))
    made.upload(forge.sdist("demo", "1.10", files={"src/a.py": b"2\n", "new.txt": b"x"}))
    return made


def offered(filename: str = "demo-1.0.tar.gz", version: str = "1.0") -> OfferedFile:
    return inside.offered_file("Demo", version, filename)


def compared(world: World, version: str, since: str = "") -> Changes:
    sides = inside.sides("demo", version, since)
    assert sides.old is not None
    return inside.changes(sides.old, sides.new, store=world.store)


class Slow(FileStore):
    """A store that gives a byte at a time."""

    def read(self, key: str, first: int, count: int) -> Generator[bytes, None, None]:
        for place in range(first, first + count):
            yield from super().read(key, place, 1)


class TestFiles:
    def test_a_file_and_what_is_in_it(self, world: World) -> None:
        file = offered(version="1.0.0")
        assert (file.project, file.version, file.url) == (
            "demo",
            "1.0",
            f"/packages/{file.blake2[:2]}/{file.blake2[2:4]}/{file.blake2[4:]}/demo-1.0.tar.gz",
        )
        found = inside.listing(file, store=world.store)
        assert [each.path for each in found.members] == [
            *("demo-1.0/", "demo-1.0/PKG-INFO", "demo-1.0/old.txt", "demo-1.0/pyproject.toml", "demo-1.0/src/a.py")
        ]
        opened = inside.opened(file, "demo-1.0/old.txt", store=world.store)
        assert opened.content is not None
        assert opened.content.head == b"x"
        with pytest.raises(Missing) as refusal:
            inside.opened(file, "demo-1.0/nothing", store=world.store)
        assert refusal.value.code == "no-such-member"

    def test_the_number_of_queries_is_fixed(
        self, world: World, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        """One for the metadata of each side."""
        for number in range(5):
            for tag in ("py2-none-any", "py3-none-any")[: number + 1]:
                world.upload(forge.wheel("large", f"{number}.0", tag=tag))
        for name, version, compared in (("demo", "1.0", 5), ("large", "1.0", 6), ("large", "4.0", 6)):
            with django_assert_num_queries(4):
                file = inside.offered_file(name, version, f"{name}-{version}-py3-none-any.whl")
                inside.listing(file, store=world.store)
            with django_assert_num_queries(compared):
                inside.sides(name, version, "")

    def test_what_is_not_offered_is_not_there(self, world: World) -> None:
        actions.delete_file(world.file("demo-1.0.tar.gz"), by=world.actor)
        with pytest.raises(Missing):
            offered()
        assert offered("demo-1.0-py3-none-any.whl")
        actions.set_status(world.project("demo"), "quarantined", by=Actor(None))
        for ask in (lambda: offered("demo-1.0-py3-none-any.whl"), lambda: inside.sides("demo", "1.1", "")):
            with pytest.raises(Missing):
                ask()

    def test_what_is_too_large_is_not_opened(self, world: World) -> None:
        File.objects.update(size=20 * MIB + 1)
        file = offered()
        for obstacle in (
            inside.listing(file, store=world.store).obstacle,
            inside.opened(file, "demo-1.0/old.txt", store=world.store).obstacle,
        ):
            assert obstacle is not None
            assert ("larger than 20 MB" in obstacle.reason, obstacle.detail) == (True, "")

    def test_a_store_without_the_file(self, world: World) -> None:
        file = offered()
        (key,) = world.store.keys(f"packages/{file.blake2[:2]}/{file.blake2[2:4]}/{file.blake2[4:]}")
        world.store.remove_unwanted(key, before=1e12)
        with pytest.raises(Unavailable) as refusal:
            inside.listing(file, store=world.store)
        assert refusal.value.code == "store-unavailable"
        with pytest.raises(Unavailable):
            inside.opened(file, "demo-1.0/old.txt", store=world.store)
        with pytest.raises(Unavailable):
            compared(world, "1.1")

    @pytest.mark.usefixtures("world")
    def test_a_store_that_trickles(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inside, "STORE_PATIENCE", 0.0)
        with pytest.raises(Unavailable):
            inside.listing(offered(), store=Slow(tmp_path / "store"))

    def test_few_look_at_a_time(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inside, "PATIENCE", 0.01)
        file, turns = offered(), [inside._turn() for _ in range(inside.AT_ONCE)]
        for each in turns:
            each.__enter__()
        with pytest.raises(Unavailable) as refusal:
            inside.listing(file, store=world.store)
        assert refusal.value.code == "too-busy"
        for each in turns:
            each.__exit__(None, None, None)
        assert inside.listing(file, store=world.store).members


class TestReleases:
    @pytest.mark.usefixtures("world")
    def test_by_default_the_one_before(self) -> None:
        def before(version: str, since: str = "") -> str | None:
            old = inside.sides("demo", version, since).old
            return None if old is None else old.version

        assert [before("1.0"), before("1.1"), before("1.10")] == [None, "1.0", "1.1"]
        assert before("1.0", "1.10") == "1.10"
        assert inside.sides("demo", "1.0", "").versions == ("1.10", "1.1", "1.0")
        for version, since in (("3", ""), ("1.0", "3")):
            with pytest.raises(Missing):
                before(version, since)

    def test_the_sdists_are_compared(self, world: World) -> None:
        found = compared(world, "1.1")
        assert found.fields == ()
        assert (found.added, found.removed) == ((), ())
        assert found.archive is not None
        assert found.archive.members is not None
        members = found.archive.members
        assert [each.neutral for each in members.added] == ["new.txt"]
        assert [each.neutral for each in members.removed] == ["old.txt"]
        assert [new.path for _, new in members.changed] == ["demo-1.1/PKG-INFO", "demo-1.1/src/a.py"]
        assert members.same == 1
        assert "demo-1.1/src/a.py" in found.archive.openable
        assert "demo-1.0/src/a.py" in found.archive.openable_before

    def test_files_without_a_counterpart(self, world: World) -> None:
        found = compared(world, "1.10")
        assert [each.filename for each in found.removed] == ["demo-1.1-py3-none-any.whl"]
        back = compared(world, "1.1", since="1.10")
        assert [each.filename for each in back.added] == ["demo-1.1-py3-none-any.whl"]

    def test_metadata_and_description(self, world: World) -> None:
        more = "Summary: another\nRequires-Dist: attrs\n\nHello\n"
        world.upload(forge.wheel("demo", "2.0", metadata=forge.core_metadata("demo", "2.0", more)))
        found = compared(world, "2.0")
        assert found.fields == (FieldChange("Summary", (), ("another",)), FieldChange("Requires-Dist", (), ("attrs",)))
        assert [f"{each.sign}{each.text}" for each in found.description.lines] == ["+Hello"]
        assert found.archive is None

    def test_a_release_without_files(self, world: World) -> None:
        actions.delete_file(world.file("demo-1.10.tar.gz"), by=world.actor)
        found = compared(world, "1.10")
        assert (len(found.removed), found.archive) == (2, None)

    def test_files_of_old_forms_are_looked_into_as_others(self, world: World) -> None:
        """They come from other indexes; their folders are spelled as they are."""
        kept, gone = Entry(b"De.Mo-Re-1.0/a.py", b"1\n"), Entry(b"De.Mo-Re-1.0/b.py", b"2\n")
        take(world, "De.Mo-Re-1.0.zip", forge.zip_file([kept, gone]), project="de-mo-re")
        packed = forge.gzip_file(forge.tar_file([TarEntry(b"De.Mo-Re-2.0/a.py", b"3\n")]))
        take(world, "De.Mo-Re-2.0.TGZ", packed, project="de-mo-re")
        for filename in ("De.Mo_Re-2.0-py3-none-any.whl", "de_mo_re-2.0-py3-none-any.whl"):
            take(world, filename, filename.encode(), project="de-mo-re")
        listed = inside.listing(inside.offered_file("de-mo-re", "1.0", "De.Mo-Re-1.0.zip"), store=world.store)
        assert (listed.obstacle, len(listed.openable)) == (None, 2)
        sides = inside.sides("de-mo-re", "2.0", "")
        assert sides.old is not None
        found = inside.changes(sides.old, sides.new, store=world.store)
        assert ([each.filename for each in found.removed], len(found.added)) == (["De.Mo-Re-1.0.zip"], 3)
        assert found.archive is not None
        assert found.archive.members is not None
        assert [new.path for _old, new in found.archive.members.changed] == ["De.Mo-Re-2.0/a.py"]
        assert [each.path for each in found.archive.members.removed] == ["De.Mo-Re-1.0/b.py"]

    def test_what_is_packed_in_no_known_way_is_told(self, world: World) -> None:
        take(world, "De-Mo-Re-1.0.tar.bz2", b"BZh9", project="de-mo-re")
        file = inside.offered_file("de-mo-re", "1.0", "De-Mo-Re-1.0.tar.bz2")
        obstacle = inside.listing(file, store=world.store).obstacle
        assert obstacle is not None
        assert ("in a way that is not read here" in obstacle.reason, "gzip" in obstacle.detail) == (True, True)

    def test_what_cannot_be_opened_is_told(self, world: World) -> None:
        File.objects.filter(filename="demo-1.0.tar.gz").update(size=20 * MIB + 1)
        found = compared(world, "1.1")
        assert found.archive is not None
        assert found.archive.obstacle is not None
        assert "larger" in found.archive.obstacle.reason
