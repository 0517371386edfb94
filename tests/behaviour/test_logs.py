"""What is written to standard error: a line for each request to the control plane, and nothing that is secret."""

import json
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import inside
from apart import installed, running, written
from archives import forge
from entrepot.monitoring import logs
from entrepot.monitoring.observation import Observation, answering
from serving import Server
from uploading import authorization, upload

TOKEN = "entrepot-AgEIZW50cmVwb3QCJDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMAAA"
SECRETS = [
    TOKEN,
    TOKEN.replace("entrepot", "pypi"),
    authorization(TOKEN)["Authorization"].removeprefix("Basic "),
    "Authorization: Bearer let-me-in-at-once",
    "postgres://entrepot:hunter22@database.example/entrepot",
]


def lines(data: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in written(data, name).splitlines()]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("logs")
    token = installed(data)
    with running("web", data) as web:
        web.token = token
        yield web


def line_of(web: Server, request_id: str) -> dict[str, object]:
    def found() -> list[dict[str, object]]:
        return [line for line in lines(web.data, "web") if line.get("request_id") == request_id]

    inside.eventually(lambda: found() != [])
    (line,) = found()
    return line


def test_a_request_is_a_line(web: Server) -> None:
    answer = web.get("/nothing/?token=secret", x_request_id="of-the-client", cookie="session=secret")
    assert (answer.status, answer.headers["x-request-id"]) == (404, "of-the-client")
    line = line_of(web, "of-the-client")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/nothing/", 404)
    assert (line["level"], line["logger"]) == ("info", "entrepot.requests")
    assert line["bytes"] == len(answer.body)
    assert 0 < float(str(line["duration_ms"])) < 60_000
    assert "secret" not in written(web.data, "web")


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with blank", 'quote"'])
def test_a_name_that_may_do_harm_is_replaced(web: Server, given: str) -> None:
    made = web.request("GET", "/", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert line_of(web, made)["route"] == "front"


def test_an_upload_says_who_and_why(web: Server) -> None:
    built = forge.wheel("logged")
    answer = upload(web, built.filename, built.data, name="logged", version="1.0")
    line = line_of(web, answer.headers["x-request-id"])
    assert (line["route"], line["user"], line["status"]) == ("upload", "1", 200)
    assert re.fullmatch(r"[0-9a-f-]{36}", str(line["token"]))
    refused = upload(web, built.filename, b"x", name="logged", version="1.0", headers={"Accept": "application/json"})
    told = refused.json()
    assert told["request_id"] == refused.headers["x-request-id"]
    assert line_of(web, told["request_id"])["code"] == told["code"]
    assert web.token not in written(web.data, "web")
    assert authorization(web.token)["Authorization"] not in written(web.data, "web")


def test_reading_leaves_no_line_and_its_errors_do(web: Server) -> None:
    before = written(web.data, "web")
    for path in ("/simple/", "/simple/none/", "/_health/", "/_ready/", "/_metrics/"):
        assert "x-request-id" not in web.get(path).headers
    store = web.data / "store"
    hidden = store.rename(web.data / "hidden")
    try:
        assert web.get("/simple/unread/").status == 503
    finally:
        hidden.rename(store)
    inside.eventually(lambda: written(web.data, "web") != before)
    new = [json.loads(line) for line in written(web.data, "web")[len(before) :].splitlines()]
    assert {line["level"] for line in new} == {"error"}


def test_a_path_cannot_forge_a_line(web: Server) -> None:
    made = web.get("/a%0a%7b%22level%22%3a1%7d%1b%5b31m").headers["x-request-id"]
    assert line_of(web, made)["path"] == '/a\n{"level":1}\x1b[31m'


def test_strangers_write_no_errors_and_no_query_strings(web: Server) -> None:
    before = len(lines(web.data, "web"))
    many = "&".join(f"field{number}=x" for number in range(1001))
    for path, headers in ((f"/status/?token=hidden-in-the-query&{many}", {}), ("/", {"Host": "a b"})):
        made = web.request("GET", path, headers=headers).headers["x-request-id"]
        assert line_of(web, made)["status"] == 400
    assert {line["level"] for line in lines(web.data, "web")[before:]} == {"info"}
    assert "hidden-in-the-query" not in written(web.data, "web")


def test_who_hangs_up_is_no_error(web: Server) -> None:
    parts = urlsplit(web.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20) as connection:
        head = "POST /account/login/ HTTP/1.1\r\nHost: x\r\nX-Request-Id: hung-up-early\r\nContent-Length: 9\r\n\r\nx"
        connection.sendall(head.encode())
    line = line_of(web, "hung-up-early")
    assert (line["status"], line["level"]) == (499, "info")


def test_a_path_with_a_token_does_not_show_it(web: Server) -> None:
    made = web.get(f"/{TOKEN}/").headers["x-request-id"]
    assert line_of(web, made)["path"] == "/[secret]/"


def formatted(form: str, message: str, *arguments: object, **more: object) -> str:
    configured = logs.configuration(form)["formatters"]["line"]
    formatter = configured.pop("()")(**configured)
    record = logging.LogRecord("entrepot.x", logging.ERROR, "", 0, message, arguments, None)
    record.__dict__.update(more)
    return str(formatter.format(record))


def caught(message: str) -> tuple[type[ValueError], ValueError, None]:
    """What `sys.exc_info` says of an error with this message."""
    error = ValueError(message)
    return (ValueError, error, None)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_line_holds_a_secret_wherever_it_came_from(form: str, secret: str) -> None:
    raised = caught(secret)
    line = formatted(form, "about %s", secret, extra_one=secret, nested={"deep": [secret]}, exc_info=raised)
    assert "[secret]" in line
    assert not any(word in line for word in (secret, TOKEN[-40:], "let-me-in", "hunter22"))
    assert logs.scrubbed(f"entrepot-1.0.tar.gz of {secret}").startswith("entrepot-1.0.tar.gz of ")


def test_text_cannot_look_like_another_line() -> None:
    raised = caught("one\nINFO two\x1b[2J")
    with answering(Observation(id="this-request")):
        line = formatted("text", "one\nINFO two\x1b[2J\u2028three", count=3, exc_info=raised)
    first, *rest = line.splitlines()
    assert r"one\nINFO two\x1b[2J\u2028three" in first
    assert "this-request" in first
    assert all(each.startswith("    ") for each in rest)
    assert "\x1b" not in line


def test_logs_of_the_supervisor_are_lines_too(web: Server) -> None:
    (part, *_) = inside.parts(web, "web")
    os.kill(part, signal.SIGKILL)
    inside.eventually(lambda: "is started again" in written(web.data, "web"))
    (line,) = [line for line in lines(web.data, "web") if "is started again" in str(line["message"])]
    assert (line["level"], line["logger"]) == ("error", "entrepot.cli.supervisor")
