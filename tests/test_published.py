"""What readers see after each action: the pages themselves."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.journal.models import Entry
from entrepot.layout import package, sidecar, withheld
from entrepot.page import Page
from entrepot.projects import actions
from entrepot.projects.models import Deletion, Project, Role, Status, Yank
from entrepot.projects.queries import file_of
from entrepot.refusal import Missing, Refused
from world import URL, World, new_world

pytestmark = pytest.mark.django_db(transaction=True)

METADATA = forge.core_metadata(
    "demo",
    "1.0",
    "Summary: A <demo> & more\n"
    "Requires-Python: >=3.8,<4\n"
    "Requires-Dist: click (>=8)\n"
    "Project-URL: Source, https://example.org/src\n"
    "Home-page: https://example.org\n"
    "Keywords: a, b\n"
    "Classifier: Programming Language :: Python :: 3\n",
)
WHEEL = forge.wheel("demo", "1.0", metadata=METADATA)
SDIST = forge.sdist("demo", "1.0")


class Anchors(HTMLParser):
    """The anchors and meta tags of a page."""

    def __init__(self, page: Page | None) -> None:
        super().__init__()
        self.anchors: dict[str, dict[str, str | None]] = {}
        self.metas: dict[str, str] = {}
        self.last: dict[str, str | None] | None = None
        assert page is not None
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.last = dict(attrs)
        elif tag == "meta" and "name" in dict(attrs):
            self.metas[str(dict(attrs)["name"])] = str(dict(attrs)["content"])

    def handle_data(self, data: str) -> None:
        if self.last is not None:
            self.anchors[data] = self.last
            self.last = None


def said(page: Page | None) -> dict[str, Any]:
    assert page is not None
    parsed: dict[str, Any] = json.loads(page.body)
    return parsed


def is_gone(page: Page | None) -> bool:
    assert page is not None
    return not page.variants


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An index with one project, one release and two files."""
    made = new_world(tmp_path / "store")
    made.upload(WHEEL)
    made.upload(SDIST)
    return made


def test_the_simple_page(world: World) -> None:
    page, file = said(world.simple("demo")), world.file(WHEEL.filename)
    assert page["meta"] == {"api-version": "1.4", "_last-serial": 5}
    assert (page["name"], page["versions"], page["project-status"]) == ("demo", ["1.0"], {"status": "active"})
    wheel, sdist = page["files"]
    assert wheel == {
        "filename": "demo-1.0-py3-none-any.whl",
        "url": f"../../{package(file.blake2, file.filename).key}",
        "hashes": {"sha256": file.sha256},
        "size": len(WHEEL.data),
        "requires-python": ">=3.8,<4",
        "core-metadata": {"sha256": file.metadata_sha256},
        "upload-time": f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "yanked": False,
    }
    assert sdist["core-metadata"] is False
    assert "requires-python" not in sdist
    stored = world.store.read(sidecar(file.blake2, file.filename).key, 0, len(METADATA))
    assert b"".join(stored) == METADATA


def test_the_html_form_says_the_same(world: World) -> None:
    read, file = Anchors(world.simple_html("demo")), world.file(WHEEL.filename)
    wheel, sdist = read.anchors[WHEEL.filename], read.anchors[SDIST.filename]
    assert wheel["href"] == f"../../{package(file.blake2, file.filename).key}#sha256={file.sha256}"
    assert wheel["data-requires-python"] == said(world.simple("demo"))["files"][0]["requires-python"]
    assert wheel["data-core-metadata"] == wheel["data-dist-info-metadata"] == f"sha256={file.metadata_sha256}"
    assert set(sdist) == {"href"}
    assert read.metas == {"pypi:repository-version": "1.4", "pypi:project-status": "active"}
    html = world.simple_html("demo")
    assert html is not None
    assert html.body.endswith(b"<!--SERIAL 5-->\n")
    assert b"<4" not in html.body


def test_the_json_documents(world: World) -> None:
    project, release = said(world.json("demo")), said(world.release_json("demo", "1"))
    info = project["info"]
    assert (info["name"], info["version"], info["summary"]) == ("demo", "1.0", "A <demo> & more")
    assert info["project_urls"] == {"Homepage": "https://example.org", "Source": "https://example.org/src"}
    assert info["requires_dist"] is not None
    assert (info["yanked"], info["yanked_reason"], info["license_expression"]) == (False, None, None)
    assert project["ownership"] == {"organization": None, "roles": [{"role": "Owner", "user": "alice"}]}
    wheel, sdist = project["urls"]
    assert wheel["url"].startswith(f"{URL}/packages/")
    assert (wheel["packagetype"], sdist["packagetype"]) == ("bdist_wheel", "sdist")
    assert (wheel["python_version"], sdist["python_version"]) == ("py3", "source")
    assert project["releases"] == {"1.0": project["urls"]}
    assert "releases" not in release
    assert release["urls"] == project["urls"]
    assert project["last_serial"] == release["last_serial"] == 5


def test_a_yanked_release(world: World) -> None:
    world.show(actions.yank_release(world.release("demo", "1"), by=world.actor, reason='it\nbreaks "x" & <y>'))
    world.upload(forge.wheel("demo", "1.0", tag="py2-none-any"))
    assert {file["yanked"] for file in said(world.simple("demo"))["files"]} == {'it breaks "x" & <y>'}
    anchors = Anchors(world.simple_html("demo")).anchors.values()
    assert [anchor["data-yanked"] for anchor in anchors] == ['it breaks "x" & <y>'] * 3
    info = said(world.release_json("demo", "1"))["info"]
    assert (info["yanked"], info["yanked_reason"]) == (True, 'it breaks "x" & <y>')
    assert all(file["yanked"] for file in said(world.json("demo"))["urls"])
    with pytest.raises(Refused, match="yanked already"):
        actions.yank_release(world.release("demo", "1.0"), by=OPERATOR)
    world.show(actions.unyank_release(world.release("demo", "1.0"), by=OPERATOR))
    assert {file["yanked"] for file in said(world.simple("demo"))["files"]} == {False}
    with pytest.raises(Refused, match="not yanked"):
        actions.unyank_release(world.release("demo", "1.0"), by=OPERATOR)
    assert world.complaints() == []


def test_a_yanked_file(world: World) -> None:
    world.show(actions.yank_file(world.file(WHEEL.filename), by=OPERATOR))
    assert [file["yanked"] for file in said(world.simple("demo"))["files"]] == [True, False]
    assert Anchors(world.simple_html("demo")).anchors[WHEEL.filename]["data-yanked"] == ""
    assert [file["yanked"] for file in said(world.json("demo"))["urls"]] == [True, False]
    assert said(world.json("demo"))["info"]["yanked"] is False
    with pytest.raises(Refused, match="yanked already"):
        actions.yank_file(world.file(WHEEL.filename), by=OPERATOR)
    world.show(actions.yank_file(world.file(SDIST.filename), by=OPERATOR))
    assert said(world.json("demo"))["info"]["yanked"] is True
    world.show(actions.unyank_file(world.file(WHEEL.filename), by=world.actor))
    assert [file["yanked"] for file in said(world.simple("demo"))["files"]] == [False, True]
    with pytest.raises(Refused, match="not yanked by itself"):
        actions.unyank_file(world.file(WHEEL.filename), by=world.actor)
    assert Yank.objects.get().reason == ""
    assert world.complaints() == []


def test_the_release_that_is_shown(world: World) -> None:
    for version in ("2.0rc1", "1.5"):
        world.upload(forge.wheel("demo", version))
    assert said(world.simple("demo"))["versions"] == ["1.0", "1.5", "2.0rc1"]
    assert said(world.json("demo"))["info"]["version"] == "1.5"
    world.show(actions.yank_release(world.release("demo", "1.5"), by=OPERATOR))
    assert said(world.json("demo"))["info"]["version"] == "1.0"
    world.show(actions.yank_release(world.release("demo", "1.0"), by=OPERATOR))
    assert said(world.json("demo"))["info"]["version"] == "2.0rc1"
    world.show(actions.yank_release(world.release("demo", "2.0rc1"), by=OPERATOR))
    assert said(world.json("demo"))["info"]["version"] == "1.5"


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.DEPRECATED])
def test_a_status_that_goes_on_offering_files(world: World, status: Status) -> None:
    world.show(actions.set_status(world.project("demo"), status, by=world.actor, reason="use <other>\nplease"))
    page = said(world.simple("demo"))
    assert page["project-status"] == {"status": status, "reason": "use <other> please"}
    assert len(page["files"]) == 2
    metas = Anchors(world.simple_html("demo")).metas
    assert metas["pypi:project-status"] == status
    assert metas["pypi:project-status-reason"] == "use <other> please"
    assert said(world.listed())["projects"][0]["_last-serial"] == page["meta"]["_last-serial"] == 6
    with pytest.raises(Refused, match="already"):
        actions.set_status(world.project("demo"), status, by=OPERATOR, reason="use <other> please")
    assert world.complaints() == []


def test_a_quarantined_project_offers_nothing(world: World) -> None:
    file = world.file(WHEEL.filename)
    world.show(actions.set_status(world.project("demo"), Status.QUARANTINED, by=OPERATOR))
    page = said(world.simple("demo"))
    assert (page["files"], page["versions"], page["project-status"]) == ([], [], {"status": "quarantined"})
    assert Anchors(world.simple_html("demo")).anchors == {}
    assert is_gone(world.json("demo"))
    assert is_gone(world.release_json("demo", "1"))
    assert said(world.listed())["projects"] == []
    note = withheld(file.blake2, file.filename).key
    assert not is_gone(world.store.read_page(note))
    assert world.complaints() == []
    world.show(actions.set_status(world.project("demo"), Status.ACTIVE, by=OPERATOR))
    assert len(said(world.simple("demo"))["files"]) == 2
    assert is_gone(world.store.read_page(note))
    assert not is_gone(world.release_json("demo", "1"))
    assert world.complaints() == []


def test_deleting_a_file_then_its_release_then_the_project(world: World) -> None:
    file, sdist = world.file(WHEEL.filename), world.file(SDIST.filename)
    world.show(actions.delete_file(file, by=world.actor))
    assert [each["filename"] for each in said(world.simple("demo"))["files"]] == [SDIST.filename]
    assert not is_gone(world.store.read_page(withheld(file.blake2, file.filename).key))
    assert world.complaints() == []
    world.show(actions.delete_release(world.release("demo", "1.0"), by=OPERATOR))
    page = said(world.simple("demo"))
    assert (page["files"], page["versions"]) == ([], [])
    assert is_gone(world.json("demo"))
    assert is_gone(world.release_json("demo", "1"))
    assert not is_gone(world.store.read_page(withheld(sdist.blake2, sdist.filename).key))
    assert world.complaints() == []
    for built in (WHEEL, SDIST):
        with pytest.raises(Refused, match="previously used by a file that has since been deleted"):
            world.upload(built)
    world.upload(forge.wheel("demo", "1.0", tag="py3.py2-none-any", files={"demo/other.py": b""}))
    assert said(world.simple("demo"))["versions"] == ["1.0"]
    world.show(actions.delete_project(world.project("demo"), by=world.actor))
    assert is_gone(world.simple("demo"))
    assert is_gone(world.simple_html("demo"))
    assert said(world.listed())["projects"] == []
    assert world.complaints() == []
    with pytest.raises(Missing, match="no project named"):
        world.project("demo")
    with pytest.raises(Refused, match="used by a project that has since been deleted"):
        world.upload(forge.wheel("demo", "7.0"))
    assert Deletion.objects.get().by == world.user
    assert not Role.objects.exists()
    assert Project.objects.count() == 1
    actions_told = Entry.objects.order_by("serial").values_list("action", flat=True)
    assert list(actions_told)[5:] == [
        f"remove file {WHEEL.filename}",
        "remove release",
        "new release",
        "add py3.py2 file demo-1.0-py3.py2-none-any.whl",
        "remove project",
    ]


def test_equal_versions_are_one_release(world: World) -> None:
    world.upload(forge.wheel("demo", "1.0.0", tag="py2-none-any"))
    assert said(world.simple("demo"))["versions"] == ["1.0"]
    assert len(said(world.release_json("demo", "1"))["urls"]) == 3


def test_the_display_name_is_the_archives(world: World) -> None:
    built = forge.wheel("fancy_tool", "1", metadata=forge.core_metadata("Fancy.Tool", "1"))
    world.upload(built)
    listed = {each["name"]: each["_last-serial"] for each in said(world.listed())["projects"]}
    assert listed == {"demo": 5, "Fancy.Tool": 9}
    assert said(world.simple("fancy-tool"))["name"] == "fancy-tool"
    assert said(world.json("fancy-tool"))["info"]["name"] == "Fancy.Tool"


def test_names_that_mean_nothing(world: World) -> None:
    for ask in (
        lambda: world.release("demo", "9"),
        lambda: world.project("nothing"),
        lambda: file_of(world.release("demo", "1"), "nothing-1.0.tar.gz"),
    ):
        with pytest.raises(Missing):
            ask()
