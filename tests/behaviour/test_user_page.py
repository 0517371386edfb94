"""The page that everybody may see of somebody."""

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from archives import forge
from entrepot.accounts import people, usernames
from entrepot.projects import actions, members
from entrepot.projects.models import Project, Role, Status
from world import World, new_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> World:
    """Alice has two projects; of one, the last that was uploaded is not the newest version."""
    monkeypatch.setenv("ENTREPOT_PUBLIC_URL", "https://index.example")
    made = new_world(tmp_path / "store")
    usernames.take("alice", made.user)
    for name, version in (("Alpha_One", "2.0"), ("Alpha_One", "1.9"), ("Alpha_One", "3.0.dev1"), ("beta", "1.0")):
        metadata = forge.core_metadata(name, version, f"Summary: {name} <{version}>\n")
        made.upload(forge.wheel(name.lower(), version, metadata=metadata))
    return made


def page(query: str = "") -> str:
    answer = Client().get(f"/user/alice/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def shelf(text: str) -> list[str]:
    """What is read of each project."""
    found = re.findall("<li>(.*?)</li>", text.partition('class="shelf"')[2].partition("</ul>")[0], re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", " ", each).split()) for each in found]


def add_many(world: World, count: int) -> None:
    now = timezone.now()
    made = Project.objects.bulk_create(
        Project(index=world.index, name=name, display_name=name, skeleton=name, created_at=now)
        for name in (f"project-{number:03}" for number in range(count))
    )
    Role.objects.bulk_create(Role(project=each, user=world.user, name="Maintainer", at=now) for each in made)


def test_projects_with_summary_and_last_release(world: World) -> None:
    today = timezone.now().strftime("%b. %-d, %Y").replace("May.", "May")
    first, second = shelf(page())
    assert first.startswith("Alpha_One Owner Last release 2.0 , ")
    assert first.endswith("Alpha_One &lt;2.0&gt;")
    assert second.startswith("beta Owner Last release 1.0 , ")
    assert 'href="/project/alpha-one/"' in page()
    assert today[-4:] in first


def test_a_name_is_told_once(world: World) -> None:
    assert '<p class="lead"><code>' not in page()
    people.set_profile(world.user, display_name="Alice", public_email="", by=world.actor)
    assert '<p class="lead"><code>alice</code></p>' in page()


def test_their_state(world: World) -> None:
    actions.set_status(world.project("Alpha_One"), Status.ARCHIVED, by=world.actor)
    actions.set_status(world.project("beta"), Status.DEPRECATED, by=world.actor)
    assert [each.split()[2] for each in shelf(page())] == ["archived", "deprecated"]
    actions.set_status(world.project("beta"), Status.QUARANTINED, by=world.actor)
    assert [each.split()[0] for each in shelf(page())] == ["Alpha_One"]


def test_a_project_without_files(world: World) -> None:
    actions.delete_release(world.release("beta", "1.0"), by=world.actor)
    assert shelf(page())[1] == "beta Owner"


def test_somebody_without_projects(world: World) -> None:
    for name in ("Alpha_One", "beta"):
        actions.delete_project(world.project(name), by=world.actor)
    assert "This person looks after no project here." in page()


def test_fifty_to_a_page(world: World) -> None:
    add_many(world, 100)
    pages = [shelf(page(query)) for query in ("", "?page=2", "?page=3")]
    assert [len(each) for each in pages] == [50, 50, 2]
    assert pages[2] == ["project-098 Maintainer", "project-099 Maintainer"]
    first, last = page(), page("?page=3")
    assert "This person looks after 102 projects." in first
    assert ("Page 1 of 3" in first, 'rel="prev"' in first, 'rel="next" href="?page=2"' in first) == (True, False, True)
    assert ('rel="prev" href="?page=2"' in last, 'rel="next"' in last) == (True, False)
    for odd in ("?page=0", "?page=-1", "?page=x", "?page=1234567", "?page=%D9%A3"):
        assert shelf(page(odd)) == pages[0]
    assert shelf(page("?page=9")) == []


def test_it_has_one_address(world: World) -> None:
    assert '<link rel="canonical" href="https://index.example/user/alice/">' in page()
    assert '<link rel="canonical" href="https://index.example/user/alice/?page=2">' in page("?page=2")
    assert Client().get("/user/ALICE/?page=2")["Location"] == "/user/alice/?page=2"
    answer = Client().get("/user/ALICE/")
    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (301, "/user/alice/", "no-cache")


def test_caches_forget_it_soon(world: World) -> None:
    answer = Client().get("/user/alice/")
    assert answer["Cache-Control"] == "public, max-age=0, must-revalidate"
    assert answer["Surrogate-Control"].startswith("max-age=60,")
    assert answer["Surrogate-Key"] == "user/alice"
    members.rename(world.user, "alicia", by=world.actor)
    assert Client().get("/user/alice/")["Location"] == "/user/alicia/"
    for name in ("Alpha_One", "beta"):
        actions.delete_project(world.project(name), by=world.actor)
    members.delete_account(world.user, by=world.actor)
    answer = Client().get("/user/alicia/")
    assert (answer.status_code, answer["Cache-Control"]) == (410, "no-cache")


def test_many_projects_need_no_more_queries(world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page()
        return len(captured)

    Client().get("/design/")  # banners are looked for now and then, by whichever page comes first
    before = queries()
    add_many(world, 60)
    assert queries() == before <= 7
