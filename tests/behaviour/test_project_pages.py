"""The pages about one's projects, and the operator's record."""

import re
from itertools import count

import inside
from archives import forge
from serving import Server
from uploading import upload
from visiting import Visitor, letters, member, newcomer, words

NAMES = (f"worker{number}x" for number in count(100))


def new_project(server: Server, owner: Visitor) -> str:
    name = next(NAMES)
    built = forge.wheel(name, "1.0")
    token = server.new_token(owner.name)
    assert upload(server, built.filename, built.data, name=name, version="1.0", token=token).status == 200
    return name


def roles(server: Server, project: str) -> dict[str, str]:
    found = server.get(f"/pypi/{project}/json").json()["ownership"]["roles"]
    return {each["user"]: each["role"] for each in found}


def settled(server: Server, project: str) -> None:
    """Let the roles be a week old."""
    past = "2020-01-01 00:00:00+00:00"
    sql = "UPDATE projects_role SET at = ? WHERE project_id IN (SELECT id FROM projects_project WHERE name = ?)"
    inside.query(server, sql, past, project)


def test_somebody_is_invited_works_and_leaves(site: Server) -> None:
    """E07, E08: from the invitation to the end, as people click through it."""
    owner, guest = member(site, next(NAMES)), member(site, next(NAMES))
    project = new_project(site, owner)
    page = f"/account/projects/{project}/"
    assert "This field is required" in words(owner.post(f"{page}invite/", on=page, user="", role="Owner"))
    refused = owner.post(f"{page}invite/", on=page, user="nobody-here", role="Owner")
    assert (refused.status_code, "There is no user named 'nobody-here'." in words(refused)) == (404, True)
    assert re.search('<input [^>]*value="nobody-here"[^>]*aria-invalid="true"', refused.text)
    done = owner.post(f"{page}invite/", on=page, user=guest.name, role="Maintainer")
    assert f"{guest.name} was invited to {project}." in words(done)
    assert f"{guest.name} , Maintainer, until" in words(done)
    assert any(project in each for each in letters(site, f"{guest.name}@example.org"))
    offered = guest.get("/account/projects/")
    assert f"{owner.name} invites you to {project} as Maintainer" in words(offered)
    assert guest.get(page).status_code == 403
    guest.post(f"{page}accept/", on="/account/projects/")
    assert roles(site, project) == {owner.name: "Owner", guest.name: "Maintainer"}
    seen = guest.get(page)
    assert "Invite somebody" not in words(seen)
    assert guest.get(f"{page}events/").status_code == 403
    assert guest.post(f"{page}invite/", on=page, user=owner.name, role="Owner").status_code == 403
    guest.post(f"{page}leave/", on=page)
    assert roles(site, project) == {owner.name: "Owner"}
    assert "the last owner" in words(owner.post(f"{page}leave/", on=page))


def test_an_invitation_comes_to_nothing(site: Server) -> None:
    owner, guest = member(site, next(NAMES)), member(site, next(NAMES))
    project = new_project(site, owner)
    page = f"/account/projects/{project}/"
    owner.post(f"{page}invite/", on=page, user=guest.name, role="Owner")
    guest.post(f"{page}decline/", on="/account/projects/")
    owner.post(f"{page}invite/", on=page, user=guest.name, role="Owner")
    owner.post(f"{page}invited/{guest.name}/", on=page)
    assert "not invited" in words(guest.post(f"{page}accept/", on="/account/email/"))
    assert roles(site, project) == {owner.name: "Owner"}


def test_roles_change_hands(site: Server) -> None:
    """A03: who has become an owner lately removes no other owner."""
    owner, other = member(site, next(NAMES)), member(site, next(NAMES))
    project = new_project(site, owner)
    page = f"/account/projects/{project}/"
    owner.post(f"{page}invite/", on=page, user=other.name, role="Maintainer")
    other.post(f"{page}accept/", on="/account/projects/")
    assert owner.post(f"{page}role/{other.name}/", on=page, role="King").status_code == 400
    owner.post(f"{page}role/{other.name}/", on=page, role="Owner")
    assert roles(site, project)[other.name] == "Owner"
    assert other.post(f"{page}remove/{owner.name}/", on=page).status_code == 403
    settled(site, project)
    other.post(f"{page}role/{owner.name}/", on=page, role="Maintainer")
    other.post(f"{page}transfer/{owner.name}/", on=page)
    assert roles(site, project) == {owner.name: "Owner", other.name: "Maintainer"}
    settled(site, project)
    owner.post(f"{page}remove/{other.name}/", on=page)
    assert roles(site, project) == {owner.name: "Owner"}


def test_only_who_has_a_key_can_ask_for_keys(site: Server) -> None:
    """O-A3.3."""
    owner = member(site, next(NAMES))
    project = new_project(site, owner)
    page = f"/account/projects/{project}/"
    refused = owner.post(f"{page}keys/", on=page, needed="yes")
    assert (refused.status_code, "security key" in words(refused)) == (403, True)


def test_a_new_owner_cannot_shut_out_the_others_by_keys(site: Server) -> None:
    """A03."""
    owner, other = member(site, next(NAMES)), member(site, next(NAMES))
    project = new_project(site, owner)
    page = f"/account/projects/{project}/"
    owner.post(f"{page}invite/", on=page, user=other.name, role="Owner")
    other.post(f"{page}accept/", on="/account/projects/")
    refused = other.post(f"{page}keys/", on=page, needed="yes")
    assert (refused.status_code, "after three days" in words(refused)) == (403, True)


def test_what_happened_to_it(site: Server) -> None:
    """C09, E12: for its owners, without the addresses of others; and as JSON."""
    owner, guest = member(site, next(NAMES)), member(site, next(NAMES))
    project = new_project(site, owner)
    page = f"/account/projects/{project}/"
    owner.post(f"{page}invite/", on=page, user=guest.name, role="Owner")
    guest.post(f"{page}accept/", on="/account/projects/")
    told = owner.get(f"{page}events/")
    assert f"{guest.name} became an owner" in words(told)
    assert owner.name in words(told)
    assert guest.address not in told.text
    events = owner.get(f"{page}events/?format=json").json()["events"]
    assert [each["action"] for each in events][-1] == "create"
    assert "The project was made" not in words(
        owner.get(f"{page}events/?before={events[-1]['at'].replace('+', '%2B')}")
    )
    assert owner.get(f"{page}events/?before=yesterday").status_code == 400
    assert "Earlier" not in words(told)
    listed = words(owner.get(page))
    assert "Tokens that act on it" in listed
    assert f"{owner.name} upload" in listed


def test_the_record_is_not_for_others(site: Server) -> None:
    """E10."""
    assert member(site, next(NAMES)).get("/operator/record/").status_code == 404


def test_a_newcomer_has_no_projects(site: Server) -> None:
    name = next(NAMES)
    newcomer(site, name)
    visitor = Visitor(site)
    visitor.sign_in(name)
    visitor.protect()
    assert "None yet" in words(visitor.get("/account/projects/"))
