"""What is published when people take other names, or leave. The ids are those of the threats that a test is about."""

from pathlib import Path

import pytest
from django.utils import timezone

from archives import forge
from entrepot.accounts import actions, people, usernames
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.models import User
from entrepot.followers import drift
from entrepot.journal import log
from entrepot.journal.models import Dirty, Entry
from entrepot.projects import members
from entrepot.projects.models import Role
from entrepot.refusal import Missing, Refused
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An index with two projects of alice's."""
    made = new_world(tmp_path / "store")
    usernames.take("alice", made.user)
    for name, version in (("alpha", "1.0"), ("alpha", "2.0"), ("beta", "1.0")):
        made.upload(forge.wheel(name, version))
    return made


def carol(world: World) -> User:
    """Somebody who owns the project `alpha`, too."""
    user = actions.create_user("carol", by=OPERATOR, email="carol@example.org", password="quiet lamp over harbour")
    Role.objects.create(project=world.project("alpha"), user=user, name=Role.Name.OWNER, at=timezone.now())
    return user


def rebuilt(world: World) -> dict[str, bytes]:
    """What the store shows after all was written anew."""
    list(drift.rebuild(store=world.store, cdn=world.cdn))
    return {key: body for key, (_serial, body) in world.published().items()}


def test_a_new_name_is_in_every_document_that_told_the_old_one(world: World) -> None:
    before = log.committed()
    world.show(members.rename(world.user, "alicia", by=OPERATOR))
    told = list(Entry.objects.filter(serial__gt=before).values_list("name", "action"))
    assert told == [("alpha", "rename user alice alicia"), ("beta", "rename user alice alicia")]
    shown = {key: body for key, (_serial, body) in world.published().items()}
    assert not Dirty.objects.exists()
    assert world.complaints() == []
    assert sum(b'"alicia"' in body for body in shown.values()) == 5
    assert not any(b'"alice"' in body for body in shown.values())
    assert rebuilt(world) == shown


def test_who_leaves_is_in_no_document_any_more(world: World) -> None:
    user = carol(world)
    world.show(members.rename(user, "carola", by=OPERATOR))
    world.show(members.delete_account(user, by=OPERATOR))
    assert Entry.objects.order_by("-serial").values_list("name", "action")[0] == ("alpha", "remove Owner carola")
    assert not Dirty.objects.exists()
    assert world.complaints() == []
    assert not any(b"carola" in body for _serial, body in world.published().values())


def test_nothing_happens_when_it_is_refused(world: World) -> None:
    """A22"""
    before = log.committed()
    with pytest.raises(Refused, match=r"alice is the only owner of alpha, beta\."):
        members.delete_account(world.user, by=OPERATOR)
    with pytest.raises(Refused, match="letters from a to z"):
        members.rename(world.user, "al ice", by=OPERATOR)
    assert log.committed() == before
    assert User.objects.get(pk=world.user.pk).is_active
    assert Role.objects.filter(user=world.user).count() == 2


def test_a_name_stays_with_whoever_had_it(world: World) -> None:
    """A23"""
    user = carol(world)
    members.rename(user, "carola", by=OPERATOR)
    members.rename(user, "car0l", by=OPERATOR)
    members.delete_account(user, by=OPERATOR)
    for name in ("carol", "Carol", "carola", "car0la", "car0l"):
        assert people.user_known_as(name) == user
        with pytest.raises(Refused, match=r"belongs to somebody|already exists"):
            actions.create_user(name, by=OPERATOR, email="new@example.org", password="quiet lamp over harbour")
    with pytest.raises(Missing):
        people.user_known_as("nobody")
    for change in (people.erase, members.delete_account):
        with pytest.raises(Refused, match="was deleted"):
            change(user, by=OPERATOR)
    assert members.rename(world.user, "alicia", by=OPERATOR) == log.committed()


def test_documents_are_left_alone_when_no_project_is_concerned(world: World) -> None:
    user = actions.create_user("dora", by=OPERATOR, email="dora@example.org", password="quiet lamp over harbour")
    before = log.committed()
    assert members.rename(user, "theodora", by=OPERATOR) == members.delete_account(user, by=OPERATOR) == 0
    assert log.committed() == before
    world.show(0)


@pytest.mark.parametrize(
    ("name", "address", "code"),
    [("x" * 101, "", "invalid-display-name"), ("Carol", "alice@example.org", "address-not-verified")],
)
def test_the_rules_hold_whoever_asks(world: World, name: str, address: str, code: str) -> None:
    user = carol(world)
    with pytest.raises(Refused) as refused:
        people.set_profile(user, by=OPERATOR, display_name=name, public_email=address)
    assert refused.value.code == code
    people.set_profile(user, by=OPERATOR, display_name="Carol", public_email="carol@example.org")
    assert people.public_address_of(User.objects.get(pk=user.pk)) == "carol@example.org"
