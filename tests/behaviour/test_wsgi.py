"""Django behind a server that knows WSGI alone: the one in the standard library."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

import inside
from apart import answers, installed
from archives import forge
from serving import Server, environment_of
from uploading import authorization, upload

PROGRAM = """
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
from entrepot.wsgi import application

class Threading(ThreadingMixIn, WSGIServer):
    daemon_threads = True

with make_server("127.0.0.1", 0, application, Threading) as server:
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def wsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("wsgi")
    token = installed(data)
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**environment_of(data), "ENTREPOT_DATA": str(data), "DJANGO_SETTINGS_MODULE": "entrepot.settings"},
        )
    assert process.stdout is not None
    with process.stdout as output:
        server = Server(output.readline().strip(), data, process, token)
        inside.eventually(lambda: answers(server))
        yield server
        process.terminate()
        process.wait(20)


def raw(server: Server, request: bytes) -> bytes:
    """The first bytes of what the server says to it."""
    parts = urlsplit(server.url)
    with closing(socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20)) as connection:
        connection.sendall(request)
        return connection.recv(10_000)


def test_an_upload(wsgi: Server) -> None:
    built = forge.wheel("demo")
    answer = upload(wsgi, built.filename, built.data, name="demo", version="1.0", headers={"X-Request-Id": "an-upload"})
    assert (answer.status, answer.headers["x-request-id"]) == (200, "an-upload")
    wsgi.command("verify")
    log = (wsgi.data / "log").read_text()
    assert re.search(r'"path": "/legacy/", "status": 200, .*"route": "upload", "user": "1".*"an-upload"', log)
    assert wsgi.token not in log


def test_what_is_refused_says_why(wsgi: Server) -> None:
    built = forge.wheel("refused")
    answer = upload(wsgi, built.filename, built.data, name="refused", version="1.0", token="nonsense")
    assert (answer.status, "Invalid or non-existent authentication" in answer.reason) == (403, True)
    answer = upload(wsgi, "réfusé\r\nX: y.whl", built.data, name="refused", version="1.0")
    assert (answer.status, "x" in answer.headers) == (400, False)
    assert list((wsgi.data / "uploads").iterdir()) == []


@pytest.mark.parametrize(("path", "length"), [(b"/legacy/", 10**12), (b"/", 2 << 20)])
def test_what_is_too_large_is_refused_before_it_is_read(wsgi: Server, path: bytes, length: int) -> None:
    token = authorization(wsgi.token)["Authorization"].encode()
    request = b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n" % (path, token, length)
    assert raw(wsgi, request).startswith(b"HTTP/1.0 413 File too large.")


def test_credentials_are_asked_for_before_the_body_is_read(wsgi: Server) -> None:
    assert raw(wsgi, b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n").startswith(b"HTTP/1.0 403 ")


@pytest.mark.parametrize("length", [b"Content-Length: abc", b"Transfer-Encoding: chunked"])
def test_a_body_whose_length_is_not_known_is_none(wsgi: Server, length: bytes) -> None:
    token = authorization(wsgi.token)["Authorization"].encode()
    head = b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n\r\n" % (token, length)
    assert raw(wsgi, head + b"3\r\nabc\r\n0\r\n\r\n").startswith(b"HTTP/1.0 400 ")


def test_a_client_that_goes_away_leaves_nothing(wsgi: Server) -> None:
    token = authorization(wsgi.token)["Authorization"].encode()
    kind = b"Content-Type: multipart/form-data; boundary=x"
    head = b"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\nContent-Length: 99\r\n\r\n--x" % (
        token,
        kind,
    )
    parts = urlsplit(wsgi.url)
    with closing(socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20)) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000).startswith(b"HTTP/1.0 400 ")
    assert list((wsgi.data / "uploads").iterdir()) == []


def test_an_upload_to_the_url_without_its_slash_is_led_there(wsgi: Server) -> None:
    answer = wsgi.request("POST", "/legacy", b"x")
    assert (answer.status, answer.headers["location"]) == (308, "/legacy/")


def test_the_site_is_there_and_the_read_plane_is_not(wsgi: Server) -> None:
    assert "A Python package index" in wsgi.get("/").text
    assert wsgi.get("/status/").status == 200
    assert wsgi.get("/static/entrepot/site.css").status == 200
    assert wsgi.get("/simple/").status == 404


def test_it_tells_of_itself(wsgi: Server) -> None:
    assert wsgi.get("/_health/").text == "OK"
    assert wsgi.get("/_ready/").json() == {
        "ready": True,
        "checks": {"database": True, "store": True, "accepting": True},
    }
    wsgi.get("/")
    assert 'entrepot_requests_total{plane="control",route="front",status="200"}' in wsgi.get("/_metrics/").text
    assert wsgi.get("/_metrics/", via="1.1 proxy").status == 404
