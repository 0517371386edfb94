"""The simple pages of a project and of an index, in both forms: documents as pages at their places."""

from collections.abc import Iterator

from entrepot import layout, render
from entrepot.documents import ProjectDetail, ProjectList
from entrepot.layout import Form, Place
from entrepot.names import ProjectName
from entrepot.page import Page

Pages = Iterator[tuple[Place, Page]]


def project_list(shown: ProjectList, *, serial: int) -> Pages:
    """The list of all projects, built at `serial`."""
    for form, body in ((Form.JSON, render.project_list_json(shown)), (Form.HTML, render.project_list_html(shown))):
        yield layout.project_list(form), Page.of(body, serial=serial, last_serial=shown.last_serial)


def project(detail: ProjectDetail, *, url: str, serial: int) -> Pages:
    """A project's pages, built at `serial`. `url` is the index's public one."""
    for form, body in (
        (Form.JSON, render.project_json(detail, url=url)),
        (Form.HTML, render.project_html(detail, url=url)),
    ):
        yield layout.project_page(detail.name, form), Page.of(body, serial=serial, last_serial=detail.last_serial)


def no_project(name: ProjectName, *, serial: int) -> Pages:
    """The record that there are no such pages any more."""
    for form in Form:
        yield layout.project_page(name, form), Page.gone(serial=serial)


def file_note(blake2: str, filename: str, *, offered: bool, serial: int) -> Pages:
    """What stands at the note that takes a file down: nothing while the file is offered."""
    page = Page.gone(serial=serial) if offered else Page.of(render.withheld_note(), serial=serial, last_serial=0)
    yield layout.withheld(blake2, filename), page
