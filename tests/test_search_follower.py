"""What becomes of search when something is changed: it follows the journal, and nothing else."""

from pathlib import Path

import pytest

from archives import forge
from entrepot.followers import following
from entrepot.journal import workers
from entrepot.journal.models import Position
from entrepot.projects import actions
from entrepot.refusal import Unavailable
from entrepot.search import follower
from entrepot.search.engines import engine
from entrepot.search.follower import Searching
from entrepot.search.port import SHOWN, Document, Query
from world import World, follow, new_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


def wheel(name: str = "spam", version: str = "1.0", more: str = "") -> forge.Built:
    return forge.wheel(name, version, metadata=forge.core_metadata(name, version, more))


def found(world: World, text: str = "spam", statuses: tuple[str, ...] = SHOWN) -> list[tuple[str, str, str]]:
    """Name, version and status of what is found, once all that was changed is followed."""
    follow(Searching())
    assert following.pause([Searching()]) == workers.LONGEST
    hits = engine().find(Query(text, statuses=statuses)).hits
    return [(each.name, each.version, each.status) for each in hits]


def test_the_newest_release_is_found_by_all_that_it_says(world: World) -> None:
    world.upload(wheel(more="Summary: old\n"))
    more = "Summary: fried\nKeywords: egg,bacon\nClassifier: Framework :: Django\nRequires-Python: >=3.12\n\nWith ham"
    world.upload(wheel(version="2.0", more=more))
    world.upload(wheel(version="3.0a1", more="Summary: not yet\n"))
    expected = [("spam", "2.0", "active")]
    for text in ("spam", "fried", "bacon", "ham"):
        assert found(world, text) == expected, text
    assert found(world, "old") == found(world, "not yet") == []
    assert engine().find(Query("ham", python="3.11")).total == 0
    assert engine().find(Query("ham", classifiers=("Framework",))).total == 1


def test_what_is_yanked_archived_quarantined_or_deleted(world: World) -> None:
    world.upload(wheel())
    world.upload(wheel(version="2.0"))
    world.show(actions.yank_release(world.release("spam", "2.0"), by=world.actor))
    assert found(world) == [("spam", "1.0", "active")]
    world.show(actions.yank_release(world.release("spam", "1.0"), by=world.actor))
    assert found(world) == []
    world.show(actions.unyank_release(world.release("spam", "1.0"), by=world.actor))
    for status in ("archived", "quarantined", "deprecated"):
        world.show(actions.set_status(world.project("spam"), status, by=world.actor))
        assert found(world) == ([] if status == "quarantined" else [("spam", "1.0", status)])
    world.show(actions.delete_release(world.release("spam", "1.0"), by=world.actor))
    world.show(actions.delete_release(world.release("spam", "2.0"), by=world.actor))
    assert found(world) == []
    world.upload(wheel(version="3.0"))
    assert found(world) == [("spam", "3.0", "deprecated")]
    world.show(actions.delete_project(world.project("spam"), by=world.actor))
    assert found(world) == []


def test_it_can_begin_anew(world: World) -> None:
    world.upload(wheel())
    assert found(world) == [("spam", "1.0", "active")]
    following.begin_anew([Searching()])
    assert Position.objects.count() == 0
    assert found(world) == [("spam", "1.0", "active")]


def test_another_engine_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_SEARCH_URL", "http://localhost:9200/projects")
    names = {Searching().name}
    monkeypatch.setenv("ENTREPOT_SEARCH_URL", "http://localhost:9200/others")
    names.add(Searching().name)
    monkeypatch.delenv("ENTREPOT_SEARCH_URL")
    names.add(Searching().name)
    assert len(names) == 3
    assert all(len(name) <= 40 for name in names)


def test_a_silent_engine_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def put(self, documents: list[Document]) -> None:
            raise Unavailable("search-unavailable", f"{len(documents)} documents are not taken.")

    world.upload(wheel())
    with monkeypatch.context() as patched:
        patched.setattr(follower, "engine", Silent)
        follow(follower.Searching())
    assert found(world) == []  # it rests
    monkeypatch.setattr(following, "_resting", {})
    assert found(world) == [("spam", "1.0", "active")]
