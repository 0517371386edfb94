"""Who works on a project: invitations and roles in the hands of honest people, and of others."""

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis.extra.django import TransactionTestCase

from archives import forge
from entrepot.accounts import actions as accounts
from entrepot.accounts.actor import OPERATOR, Actor, Session
from entrepot.accounts.models import Event, Token, User
from entrepot.accounts.tokens import Credential, Permission
from entrepot.journal.models import Entry
from entrepot.ports.files import FileStore
from entrepot.projects import actions, collaboration, people, rights
from entrepot.projects.models import Project, Role
from entrepot.refusal import Missing, Refused, TooMany
from serving import PASSWORD
from test_histories import sweep, written_anew
from world import World, new_world

OWNER, MAINTAINER = "Owner", "Maintainer"
TABLE = {OWNER: {"upload", "yank", "manage", "read"}, MAINTAINER: {"upload", "read"}, None: set()}
NAMES = ("alice", "bob", "carol")


def person(name: str) -> User:
    """A user with a verified address."""
    user = User.objects.create(username=name, email=f"{name}@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def signed_in(user: User | str, *, with_key: bool = False) -> Actor:
    """The user, at the site."""
    found = User.objects.get(username=user) if isinstance(user, str) else user
    return Actor(found, Session(found, "key of the session", with_key), "192.0.2.1")


def code_of(act: Callable[[], object]) -> str:
    """Why it is refused; empty when it is done."""
    try:
        act()
    except Refused as refusal:
        return refusal.code
    return ""


def settle() -> None:
    """Let the roles be older than it takes to remove an owner."""
    Role.objects.update(at=timezone.now() - timedelta(hours=73))


@dataclass
class Model:
    """The rules once more, in the plainest words."""

    roles: dict[str, str] = field(default_factory=lambda: {"alice": OWNER})
    invited: dict[str, tuple[str, str]] = field(default_factory=dict)
    new: set[str] = field(default_factory=lambda: {"alice"})
    frozen: set[str] = field(default_factory=set)

    def able(self) -> set[str]:
        return {name for name, role in self.roles.items() if role == OWNER and name not in self.frozen}

    def gate(self, by: str) -> str:
        return {OWNER: "", MAINTAINER: "not-an-owner", None: "not-a-maintainer"}[self.roles.get(by)]

    def may_lose(self, by: str, who: str) -> str:
        if self.roles[who] != OWNER:
            return ""
        if not self.able() - {who}:
            return "last-owner"
        return "owner-too-new" if by != who and by in self.new else ""

    def become(self, who: str, role: str) -> None:
        self.roles[who] = role
        self.new.add(who)

    def invite(self, by: str, who: str, role: str) -> str:
        code = self.gate(by)
        code = code or ("user-cannot-join" if who in self.frozen else "")
        code = code or ("already-collaborator" if who in self.roles else "")
        code = code or ("already-invited" if who in self.invited else "")
        if not code:
            self.invited[who] = (role, by)
        return code

    def revoke(self, by: str, who: str, _role: str) -> str:
        code = self.gate(by) or ("" if who in self.invited else "no-such-invitation")
        if not code:
            del self.invited[who]
        return code

    def decline(self, by: str, _who: str, _role: str) -> str:
        return "" if self.invited.pop(by, None) else "no-such-invitation"

    def accept(self, by: str, _who: str, _role: str) -> str:
        if by not in self.invited:
            return "no-such-invitation"
        role, inviter = self.invited[by]
        if inviter not in self.able():
            return "inviter-left"
        del self.invited[by]
        self.become(by, role)
        return ""

    def change(self, by: str, who: str, role: str) -> str:
        code = self.gate(by) or ("" if who in self.roles else "no-such-role")
        code = code or ("role-unchanged" if self.roles[who] == role else "")
        code = code or self.may_lose(by, who)
        code = code or ("user-cannot-join" if role == OWNER and who in self.frozen else "")
        if not code:
            self.become(who, role)
        return code

    def remove(self, by: str, who: str, _role: str) -> str:
        code = self.gate(by) or ("" if who in self.roles else "no-such-role") or self.may_lose(by, who)
        if not code:
            del self.roles[who]
        return code

    def leave(self, by: str, _who: str, _role: str) -> str:
        code = self.may_lose(by, by) if by in self.roles else "no-such-role"
        if not code:
            del self.roles[by]
        return code

    def transfer(self, by: str, who: str, _role: str) -> str:
        code = self.gate(by) or ("" if who in self.roles else "no-such-role")
        code = code or ("role-unchanged" if self.roles[who] == OWNER else "")
        code = code or ("user-cannot-join" if who in self.frozen else "")
        if not code:
            self.become(who, OWNER)
            self.become(by, MAINTAINER)
        return code

    def settle(self, _by: str, _who: str, _role: str) -> str:
        self.new.clear()
        return ""

    def freeze(self, _by: str, who: str, _role: str) -> str:
        if who in self.frozen:
            return "account-frozen"
        self.frozen.add(who)
        return ""

    def thaw(self, _by: str, who: str, _role: str) -> str:
        if who not in self.frozen:
            return "account-not-frozen"
        self.frozen.remove(who)
        return ""


def freeze(name: str) -> None:
    accounts.freeze(User.objects.get(username=name), by=OPERATOR, reason="")


def thaw(name: str) -> None:
    accounts.thaw(User.objects.get(username=name), by=OPERATOR, reason="")


Act = Callable[[Project, Actor, str, str], object]
ACTS: dict[str, Act] = {
    "invite": lambda project, by, who, role: collaboration.invite(project, who, role, by=by),
    "revoke": lambda project, by, who, _: collaboration.revoke_invitation(project, who, by=by),
    "accept": lambda project, by, _who, _: collaboration.accept(project, by=by),
    "decline": lambda project, by, _who, _: collaboration.decline(project, by=by),
    "change": lambda project, by, who, role: collaboration.change_role(project, who, role, by=by),
    "remove": lambda project, by, who, _: collaboration.remove_role(project, who, by=by),
    "leave": lambda project, by, _who, _: collaboration.leave(project, by=by),
    "transfer": lambda project, by, who, _: collaboration.transfer(project, who, by=by),
    "settle": lambda _project, _by, _who, _: settle(),
    "freeze": lambda _project, _by, who, _: freeze(who),
    "thaw": lambda _project, _by, who, _: thaw(who),
}
# Mostly what owners do, and more often what leads somewhere.
VERBS = st.sampled_from([*ACTS, "invite", "accept", "invite", "accept", "change", "settle"])
WHO = st.sampled_from(NAMES)
STEPS = st.lists(
    st.tuples(VERBS, st.sampled_from([*NAMES, "alice", "alice"]), WHO, st.sampled_from([OWNER, MAINTAINER])),
    min_size=1,
    max_size=16,
)


class HistoriesTest(TransactionTestCase):
    """Each example begins with an empty database."""

    @settings(max_examples=80 if connection.vendor == "sqlite" else 20)
    @given(STEPS)
    def test_roles_are_as_the_model_says(self, steps: list[tuple[str, str, str, str]]) -> None:
        """E13, E08: rights are the model's at every moment, there is an owner, and readers see who it is."""
        with tempfile.TemporaryDirectory() as folder:
            world, model = project_of_alice(Path(folder) / "store"), Model()
            for verb, by, who, role in steps:
                if by in model.frozen:  # none of whose credentials is valid
                    continue
                expected = getattr(model, verb)(by, who, role)
                project, actor = world.project("demo"), signed_in(by)
                assert code_of(lambda: ACTS[verb](project, actor, who, role)) == expected, (verb, by, who)  # noqa: B023
                self.compare(project, model)
            sweep(world.store)
            anew = FileStore(Path(folder) / "anew")
            anew.prepare()
            assert world.published() == written_anew(anew)

    def compare(self, project: Project, model: Model) -> None:
        found = {each.user: each.role for each in people.collaborators(project)}
        assert found == model.roles
        assert OWNER in found.values()
        invited = {each.user: (each.role, each.by) for each in people.invitations_of(project)}
        assert invited == model.invited
        for name in NAMES:
            actor = signed_in(name)
            may = {each for each in Permission if not code_of(lambda: rights.check(actor, project, each, NOW))}  # noqa: B023
            assert may == TABLE[model.roles.get(name)], name


NOW = timezone.now()


def project_of_alice(folder: Path) -> World:
    """A private index where alice owns the project demo, and bob and carol have accounts."""
    world = new_world(folder)
    actions.set_profile(world.index, "private")
    EmailAddress.objects.create(user=world.user, email=world.user.email, verified=True, primary=True)
    for name in NAMES[1:]:
        person(name)
    world.upload(forge.wheel("demo"))
    return world


@pytest.fixture
def world(tmp_path: Path, transactional_db: None) -> World:
    return project_of_alice(tmp_path / "store")


@pytest.fixture
def demo(world: World) -> Project:
    return world.project("demo")


def join(demo: Project, name: str, role: str = MAINTAINER) -> None:
    collaboration.invite(demo, name, role, by=signed_in("alice"))
    collaboration.accept(demo, by=signed_in(name))


def roles(demo: Project) -> dict[str, str]:
    return {each.user: each.role for each in people.collaborators(demo)}


def last_events(count: int) -> list[str]:
    return list(Event.objects.order_by("-pk").values_list("action", flat=True)[:count])


def test_what_is_told_of_a_life_together(world: World, demo: Project) -> None:
    collaboration.invite(demo, "bob", MAINTAINER, by=signed_in("alice"))
    (offered,) = people.invitations_for(User.objects.get(username="bob"))
    assert (offered.project, offered.role, offered.by) == ("demo", MAINTAINER, "alice")
    assert offered.expires_at - offered.at == timedelta(days=7)
    collaboration.accept(demo, by=signed_in("bob"))
    collaboration.change_role(demo, "bob", OWNER, by=signed_in("alice"))
    collaboration.change_role(demo, "bob", MAINTAINER, by=OPERATOR)
    collaboration.transfer(demo, "bob", by=signed_in("alice"))
    collaboration.leave(demo, by=signed_in("alice"))
    told = list(Entry.objects.order_by("serial").values_list("action", "by__username", "credential"))[-6:]
    session = signed_in("alice").origin.credential
    assert told == [
        ("add Maintainer bob", "bob", session),
        ("change Maintainer bob to Owner", "alice", session),
        ("change Owner bob to Maintainer", None, "command"),
        ("change Maintainer bob to Owner", "alice", session),
        ("change Owner alice to Maintainer", "alice", session),
        ("remove Maintainer alice", "alice", session),
    ]
    assert roles(demo) == {"bob": OWNER}
    bob = User.objects.get(username="bob").pk
    noted = Event.objects.filter(user=bob).order_by("pk").values_list("action", "details")
    assert list(noted) == [
        ("invitation:create", {"project": "demo", "role": MAINTAINER}),
        ("role:change", {"project": "demo", "role": OWNER}),
        ("role:change", {"project": "demo", "role": MAINTAINER}),
        ("role:change", {"project": "demo", "role": OWNER}),
    ]


def test_an_operator_does_all_of_it_in_nobodys_name(demo: Project) -> None:
    rights.check_overseer(OPERATOR, demo, NOW)
    collaboration.invite(demo, "bob", OWNER, by=OPERATOR)
    assert [each.by for each in people.invitations_of(demo)] == [""]
    collaboration.accept(demo, by=signed_in("bob"))
    collaboration.remove_role(demo, "alice", by=OPERATOR)
    assert roles(demo) == {"bob": OWNER}
    collaboration.invite(demo, "alice", OWNER, by=OPERATOR)
    collaboration.accept(demo, by=Actor(User.objects.get(username="alice")))
    for act in (collaboration.accept, collaboration.decline, collaboration.leave):
        with pytest.raises(Missing) as refused:
            act(demo, by=OPERATOR)
        assert refused.value.code == "no-such-user"
    assert code_of(lambda: collaboration.transfer(demo, "alice", by=OPERATOR)) == "no-such-user"


class TestInvitations:
    def test_are_good_once_and_for_one(self, demo: Project) -> None:
        """E07: neither reused, nor by another, nor after it was revoked, nor for another role than the last offered."""
        collaboration.invite(demo, "bob", OWNER, by=signed_in("alice"))
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("carol"))) == "no-such-invitation"
        collaboration.revoke_invitation(demo, "bob", by=signed_in("alice"))
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("bob"))) == "no-such-invitation"
        collaboration.invite(demo, "bob", MAINTAINER, by=signed_in("alice"))
        collaboration.accept(demo, by=signed_in("bob"))
        assert roles(demo)["bob"] == MAINTAINER
        collaboration.remove_role(demo, "bob", by=signed_in("alice"))
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("bob"))) == "no-such-invitation"
        assert last_events(2) == ["role:remove", "invitation:create"]

    def test_expire(self, demo: Project) -> None:
        """E07: not for ever; and an expired one does not stand in the way of the next."""
        collaboration.invite(demo, "bob", OWNER, by=signed_in("alice"))
        demo.invitations.update(expires_at=timezone.now())
        assert people.invitations_of(demo) == people.invitations_for(User.objects.get(username="bob")) == []
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("bob"))) == "invitation-expired"
        collaboration.invite(demo, "bob", MAINTAINER, by=signed_in("alice"))
        collaboration.accept(demo, by=signed_in("bob"))
        assert roles(demo) == {"alice": OWNER, "bob": MAINTAINER}

    def test_end_with_their_inviter(self, demo: Project) -> None:
        """E07: who is owner no more, or whose account is shut, has invited nobody."""
        join(demo, "bob", OWNER)
        collaboration.invite(demo, "carol", OWNER, by=signed_in("bob"))
        freeze("bob")
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("carol"))) == "inviter-left"
        thaw("bob")
        collaboration.change_role(demo, "bob", MAINTAINER, by=signed_in("bob"))
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("carol"))) == "inviter-left"
        assert roles(demo) == {"alice": OWNER, "bob": MAINTAINER}

    @pytest.mark.parametrize(
        "shut",
        [
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
            lambda user: User.objects.filter(pk=user.pk).update(deleted_at=timezone.now()),
            lambda user: EmailAddress.objects.filter(user=user).update(verified=False),
        ],
        ids=["frozen", "deleted", "unverified"],
    )
    def test_are_for_people_who_can_be_reached(self, demo: Project, shut: Callable[[User], object]) -> None:
        """E07: also when it was otherwise at the time of the invitation."""
        collaboration.invite(demo, "bob", MAINTAINER, by=signed_in("alice"))
        for name in ("bob", "carol"):
            shut(User.objects.get(username=name))
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("bob"))) == "user-cannot-join"
        assert code_of(lambda: collaboration.invite(demo, "carol", OWNER, by=signed_in("alice"))) == "user-cannot-join"

    def test_ask_for_a_second_factor_where_the_index_does(self, world: World, demo: Project) -> None:
        actions.set_profile(world.index, "public")
        bob, carol = (User.objects.get(username=name) for name in NAMES[1:])
        for name in NAMES[1:]:
            collaboration.invite(demo, name, MAINTAINER, by=OPERATOR)
        for by in (signed_in(bob), holding(bob, by_operator=False)):
            assert code_of(lambda: collaboration.accept(demo, by=by)) == "second-factor-needed"  # noqa: B023
        add_factor(bob, Authenticator.Type.TOTP)
        collaboration.accept(demo, by=signed_in(bob))
        collaboration.accept(demo, by=holding(carol, by_operator=True))
        assert roles(demo) == {"alice": OWNER, "bob": MAINTAINER, "carol": MAINTAINER}

    def test_are_not_sent_by_the_hundred(self, demo: Project) -> None:
        for _ in range(20):
            code_of(lambda: collaboration.invite(demo, "bob", MAINTAINER, by=signed_in("alice")))
        with pytest.raises(TooMany) as refused:
            collaboration.invite(demo, "carol", MAINTAINER, by=signed_in("alice"))
        assert refused.value.code == "too-many-invitations"
        assert 3500 < refused.value.seconds <= 3600
        collaboration.invite(demo, "carol", MAINTAINER, by=OPERATOR)


class TestOwners:
    def test_a_new_one_does_not_get_rid_of_the_others(self, demo: Project) -> None:
        """A03: who has just become owner neither removes nor demotes another, and may go again."""
        join(demo, "bob", OWNER)
        settle()
        join(demo, "carol", OWNER)
        for act in (
            lambda: collaboration.remove_role(demo, "alice", by=signed_in("carol")),
            lambda: collaboration.change_role(demo, "alice", MAINTAINER, by=signed_in("carol")),
        ):
            assert code_of(act) == "owner-too-new"
        collaboration.remove_role(demo, "bob", by=signed_in("alice"))
        settle()
        collaboration.remove_role(demo, "alice", by=signed_in("carol"))
        assert roles(demo) == {"carol": OWNER}

    def test_becoming_one_again_makes_one_new(self, demo: Project) -> None:
        """A03: nor does one who was a maintainer for long."""
        join(demo, "bob")
        settle()
        collaboration.change_role(demo, "bob", OWNER, by=signed_in("alice"))
        assert code_of(lambda: collaboration.remove_role(demo, "alice", by=signed_in("bob"))) == "owner-too-new"
        collaboration.leave(demo, by=signed_in("bob"))
        assert roles(demo) == {"alice": OWNER}

    def test_the_last_one_stays(self, demo: Project) -> None:
        """E08: not even by the operator's hand."""
        join(demo, "bob")
        settle()
        for by in (signed_in("alice"), OPERATOR):
            assert code_of(lambda: collaboration.remove_role(demo, "alice", by=by)) == "last-owner"  # noqa: B023
            assert (
                code_of(lambda: collaboration.change_role(demo, "alice", MAINTAINER, by=by))  # noqa: B023
                == "last-owner"
            )
        assert code_of(lambda: collaboration.leave(demo, by=signed_in("alice"))) == "last-owner"
        collaboration.change_role(demo, "bob", OWNER, by=signed_in("alice"))
        freeze("bob")  # who is none that counts
        assert code_of(lambda: collaboration.leave(demo, by=signed_in("alice"))) == "last-owner"
        assert code_of(lambda: collaboration.transfer(demo, "bob", by=signed_in("alice"))) == "role-unchanged"
        collaboration.change_role(demo, "bob", MAINTAINER, by=signed_in("alice"))
        assert code_of(lambda: collaboration.transfer(demo, "bob", by=signed_in("alice"))) == "user-cannot-join"
        assert roles(demo) == {"alice": OWNER, "bob": MAINTAINER}

    def test_nobody_takes_a_project_whose_owner_is_shut_out(self, demo: Project) -> None:
        """A22: only the operator gives it to somebody."""
        join(demo, "bob")
        freeze("alice")
        for act in (
            lambda: collaboration.change_role(demo, "bob", OWNER, by=signed_in("bob")),
            lambda: collaboration.remove_role(demo, "alice", by=signed_in("bob")),
            lambda: collaboration.transfer(demo, "bob", by=signed_in("bob")),
            lambda: collaboration.invite(demo, "carol", OWNER, by=signed_in("bob")),
        ):
            assert code_of(act) == "not-an-owner"
        collaboration.change_role(demo, "bob", OWNER, by=OPERATOR)
        collaboration.remove_role(demo, "alice", by=OPERATOR)
        assert roles(demo) == {"bob": OWNER}

    def test_rights_are_a_persons_and_not_a_names(self, demo: Project) -> None:
        """A23: who takes the name that somebody had inherits nothing, and the name is not free anyway."""
        accounts.create_user("dave", by=OPERATOR, email="dave@example.org", password=PASSWORD)
        join(demo, "dave")
        collaboration.invite(demo, "bob", OWNER, by=signed_in("alice"))
        for name in ("dave", "bob"):
            User.objects.filter(username=name).update(username=f"was-{name}", email="")
            EmailAddress.objects.filter(user__username=f"was-{name}").update(email=f"was-{name}@example.org")
        assert (
            code_of(lambda: accounts.create_user("Dave", by=OPERATOR, email="d@example.org", password=PASSWORD))
            == "invalid-user"
        )
        person("dave")  # as if it were free
        person("bob")
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("bob"))) == "no-such-invitation"
        assert code_of(lambda: collaboration.leave(demo, by=signed_in("dave"))) == "no-such-role"
        collaboration.accept(demo, by=signed_in("was-bob"))
        assert roles(demo) == {"alice": OWNER, "was-bob": OWNER, "was-dave": MAINTAINER}

    def test_nobody_gives_more_than_they_have(self, demo: Project) -> None:
        """E03, E09: a maintainer invites nobody, and changes no role, not even the own one."""
        join(demo, "bob")
        by = signed_in("bob")
        assert code_of(lambda: collaboration.invite(demo, "carol", MAINTAINER, by=by)) == "not-an-owner"
        assert code_of(lambda: collaboration.change_role(demo, "bob", OWNER, by=by)) == "not-an-owner"
        assert code_of(lambda: collaboration.set_needs_keys(demo, True, by=by)) == "not-an-owner"


def holding(user: User, *, by_operator: bool) -> Actor:
    """The user, with a token that may do everything."""
    token = Token.objects.create(
        id=uuid.uuid4(),
        user=user,
        salt=b"",
        created_at=timezone.now(),
        permissions=list(Permission),
        by_operator=by_operator,
    )
    return Actor(user, Credential(user, token, ()))


def add_factor(user: User, kind: str) -> None:
    Authenticator.objects.create(user=user, type=kind, data={})


class TestSecurityKeys:
    """O-A3.3: whoever changes the project has one, where its owners or the operator ask for it."""

    def test_are_what_it_takes(self, demo: Project) -> None:
        join(demo, "bob", OWNER)
        alice, bob = (User.objects.get(username=name) for name in NAMES[:2])
        add_factor(alice, Authenticator.Type.WEBAUTHN)
        add_factor(bob, Authenticator.Type.TOTP)
        Role.objects.update(at=timezone.now() - timedelta(hours=73))
        collaboration.set_needs_keys(demo, True, by=signed_in(alice, with_key=True))
        assert last_events(1) == ["project:keys"]
        shut = [signed_in(alice), signed_in(bob), signed_in(bob, with_key=True), holding(bob, by_operator=False)]
        for by in shut:
            for permission in Permission:
                code = code_of(lambda: rights.check(by, demo_now(demo), permission, timezone.now()))  # noqa: B023
                assert code == ("" if permission == "read" else "security-key-needed")
        assert code_of(lambda: collaboration.leave(demo, by=signed_in(bob))) == "security-key-needed"
        assert code_of(lambda: collaboration.set_needs_keys(demo, False, by=signed_in(bob))) == "security-key-needed"
        for by in (
            signed_in(alice, with_key=True),
            holding(alice, by_operator=False),
            holding(bob, by_operator=True),
            OPERATOR,
        ):
            rights.check(by, demo_now(demo), Permission.MANAGE, timezone.now())
        collaboration.set_needs_keys(demo, False, by=OPERATOR)
        assert code_of(lambda: collaboration.set_needs_keys(demo, False, by=signed_in(bob))) == "keys-unchanged"

    def test_are_asked_of_whoever_asks_for_them(self, demo: Project) -> None:
        """E08: nobody shuts themselves out."""
        by = signed_in("alice")
        assert code_of(lambda: collaboration.set_needs_keys(demo, True, by=by)) == "security-key-needed"
        rights.check(by, demo_now(demo), Permission.MANAGE, timezone.now())

    def test_are_asked_of_who_accepts_and_not_of_who_declines(self, demo: Project) -> None:
        collaboration.set_needs_keys(demo, True, by=OPERATOR)
        for name in NAMES[1:]:
            collaboration.invite(demo, name, OWNER, by=OPERATOR)
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("bob"))) == "security-key-needed"
        collaboration.decline(demo, by=signed_in("bob"))
        add_factor(User.objects.get(username="carol"), Authenticator.Type.WEBAUTHN)
        collaboration.accept(demo, by=signed_in("carol", with_key=True))
        assert roles(demo) == {"alice": OWNER, "carol": OWNER}


def demo_now(demo: Project) -> Project:
    """As the database has it."""
    return Project.objects.get(pk=demo.pk)


class TestQuarantine:
    def test_nobody_comes_or_goes(self, demo: Project) -> None:
        """E11: until the operator ends it; who does not want to come may say so."""
        join(demo, "bob")
        collaboration.invite(demo, "carol", OWNER, by=signed_in("alice"))
        actions.set_status(demo, "quarantined", by=OPERATOR)
        for act in (
            lambda: collaboration.accept(demo, by=signed_in("carol")),
            lambda: collaboration.leave(demo, by=signed_in("bob")),
            lambda: collaboration.remove_role(demo, "bob", by=signed_in("alice")),
            lambda: collaboration.revoke_invitation(demo, "carol", by=signed_in("alice")),
            lambda: collaboration.set_needs_keys(demo, True, by=signed_in("alice")),
        ):
            assert code_of(act) == "project-quarantined"
        collaboration.remove_role(demo, "bob", by=OPERATOR)
        actions.set_status(demo, "active", by=OPERATOR)
        collaboration.accept(demo, by=signed_in("carol"))
        assert roles(demo) == {"alice": OWNER, "carol": OWNER}

    def test_what_is_deleted_has_nobody(self, demo: Project) -> None:
        """E11: and nobody comes to it any more."""
        collaboration.invite(demo, "carol", OWNER, by=signed_in("alice"))
        actions.delete_project(demo, by=signed_in("alice"))
        assert code_of(lambda: collaboration.accept(demo, by=signed_in("carol"))) == "no-such-project"
        assert people.invitations_for(User.objects.get(username="carol")) == []


def test_whose_addresses_are_shown(demo: Project) -> None:
    """E12: one's own; of others a hash, the same for the same address; the operator sees them."""
    join(demo, "bob", OWNER)
    actions.set_status(demo, "archived", by=signed_in("alice"))
    seen = {name: shown(demo, actor) for name, actor in {"bob": signed_in("bob"), "operator": OPERATOR}.items()}
    assert seen["operator"][:3] == ["192.0.2.1"] * 3
    archived, joined, invited = seen["bob"][:3]
    assert joined == "192.0.2.1"
    assert archived == invited
    assert archived is not None
    assert len(archived) == 16
    assert int(archived, 16) >= 0
    assert seen["bob"][-1] is None  # a command's


def shown(demo: Project, actor: Actor) -> list[str | None]:
    found = people.events_of(demo, seen_by=actor, before=timezone.now(), limit=1000)
    return [None if each["address"] is None else str(each["address"]) for each in found]
