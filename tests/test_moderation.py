"""What moderators decide, where no page or command leads to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archives import forge
from entrepot.accounts import banners, flags, prohibiting
from entrepot.accounts.actor import OPERATOR, Actor, Moderator, Session
from entrepot.accounts.banners import Shown
from entrepot.accounts.flags import Switch
from entrepot.accounts.models import Banner, User
from entrepot.accounts.prohibiting import Kind
from entrepot.accounts.tokens import Permission
from entrepot.names import ProjectName
from entrepot.projects import actions, collaboration, people, sizes
from entrepot.refusal import Forbidden, Missing, Refused
from world import World, new_world

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


@pytest.mark.django_db(transaction=True)
class TestActing:
    def test_only_the_operator_gives_a_role_without_asking(self, world: World) -> None:
        world.upload(forge.wheel())
        User.objects.create(username="bob", email="bob@example.org")
        owner = Actor(world.user, Session(world.user, "key"))
        with pytest.raises(Forbidden) as refused:
            collaboration.add_role(world.project("demo"), "bob", "Owner", by=owner)
        assert refused.value.code == "invitation-needed"

    def test_a_moderator_is_the_operator_with_a_name(self, world: World) -> None:
        world.upload(forge.wheel())
        moderator = User.objects.create(username="carol", email="carol@example.org")
        by = Actor(moderator, Moderator(moderator, "key"))
        assert by.operates
        assert Moderator(moderator, "key").allows(Permission.MANAGE, project=None, name="", at=NOW)
        digits = Session(moderator, "key").shown.removeprefix("session ")
        assert by.origin.credential == f"moderator {digits}"
        world.show(actions.set_status(world.project("demo"), "quarantined", by=by, reason="why"))
        assert (
            people.events_of(world.project("demo"), seen_by=by, before=datetime.now(UTC), limit=1)[0]["reason"] == "why"
        )

    def test_a_limit_has_its_limit(self, world: World) -> None:
        world.upload(forge.wheel())
        for size in (0, 1 << 40):
            with pytest.raises(Refused, match="at most 2048 MB"):
                sizes.set_limit(world.project("demo"), by=OPERATOR, reason="why", file_size=size, total_size=None)


@pytest.mark.django_db(transaction=True)
class TestDeciding:
    def test_what_is_not_on_the_list(self) -> None:
        with pytest.raises(Missing):
            prohibiting.allow("demo", Kind.PROJECT, by=OPERATOR, reason="why")

    def test_the_operator_takes_any_name(self, world: World) -> None:
        prohibiting.prohibit("Demo", Kind.PROJECT, by=OPERATOR, reason="why")
        world.upload(forge.wheel())

    def test_names_that_look_alike_where_the_policy_refuses_them(self, world: World) -> None:
        """G03: a private index means the very name."""
        prohibiting.prohibit("dem0", Kind.PROJECT, by=OPERATOR, reason="why")
        somebody = Actor(world.user, Session(world.user, "key"))
        with pytest.raises(Refused) as refused:
            prohibiting.check_project(ProjectName("demo"), alike=prohibiting.similar(ProjectName("demo")), by=somebody)
        assert refused.value.code == "prohibited-name"
        prohibiting.check_project(ProjectName("demo"), alike=prohibiting.same(ProjectName("demo")), by=somebody)

    def test_flags_hold_for_others(self, world: World) -> None:
        flags.turn_on(Switch.NO_UPLOADS, by=world.actor, reason="why")
        flags.check_for(OPERATOR, Switch.NO_UPLOADS)
        flags.check(Switch.NO_DELETIONS)
        (on,) = [each for each in flags.states() if each.on]
        assert (on.switch, on.reason, on.by) == (Switch.NO_UPLOADS, "why", "alice")

    def test_a_banner_has_its_time(self) -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        given = {"by": OPERATOR, "reason": "why", "level": Banner.Level.WARNING, "link": ""}
        banners.put_up({"en": "soon"}, begins_at=later, ends_at=later + timedelta(hours=1), **given)  # type: ignore[arg-type]
        (banner,) = banners.coming(datetime.now(UTC))
        assert not banner.is_on(datetime.now(UTC))
        assert banner.is_on(later)
        assert not banner.is_on(later + timedelta(hours=1))
        assert banners.coming(later + timedelta(hours=1)) == []


def test_a_banner_in_the_language_of_the_reader() -> None:
    banner = Shown("warning", {"en": "soon", "de": "bald"}, "", NOW, None)
    assert [banner.text(each) for each in ("de", "de-at", "fr", "en")] == ["bald", "bald", "soon", "soon"]
