"""Descriptions: who renders which when, what is kept, and what pages get."""

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from archives import forge
from entrepot import readme
from entrepot.accounts.actor import OPERATOR
from entrepot.config import Config
from entrepot.followers import following, loop
from entrepot.followers.descriptions import Descriptions, render_owed
from entrepot.journal import documents as owed
from entrepot.journal import log
from entrepot.journal.models import Dirty
from entrepot.ports.cdn import NoCdn, PurgeFailed
from entrepot.projects import actions, descriptions
from entrepot.projects.descriptions import ShownDescription, description_of
from entrepot.projects.models import Description
from world import World, follow, new_world

pytestmark = pytest.mark.django_db(transaction=True)


class CountingCdn(NoCdn):
    """Remembers what was purged; while `fails`, takes nothing."""

    def __init__(self) -> None:
        self.purged: list[str] = []
        self.fails = False

    def purge(self, tags: Collection[str]) -> None:
        if self.fails:
            raise PurgeFailed("the cache is away")
        self.purged += tags


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def never(_seconds: float) -> bool:
    return False


def upload(world: World, name: str, version: str, text: str, kind: str = "text/markdown") -> None:
    more = f"Description-Content-Type: {kind}\n\n{text}"
    world.upload(forge.wheel(name, version, metadata=forge.core_metadata(name, version, more=more)))


def rendered(cdn: NoCdn) -> int:
    follow(Descriptions())
    return sum(1 for _ in render_owed(cdn=cdn))


def shown(world: World, name: str, version: str) -> ShownDescription:
    return description_of(world.release(name, version).pk)


def test_each_release_has_its_own(world: World) -> None:
    upload(world, "demo", "1.0", "# One")
    upload(world, "demo", "2.0", "Two\n===\n", "text/x-rst")
    assert shown(world, "demo", "1.0") == ShownDescription(pending=True, text="# One")
    assert rendered(NoCdn()) == 2
    assert "<h3" in shown(world, "demo", "1.0").html
    assert "Two" in shown(world, "demo", "2.0").html
    assert rendered(NoCdn()) == 0


def test_a_blank_one_is_nothing(world: World) -> None:
    world.upload(forge.wheel("demo"))
    rendered(NoCdn())
    assert shown(world, "demo", "1.0") == ShownDescription()


@pytest.mark.parametrize("text", ["null", "123", '"quoted"', "[1, 2]", "true"])
def test_a_text_that_looks_like_json_stays_a_text(world: World, text: str) -> None:
    upload(world, "demo", "1.0", text, "text/plain")
    assert shown(world, "demo", "1.0").text == text
    rendered(NoCdn())
    assert shown(world, "demo", "1.0").html == f'<div class="plain">{text}</div>'


def test_what_stands_for_a_project_comes_first_then_the_newest(world: World) -> None:
    for name in ("early", "late"):
        for version in ("1.0", "3.0", "2.0"):
            upload(world, name, version, f"{name} {version}")
    follow(Descriptions())
    order = []
    for _ in render_owed(cdn=NoCdn()):
        made = Description.objects.exclude(renderer="").values_list("file__filename", flat=True)
        order += [each.removesuffix("-py3-none-any.whl") for each in made if each.split("-py3")[0] not in order]
    assert order == ["late-3.0", "early-3.0", "late-2.0", "late-1.0", "early-2.0", "early-1.0"]


def test_pages_of_the_project_are_purged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    cdn = CountingCdn()
    upload(world, "de_mo", "1.0", "text")
    upload(world, "other", "1.0", "text")
    assert rendered(cdn) == 2
    assert sorted(cdn.purged) == ["described/de-mo", "described/other"]
    cdn.fails = True
    upload(world, "other", "2.0", "text")
    with caplog.at_level(logging.WARNING):
        assert rendered(cdn) == 1
    assert "caches may show other without its description" in caplog.text
    assert shown(world, "other", "2.0").html


def test_what_an_older_renderer_made_is_made_anew(world: World) -> None:
    upload(world, "demo", "1.0", "text")
    rendered(NoCdn())
    Description.objects.update(renderer="0 of long ago")
    upload(world, "demo", "2.0", "text")
    assert rendered(NoCdn()) == 2
    assert set(Description.objects.values_list("renderer", flat=True)) == {readme.RENDERER}


def test_one_bad_text_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A text that was rendered at its upload takes too long now, and one brings a renderer to its end."""
    for name in ("slow", "strange", "good"):
        upload(world, name, "1.0", f"this is {name}")
    render = readme.render

    def moody(text: str, content_type: str) -> str:
        if "slow" in text:
            return render("x\n==", "text/x-rst") + render("`broken", "text/x-rst")
        if "strange" in text:
            raise ValueError(text)
        return render(text, content_type)

    monkeypatch.setattr(readme, "render", moody)
    assert rendered(NoCdn()) == 3
    assert "good" in shown(world, "good", "1.0").html
    slow = shown(world, "slow", "1.0")
    assert (slow.html, slow.pending, slow.text) == ("", False, "this is slow")
    assert "failed to render as reStructuredText" in slow.failed
    assert shown(world, "strange", "1.0").failed == "The description cannot be rendered."
    assert "ValueError: this is strange" in caplog.text


def test_what_failed_is_tried_again_some_times(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, "demo", "1.0", "text")
    with monkeypatch.context() as patched:
        patched.setattr(readme, "render", lambda _text, _type: readme.rendered("", "") and "" / 2)  # type: ignore[operator]
        for _ in range(descriptions.ATTEMPTS):
            assert rendered(NoCdn()) == 1
            assert rendered(NoCdn()) == 0
            due = descriptions.next_due()
            Description.objects.exclude(due_at=None).update(due_at=timezone.now())
    assert due is None
    assert shown(world, "demo", "1.0").failed
    upload(world, "demo", "2.0", "text")
    assert rendered(NoCdn()) == 1


def test_one_that_is_too_long_is_shown_as_its_beginning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptions, "LARGEST", 100)
    monkeypatch.setattr(descriptions, "TEXT_SHOWN", 50)
    upload(world, "demo", "1.0", "long " * 30)
    rendered(NoCdn())
    found = shown(world, "demo", "1.0")
    assert "too long" in found.failed
    assert (found.text, found.cut) == ("long " * 10, True)


def test_another_worker_leaves_it_alone_for_a_while(world: World) -> None:
    upload(world, "demo", "1.0", "text")
    follow(Descriptions())
    now = timezone.now()
    assert descriptions.claim(due=now, at=now) is not None
    assert descriptions.claim(due=now, at=now) is None
    assert descriptions.claim(due=now + descriptions.LEASE, at=now) is not None


def test_who_is_too_late_to_claim_takes_the_next(world: World) -> None:
    upload(world, "demo", "1.0", "text")
    upload(world, "other", "1.0", "text")
    follow(Descriptions())
    now = timezone.now()

    def overtaken(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        """Just before the claim is written, somebody else has claimed."""
        if sql.startswith("UPDATE") and not claimed:
            claimed.append(sql)
            Description.objects.filter(file__filename__startswith="other").update(due_at=now + timedelta(hours=1))
        return execute(sql, params, many, context)  # type: ignore[operator]

    claimed: list[str] = []
    with connection.execute_wrapper(overtaken):
        waiting = descriptions.claim(due=now, at=now)
    assert waiting is not None
    assert waiting.project == "demo"


def test_what_is_deleted_goes(world: World) -> None:
    upload(world, "demo", "1.0", "text")
    upload(world, "demo", "2.0", "text")
    rendered(NoCdn())
    world.show(actions.delete_release(world.release("demo", "2.0"), by=OPERATOR))
    assert Description.objects.count() == 1
    assert rendered(NoCdn()) == 0


def test_what_an_older_server_deleted_goes_when_its_turn_comes(world: World) -> None:
    """It does not know of the table."""
    Description.objects.create(file_id=4711, rank=0, due_at=timezone.now())
    assert descriptions.next_due() is not None
    assert rendered(NoCdn()) == 0
    assert Description.objects.count() == 0


def test_the_first_file_speaks_for_a_release(world: World) -> None:
    upload(world, "demo", "1.0", "of the wheel")
    more = "Description-Content-Type: text/plain\n\nof the sdist"
    world.upload(forge.sdist("demo", "1.0", pkg_info=forge.core_metadata("demo", "1.0", more=more)))
    rendered(NoCdn())
    assert "of the wheel" in shown(world, "demo", "1.0").html
    world.show(actions.delete_file(world.file("demo-1.0-py3-none-any.whl"), by=OPERATOR))
    assert shown(world, "demo", "1.0").pending
    rendered(NoCdn())
    assert "of the sdist" in shown(world, "demo", "1.0").html


def test_a_worker_does_everything_else_between_two_of_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many releases lack a description, as after an update; a change that is made meanwhile is published at once."""
    for number in range(3):
        upload(world, f"demo{number}", "1.0", "text")
    document = owed.project(world.project("demo0").pk)
    waited: list[bool] = []

    def change() -> None:
        waited.append(Dirty.objects.exists())
        log.owe_anew([document], at=timezone.now())

    class Slow(Descriptions):
        def follow(self, projects: Sequence[int]) -> None:
            super().follow(projects)
            change()

    def render(_text: str, _content_type: str) -> str:
        change()
        return "slowly"

    monkeypatch.setattr(readme, "render", render)
    monkeypatch.setattr(following, "AT_ONCE", 2)
    monkeypatch.setattr(loop, "FOLLOWERS", [Slow()])
    now = timezone.now()
    loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now, stopped=never)
    assert len(waited) >= 5
    assert not any(waited)
    assert not Dirty.objects.exists()
    assert shown(world, "demo2", "1.0").html == "slowly"


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_worker_stops_between_two_of_them(world: World, rounds: int) -> None:
    upload(world, "demo", "1.0", "text")
    upload(world, "demo", "2.0", "text")
    follow(Descriptions())
    asked: list[float] = []

    def stopped(seconds: float) -> bool:
        asked.append(seconds)
        return Description.objects.exclude(renderer="").count() == rounds

    now = timezone.now()
    assert loop.step(store=world.store, cdn=world.cdn, now=now, tidied=now, stopped=stopped) == now
    assert Description.objects.exclude(renderer="").count() == rounds


def test_following_stops_when_it_is_told_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, "demo", "1.0", "text")
    upload(world, "other", "1.0", "text")
    monkeypatch.setattr(following, "AT_ONCE", log.committed() // 2)
    next(following.steps([Descriptions()]))
    assert Description.objects.count() == 1
    follow(Descriptions())
    assert Description.objects.count() == 2


def test_one_whose_renderer_never_came_back_is_given_up(world: World) -> None:
    """Each attempt is counted when it begins: a text may take the worker with it."""
    upload(world, "demo", "1.0", "text")
    follow(Descriptions())
    now = timezone.now()
    for attempt in range(descriptions.ATTEMPTS):
        at = now + attempt * timedelta(hours=1)
        assert descriptions.claim(due=at, at=at) is not None
    later = now + timedelta(days=1)
    assert descriptions.claim(due=later, at=later) is None
    given_up = shown(world, "demo", "1.0")
    assert (given_up.html, given_up.text, bool(given_up.failed)) == ("", "text", True)


def test_it_costs_one_query(world: World) -> None:
    for name, versions in (("small", 1), ("large", 9)):
        for number in range(versions):
            upload(world, name, f"{number}.0", "text " * number)
        rendered(NoCdn())
        release = world.release(name, "0.0")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            description_of(release.pk)
        assert len(asked) == 1


def test_for_all_images_of_a_page_the_secret_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, "demo", "1.0", "![](https://images.example/a.png) ![](https://images.example/b.png)")
    rendered(NoCdn())
    read, secret = [], Config.secret
    monkeypatch.setattr(Config, "secret", lambda config: read.append(config) or secret(config))  # type: ignore[func-returns-value]
    assert shown(world, "demo", "1.0").html.count("<img") == 2
    assert len(read) == 1


def test_images_are_signed_or_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, "demo", "1.0", "![a <b> chart](https://images.example/a.png?x=1&y=2)\n\n| a |\n|---|\n| b |\n")
    rendered(NoCdn())
    address = b"https://images.example/a.png?x=1&y=2".hex()
    html = shown(world, "demo", "1.0").html
    signed = f"/image/{descriptions.image_signatures()(address)}/{address}"
    assert f'<img src="{signed}" alt="a &lt;b&gt; chart" loading="lazy">' in html
    assert '<div class="scrolls" role="group" tabindex="0" aria-label="Table"><table>' in html
    monkeypatch.setenv("ENTREPOT_IMAGES", "off")
    assert Config.current().images == "off"
    assert "<p>a &lt;b&gt; chart</p>" in shown(world, "demo", "1.0").html
