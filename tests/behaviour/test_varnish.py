"""A server behind a real Varnish: what installers and attackers see, and what happens when one of the two is lost."""

import hashlib
import http.client
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
from bench import mix

from archives import forge
from clients import Installer, Machine, installed_version, pip_install, uv_install
from inside import eventually, query
from scripted import Asked, Reply, scripted
from serving import Answer, Server
from uploading import authorization, upload
from varnish import TOKEN, Behind, Cache, cdn_url, new_cache, serving_behind

JSON = "application/vnd.pypi.simple.v1+json"
VARIANTS = [
    {"accept": accept, "accept_encoding": coding}
    for accept in (mix.PIP.page["Accept"], mix.UV.page["Accept"], "text/html", "application/vnd.pypi.simple.v1+html")
    for coding in ("", "identity", mix.PIP.page["Accept-Encoding"], mix.UV.page["Accept-Encoding"], "br")
]
numbers = count()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    with new_cache() as cache, serving_behind(tmp_path_factory.mktemp("behind") / "data", cache) as origin:
        made = Behind(cache, origin)
        eventually(lambda: owed(origin) == [])
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Behind]:
    """A cache and a server that one test may break."""
    with new_cache() as cache, serving_behind(tmp_path / "data", cache) as origin:
        eventually(lambda: owed(origin) == [])
        yield Behind(cache, origin)


@pytest.fixture
def name() -> str:
    """A project name that no other test takes, and that is not similar to theirs."""
    number = next(numbers)
    return "varnished-" + "".join("abcdefgh"[number >> shift & 7] for shift in (6, 3, 0))


def publish(site: Server, name: str, version: str = "1.0") -> Answer:
    """Upload a wheel."""
    built = forge.wheel(name.replace("-", "_"), version, metadata=forge.core_metadata(name, version))
    return upload(site, built.filename, built.data, name=name, version=version)


def owed(server: Server) -> list[str]:
    """What is owed: the errors, empty for what was not tried."""
    return [str(error) for (error,) in query(server, "SELECT error FROM journal_dirty")]


def seen(site: Server, name: str) -> list[tuple[int, str]]:
    """The status and the serial of a project's page in every variant that clients ask for."""
    answers = [site.get(f"/simple/{name}/", **variant) for variant in VARIANTS]
    return [(answer.status, answer.headers.get("x-pypi-last-serial", "")) for answer in answers]


def state(site: Server, name: str) -> tuple[list[str], list[object], str]:
    """Versions, what is yanked, and the status, as a client reads them."""
    page = site.page(name)
    return page["versions"], [file["yanked"] for file in page["files"]], page["project-status"]["status"]


@pytest.mark.parametrize("install", [pip_install, uv_install])
def test_installers_see_a_new_version_at_once(behind: Behind, name: str, install: Installer, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    for version in ("1.0", "1.1", "1.2"):
        answer = publish(behind.site, name, version)
        assert (answer.status, answer.headers.get("x-entrepot-publication")) == (200, None)
        install(machine, behind.site, machine.environment(), "--upgrade", name).succeeded()
        assert installed_version(machine.environment(), name) == version


def test_every_variant_shows_every_change_at_once(behind: Behind, name: str) -> None:
    site = behind.site
    seen_before: set[str] = set()
    for act in (
        lambda: publish(site, name, "1.0"),
        lambda: publish(site, name, "1.1"),
        lambda: behind.origin.command("yank", name, "1.0"),
        lambda: behind.origin.command("unyank", name, "1.0"),
        lambda: behind.origin.command("delete", name, "1.0"),
        lambda: behind.origin.command("status", name, "archived"),
    ):
        act()
        (told,) = set(seen(site, name))
        assert told[0] == 200
        assert told[1] not in seen_before
        seen_before.add(told[1])
    assert state(site, name) == (["1.1"], [False], "archived")
    behind.origin.command("delete", name)
    assert set(seen(site, name)) == {(404, "")}
    assert site.get(f"/pypi/{name}/json").status == 404


def test_a_page_that_was_missing_a_moment_ago(behind: Behind, name: str) -> None:
    assert set(seen(behind.site, name)) == {(404, "")}
    publish(behind.site, name)
    assert {status for status, _ in seen(behind.site, name)} == {200}


def test_a_file_is_taken_down_and_comes_back(behind: Behind, name: str) -> None:
    publish(behind.site, name)
    (file,) = behind.site.page(name)["files"]
    path = "/" + file["url"].removeprefix("../../")
    sidecar = f"{path}.metadata"
    whole = behind.site.get(path)
    assert hashlib.sha256(whole.body).hexdigest() == file["hashes"]["sha256"]
    assert [behind.site.get(each).headers["x-cache"] for each in (path, sidecar, sidecar)] == ["hit", "miss", "hit"]
    assert behind.site.get(path, range="bytes=0-9").body == whole.body[:10]
    behind.origin.command("status", name, "quarantined")
    assert [behind.site.get(each).status for each in (path, sidecar)] == [404, 404]
    behind.origin.command("status", name, "active")
    assert behind.site.get(path).body == whole.body


def test_a_page_is_fetched_once_for_all_clients_that_are_alike(behind: Behind, name: str) -> None:
    publish(behind.site, name)
    before = behind.cache.counted()["MAIN.backend_req"]
    for program in (mix.PIP, mix.UV):
        for _ in range(3):
            answer = behind.site.get(
                f"/simple/{name}/?x={next(numbers)}", **{key.replace("-", "_"): v for key, v in program.page.items()}
            )
            assert answer.headers["x-cache"] == "hit"
            again = behind.site.get(
                f"/simple/{name}/",
                if_none_match=answer.headers["etag"],
                **{key.replace("-", "_"): v for key, v in program.page.items()},
            )
            assert (again.status, again.body) == (304, b"")
    assert behind.cache.counted()["MAIN.backend_req"] == before


def test_what_is_asked_with_credentials_is_not_kept(behind: Behind, name: str) -> None:
    publish(behind.site, name)
    sent = {"Accept": JSON, **authorization(behind.origin.token)}
    answer = behind.site.request("GET", f"/simple/{name}/", headers=sent)
    assert (answer.status, answer.headers["x-cache"]) == (200, "pass")


@pytest.mark.parametrize("path", ["/_metrics/", "/%5Fmetrics/", "/_ready/", "/_%72eady/"])
def test_figures_are_for_the_inside(behind: Behind, path: str) -> None:
    assert behind.site.get(path).status == 404
    assert behind.site.get("/_health/").status == 200


def test_nobody_purges_without_the_token(behind: Behind, name: str) -> None:
    publish(behind.site, name)
    purge = {"Surrogate-Key": f"project/{name}", "Authorization": f"Bearer not {TOKEN}"}
    assert behind.site.request("PURGE", f"/simple/{name}/", headers=purge).status == 403
    assert behind.site.get(f"/simple/{name}/", accept=JSON).headers["x-cache"] == "hit"


def test_uploads_are_refused_through_the_cache_as_without_it(behind: Behind, name: str) -> None:
    answer = upload(behind.site, "wrong-1.0.tar.gz", b"no archive", name=name, version="1.0")
    direct = upload(behind.origin, "wrong-1.0.tar.gz", b"no archive", name=name, version="1.0")
    assert (answer.status, answer.reason, answer.body) == (direct.status, direct.reason, direct.body)


def test_reads_go_on_while_the_origin_stands_still(own: Behind, name: str) -> None:
    publish(own.site, name)
    (file,) = own.site.page(name)["files"]
    path = "/" + file["url"].removeprefix("../../")
    own.site.get(path)
    seen(own.site, name)
    with own.paused():
        assert {status for status, _ in seen(own.site, name)} == {200}
        assert own.site.get(path).status == 200
        # Also what was purged just before, whether or not the cache knows yet what is wrong.
        purge = {"Surrogate-Key": f"project/{name}", "Soft-Purge": "1", "Authorization": f"Bearer {TOKEN}"}
        assert own.site.request("PURGE", "/", headers=purge).status == 200
        answer = own.site.get(f"/simple/{name}/", accept=JSON)
        assert (answer.status, answer.headers["x-entrepot-stale"]) == (200, "1")
        eventually(own.sick)
        assert own.site.get(f"/simple/{name}/", accept=JSON).headers["x-cache"] == "stale"
        assert own.site.get("/simple/never-asked-for/").status == 503
    eventually(lambda: not own.sick())
    eventually(lambda: "x-entrepot-stale" not in own.site.get(f"/simple/{name}/", accept=JSON).headers)
    # The cache takes the origin for healthy when two of three questions were answered; until then it says 503.
    eventually(lambda: publish(own.site, name, "1.1").status == 200)
    eventually(lambda: own.site.page(name)["versions"] == ["1.0", "1.1"])


def test_reads_go_on_when_the_origin_is_killed(own: Behind, name: str) -> None:
    publish(own.site, name)
    assert {status for status, _ in seen(own.site, name)} == {200}
    own.origin.process.kill()
    own.origin.process.wait()
    eventually(own.sick)
    purge = {"Surrogate-Key": f"project/{name}", "Soft-Purge": "1", "Authorization": f"Bearer {TOKEN}"}
    assert own.site.request("PURGE", "/", headers=purge).status == 200
    assert {status for status, _ in seen(own.site, name)} == {200}
    assert upload(own.site, "a-1.0.tar.gz", b"", name="a", version="1.0").status == 503


def test_uploads_go_on_while_the_cache_is_lost_and_it_shows_everything_afterwards(own: Behind, name: str) -> None:
    publish(own.site, name)
    own.cache.stop()
    answer = publish(own.origin, name, "1.1")
    assert (answer.status, answer.headers["x-entrepot-publication"]) == (200, "pending")
    assert all(error.startswith("PurgeFailed: ") for error in owed(own.origin))
    assert TOKEN not in " ".join(owed(own.origin))
    assert own.origin.page(name)["versions"] == ["1.0", "1.1"]
    own.cache.start(own.origin.url)
    assert own.site.page(name)["versions"] == ["1.0", "1.1"]
    eventually(lambda: owed(own.origin) == [])


def test_commands_say_that_the_cache_was_not_told(own: Behind, name: str) -> None:
    publish(own.site, name)
    own.cache.stop()
    told = own.origin.command("yank", name, "1.0")
    assert "Recorded; readers will see it as soon as" in told.stderr


class Lossy:
    """A proxy in front of a cache that answers PURGE by itself, as long as it is told to lose them."""

    def __init__(self) -> None:
        self.losing = True
        self.lost = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.cache: Cache | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listening.getsockname()[1]}"

    def serve(self) -> None:
        """One request for each connection, until the socket is shut."""
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        assert self.cache is not None
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = connection.recv(65536)
                if not chunk:  # the client had no use for the connection
                    return
                head += chunk
            if head.startswith(b"PURGE") and self.losing:
                self.lost += 1
                connection.sendall(b"HTTP/1.1 200 Purged\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            line, _, rest = head.partition(b"\r\n")
            with socket.create_connection(("127.0.0.1", self.cache.port)) as onward:
                onward.sendall(line + b"\r\nConnection: close\r\n" + rest.replace(b"Connection: keep-alive\r\n", b""))
                while chunk := onward.recv(65536):
                    connection.sendall(chunk)


@contextmanager
def losing_purges() -> Iterator[Lossy]:
    lossy = Lossy()
    thread = Thread(target=lossy.serve)
    thread.start()
    try:
        yield lossy
    finally:
        lossy.listening.shutdown(socket.SHUT_RDWR)
        lossy.listening.close()
        thread.join()


def test_a_purge_that_is_lost_on_its_way_is_noticed_and_sent_again(name: str, tmp_path: Path) -> None:
    with new_cache() as cache, losing_purges() as lossy:
        lossy.cache = cache
        with serving_behind(tmp_path / "data", cache, purged_at=lossy.address) as origin:
            behind = Behind(cache, origin)
            publish(behind.site, name)
            seen(behind.site, name)
            answer = publish(behind.site, name, "1.1")
            assert (answer.status, answer.headers.get("x-entrepot-publication")) == (200, "pending")
            assert behind.site.page(name)["versions"] == ["1.0"]
            assert lossy.lost >= 2
            assert any(error.startswith("NotShown: ") and name in error for error in owed(origin))
            lossy.losing = False
            eventually(lambda: owed(origin) == [], within=60)
            assert behind.site.page(name)["versions"] == ["1.0", "1.1"]
            assert len(set(seen(behind.site, name))) == 1


def test_all_caches_are_told(name: str, tmp_path: Path) -> None:
    with new_cache() as one, new_cache() as two, serving_behind(tmp_path / "data", one, two) as origin:
        eventually(lambda: owed(origin) == [])
        for version in ("1.0", "1.1"):
            assert "x-entrepot-publication" not in publish(origin, name, version).headers
            for cache in (one, two):
                assert Behind(cache, origin).site.page(name)["versions"][-1] == version
        two.stop()
        assert publish(origin, name, "1.2").headers["x-entrepot-publication"] == "pending"


def test_pages_that_nothing_accounts_for_need_the_caches_too(own: Behind, name: str) -> None:
    publish(own.site, name)
    shown = own.origin.data / "store/pages/main/simple" / name
    stray = shown.with_name("stray")
    stray.mkdir()
    (stray / "index.json").write_bytes((shown / "index.json").read_bytes())
    assert own.site.get("/simple/stray/", accept=JSON).status == 200
    own.origin.command("rebuild")
    assert own.site.get("/simple/stray/", accept=JSON).status == 404


def test_a_cache_that_keeps_what_was_removed_is_named(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(own_server, "demo")

    def keep(asked: Asked) -> Reply:
        if asked.method == "PURGE":
            return Reply(200 if "soft-purge" in asked.headers else 503)
        sent = own_server.request(asked.method, asked.target, headers=asked.headers)
        return Reply(sent.status, {"ETag": sent.headers.get("etag", ""), "Content-Length": "0"})

    with scripted(keep) as cache:
        monkeypatch.setenv("ENTREPOT_CDN_URL", cdn_url(f"127.0.0.1:{cache.port}"))
        assert own_server.command("rebuild").returncode == 0
        stray = own_server.data / "store/pages/main/simple/stray"
        shutil.copytree(stray.with_name("demo"), stray)
        told = own_server.command("rebuild", check=False)
        assert told.returncode == 1
        assert f"Removed pages may stay in a cache for a day: http://127.0.0.1:{cache.port} refuses: 503" in told.stderr


def test_hits(own: Behind) -> None:
    """Two thousand times as many reads as uploads, a tenth of what the public index sees, on a warm cache."""
    projects = [f"mixed-{''.join('abcdefgh'[n >> shift & 7] for shift in (6, 3, 0))}" for n in range(100)]
    for project in projects:
        assert publish(own.origin, project).status == 200
    eventually(lambda: owed(own.origin) == [])
    with closing(http.client.HTTPConnection("127.0.0.1", own.cache.port, timeout=30)) as connection:

        def get(path: str, headers: Mapping[str, str]) -> mix.Told:
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return mix.Told(response.status, named, response.read())

        warm = [mix.Client(mix.PIP), mix.Client(mix.UV)]
        for client in warm:
            for project in projects:
                client.install(project, get)
        before = own.cache.counted()
        for event in mix.mix(projects, visits=3_000, uploads=2):
            if isinstance(event, mix.Upload):
                assert publish(own.site, event.project, event.version).status == 200
            else:
                event.client.install(event.project, get)
        after = own.cache.counted()
    asked, fetched = (after[name] - before[name] for name in ("MAIN.client_req", "MAIN.backend_req"))
    assert asked > 5_000
    assert 1 - fetched / asked >= 0.98, (asked, fetched)
