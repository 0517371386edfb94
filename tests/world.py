"""A small index in this process: the actions as commands call them, on a store of its own."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archives import forge
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User
from entrepot.claims import Upload
from entrepot.digests import Hasher
from entrepot.followers import drift, following, pages
from entrepot.followers.following import Follower
from entrepot.journal import documents as owed
from entrepot.layout import Form, project_json, project_list, project_page, release_json
from entrepot.names import ProjectName, parse_filename
from entrepot.page import Page
from entrepot.ports.cdn import Cdn, NoCdn
from entrepot.ports.files import FileStore
from entrepot.projects import queries
from entrepot.projects.models import File, Index, Project, Release
from entrepot.publishing import publish

URL = "https://index.example"


@dataclass
class World:
    """An index, its store, and a user who owns what is uploaded."""

    index: Index
    store: FileStore
    user: User
    cdn: Cdn = field(default_factory=NoCdn)

    @property
    def actor(self) -> Actor:
        """The user, at the operator's command line."""
        return Actor(self.user)

    def upload(self, built: forge.Built, *, shown: bool = True) -> int:
        """Upload a file; with `shown` its pages are published in the same breath, as the API does."""
        hasher = Hasher()
        hasher.update(built.data)
        filename = parse_filename(built.filename)
        serial = publish(
            Upload(
                file=io.BytesIO(built.data),
                digests=hasher.digests(),
                filename=built.filename,
                name=filename.project,
                version=str(filename.version),
                kind=filename.kind,
            ),
            index=self.index,
            by=self.actor,
            store=self.store,
        )
        if shown:
            assert pages.publish_own(serial, store=self.store, cdn=self.cdn)
        return serial

    def project(self, name: str) -> Project:
        return queries.project_named(self.index, name)

    def release(self, name: str, version: str) -> Release:
        return queries.release_of(self.project(name), version)

    def file(self, filename: str) -> File:
        return File.objects.get(filename=filename)

    def show(self, serial: int) -> None:
        """Publish what the action that got `serial` left owed."""
        assert pages.publish_own(serial, store=self.store, cdn=self.cdn)

    def complaints(self) -> list[str]:
        """What `entrepot verify` would say."""
        steps = (*drift.check_pages(store=self.store), *drift.check_files(store=self.store))
        return [complaint for complaints in steps for complaint in complaints]

    def simple(self, name: str) -> Page | None:
        return self.store.read_page(project_page(ProjectName(name), Form.JSON).key)

    def simple_html(self, name: str) -> Page | None:
        return self.store.read_page(project_page(ProjectName(name), Form.HTML).key)

    def listed(self) -> Page | None:
        return self.store.read_page(project_list(Form.JSON).key)

    def json(self, name: str) -> Page | None:
        return self.store.read_page(project_json(ProjectName(name)).key)

    def release_json(self, name: str, version: str) -> Page | None:
        return self.store.read_page(release_json(ProjectName(name), version).key)

    def published(self) -> Mapping[str, tuple[int, bytes]]:
        """All pages that the store shows: key to serial shown and body."""
        return shown_pages(self.store)


def new_world(folder: Path) -> World:
    """An empty index with the user alice."""
    index = Index.objects.create(url=URL)
    user = User.objects.create(username="alice", email="alice@example.org")
    store = FileStore(folder)
    store.prepare()
    pages.publish(owed.project_list(index.pk), store=store, cdn=NoCdn())
    return World(index, store, user)


def follow(*followers: Follower) -> None:
    """Hand on all that was changed, as the worker does."""
    for _ in following.steps(followers):
        pass


def shown_pages(store: FileStore) -> Mapping[str, tuple[int, bytes]]:
    """All pages that a store shows: key to serial shown and body."""
    found = {key: store.read_page(key) for key in store.keys("pages/")}
    return {key: (page.last_serial, page.body) for key, page in found.items() if page and page.variants}
