"""Who gets roles by an export of another index: nobody because of a name that they chose themselves."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.utils import timezone

from archives import forge
from entrepot.accounts import people, record
from entrepot.accounts.actor import OPERATOR, Actor, Session
from entrepot.accounts.arriving import make_account
from entrepot.accounts.models import User
from entrepot.cli import main
from entrepot.moving.devpi import Devpi
from entrepot.moving.taking import CHOSEN, Became, Mover
from entrepot.projects import actions
from entrepot.projects.models import Role
from world import World, new_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path / "store")


def exported(folder: Path, *uploaders: str) -> Devpi:
    """An export of devpi with the index company/stable, which has one project; uploaders have accounts there."""
    folder.mkdir()
    built = forge.wheel("toast", "1.0")
    (folder / built.filename).write_bytes(built.data)
    index = {
        "indexconfig": {"type": "stage", "acl_upload": list(uploaders)},
        "projects": {"toast": {"1.0": {"name": "toast"}}},
        "files": [
            {
                "type": "releasefile",
                "projectname": "toast",
                "version": "1.0",
                "relpath": built.filename,
                "entrymapping": {"last_modified": "Sat, 21 Nov 2026 20:00:00 GMT"},
            }
        ],
    }
    users: dict[str, dict[str, str]] = {name: {} for name in ("company", *uploaders)}
    (folder / "dataindex.json").write_text(json.dumps({"users": users, "indexes": {"company/stable": index}}))
    return Devpi(folder)


def registered(name: str) -> User:
    """Somebody who chose the name on the site."""
    user = User.objects.create(username=name, email=f"{name}@example.org")
    record.note("account:create", by=Actor(user, Session(user, "key")), at=timezone.now(), user=user)
    return user


def moved(world: World, export: Devpi, *same: str) -> dict[str, str]:
    """What is told of each user."""
    mover = Mover(export, world.index, OPERATOR, world.store, same)
    told = {each.what: each.why for each in mover.people()}
    assert {each.became for _, each in mover.project("toast")} <= {Became.TAKEN, Became.SAME}
    return told


def roles() -> dict[str, str]:
    return dict(Role.objects.values_list("user__username", "name"))


def test_a_name_that_somebody_chose_gives_no_roles(world: World, tmp_path: Path) -> None:
    export = exported(tmp_path / "export", "bob", "carol", "dora")
    registered("company")
    registered("Bob")
    made = make_account("carol", by=OPERATOR)
    renamed = make_account("elsewhere", by=OPERATOR)
    assert made is not None
    assert renamed is not None
    people.change_name(renamed, "dora", by=Actor(renamed, Session(renamed, "key")))
    assert moved(world, export) == {"company": CHOSEN, "bob": CHOSEN, "carol": "", "dora": CHOSEN}
    assert roles() == {"carol": "Maintainer"}
    assert moved(world, export, "company") == {"company": "", "bob": CHOSEN, "carol": "", "dora": CHOSEN}
    assert roles() == {"carol": "Maintainer", "company": "Owner"}


def test_a_project_that_somebody_deletes_meanwhile(world: World, tmp_path: Path) -> None:
    export = exported(tmp_path / "export", "carol")
    make_account("carol", by=OPERATOR)
    steps = Mover(export, world.index, OPERATOR, world.store).project("toast")
    assert next(steps)[1].became is Became.TAKEN
    actions.delete_project(world.project("toast"), by=OPERATOR)
    assert [(told.what, told.became, told.code) for _, told in steps] == [("toast", Became.REFUSED, "no-such-project")]
    assert roles() == {}


def test_a_hash_that_nothing_is_held_against_is_refused(tmp_path: Path) -> None:
    for where in (str(tmp_path), "https://index.example/simple/"):
        done = CliRunner().invoke(main, ["import", where, "--sha256", "0" * 64])
        assert done.exit_code == 2
        assert "--sha256 is for a bundle" in done.output
