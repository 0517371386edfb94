"""`entrepot serve` as an operator's tools see it: it says when it is ready, stops in order, and heals itself."""

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import inside
from archives import forge
from entrepot.cli import supervisor
from entrepot.cli.supervisor import Part
from serving import ENTREPOT, Server, environment, serving
from uploading import upload


def start(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """A server that is not to come up."""
    return subprocess.run(
        [*ENTREPOT, "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(**environ),
    )


def publish(server: Server, version: str) -> int:
    built = forge.wheel("demo", version)
    return upload(server, built.filename, built.data, name="demo", version=version).status


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose parts may be killed."""
    with serving(tmp_path_factory.mktemp("parent") / "not" / "yet" / "there", ENTREPOT_PORT="0") as running:
        yield running


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Part]:
    """A worker that has come so far that it ends in order when told to."""
    for name, value in (
        ("ENTREPOT_DATA", str(tmp_path)),
        ("DJANGO_SETTINGS_MODULE", "entrepot.settings"),
        ("PROMETHEUS_MULTIPROC_DIR", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    started = Part("work")
    started.start()
    process = started.process
    assert process is not None
    assert process.stdin is not None
    with process.stdin:
        inside.eventually(lambda: inside.catches(process.pid, signal.SIGTERM))
        yield started


class TestStart:
    def test_ready(self, shared: Server) -> None:
        assert shared.url.startswith("http://127.0.0.1:")
        assert shared.get("/_health/").status == 200

    def test_the_port_is_taken(self, shared: Server, tmp_path: Path) -> None:
        port = str(urlsplit(shared.url).port)
        done = start("--data", str(tmp_path / "data"), "--port", port)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: Cannot listen on 127.0.0.1, port {port}: Address already in use")
        assert not (tmp_path / "data").exists()

    def test_an_address_that_is_not_ours(self, tmp_path: Path) -> None:
        done = start("--data", str(tmp_path), "--host", "192.0.2.1", "--port", "0")
        assert done.returncode == 1
        assert done.stderr.startswith("Error: Cannot listen on 192.0.2.1, port 0: ")

    def test_a_port_that_is_no_number(self, tmp_path: Path) -> None:
        done = start("--data", str(tmp_path), ENTREPOT_PORT="http")
        assert done.returncode == 2
        assert "ENTREPOT_PORT" in done.stderr

    def test_a_port_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "entrepot.sqlite3").write_text("so that nothing is served in any case")
        done = start("--data", str(tmp_path), "--port", "70000")
        assert "port" in done.stderr.lower()
        assert "database" not in done.stderr.lower()

    def test_a_database_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "entrepot.sqlite3").write_text("This is no database, and long enough to be taken for one." * 100)
        done = start("--data", str(tmp_path), "--port", "0")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith("Error: The database could not be made ready; the message above says why.\n")
        assert "file is not a database" in done.stderr

    def test_everything_by_variables(self, tmp_path: Path) -> None:
        environ = {
            "ENTREPOT_DATA": str(tmp_path / "data"),
            "ENTREPOT_HOST": "0.0.0.0",  # noqa: S104 - to see how it is announced
            "ENTREPOT_PORT": "0",
            "ENTREPOT_STORE_URL": f"file://{tmp_path}/elsewhere",
            "ENTREPOT_DATABASE_URL": f"sqlite:///{tmp_path}/other.sqlite3",
        }
        process = subprocess.Popen([*ENTREPOT, "serve"], stdout=subprocess.PIPE, text=True, env=environment(**environ))
        assert process.stdout is not None
        with process.stdout as output:
            line = output.readline()
            assert line.startswith("Entrepot is ready at http://127.0.0.1:")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            assert output.read() == ""
        assert (tmp_path / "other.sqlite3").exists()
        assert (tmp_path / "elsewhere").exists() or not (tmp_path / "data" / "store").exists()

    def test_ipv6(self, tmp_path: Path) -> None:
        if not _has_ipv6():
            pytest.skip("this machine has no IPv6")
        process = subprocess.Popen(
            [*ENTREPOT, "serve", "--data", str(tmp_path), "--host", "::1", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert process.stdout is not None
        with process.stdout as output:
            url = output.readline().split()[-1]
            assert url.startswith("http://[::1]:")
            with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
                connection.request("GET", "/_health/")
                assert connection.getresponse().status == 200
            process.terminate()
            assert process.wait(60) == 0


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def kill(server: Server, name: str) -> list[int]:
    """Kill all parts of that name. Returns their ids when they have ended."""
    killed = inside.parts(server, name)
    assert killed
    for process in killed:
        os.kill(process, signal.SIGKILL)
    inside.eventually(lambda: not any(inside.runs(process) for process in killed))
    return killed


class TestParts:
    @pytest.mark.parametrize("name", ["web", "work"])
    def test_a_part_that_dies_is_started_again(self, shared: Server, name: str) -> None:
        killed = kill(shared, name)
        inside.eventually(lambda: len(inside.parts(shared, name)) == len(killed))
        assert publish(shared, "1.0") == 200
        assert shared.page("demo")["versions"] == ["1.0"]
        assert shared.process.poll() is None

    def test_connections_wait_while_no_part_answers(self, shared: Server) -> None:
        kill(shared, "web")
        assert shared.get("/simple/").status == 200

    def test_the_worker_publishes_what_was_left_owed(self, shared: Server) -> None:
        built = forge.wheel("later")
        with inside.obstructed(shared.data, "later"):
            answer = upload(shared, built.filename, built.data, name="later", version="1.0")
            assert (answer.status, answer.headers["x-entrepot-publication"]) == (200, "pending")
        inside.eventually(lambda: shared.get("/simple/later/").status == 200)

    def test_a_part_ends_with_the_pipe_that_its_supervisor_holds(self, part: Part) -> None:
        assert part.process is not None
        assert part.process.stdin is not None
        part.process.stdin.write(b"x")
        part.process.stdin.close()
        assert part.process.wait(20) == 0

    def test_a_part_that_does_not_end_is_made_to(self, part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supervisor, "GRACE", 0.1)
        assert part.process is not None
        os.kill(part.process.pid, signal.SIGSTOP)
        part.stop()
        part.wait()
        assert part.process.returncode == -signal.SIGKILL


class TestEnd:
    def test_in_order_and_up_again_under_another_url(self, tmp_path: Path) -> None:
        with serving(tmp_path) as server:
            children = inside.parts(server)
            assert len(children) > 1
            assert publish(server, "1.0") == 200
            assert _link(server).startswith(f"{server.url}/packages/")
        assert server.process.returncode == 0
        assert not any(inside.runs(child) for child in children)
        with pytest.raises(ConnectionRefusedError):
            server.get("/")
        with serving(tmp_path, ENTREPOT_PUBLIC_URL="https://index.example/base/") as again:
            inside.eventually(lambda: _link(again).startswith("https://index.example/base/packages/"))
            assert again.page("demo")["versions"] == ["1.0"]
            assert publish(again, "1.1") == 200

    def test_a_supervisor_that_is_killed_takes_its_parts_along(self, tmp_path: Path) -> None:
        with serving(tmp_path) as server:
            children = inside.parts(server)
            server.process.kill()
            inside.eventually(lambda: not any(inside.runs(child) for child in children))
            assert server.process.wait() == -signal.SIGKILL


def _link(server: Server) -> str:
    return str(server.get("/pypi/demo/json").json()["urls"][0]["url"])
