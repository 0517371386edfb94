"""Figures for Prometheus: whichever process is asked tells of all of them, and to whom."""

import os
import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import inside
from apart import running
from archives import forge
from entrepot.monitoring import metrics
from entrepot.monitoring.operations import METRICS, Asked, Operations
from serving import Server, serving
from uploading import authorization, upload

HOT = 500


def figures(server: Server, **headers: str) -> dict[str, float]:
    answer = server.get("/_metrics/", **headers)
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def requests(server: Server, plane: str, route: str, status: int) -> float:
    return figures(server).get(f'entrepot_requests_total{{plane="{plane}",route="{route}",status="{status}"}}', 0.0)


def test_what_happens_is_counted_whoever_is_asked(own_server: Server) -> None:
    built = forge.wheel("demo")
    for token, status in ((own_server.token, 200), ("", 403), ("nonsense", 403)):
        assert upload(own_server, built.filename, built.data, name="demo", version="1.0", token=token).status == status
    place = own_server.page("demo")["files"][0]["url"].removeprefix("../..")
    for path in [place, "/pypi/demo/json", "/simple/none/", "/"]:
        own_server.get(path)
    inside.eventually(lambda: requests(own_server, "control", "front", 200) == 1)
    told = [figures(own_server) for _ in range(10)]
    for each in told:
        assert each['entrepot_uploads_total{code="",outcome="taken"}'] == 1
        assert each['entrepot_uploads_total{code="invalid-auth",outcome="refused"}'] == 2
        assert each["entrepot_publication_duration_seconds_count"] == 1
        assert each['entrepot_requests_total{plane="control",route="front",status="200"}'] == 1
        assert each["entrepot_serial_committed"] == inside.serial(own_server)
        assert (each["entrepot_database_up"], each["entrepot_store_up"]) == (1, 1)
        assert each["entrepot_documents_failing"] == each["entrepot_documents_unpurged"] == 0
        assert each["entrepot_purge_failures_total"] == 0
        assert any(re.fullmatch(r'entrepot_build_info\{python="3[0-9.]+",version="[0-9.]+"\}', name) for name in each)
    inside.eventually(lambda: requests(own_server, "read", "file", 200) == 1)
    inside.eventually(lambda: requests(own_server, "read", "json", 200) == 1)
    inside.eventually(lambda: requests(own_server, "read", "simple", 404) == 1)
    inside.eventually(lambda: figures(own_server)["entrepot_serial_published"] == inside.serial(own_server))
    inside.eventually(lambda: figures(own_server)["entrepot_worker_round_timestamp_seconds"] > 1e9)
    duration = 'entrepot_request_duration_seconds_count{plane="read",route="file"}'
    assert figures(own_server)[duration] == 1


def test_an_upload_that_its_client_gives_up_is_none_that_failed(own_server: Server) -> None:
    parts = urlsplit(own_server.url)
    proof = authorization(own_server.token)["Authorization"]
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20) as connection:
        head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: {proof}\r\nContent-Length: 9\r\n\r\nx"
        connection.sendall(head.encode())
    inside.eventually(lambda: requests(own_server, "control", "upload", 499) == 1)
    assert figures(own_server)['entrepot_uploads_total{code="",outcome="aborted"}'] == 1


def test_hot_answers_are_counted_each(server: Server) -> None:
    built = forge.wheel("hot")
    assert upload(server, built.filename, built.data, name="hot", version="1.0").status == 200
    before = requests(server, "read", "simple", 200)
    request = b"GET /simple/hot/ HTTP/1.1\r\nHost: x\r\n\r\n"
    parts = urlsplit(server.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20) as connection:
        for _ in range(HOT):
            connection.sendall(request)
            received = b""
            while b"</html>" not in received:
                received += connection.recv(100_000)
    inside.eventually(lambda: requests(server, "read", "simple", 200) == before + HOT)


def test_a_part_that_dies_goes_on_counting_where_it_was(own_server: Server) -> None:
    for _ in range(3):
        own_server.get("/")
    inside.eventually(lambda: requests(own_server, "control", "front", 200) == 3)
    files = sorted((own_server.data / "metrics").glob("*/*.db"))
    killed = inside.parts(own_server, "web")
    for part in killed:
        os.kill(part, signal.SIGKILL)
    inside.eventually(lambda: not any(inside.runs(part) for part in killed))
    own_server.get("/")
    inside.eventually(lambda: requests(own_server, "control", "front", 200) == 4)
    assert sorted((own_server.data / "metrics").glob("*/*.db")) == files


def test_a_server_that_starts_counts_anew(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.get("/")
        port = str(urlsplit(server.url).port)
    with serving(tmp_path, ENTREPOT_PORT=port) as server:
        assert requests(server, "control", "front", 200) == 0


@pytest.mark.embedded
def test_without_the_database_the_rest_is_told(own_server: Server) -> None:
    file = own_server.data / "entrepot.sqlite3"
    hidden = file.rename(file.with_name("hidden"))
    try:
        inside.eventually(lambda: figures(own_server)["entrepot_database_up"] == 0)
        told = figures(own_server)
        assert told["entrepot_store_up"] == 1
        assert "entrepot_serial_committed" not in told
        assert "entrepot_documents_owed" not in told
    finally:
        hidden.rename(file)
    inside.eventually(lambda: "entrepot_documents_owed" in figures(own_server))


def test_documents_that_fail_are_counted_with_their_age(own_server: Server) -> None:
    built = forge.wheel("stuck")
    with inside.obstructed(own_server.data, "stuck"):
        assert upload(own_server, built.filename, built.data, name="stuck", version="1.0").status == 200
        inside.eventually(lambda: figures(own_server)["entrepot_documents_failing"] >= 1)
        inside.query(own_server, "UPDATE journal_dirty SET owed_at = ?", inside.ago(hours=1))
        inside.query(own_server, "UPDATE journal_entry SET at = ?", inside.ago(days=1))
        inside.eventually(lambda: 3500 < figures(own_server)["entrepot_documents_owed_oldest_seconds"] < 3700)
        inside.query(own_server, "UPDATE journal_entry SET at = ?", inside.ago(minutes=1))
        inside.eventually(lambda: 50 < figures(own_server)["entrepot_documents_owed_oldest_seconds"] < 80)
        inside.query(own_server, "UPDATE journal_dirty SET since = 1000")
        inside.eventually(lambda: figures(own_server)["entrepot_documents_owed_oldest_seconds"] > 3500)
        inside.query(own_server, "UPDATE journal_dirty SET since = 1")


def test_purges_that_failed_are_counted() -> None:
    def failed() -> float:
        (line,) = re.findall(r"^entrepot_purge_failures_total (.*)", metrics.exposition([]).decode(), re.MULTILINE)
        return float(line)

    before = failed()
    metrics.purge_failed()
    assert failed() == before + 1


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_what_comes_through_a_proxy_is_not_told(server: Server, header: str) -> None:
    assert server.request("GET", "/_metrics/", headers={header: "198.51.100.7"}).status == 404


@pytest.mark.parametrize(
    ("client", "status"),
    [
        ("127.0.0.1", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("198.51.100.7", 404),
        ("2001:db8::1", 404),
        ("", 404),
    ],
)
def test_it_is_told_to_this_machine_alone(client: str, status: int) -> None:
    assert Operations({}, list, "").tell(Asked(METRICS, {}, client)).status == status


def test_with_a_token_it_is_told_to_whoever_has_it(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with running("edge", tmp_path, ENTREPOT_METRICS_TOKEN="let me in") as edge:
        for authorization in ("", "Bearer wrong", "let me in", "Basic bGV0IG1lIGlu", "Bearer é"):
            answer = edge.request("GET", "/_metrics/", headers={"Authorization": authorization})
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), authorization
        told = figures(edge, authorization="Bearer let me in", x_forwarded_for="198.51.100.7")
        assert told["entrepot_store_up"] == 1
        assert "entrepot_database_up" not in told
