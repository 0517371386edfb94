"""What a search costs: how often one may ask, and how many queries of the database it takes."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from entrepot.search.engines import engine
from entrepot.search.port import Document

pytestmark = pytest.mark.django_db


def test_nobody_asks_too_often(client: Client) -> None:
    """Each process counts by itself, so this is asked of the one of the tests."""
    statuses = [client.get("/search/?format=json", REMOTE_ADDR="192.0.2.1").status_code]
    while statuses[-1] == 200:
        assert len(statuses) < 200
        statuses.append(client.get("/search/?format=json", REMOTE_ADDR="192.0.2.1").status_code)
    assert len(statuses) > 60
    refused = client.get("/search/", REMOTE_ADDR="192.0.2.1")
    assert (refused.status_code, refused["Cache-Control"]) == (429, "no-store")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert "asked too often" in refused.content.decode()
    assert client.get("/search/suggestions/?q=spam", REMOTE_ADDR="192.0.2.1").status_code == 200
    assert client.get("/search/", REMOTE_ADDR="192.0.2.2").status_code == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/search/", 2),
        ("/search/?q=egg", 7),
        ("/search/?q=eggs&c=Framework", 7),
        ("/search/?q=spam&c=Framework", 7),
        ("/search/?q=xyzzy+egg", 16),
        ("/search/suggestions/?q=spam", 1),
    ],
)
def test_more_projects_take_no_more_queries(client: Client, path: str, most: int) -> None:
    counts = []
    for some in (range(1, 5), range(5, 60)):
        engine().put([document(number) for number in some])
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path, REMOTE_ADDR="192.0.2.3").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= most


def document(number: int) -> Document:
    return Document(
        project=number,
        serial=number,
        name=f"spam-{number}",
        display_name=f"spam-{number}",
        version="1.0",
        summary="Fries eggs",
        keywords="",
        description="",
        classifiers=("Framework :: Django",),
        requires_python=">=3.9",
        status="active",
        released_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
