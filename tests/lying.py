"""An index that lies: a server in front of another one, which changes what is asked or answered on its way."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from serving import Answer, Server, request


@dataclass(frozen=True)
class Asked:
    """A request as it came. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Forward = Callable[[Asked], Answer]
Lie = Callable[[Asked, Forward], Answer]
OWN = {"connection", "transfer-encoding", "date", "server"}


class Liar:
    """Lies as it is told to; the truth to begin with."""

    def __init__(self, behind: Server) -> None:
        self._behind = urlsplit(behind.url).netloc
        self.lie: Lie = truth
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        """What it says."""
        return self.lie(asked, self._forward)

    def _forward(self, asked: Asked) -> Answer:
        return request(asked.method, self._behind, asked.path, asked.body, asked.headers)


@contextmanager
def lying(behind: Server) -> Iterator[Liar]:
    """One that listens, until the end."""
    liar = Liar(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in OWN}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            answer = liar.answer(Asked(self.command, self.path, headers, body))
            sent = {name: value for name, value in answer.headers.items() if name not in OWN}
            if self.command != "HEAD" and answer.status != 304:
                sent["content-length"] = str(len(answer.body))
            self.send_response(answer.status, answer.reason)
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_HEAD = do_POST = do_GET  # noqa: N815 - the names that the standard library looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        liar.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield liar
        server.shutdown()


def truth(asked: Asked, forward: Forward) -> Answer:
    """What is."""
    return forward(asked)


def at(pattern: str, change: Callable[[Answer], Answer], method: str = "GET") -> Lie:
    """Changes answers to requests for paths like that."""

    def lie(asked: Asked, forward: Forward) -> Answer:
        answer = forward(asked)
        right = asked.method == method and re.fullmatch(pattern, asked.path.partition("?")[0])
        return change(answer) if right else answer

    return lie


def status(code: int, instead_of: int = 0) -> Callable[[Answer], Answer]:
    """Another status, or another one for one."""
    return lambda answer: replace(answer, status=code) if instead_of in {0, answer.status} else answer


def header(**headers: str) -> Callable[[Answer], Answer]:
    """Other headers; an empty one is not sent."""

    def change(answer: Answer) -> Answer:
        named = answer.headers | {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[operator]
        return replace(answer, headers={name: value for name, value in named.items() if value})

    return change


def text(old: str, new: str) -> Callable[[Answer], Answer]:
    """Other words; a regular expression and what comes instead."""
    return lambda answer: replace(answer, body=re.sub(old, new, answer.body.decode("latin-1")).encode("latin-1"))


def document(change: Callable[[Any], object]) -> Callable[[Answer], Answer]:
    """Other JSON, where it is JSON: what the function makes of it in its place."""

    def changed(answer: Answer) -> Answer:
        if "json" not in answer.headers.get("content-type", "") or answer.status != 200:
            return answer
        value = json.loads(answer.body)
        change(value)
        return replace(answer, body=json.dumps(value).encode())

    return changed


def each_file(**keys: object) -> Callable[[Answer], Answer]:
    """Other keys of each file, in JSON; … is none at all."""

    def change(value: Any) -> None:
        for file in value.get("files", []):
            file.update({name.replace("_", "-"): given for name, given in keys.items()})
            for name in [name for name, given in file.items() if given is ...]:
                del file[name]

    return document(change)


def asking(**headers: str) -> Lie:
    """Asks with other headers than it was asked with."""

    def lie(asked: Asked, forward: Forward) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return forward(replace(asked, headers={**asked.headers, **named}))

    return lie
