"""How often search may be asked: each process counts by itself, so this is asked of the one of the tests."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_nobody_asks_too_often(client: Client) -> None:
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
