"""What all tests share."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser

from browsing import running_browser
from postgres import running_cluster
from serving import DATABASES, Server, serving
from swift import Swift, running_swift

settings.register_profile("entrepot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("entrepot")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="where servers keep rows")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: about files of SQLite; left out with another --database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database") == "sqlite":
        return
    for each in items:
        if each.get_closest_marker("embedded"):
            each.add_marker(pytest.mark.skip(reason="is about SQLite"))


@pytest.fixture(scope="session", autouse=True)
def databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--database postgresql`, every data directory gets a database in a cluster of this run's own."""
    if request.config.getoption("--database") == "sqlite":
        yield
        return
    with running_cluster() as cluster:
        DATABASES.url_of = cache(lambda _data: cluster.new_database().url)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A public index for tests that do not mind each other's projects."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same, for people with browsers: behind a proxy, so that each of them has an address of their own."""
    with serving(tmp_path_factory.mktemp("site"), ENTREPOT_PROXIES="1") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; each test visits with a profile of its own."""
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def swift() -> Iterator[Swift]:
    """An S3 server. Whoever stops it starts it again."""
    with running_swift() as running:
        yield running


@pytest.fixture
def bucket(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket; this process, and those that it starts, have the credentials."""
    for name, value in swift.environment.items():
        monkeypatch.setenv(name, value)
    return swift.new_bucket()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """An empty public index for one test."""
    with serving(tmp_path / "data") as running:
        yield running
