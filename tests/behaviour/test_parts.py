"""The parts apart: each by its own command, several of each, and what each says of itself."""

import http.client
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import inside
from apart import installed, running, unready, written
from archives import forge
from entrepot import layout
from entrepot.followers.heart import Heart
from entrepot.layout import Form
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from serving import ENTREPOT, Server, environment, environment_of, free_port, run
from uploading import upload

SIMPLE = layout.project_page(ProjectName("demo"), Form.HTML)
SECRET = "a secret that several machines have in common"


def checks(server: Server) -> tuple[int, dict[str, bool]]:
    answer = server.get("/_ready/")
    told = answer.json()
    assert told["ready"] == (answer.status == 200) == all(told["checks"].values())
    assert answer.headers["cache-control"] == "no-store"
    return answer.status, told["checks"]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "data" / "store")
    store.prepare()
    store.put_page(SIMPLE.key, Page.of(b"demo", serial=1, last_serial=1))
    return store


@pytest.mark.usefixtures("store")
class TestEdge:
    def test_it_needs_neither_django_nor_a_database(self, tmp_path: Path) -> None:
        (tmp_path / "django").mkdir()
        (tmp_path / "django" / "__init__.py").write_text("raise RuntimeError('Django is not for the edge')")
        environ = {
            "PYTHONPATH": str(tmp_path),
            "ENTREPOT_DATABASE_URL": "postgres://nobody@/nowhere",
            "ENTREPOT_PROCESSES": "1",
        }
        with running("edge", tmp_path / "data", **environ) as edge:
            assert len(inside.parts(edge, "edge")) == 1
            assert edge.get("/simple/demo/").text == "demo"
            assert edge.get("/_health/").text == "OK"
            assert checks(edge) == (200, {"store": True, "accepting": True})
            for path in ("/", "/status/", "/legacy/", "/legacy", "/static/entrepot/site.css"):
                assert edge.get(path).status == 404, path
            assert edge.request("POST", "/legacy/", b"x").status == 405
        assert edge.process.returncode == 0
        assert written(tmp_path / "data", "edge") == ""

    def test_it_is_not_ready_without_the_store(self, tmp_path: Path) -> None:
        with running("edge", tmp_path / "data") as edge:
            hidden = (tmp_path / "data" / "store").rename(tmp_path / "hidden")
            inside.eventually(lambda: checks(edge) == (503, {"store": False, "accepting": True}))
            assert edge.get("/_health/").status == 200
            hidden.rename(tmp_path / "data" / "store")
            inside.eventually(lambda: checks(edge)[0] == 200)

    def test_told_to_stop_it_says_so_and_answers_for_a_while(self, tmp_path: Path) -> None:
        with running("edge", tmp_path / "data", "--processes", "1", "--drain", "60") as edge:
            edge.process.send_signal(signal.SIGTERM)
            inside.eventually(lambda: checks(edge) == (503, {"store": True, "accepting": False}))
            assert edge.get("/simple/demo/").text == "demo"
            assert edge.process.poll() is None
            (part,) = inside.parts(edge, "edge")
            os.kill(part, signal.SIGTERM)
            assert edge.process.wait(20) == 0

    def test_the_while_ends(self, tmp_path: Path) -> None:
        with running("edge", tmp_path / "data", "--drain", "0.2") as edge:
            edge.process.send_signal(signal.SIGTERM)
            assert edge.process.wait(20) == 0

    def test_a_request_under_way_ends(self, tmp_path: Path) -> None:
        blake2, size = "ab" * 32, 30_000_000
        package = Path(tmp_path / "data" / "store" / layout.package(blake2, "demo-1.0.tar.gz").key)
        package.parent.mkdir(parents=True)
        package.write_bytes(bytes(size))
        with running("edge", tmp_path / "data") as edge:
            with closing(http.client.HTTPConnection(urlsplit(edge.url).netloc, timeout=20)) as connection:
                connection.request("GET", f"/packages/ab/ab/{'ab' * 30}/demo-1.0.tar.gz")
                response = connection.getresponse()
                edge.process.send_signal(signal.SIGTERM)
                assert len(response.read()) == size
            assert edge.process.wait(20) == 0

    def test_parts_that_cannot_start_are_tried_again_until_it_is_told_to_stop(self, tmp_path: Path) -> None:
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [*ENTREPOT, "edge", "--data", str(tmp_path / "data"), "--port", "0"],
                stderr=log,
                env=environment(ENTREPOT_STORE_URL="carrier-pigeon://index.example"),
            )
        inside.eventually(lambda: (tmp_path / "log").read_text().count("is started again") > 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "carrier-pigeon" in (tmp_path / "log").read_text()


class TestWeb:
    def test_it_waits_for_the_tables_and_does_not_make_them(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        with unready("web", data, free_port()) as web:
            assert checks(web) == (503, {"database": False, "store": False, "accepting": True})
            assert not (data / "entrepot.sqlite3").exists()
            run(data, "migrate")
            inside.eventually(lambda: checks(web)[0] == 200)
            inside.query(web, "DELETE FROM django_migrations WHERE app = 'journal' AND name <> '0001_initial'")
            inside.eventually(lambda: checks(web) == (503, {"database": False, "store": True, "accepting": True}))

    def test_several_of_each_are_one_index(self, tmp_path: Path) -> None:
        shared = {
            "ENTREPOT_SECRET": SECRET,
            "ENTREPOT_STORE_URL": f"file://{tmp_path}/store",
            "ENTREPOT_DATABASE_URL": f"sqlite:///{tmp_path}/shared.sqlite3",
            "ENTREPOT_PUBLIC_URL": "https://index.example",
        }
        token = installed(tmp_path / "a", **shared)
        with (
            running("web", tmp_path / "a", **shared) as web,
            running("web", tmp_path / "b", **shared) as other_web,
            running("edge", tmp_path / "c", **shared) as edge,
            running("edge", tmp_path / "d", **shared) as other_edge,
            running("work", tmp_path / "e", **shared) as worker,
            running("work", tmp_path / "f", **shared) as other_worker,
        ):
            first, second = forge.wheel("demo"), forge.wheel("demo", "1.1")
            with inside.obstructed(tmp_path, "demo"):
                answer = upload(web, first.filename, first.data, name="demo", version="1.0", token=token)
                assert (answer.status, answer.headers["x-entrepot-publication"]) == (200, "pending")
            for each in (edge, other_edge, web, other_web):
                inside.eventually(lambda each=each: each.get("/simple/demo/").status == 200)  # type: ignore[misc]
            answer = upload(other_web, second.filename, second.data, name="demo", version="1.1", token=token)
            assert answer.status == 200
            assert edge.page("demo") == other_edge.page("demo") == web.page("demo")
            assert edge.page("demo")["versions"] == ["1.0", "1.1"]
            assert edge.get("/pypi/demo/json").json()["urls"][0]["url"].startswith("https://index.example/packages/")
            for each in (worker, other_worker):
                inside.eventually(lambda each=each: checks(each)[0] == 200)  # type: ignore[misc]
                assert checks(each)[1] == {"database": True, "store": True, "worker": True, "accepting": True}
                assert each.get("/simple/demo/").status == 404
            assert not list(tmp_path.glob("*/secret"))


class TestWork:
    def test_it_works_without_telling_anybody(self, tmp_path: Path) -> None:
        run(tmp_path, "migrate")
        process = subprocess.Popen([*ENTREPOT, "work", "--data", str(tmp_path)], env=environment_of(tmp_path))
        worker = Server("", tmp_path, process)  # type: ignore[arg-type]  # nothing is read from it
        inside.eventually(lambda: inside.query(worker, "SELECT 1 FROM journal_heartbeat") != [])
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    def test_it_is_ready_while_it_makes_rounds(self) -> None:
        heart = Heart()
        with pytest.raises(TimeoutError):
            heart.check()
