"""Things break while people publish and install; afterwards nothing is lost, and meanwhile nothing was wrong.

`make faults` runs these for longer (FAULTS: seconds for each), with another SEED each time.
"""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from archives import forge
from chaos import Mood
from inside import eventually, parts, query
from scaled import Scaled, scaled
from serving import Server, serving
from swift import Swift
from traffic import Traffic
from uploading import authorization, form, upload

LASTING = float(os.environ.get("FAULTS", "2.5"))  # seconds
SEED = int(os.environ.get("SEED", "1"))


def chance() -> random.Random:
    return random.Random(SEED)  # noqa: S311


def at_random_moments(longest: float = 0.7) -> Iterator[None]:
    """Again and again, until the time is over."""
    moments, end = chance(), time.monotonic() + LASTING
    while time.monotonic() < end:
        time.sleep(moments.uniform(0, longest))
        yield


def check(traffic: Traffic) -> None:
    """The invariants: what was acknowledged is there, the serials have no gap, the index is sound."""
    print(traffic.summary())  # noqa: T201
    traffic.check()
    serials = [serial for (serial,) in query(traffic.server, "SELECT serial FROM journal_entry ORDER BY serial")]
    assert serials == list(range(1, len(serials) + 1))
    eventually(lambda: query(traffic.server, "SELECT 1 FROM journal_dirty") == [], within=60)
    traffic.server.command("verify")


@pytest.mark.parametrize("part", ["web", "work", ""])
def test_processes_are_killed(own_server: Server, part: str) -> None:
    traffic, moments = Traffic(own_server, own_server.url, SEED), chance()
    with traffic.flowing():
        for _ in at_random_moments():
            if found := parts(own_server, part):
                os.kill(moments.choice(found), signal.SIGKILL)
    check(traffic)
    assert list((own_server.data / "uploads").iterdir()) == []


def test_everything_is_killed_at_once(tmp_path: Path) -> None:
    data, acknowledged = tmp_path / "data", []  # type: ignore[var-annotated]
    for turn in range(max(2, int(LASTING / 4))):
        with serving(data) as server:
            traffic = Traffic(server, server.url, SEED + turn, acknowledged)
            with traffic.flowing():
                enough = len(acknowledged) + chance().randint(3, 30)
                eventually(lambda traffic=traffic, enough=enough: len(traffic.acknowledged) > enough)  # type: ignore[misc]
                for process in [server.process.pid, *parts(server)]:
                    os.kill(process, signal.SIGKILL)
                traffic.give_up()
            assert traffic.faults == []
    with serving(data) as server:
        check(Traffic(server, server.url, acknowledged=acknowledged))


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A file system of its own at `path`, held in memory."""
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=False)
    if done.returncode:
        pytest.skip("this needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_the_disk_is_full_now_and_then(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "64m"), serving(disk / "data") as server:
        traffic = Traffic(server, server.url, SEED)
        with traffic.flowing():
            for _ in at_random_moments():
                with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
                    while True:
                        filler.write(bytes(4096))
                refused = traffic.uploads["503"]
                eventually(lambda refused=refused: traffic.uploads["503"] > refused)  # type: ignore[misc]
                (disk / "filler").unlink()
        assert traffic.reads["no answer"] == 0
        check(traffic)


def test_clients_that_are_slow(own_server: Server) -> None:
    large = forge.wheel("large", files={"large/data.bin": chance().randbytes(5_000_000)})
    assert upload(own_server, large.filename, large.data, name="large", version="1.0").status == 200
    address, path = urlsplit(own_server.url), own_server.page("large")["files"][0]["url"].removeprefix("../..")
    body, kind = form([(":action", "file_upload")], [("content", large.filename, large.data)])
    head = [f"{name}: {value}" for name, value in authorization(own_server.token).items()]
    sending = "\r\n".join(
        ["POST /legacy/ HTTP/1.1", "Host: x", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *head, "", ""]
    )
    asking = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
    traffic = Traffic(own_server, own_server.url, SEED)
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection((address.hostname, address.port))) for _ in range(60)]
        for number, each in enumerate(sockets):
            each.sendall((sending if number % 2 else asking).encode())
        with traffic.flowing():
            for moment, _ in enumerate(at_random_moments()):
                for each in sockets[1::2]:
                    each.sendall(body[moment : moment + 1])
    assert set(traffic.uploads) == {"200"}
    assert set(traffic.reads) == {"200", "file 200"}
    check(traffic)
    assert list((own_server.data / "uploads").iterdir()) == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, swift: Swift) -> Iterator[Scaled]:
    """An index of many parts."""
    with scaled(tmp_path_factory.mktemp("many"), swift) as running:
        yield running


def interrupted(many: Scaled, seed: str, trouble: Callable[[], AbstractContextManager[object]]) -> Traffic:
    """People at work while there is trouble again and again; afterwards all is well."""
    traffic = Traffic(many.site, many.site.url, SEED * 1000 + sum(seed.encode()))
    with traffic.flowing():
        eventually(lambda: traffic.reads["file 200"] > 2, within=60)
        for _ in at_random_moments():
            with trouble():
                time.sleep(min(LASTING, chance().uniform(1, 5)))
    check(traffic)
    return traffic


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_postgresql(many: Scaled, how: str) -> None:
    traffic = interrupted(many, f"postgresql {how}", getattr(many.cluster, how))
    assert set(traffic.reads) == {"200", "file 200"}


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_redis(many: Scaled, how: str) -> None:
    traffic = interrupted(many, f"redis {how}", getattr(many.redis, how))
    assert set(traffic.reads) == {"200", "file 200"}


@pytest.mark.parametrize("mood", [Mood.SLOW, Mood.BUSY, Mood.CUT, Mood.HOLD])
def test_s3(many: Scaled, mood: Mood) -> None:
    interrupted(many, f"s3 {mood.value}", lambda: many.to_store.being(mood))


@pytest.mark.parametrize("mood", [Mood.CUT, Mood.HOLD])
def test_purges_are_lost(many: Scaled, mood: Mood) -> None:
    traffic = interrupted(many, f"purges {mood.value}", lambda: many.to_cache.being(mood))
    assert set(traffic.reads) == {"200", "file 200"}


def test_parts_are_killed(many: Scaled) -> None:
    @contextmanager
    def kill() -> Iterator[None]:
        os.kill(chance().choice(many.processes()), signal.SIGKILL)
        yield

    interrupted(many, "killed", kill)


def test_the_cache_loses_everything(many: Scaled) -> None:
    @contextmanager
    def restart() -> Iterator[None]:
        many.cache.stop()
        many.cache.start(many.commands[1].url)
        yield

    interrupted(many, "cache", restart)
