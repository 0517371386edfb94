"""Faults to Sentry and spans to OpenTelemetry: what arrives there, and what must not."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import brotli
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import inside
from apart import installed, running
from serving import ENTREPOT, environment
from uploading import authorization

DECODE = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@contextmanager
def collecting() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """An HTTP server that takes everything: its address, and the paths and bodies that have come."""
    came: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, DECODE[self.headers["Content-Encoding"]](body)))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Not to standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


def test_an_error_arrives_at_sentry_without_the_token(tmp_path: Path) -> None:
    token = installed(tmp_path)
    with (
        collecting() as (address, came),
        running("web", tmp_path, "--processes", "1", ENTREPOT_SENTRY_DSN=f"http://key@{address}/7") as web,
    ):
        folder = tmp_path / "uploads"
        folder.rmdir()
        body, headers = b"secret-body" * 200_000, authorization(token) | {"X-Request-Id": "the-one-that-failed"}
        assert web.request("POST", f"/legacy/?t={token}", body, headers).status == 503
        inside.eventually(lambda: came != [])
        folder.mkdir()
        path, envelope = came[0]
        assert path == "/api/7/envelope/"
        (event,) = [json.loads(line) for line in envelope.splitlines() if b'"exception"' in line]
        assert event["tags"]["request_id"] == "the-one-that-failed"
        assert event["exception"]["values"][0]["type"] == "FileNotFoundError"
        assert "request" not in event
        assert "vars" not in event["exception"]["values"][0]["stacktrace"]["frames"][0]
        for secret in (token, headers["Authorization"].split()[1], "secret-body"):
            assert secret.encode() not in envelope


def spans(came: list[tuple[str, bytes]]) -> dict[str, Span]:
    """The spans that have arrived, by the request's id."""
    found = {}
    for path, body in came:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in (each for scope in resource.scope_spans for each in scope.spans):
                found[attributes(span)["entrepot.request_id"]] = span
    return found


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_request_is_a_span_of_the_clients_trace(tmp_path: Path) -> None:
    token = installed(tmp_path)
    with collecting() as (address, came):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with running("web", tmp_path, **environ) as web:
            web.get("/", x_request_id="without-a-trace")
            refused = {"X-Request-Id": "with-a-trace", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            assert web.request("POST", "/legacy/", b"x", refused).status == 403
            (tmp_path / "uploads").rmdir()
            failed = authorization(token) | {"X-Request-Id": "that-failed", "Content-Type": "text/plain"}
            assert web.request("POST", "/legacy/", b"x" * 2_000_000, failed).status == 503
            inside.eventually(lambda: len(spans(came)) >= 2)
            web.get("/simple/", x_request_id="of-the-read-plane")
        found = spans(came)
    assert set(found) == {"without-a-trace", "with-a-trace", "that-failed"}
    front, upload = found["without-a-trace"], found["with-a-trace"]
    assert (front.name, front.kind, front.parent_span_id) == ("GET front", Span.SPAN_KIND_SERVER, b"")
    assert attributes(front)["http.response.status_code"] == 200
    assert (upload.name, upload.trace_id.hex()) == ("POST upload", TRACE)
    assert upload.parent_span_id.hex() == "00f067aa0ba902b7"
    assert attributes(upload)["http.response.status_code"] == 403
    assert (upload.status.code, found["that-failed"].status.code) == (0, 2)
    assert not any(token.encode() in body for _, body in came)


@pytest.mark.parametrize(
    ("library", "variable", "extra"),
    [
        ("sentry_sdk", "ENTREPOT_SENTRY_DSN", "sentry"),
        ("opentelemetry", "OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry"),
        ("opentelemetry", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "opentelemetry"),
    ],
)
def test_a_library_that_is_not_there_is_named(tmp_path: Path, library: str, variable: str, extra: str) -> None:
    (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError('gone', name='{library}')")
    done = subprocess.run(
        [*ENTREPOT, "work", "--data", str(tmp_path / "data")],
        env=environment(PYTHONPATH=str(tmp_path), **{variable: "http://key@127.0.0.1/1"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        f"Error: {variable} is set, but {library} is not installed: install entrepot[{extra}].",
    )
