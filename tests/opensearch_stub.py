"""What of OpenSearch's HTTP API the engine uses, as a real HTTP server: a few queries, scored by their boosts alone.

It is not OpenSearch: that server cannot be installed here. It holds the engine to what it sends, no more.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from entrepot.search.nearness import distance

Json = dict[str, Any]


@dataclass
class Index:
    """The documents by id, with their versions. `broken` is the status of every answer, if there is one."""

    made: bool = False
    documents: dict[str, tuple[int, Json]] = field(default_factory=dict)
    broken: int = 0
    refusing: int = 0
    hasty: bool = False  # somebody else makes the index at the same moment


@dataclass
class Stub:
    """A running stub."""

    url: str
    index: Index


@contextmanager
def running_stub() -> Iterator[Stub]:
    """A server with one index, which is not made yet."""
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(200 if index.made else 404)

        def do_PUT(self) -> None:
            body = json.loads(self._body())
            assert body["mappings"]["dynamic"] is False
            index.made = True
            self._answer(400 if index.hasty else 200)

        def do_POST(self) -> None:
            body = self._body()
            if self.path == "/projects/_bulk?refresh=wait_for":
                self._answer(200, {"items": [_put(index, *each) for each in _pairs(body)]})
            elif index.made:
                assert self.path == "/projects/_search"
                self._answer(200, _search(index, json.loads(body)))
            else:
                self._answer(404)

        def _body(self) -> str:
            return self.rfile.read(int(self.headers["Content-Length"])).decode()

        def _answer(self, status: int, document: Json | None = None) -> None:
            body = json.dumps(document or {}).encode()
            self.send_response(index.broken or status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Stub(f"http://127.0.0.1:{server.server_port}/projects", index)
        finally:
            server.shutdown()
            thread.join()


def _pairs(body: str) -> Iterator[tuple[Json, Json]]:
    lines = [json.loads(line) for line in body.splitlines()]
    assert body.endswith("\n")
    yield from zip(lines[::2], lines[1::2], strict=True)


def _put(index: Index, action: Json, source: Json) -> Json:
    about = action["index"]
    assert about["version_type"] == "external_gte"
    held = index.documents.get(about["_id"])
    if index.refusing or (held and held[0] > about["version"]):
        return {"index": {"status": index.refusing or 409}}
    index.documents[about["_id"]] = (about["version"], source)
    return {"index": {"status": 200}}


def _search(index: Index, body: Json) -> Json:
    scored = [
        (score, source) for _, source in index.documents.values() if (score := _score(body["query"], source)) >= 0
    ]
    for key in reversed(body.get("sort", ["_score"])):
        if key == "_score":
            scored.sort(key=lambda each: -each[0])
        else:
            ((name, order),) = key.items()
            scored.sort(key=lambda each: each[1][name], reverse=order == "desc")
    start = body.get("from", 0)
    total = min(len(scored), body.get("track_total_hits", 10_000))
    hits = [{"_source": source} for _, source in scored[start : start + body["size"]]]
    return {"hits": {"total": {"value": total}, "hits": hits}}


def _score(query: Json, source: Json) -> float:
    """The score of a document; below zero if it does not match."""
    ((kind, about),) = query.items()
    if kind == "bool":
        return _score_of_bool(about, source)
    if kind == "constant_score":
        return float(about["boost"]) if _score(about["filter"], source) >= 0 else -1
    ((name, wanted),) = about.items()
    value = source.get(name)
    return 1 if value is not None and _matches(kind, wanted, value) else -1


def _score_of_bool(about: Json, source: Json) -> float:
    if any(_score(each, source) < 0 for each in about.get("filter", [])):
        return -1
    if any(_score(each, source) >= 0 for each in about.get("must_not", [])):
        return -1
    matched = [score for each in about.get("should", []) if (score := _score(each, source)) >= 0]
    return sum(matched) if len(matched) >= about.get("minimum_should_match", 0) else -1


def _matches(kind: str, wanted: Any, value: Any) -> bool:
    if kind == "range":
        return bool(value >= wanted["gte"])
    if kind == "fuzzy":
        return any(distance(wanted["value"], token) <= wanted["fuzziness"] for token in value.split())
    tokens = value if isinstance(value, list) else [value, *value.split()]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if kind == "prefix":
        return any(token.startswith(wanted[0]) for token in tokens)
    assert kind in {"term", "terms"}
    return any(each in tokens for each in wanted)
