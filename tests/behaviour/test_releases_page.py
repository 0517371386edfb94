"""The pages on which people look after the releases of their projects: yank, offer again, delete, mark."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import httpx2
import pytest

import inside
from archives import forge
from behaviour.test_signing_in import age
from serving import Server
from uploading import upload
from visiting import Visitor, letters, member, words

NAMES = (f"keeper{number}x" for number in count(100))
VERSIONS = ("1.0", "1.1", "2.0rc1")
REASON = "it breaks\n the build"


@dataclass(frozen=True)
class Kept:
    """A project, and its owner."""

    site: Server
    name: str
    owner: Visitor

    @property
    def home(self) -> str:
        return f"/account/projects/{self.name}/"

    @property
    def releases(self) -> str:
        return f"{self.home}releases/"

    def release(self, version: str = "1.0") -> str:
        return f"{self.releases}{version}/"

    def wheel(self, version: str = "1.0") -> str:
        return f"{self.name}-{version}-py3-none-any.whl"

    def yanked(self) -> dict[str, object]:
        """What installers read: the files that are yanked, and why."""
        return {
            str(each["filename"]): each["yanked"] for each in self.files() if each.get("yanked", False) is not False
        }

    def files(self) -> Sequence[dict[str, object]]:
        found: Sequence[dict[str, object]] = self.site.page(self.name)["files"]
        return found

    def sent(self, path: str, *, on: str = "", **fields: object) -> httpx2.Response:
        """A form with fields that may occur more than once, as the owner sends it."""
        return self.owner.post(path, on=on, **fields)  # type: ignore[arg-type]

    def told(self) -> list[str]:
        """The actions of the project's record, the newest first."""
        events = self.owner.get(f"{self.home}events/?format=json").json()["events"]
        return [each["action"] for each in events]


def publish(site: Server, token: str, name: str, versions: Sequence[str]) -> None:
    for version in versions:
        for built in (forge.wheel(name, version), forge.sdist(name, version)):
            answer = upload(site, built.filename, built.data, name=name, version=version, token=token)
            assert answer.status == 200, answer


@pytest.fixture(scope="class")
def owner(site: Server) -> tuple[Visitor, str]:
    """Somebody, and a token of theirs."""
    person = member(site, next(NAMES))
    return person, site.new_token(person.name)


@pytest.fixture
def kept(site: Server, owner: tuple[Visitor, str]) -> Kept:
    person, token = owner
    name = next(NAMES)
    publish(site, token, name, VERSIONS)
    return Kept(site, name, person)


@pytest.fixture(scope="module")
def guest(site: Server) -> Visitor:
    """Somebody whom the owners make a maintainer."""
    return member(site, next(NAMES))


def joined(kept: Kept, guest: Visitor) -> Visitor:
    kept.owner.post(f"{kept.home}invite/", on=kept.home, user=guest.name, role="Maintainer")
    guest.post(f"{kept.home}accept/", on="/account/projects/")
    return guest


class TestReleases:
    def test_are_listed_the_newest_first(self, kept: Kept) -> None:
        page = words(kept.owner.get(kept.releases))
        assert [page.index(f" {each} ") for each in VERSIONS] == sorted(
            (page.index(f" {each} ") for each in VERSIONS), reverse=True
        )
        assert "3 releases, the newest version first" in page
        assert f'href="/project/{kept.name}/"' in kept.owner.get(kept.releases).text
        assert f'<a href="/project/{kept.name}/1.0/">The page that' in kept.owner.get(kept.release()).text

    def test_several_are_yanked_and_offered_again_together(self, kept: Kept) -> None:
        """Readers see it before the page says so, the record has each, and one mail tells of all."""
        before = len(letters(kept.site, f"{kept.owner.name}@example.org"))
        chosen = ["1.0", "1.1"]
        page = kept.sent(kept.releases, selected=chosen, act="yank", reason=REASON)
        assert "2 releases are yanked now." in words(page)
        assert page.url.path == kept.releases
        assert kept.yanked() == {
            each["filename"]: "it breaks the build" for each in kept.files() if "rc1" not in str(each["filename"])
        }
        assert kept.told()[:2] == ["yank release", "yank release"]
        mails = letters(kept.site, f"{kept.owner.name}@example.org")[before:]
        assert [each.splitlines()[0] for each in mails] == [f"{kept.name}: releases yanked"]
        assert "Release: 1.0, 1.1" in mails[0]
        assert "Reason: it breaks the build" in mails[0]
        page = kept.sent(kept.releases, selected=[*chosen, "1.0"], act="unyank", reason="")
        assert "2 releases are offered again." in words(page)
        assert kept.yanked() == {}
        assert kept.told()[:2] == ["unyank release", "unyank release"]
        assert "releases offered again" in letters(kept.site, f"{kept.owner.name}@example.org")[-1]

    def test_who_is_yanked_already_keeps_the_reason(self, kept: Kept) -> None:
        kept.sent(kept.releases, selected="1.0", act="yank", reason="first")
        page = kept.sent(kept.releases, selected=["1.0", "1.1"], act="yank", reason="second")
        assert "1 release is yanked now." in words(page)
        page = kept.sent(kept.releases, selected=["1.0", "2.0rc1"], act="yank", reason="")
        assert "1 release is yanked now." in words(page)
        kept.sent(kept.releases, selected="1.0", act="unyank", reason="")
        page = kept.sent(kept.releases, selected=["1.0", "1.1"], act="unyank", reason="")
        assert "1 release is offered again." in words(page)
        kept.sent(kept.releases, selected="1.0", act="yank", reason="first")
        kept.sent(kept.releases, selected="1.1", act="yank", reason="second")
        kept.sent(kept.releases, selected="2.0rc1", act="unyank", reason="")
        assert set(kept.yanked().values()) == {"first", "second"}
        assert kept.yanked()[kept.wheel("1.0")] == "first"

    def test_a_refusal_loses_nothing_of_what_was_typed(self, kept: Kept) -> None:
        nothing = kept.sent(kept.releases, act="yank", reason="because of this")
        assert "Nothing was changed. Nothing was chosen yet." in words(nothing)
        assert 'value="because of this"' in nothing.text
        again = kept.sent(kept.releases, selected="1.0", act="unyank", reason="because of this")
        assert (again.status_code, "Nothing of what was chosen is yanked." in words(again)) == (400, True)
        assert 'value="1.0" aria-label="Choose 1.0" checked' in again.text
        assert 'value="because of this"' in again.text
        kept.sent(kept.releases, selected="1.0", act="yank", reason="")
        again = kept.sent(kept.releases, selected="1.0", act="yank", reason="")
        assert (again.status_code, "is yanked already" in words(again)) == (400, True)
        long = kept.sent(kept.releases, selected="1.1", act="yank", reason="x" * 1001)
        assert "at most 1000 characters" in words(long)
        assert "Select a valid choice" in words(kept.sent(kept.releases, selected="1.1", act="burn", reason=""))
        assert len(kept.yanked()) == 2

    def test_one_that_went_meanwhile(self, kept: Kept) -> None:
        page = kept.owner.get(kept.releases)
        kept.site.command("delete", kept.name, "1.0")
        refused = kept.owner.post_here(page, selected="1.0", act="yank", reason="typed")
        assert "1.0 is not there any more." in words(refused)
        assert 'value="typed"' in refused.text
        there = kept.owner.get(kept.release())
        assert (there.url.path, "has no release 1.0" in words(there)) == (kept.releases, True)
        there = kept.owner.get(f"{kept.release()}delete/")
        assert (there.url.path, "has no release 1.0" in words(there)) == (kept.releases, True)
        assert "'what'" in words(kept.owner.get(kept.release("what")))

    def test_hundreds_are_paged_and_found(self, kept: Kept) -> None:
        sql = (
            "INSERT INTO projects_release (project_id, version, canonical, created_at) "
            "SELECT id, ?, ?, created_at FROM projects_project WHERE name = ?"
        )
        for number in range(120):
            inside.query(kept.site, sql, f"0.{number}", f"0.{number}", kept.name)
        first, second = kept.owner.get(kept.releases), kept.owner.get(f"{kept.releases}?page=2")
        assert "Page 1 of 2" in words(first)
        assert "Page 2 of 2" in words(second)
        assert "Previous page" in words(second)
        found = words(kept.owner.get(f"{kept.releases}?q=2.0rc"))
        assert "1 release " in found
        assert "No version contains “nope”" in words(kept.owner.get(f"{kept.releases}?q=nope"))
        done = kept.sent(f"{kept.releases}?q=2.0rc&page=1", selected="2.0rc1", act="yank", reason="")
        assert str(done.url).endswith("?q=2.0rc&page=1")
        assert "It has no files." in words(kept.owner.get(kept.release("0.7")))

    def test_readers_see_it_later_when_it_cannot_be_published_now(self, kept: Kept) -> None:
        with inside.obstructed(kept.site.data, kept.name):
            page = kept.sent(kept.releases, selected="1.0", act="yank", reason="")
            assert "1 release is yanked now. Readers see it in a moment." in words(page)
        inside.eventually(lambda: len(kept.yanked()) == 2)


class TestOneRelease:
    def test_is_yanked_and_offered_again(self, kept: Kept) -> None:
        page = kept.sent(kept.release(), act="yank", reason=REASON)
        assert "Release 1.0 is yanked now." in words(page)
        assert "yanked with its release" in words(page)
        assert f"by {kept.owner.name}" in words(page)
        assert len(kept.yanked()) == 2
        twice = kept.sent(kept.release(), act="yank", reason="once more")
        assert (twice.status_code, "is yanked already" in words(twice)) == (400, True)
        assert 'value="once more"' in twice.text
        page = kept.sent(kept.release(), act="unyank", reason="")
        assert "Release 1.0 is offered again, with all its files." in words(page)
        assert kept.yanked() == {}
        assert kept.told()[:2] == ["unyank release", "yank release"]
        mail = letters(kept.site, f"{kept.owner.name}@example.org")[-1]
        assert mail.startswith(f"{kept.name}: release offered again")

    def test_files_are_yanked_by_themselves(self, kept: Kept) -> None:
        sdist = kept.wheel().replace("-py3-none-any.whl", ".tar.gz")
        page = kept.sent(f"{kept.release()}files/", on=kept.release(), selected=kept.wheel(), act="yank", reason="bad")
        assert "1 file is yanked now." in words(page)
        assert kept.yanked() == {kept.wheel(): "bad"}
        assert "1 file yanked" in words(kept.owner.get(kept.releases))
        assert kept.told()[0] == f"yank file {kept.wheel()}"
        both = [kept.wheel(), sdist]
        page = kept.sent(f"{kept.release()}files/", on=kept.release(), selected=both, act="yank", reason="worse")
        assert "1 file is yanked now." in words(page)
        assert kept.yanked() == {kept.wheel(): "bad", sdist: "worse"}
        refused = kept.sent(f"{kept.release()}files/", on=kept.release(), selected=both, act="yank", reason="typed")
        assert (refused.status_code, "is yanked already" in words(refused)) == (400, True)
        assert 'value="typed"' in refused.text
        page = kept.sent(f"{kept.release()}files/", on=kept.release(), selected=both, act="unyank", reason="")
        assert "2 files are offered again." in words(page)
        assert kept.yanked() == {}
        refused = kept.sent(f"{kept.release()}files/", on=kept.release(), selected=both, act="unyank", reason="")
        assert (refused.status_code, "None of the files" in words(refused)) == (400, True)
        mail = letters(kept.site, f"{kept.owner.name}@example.org")[-1]
        assert mail.startswith(f"{kept.name}: files offered again")
        nothing = kept.sent(f"{kept.release()}files/", on=kept.release(), act="yank", reason="")
        assert "Nothing was chosen yet." in words(nothing)
        gone = kept.sent(f"{kept.release()}files/", on=kept.release(), selected="other.whl", act="yank", reason="")
        assert "other.whl is not there any more." in words(gone)


class TestDeleting:
    def test_a_file_wants_its_name(self, kept: Kept) -> None:
        path = f"{kept.release()}files/{kept.wheel()}/delete/"
        page = kept.owner.get(path)
        assert "can ever be uploaded again" in words(page)
        for typed in (kept.wheel().upper(), kept.wheel()[:-1], ""):
            refused = kept.sent(path, confirmation=typed)
            assert "Nothing was changed." in words(refused), typed
        assert len(kept.files()) == 6
        done = kept.sent(path, confirmation=f"  {kept.wheel()}\t")
        assert f"File {kept.wheel()} is deleted." in words(done)
        assert done.url.path == kept.release()
        assert kept.wheel() not in {each["filename"] for each in kept.files()}
        assert kept.told()[0] == f"remove file {kept.wheel()}"
        assert letters(kept.site, f"{kept.owner.name}@example.org")[-1].startswith(f"{kept.name}: file deleted")
        gone = kept.owner.get(path)
        assert (gone.url.path, "has no file" in words(gone)) == (kept.release(), True)
        built = forge.wheel(kept.name, "1.0")
        token = kept.site.new_token(kept.owner.name)
        again = upload(kept.site, built.filename, built.data, name=kept.name, version="1.0", token=token)
        assert again.status == 400, again

    def test_a_release_wants_its_version(self, kept: Kept) -> None:
        path = f"{kept.release()}delete/"
        page = words(kept.owner.get(path))
        assert f"The release and its 2 files are gone for good. Nobody can bring them back. {kept.name}" in page
        refused = kept.sent(path, confirmation="1.00")
        assert "This is not “1.0”." in words(refused)
        assert 'value="1.00"' in refused.text
        assert len(kept.files()) == 6
        done = kept.sent(path, confirmation=" 1.0 ")
        assert (done.url.path, "Release 1.0 is deleted." in words(done)) == (kept.releases, True)
        assert len(kept.files()) == 4
        assert kept.told()[0] == "remove release"
        assert letters(kept.site, f"{kept.owner.name}@example.org")[-1].startswith(f"{kept.name}: release deleted")

    def test_a_project_wants_its_name(self, kept: Kept, guest: Visitor) -> None:
        kept.owner.post(f"{kept.home}invite/", on=kept.home, user=guest.name, role="Maintainer")
        path = f"{kept.home}delete/"
        page = words(kept.owner.get(path))
        for part in ("3 releases are gone", "6 files (", "1 person loses the role", "1 invitation ends"):
            assert part in page
        assert "This is not" in words(kept.sent(path, confirmation=kept.name.upper()))
        done = kept.sent(path, confirmation=kept.name)
        assert (done.url.path, f"Project {kept.name} is deleted." in words(done)) == ("/account/projects/", True)
        assert kept.site.get(f"/simple/{kept.name}/").status == 404
        assert kept.owner.get(path).status_code == 404
        assert letters(kept.site, f"{kept.owner.name}@example.org")[-1].startswith(f"{kept.name}: deleted")

    def test_what_cannot_be_undone_asks_who_one_is(self, kept: Kept) -> None:
        """Before anything is typed; looking at releases does not ask."""
        path = f"{kept.release()}delete/"
        page = kept.owner.get(path)
        age(kept.site, kept.owner)
        assert kept.owner.get(kept.release()).url.path == kept.release()
        assert "reauthenticate" in kept.owner.get(path).url.path
        answer = kept.owner.post_here(page, confirmation="1.0")
        assert "reauthenticate" in answer.url.path
        assert len(kept.files()) == 6


class TestSettings:
    def test_the_status_is_changed(self, kept: Kept) -> None:
        path = f"{kept.home}settings/"
        page = kept.sent(path, status="archived", reason=REASON)
        assert "The project is archived now: it takes no new files." in words(page)
        shown = kept.site.page(kept.name)["project-status"]
        assert shown == {"status": "archived", "reason": "it breaks the build"}
        assert kept.told()[0] == "project archived"
        assert letters(kept.site, f"{kept.owner.name}@example.org")[-1].startswith(f"{kept.name}: archived")
        refused = kept.sent(path, status="archived", reason="it breaks the build")
        assert (refused.status_code, "is archived already" in words(refused)) == (400, True)
        assert "Select a valid choice" in words(kept.sent(path, status="quarantined", reason="kept"))
        assert 'value="kept"' in kept.sent(path, status="nothing", reason="kept").text
        assert "This field is required" in words(kept.sent(path, reason="kept"))
        assert "active now" in words(kept.sent(path, status="active", reason=""))

    def test_the_ways_on(self, kept: Kept) -> None:
        page = kept.owner.get(f"{kept.home}settings/")
        for each in ("#tokens", "#keys", "delete/", "events/"):
            assert f"{kept.home}{each}" in page.text
        assert 'aria-current="page">Settings' in page.text


ACTS = {
    "releases/": {"selected": "1.0", "act": "yank", "reason": "typed"},
    "releases/1.0/": {"act": "yank", "reason": "typed"},
    "releases/1.0/files/": {"selected": "FILE", "act": "yank", "reason": "typed"},
    "releases/1.0/delete/": {"confirmation": "1.0"},
    "releases/1.0/files/FILE/delete/": {"confirmation": "FILE"},
    "settings/": {"status": "archived", "reason": "typed"},
    "delete/": {"confirmation": "NAME"},
}


def acts(kept: Kept) -> Iterator[tuple[str, dict[str, str]]]:
    """Every change that the pages offer."""
    for path, fields in ACTS.items():
        given = {name: value.replace("FILE", kept.wheel()).replace("NAME", kept.name) for name, value in fields.items()}
        yield kept.home + path.replace("FILE", kept.wheel()), given


def state(kept: Kept) -> object:
    rows = inside.query(kept.site, "SELECT max(serial) FROM journal_entry")
    return rows, kept.files()


class TestWhoMayNot:
    """E03, E11: nobody changes anything by these pages that the rules of projects do not let them."""

    def test_strangers_see_nothing(self, kept: Kept, guest: Visitor) -> None:
        before = state(kept)
        for path, fields in acts(kept):
            assert guest.get(path).status_code == 403, path
            assert guest.post(path, on="/account/email/", **fields).status_code == 403, path
        assert state(kept) == before

    def test_maintainers_look_and_are_told_whom_to_ask(self, kept: Kept, guest: Visitor) -> None:
        joined(kept, guest)
        before = state(kept)
        for path, fields in acts(kept):
            seen = guest.get(path)
            assert (seen.status_code, "Only owners of the project change it." in words(seen)) == (200, True), path
            assert "<button" not in seen.text.partition("<h1")[2].partition("</main")[0].replace("role=search", "")
            refused = guest.post(path, on="/account/email/", **fields)
            assert (refused.status_code, "isn't allowed to" in words(refused)) == (403, True), path
        assert guest.get(f"{kept.home}events/").status_code == 403
        assert f"{kept.home}events/" not in guest.get(kept.releases).text
        assert state(kept) == before

    def test_the_quarantined_are_the_operators(self, kept: Kept) -> None:
        """Also when it came between looking and sending; the owner still sees what there is."""
        pages = {path: kept.owner.get(path) for path, _fields in acts(kept)}
        kept.site.command("status", kept.name, "quarantined", "--reason", "malware")
        before = inside.serial(kept.site)
        for path, fields in acts(kept):
            refused = kept.owner.post_here(pages[path], **fields)
            assert (refused.status_code, "is quarantined" in words(refused)) == (403, True), path
            assert "only the operator of the index can change it" in words(kept.owner.get(path)), path
        assert inside.serial(kept.site) == before
        assert "2.0rc1" in words(kept.owner.get(kept.releases))

    def test_keys_are_asked_for(self, kept: Kept) -> None:
        inside.query(kept.site, "UPDATE projects_project SET needs_keys = ? WHERE name = ?", True, kept.name)
        before = state(kept)
        for path, fields in acts(kept):
            assert "who signed in with it" in words(kept.owner.get(path)), path
            refused = kept.owner.post(path, on="/account/email/", **fields)
            assert (refused.status_code, "security key" in words(refused)) == (403, True), path
        assert state(kept) == before

    def test_other_sites_cannot_have_it_done(self, kept: Kept) -> None:
        """E04: without the token of a form nothing happens."""
        before = state(kept)
        for path, fields in acts(kept):
            assert kept.owner.client.post(path, data=fields).status_code == 403, path
        assert state(kept) == before

    def test_looking_changes_nothing(self, kept: Kept) -> None:
        before = state(kept)
        for path, fields in acts(kept):
            assert kept.owner.client.get(path, params=fields).status_code == 200, path
            assert kept.owner.client.head(path).status_code == 200, path
            assert kept.owner.client.put(path, data=fields).status_code in {403, 405}, path
        assert state(kept) == before


class TestWhoIsShutOut:
    def test_the_frozen_are_out(self, kept: Kept) -> None:
        before = state(kept)
        page = kept.owner.get(kept.releases)
        kept.site.command("user", "freeze", kept.owner.name, "--reason", "test")
        answer = kept.owner.post_here(page, selected="1.0", act="yank", reason="")
        assert answer.url.path == "/account/login/"
        assert kept.owner.get(kept.releases).url.path == "/account/login/"
        assert state(kept) == before


class TestTheListOfProjects:
    def test_says_what_people_look_for(self, kept: Kept, guest: Visitor) -> None:
        kept.owner.post(f"{kept.home}invite/", on=kept.home, user=guest.name, role="Maintainer")
        page = words(kept.owner.get("/account/projects/"))
        assert f"{kept.name} 1.1 Owner 1 open invitation Last change:" in page
        assert "1 invitation to a project waits" in words(guest.get("/account/"))
        guest.post(f"{kept.home}accept/", on="/account/projects/")
        assert "open invitation" not in words(guest.get("/account/projects/"))
        kept.sent(kept.releases, selected=["1.0", "1.1"], act="yank", reason="")
        assert f"{kept.name} 2.0rc1 Owner" in words(kept.owner.get("/account/projects/"))
        kept.sent(f"{kept.home}settings/", status="archived", reason="")
        assert f"{kept.name} 2.0rc1 Owner Archived" in words(kept.owner.get("/account/projects/"))
        for version in VERSIONS:
            kept.sent(f"{kept.release(version)}delete/", confirmation=version)
        assert f"{kept.name} no release with files" in words(kept.owner.get("/account/projects/"))
        assert "There are no releases" in words(kept.owner.get(kept.releases))
        assert "Projects 1 project" in words(kept.owner.get("/account/"))


def test_a_long_list_of_projects_is_paged_and_found(own_server: Server) -> None:
    owner = member(own_server, next(NAMES))
    publish(own_server, own_server.new_token(owner.name), owner.name, ["1.0"])
    kept = Kept(own_server, owner.name, owner)
    for number in range(60):
        copy(kept, f"{kept.name}-{number:03}", number)
    first, second = owner.get("/account/projects/"), owner.get("/account/projects/?page=2")
    assert "61 projects" in words(first)
    assert "Page 1 of 2" in words(first)
    assert f"{kept.name}-059" in words(second)
    found = words(owner.get(f"/account/projects/?q={kept.name.upper()}-007"))
    assert "1 project " in found
    assert "None of your projects has a name that contains “nope”" in words(owner.get("/account/projects/?q=nope"))
    assert owner.get("/account/projects/?q=%00&page=none").status_code == 200


def copy(kept: Kept, name: str, number: int) -> None:
    """Another project of the same owner, of which all files have been deleted."""
    inside.query(
        kept.site,
        "INSERT INTO projects_project (index_id, name, display_name, skeleton, status, status_reason, created_at) "
        "SELECT index_id, ?, ?, ?, status, '', created_at FROM projects_project WHERE name = ?",
        *(name, name, name, kept.name),
    )
    inside.query(
        kept.site,
        "INSERT INTO projects_role (project_id, user_id, name, by_id, at) "
        "SELECT (SELECT id FROM projects_project WHERE name = ?), user_id, name, by_id, at FROM projects_role "
        "WHERE project_id = (SELECT id FROM projects_project WHERE name = ?)",
        *(name, kept.name),
    )
    inside.query(
        kept.site,
        'INSERT INTO journal_entry (serial, "index", project, name, version, action, reason, at) '
        "SELECT ?, index_id, id, name, '', 'create', '', created_at FROM projects_project WHERE name = ?",
        *(-1 - number, name),
    )
