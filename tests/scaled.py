"""An index of many parts: PostgreSQL, Redis, S3, Varnish, and each part of Entrepot by its own command."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from apart import running
from chaos import Wire
from inside import parts
from postgres import Cluster, running_cluster
from redis_server import Redis, running_redis
from serving import DATABASE, PASSWORD, Server, run
from swift import Swift
from varnish import Cache, cdn_url, new_cache

SECRET = "a secret that all machines have in common"


@dataclass(frozen=True)
class Scaled:
    """What it consists of. `site` is how people and installers reach it, through the cache; `edge` the read plane
    alone; `to_store` and `to_cache` are the wires to S3 and, for purges, to Varnish."""

    site: Server
    edge: Server
    commands: list[Server]
    cluster: Cluster
    redis: Redis
    swift: Swift
    cache: Cache
    to_store: Wire
    to_cache: Wire

    def processes(self) -> list[int]:
        """All that may be killed and is started again: the parts below the supervisors."""
        return [process for each in self.commands for process in parts(each)]


@contextmanager
def scaled(folder: Path, swift: Swift) -> Iterator[Scaled]:
    """All of it; every command that the tests start until the end belongs to it."""
    with ExitStack() as stack:
        environ = stack.enter_context(pytest.MonkeyPatch.context())
        cluster = stack.enter_context(running_cluster())
        redis = stack.enter_context(running_redis())
        cache = stack.enter_context(new_cache())
        to_store = stack.enter_context(Wire(("127.0.0.1", swift.ports[0])).running())
        to_cache = stack.enter_context(Wire(("127.0.0.1", cache.port)).running())
        bucket = swift.new_bucket().replace(f"%3A{swift.ports[0]}", f"%3A{to_store.port}")
        settings = {
            DATABASE: cluster.new_database().url,
            "ENTREPOT_STORE_URL": bucket,
            "ENTREPOT_CACHE_URL": redis.url,
            "ENTREPOT_CDN_URL": cdn_url(f"127.0.0.1:{to_cache.port}"),
            "ENTREPOT_PUBLIC_URL": cache.url,
            "ENTREPOT_SECRET": SECRET,
            **swift.environment,
        }
        for name, value in settings.items():
            environ.setenv(name, value)
        run(folder / "command", "migrate")
        user = ("user", "create", "alice", "--email", "alice@example.org", "--password-stdin", "--superuser")
        run(folder / "command", *user, stdin=PASSWORD)
        token = run(folder / "command", "token", "create", "alice").stdout.strip()
        webs = [stack.enter_context(running("web", folder / f"web{number}")) for number in range(2)]
        edge = stack.enter_context(running("edge", folder / "edge"))
        workers = [stack.enter_context(running("work", folder / f"work{number}")) for number in range(2)]
        cache.start(webs[0].url)
        site = replace(webs[0], url=cache.url, token=token)
        yield Scaled(site, edge, [*webs, edge, *workers], cluster, redis, swift, cache, to_store, to_cache)
