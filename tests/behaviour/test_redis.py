"""How many new projects a user may make, counted in Redis or, where there is none, in the database; and what happens
when nobody can count."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from archives import forge
from inside import query
from redis_server import Redis, running_redis
from serving import PASSWORD, Answer, Server, environment, run, serving
from uploading import upload

NUMBERS = count()
PROBLEM = {"Accept": "application/problem+json"}
AT_MOST = 20
SOON = 4.0  # seconds: one for an answer that does not come, the rest for a machine with much to do


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running_redis() as running:
        yield running


@pytest.fixture(scope="module")
def counted(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that counts in Redis."""
    with serving(tmp_path_factory.mktemp("redis"), ENTREPOT_CACHE_URL=redis.url) as running:
        yield running


def new_user(server: Server) -> str:
    """A token of a user who is nobody special."""
    name = f"user{next(NUMBERS)}"
    server.command("user", "create", name, "--email", f"{name}@example.org", "--password-stdin", stdin=PASSWORD)
    return server.new_token(name)


def new_project(server: Server, token: str, name: str = "") -> Answer:
    return add_file(server, token, name or f"project{next(NUMBERS)}x", "1.0")


def add_file(server: Server, token: str, name: str, version: str) -> Answer:
    built = forge.wheel(name, version)
    return upload(server, built.filename, built.data, name=name, version=version, token=token, headers=PROBLEM)


def add_sdist(server: Server, token: str, name: str, version: str) -> Answer:
    built = forge.sdist(name, version)
    return upload(server, built.filename, built.data, name=name, version=version, token=token, headers=PROBLEM)


def check_the_limit(server: Server) -> None:
    token = new_user(server)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: new_project(server, token), range(AT_MOST + 2)))
    assert sorted(each.status for each in answers) == [200] * AT_MOST + [429] * 2
    refused = next(each for each in answers if each.status == 429)
    assert refused.json()["code"] == "too-many-projects"
    assert 3000 < int(refused.headers["retry-after"]) <= 3600
    assert new_project(server, new_user(server)).status == 200
    assert new_project(server, server.token).status == 200


def test_new_projects_are_counted_in_redis(counted: Server) -> None:
    check_the_limit(counted)
    assert query(counted, "SELECT 1 FROM accounts_counter") == []


def test_new_projects_are_counted_in_the_database(server: Server) -> None:
    check_the_limit(server)


def test_an_hour_later_there_is_room_again(server: Server) -> None:
    token = new_user(server)
    assert new_project(server, token).status == 200
    ((user,),) = query(server, "SELECT max(id) FROM accounts_user")
    spent = "UPDATE accounts_counter SET uses = '[1577836800.0]' WHERE name = ?"
    for _ in range(AT_MOST - 1):
        assert new_project(server, token).status == 200
    assert new_project(server, token).status == 429
    query(server, spent, f"new-projects user {user}")
    assert new_project(server, token).status == 200
    ((uses,),) = query(server, "SELECT uses FROM accounts_counter WHERE name = ?", f"new-projects user {user}")
    assert len(json.loads(str(uses))) == 1


def test_a_private_index_counts_nothing(own_server: Server) -> None:
    own_server.command("policy", "private")
    token = new_user(own_server)
    assert [new_project(own_server, token).status for _ in range(AT_MOST + 1)] == [200] * (AT_MOST + 1)


def test_without_redis_only_new_projects_and_releases_have_to_wait(counted: Server, redis: Redis) -> None:
    token = new_user(counted)
    for trouble in (redis.stopped, redis.paused):
        name = f"kept{next(NUMBERS)}x"
        assert new_project(counted, token, name).status == 200
        with trouble():
            begun = time.monotonic()
            refused = new_project(counted, token)
            assert (refused.status, refused.json()["code"]) == (503, "limits-unavailable")
            assert refused.headers["retry-after"] == "30"
            assert time.monotonic() - begun < SOON
            with ThreadPoolExecutor(4) as threads:
                waiting = [threads.submit(new_project, counted, token) for _ in range(3)]
                begun = time.monotonic()
                assert add_sdist(counted, token, name, "1.0").status == 200
                assert counted.get(f"/simple/{name}/").status == 200
                assert time.monotonic() - begun < SOON
                assert {each.result().status for each in waiting} == {503}
            assert new_project(counted, counted.token).status == 200
            assert add_file(counted, token, name, "2.0").json()["code"] == "limits-unavailable"
        assert add_file(counted, token, name, "2.0").status == 200


def test_without_redis_the_management_api_can_be_read(counted: Server, redis: Redis) -> None:
    """Calls are counted, and when nobody can, nothing is changed; nor is anybody told that a token is invalid."""
    token, name = counted.new_token("alice", "--may", "read", "--may", "yank"), f"read{next(NUMBERS)}x"
    assert new_project(counted, counted.token, name).status == 200

    def ask(method: str, path: str, token: str = token) -> Answer:
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return counted.request(method, f"/api/v1/projects/{name}{path}", b"{}" if method == "PUT" else b"", sent)

    assert ask("GET", "").headers["ratelimit"].startswith('"api";r=3599;')
    with redis.stopped():
        read = ask("GET", "")
        assert (read.status, "ratelimit" in read.headers) == (200, False)
        for refused in (ask("PUT", "/releases/1.0/yank"), ask("GET", "", f"{token}x")):
            assert (refused.status, refused.json()["code"]) == (503, "limits-unavailable")
    assert ask("PUT", "/releases/1.0/yank").status == 200
    assert counted.page(name)["files"][0]["yanked"]


def test_a_redis_that_forgot_everything(counted: Server, redis: Redis) -> None:
    token = new_user(counted)
    redis.forget()
    assert new_project(counted, token).status == 200


def test_the_cache_is_shared_by_all_processes(counted: Server, redis: Redis) -> None:
    def say(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", f"import entrepot.boot; from django.core.cache import cache; {code}"],
            env=environment(ENTREPOT_DATA=str(counted.data), ENTREPOT_CACHE_URL=redis.url),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    say("cache.set('figure', 7, 60)")
    assert say("print(cache.get('figure'))") == "7"


def test_a_cache_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_CACHE_URL", "memcached://localhost")
    done = run(tmp_path, "verify", check=False)
    assert (done.returncode, "ENTREPOT_CACHE_URL: a cache is given as" in done.stderr) == (1, True), done
