"""The server, over real sockets."""

import asyncio
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import uvicorn

from entrepot import asgi, layout
from entrepot import server as served
from entrepot.edge.app import Edge
from entrepot.edge.sending import Receive, Scope, Send
from entrepot.layout import Form
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from entrepot.refusal import Refused
from entrepot.server import Protocol
from inside import eventually

DEMO = layout.project_page(ProjectName("demo"), Form.HTML)
BIG = layout.project_page(ProjectName("big"), Form.HTML)
CONTENT = random.Random(1).randbytes(3_000_000)  # noqa: S311
BLAKE2 = "cd" * 32
PACKAGE = layout.package(BLAKE2, "demo-1.0.tar.gz")
GET = b"GET %s HTTP/1.1\r\nHost: index.example\r\n\r\n"
TICKS = 100_000
PIECE = 64 * 1024
MUCH = 1000 * PIECE  # more than the kernel holds for one connection
PACE = 0.02  # seconds from one piece to the next, where a client is slow


@dataclass(frozen=True)
class Response:
    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes:
        (value,) = [value for each, value in self.headers if each == name]
        return value


class Client:
    """One connection, spoken to in bytes."""

    def __init__(self, address: tuple[str, int], *, buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(20)
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(address)
        self.file: BinaryIO = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def read(self, method: bytes = b"GET") -> Response:
        line = self.file.readline()
        headers = []
        while (field := self.file.readline().strip()) != b"":
            name, _, value = field.partition(b": ")
            headers.append((name, value))
        length = int(dict(headers).get(b"content-length", b"0"))
        bodiless = method == b"HEAD" or line.startswith((b"HTTP/1.1 304", b"HTTP/1.1 100"))
        return Response(line.strip(), headers, b"" if bodiless else self.file.read(length))

    def get(self, path: bytes) -> Response:
        self.send(GET % path)
        return self.read()

    def abort(self) -> None:
        """Close with a reset, as a machine that goes away does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True)
class Running:
    server: uvicorn.Server
    address: tuple[str, int]

    @property
    def connections(self) -> list[Protocol]:
        return [each for each in self.server.server_state.connections if isinstance(each, Protocol)]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Ask the server something else until `condition` holds: its loop turns meanwhile."""
        with Client(self.address) as client:
            assert any(client.get(b"/_health/").line and condition() for _ in range(TICKS))


@contextmanager
def running(application: Any, **settings: Any) -> Iterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application, loop="asyncio", http=Protocol, ws="none", lifespan="off", log_config=None, **settings
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    address = listener.getsockname()
    thread.start()
    try:
        yield Running(server, address)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    root = tmp_path_factory.mktemp("store")
    store = FileStore(root)
    store.put_page(DEMO.key, Page.of(b"demo", serial=1, last_serial=1))
    store.put_page(BIG.key, Page.of(b"b" * 100_000, serial=1, last_serial=1))
    path = root / PACKAGE.key
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return store


@pytest.fixture(scope="module")
def edge(store: FileStore) -> Iterator[Running]:
    with running(Edge(store)) as server:
        yield server


@pytest.fixture
def client(edge: Running) -> Iterator[Client]:
    with Client(edge.address) as client:
        yield client


FILE = f"/packages/{BLAKE2[:2]}/{BLAKE2[2:4]}/{BLAKE2[4:]}/demo-1.0.tar.gz".encode()


def test_the_first_and_the_hot_answer_are_the_same(client: Client) -> None:
    first = client.get(b"/simple/demo/")
    hot = client.get(b"/simple/demo/")
    assert (hot.line, hot.body) == (first.line, first.body) == (b"HTTP/1.1 200 OK", b"demo")
    assert sorted(hot.headers) == sorted(first.headers)
    assert hot.header(b"date").endswith(b" GMT")


def test_hot_revalidation_and_head(client: Client) -> None:
    etag = client.get(b"/simple/demo/").header(b"etag")
    client.send(b"GET /simple/demo/ HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n" % etag)
    assert client.read().line == b"HTTP/1.1 304 Not Modified"
    client.send(b"HEAD /simple/demo/ HTTP/1.1\r\nHost: x\r\n\r\n")
    head = client.read(b"HEAD")
    assert (head.line, head.header(b"content-length")) == (b"HTTP/1.1 200 OK", b"4")
    assert client.get(b"/simple/demo/").body == b"demo"


def test_many_requests_on_one_connection(edge: Running, client: Client) -> None:
    before = edge.server.server_state.total_requests
    for _ in range(300):
        assert client.get(b"/simple/demo/").body == b"demo"
    assert edge.server.server_state.total_requests - before >= 299


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /simple/demo/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /simple/demo/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_connections_that_end_after_the_answer(client: Client, request_head: bytes) -> None:
    client.send(request_head)
    assert client.read().header(b"connection") == b"close"
    assert client.file.read() == b""


def test_a_request_with_a_body_is_read_to_its_end(client: Client) -> None:
    client.get(b"/simple/demo/")
    client.send(b"GET /simple/demo/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + GET % b"/_health/")
    assert client.read().body == b"demo"
    assert client.read().body == b"OK"


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    paths = [b"/simple/demo/", b"/_health/", b"/simple/big/", b"/simple/none/", FILE, b"/simple/demo/"] * 20
    client.send(b"".join(GET % path for path in paths))
    sizes = {b"/simple/demo/": 4, b"/_health/": 2, b"/simple/big/": 100_000, b"/simple/none/": 9, FILE: len(CONTENT)}
    assert [len(client.read().body) for _ in paths] == [sizes[path] for path in paths]


def test_a_slow_reader_does_not_fill_the_memory(edge: Running) -> None:
    with Client(edge.address) as client:
        assert len(client.get(b"/simple/big/").body) == 100_000
        name = client.socket.getsockname()
        (connection,) = [each for each in edge.connections if each.client == name[:2]]
        client.send((GET % b"/simple/big/") * 1000)
        edge.wait_until(lambda: connection.flow.write_paused and bool(connection.pipeline))
        assert connection.transport.get_write_buffer_size() < 500_000
        assert connection.flow.read_paused
        for _ in range(1000):
            assert len(client.read().body) == 100_000
        assert client.get(b"/simple/demo/").body == b"demo"


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(store: FileStore) -> None:
    with running(Edge(store), timeout_keep_alive=1) as server, Client(server.address) as client:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert client.get(b"/simple/demo/").body == b"demo"
        assert client.file.read() == b""
        assert time.monotonic() - end < 1.5


def test_a_request_under_way_is_not_idle(store: FileStore) -> None:
    release = asyncio.Event()

    class Holding(Edge):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/simple/held/":
                await release.wait()
            await super().__call__(scope, receive, send)

    with running(Holding(store), timeout_keep_alive=1) as server, Client(server.address) as client:
        assert client.get(b"/simple/demo/").body == client.get(b"/simple/demo/").body
        (connection,) = server.connections
        client.send(GET % b"/simple/held/")
        server.wait_until(lambda: connection.cycle.scope["path"] == "/simple/held/")
        server.wait_until(lambda: connection.timeout_keep_alive_task is None)
        connection.loop.call_soon_threadsafe(release.set)
        assert client.read().line == b"HTTP/1.1 404 Not Found"


def test_ranges_are_sent_to_the_byte(client: Client) -> None:
    chance = random.Random(2)  # noqa: S311
    for _ in range(40):
        first = chance.randrange(len(CONTENT))
        last = chance.randrange(first, len(CONTENT))
        client.send(b"GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n" % (FILE, first, last))
        response = client.read()
        assert response.line == b"HTTP/1.1 206 Partial Content"
        assert response.body == CONTENT[first : last + 1]
    assert client.get(FILE).body == CONTENT
    client.send(b"HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n" % FILE)
    assert client.read(b"HEAD").header(b"content-length") == b"3000000"
    assert client.get(b"/simple/demo/").body == b"demo"


def test_a_client_may_go_away_in_the_middle(edge: Running, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        with Client(edge.address) as client:
            client.send(GET % FILE * 3)
            assert client.file.readline() == b"HTTP/1.1 200 OK\r\n"
            client.abort()
    edge.wait_until(lambda: len(edge.connections) == 1)
    edge.wait_until(lambda: not edge.server.server_state.tasks)
    assert caplog.text == ""


def wait_for(moment: float) -> None:
    eventually(lambda: time.monotonic() > moment)


class Lavish:
    """An application with much to send: a file, a body, or what many answers at once come to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("wb") as file:
            file.truncate(MUCH)

    def at_once(self, _method: bytes, target: bytes, _headers: object) -> tuple[bytes, bytes] | None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % PIECE
        return (head, bytes(PIECE)) if target == b"/at-once" else None

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/file":
            await send(start(MUCH))
            with self._path.open("rb") as file:
                await send({"type": "http.response.zerocopysend", "file": file})
        else:
            pieces = MUCH // PIECE if scope["path"] == "/body" else 1
            await send(start(pieces * PIECE))
            for _ in range(pieces):
                await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
            await send(END)


@pytest.mark.parametrize("wanted", [GET % b"/file", GET % b"/body", GET % b"/at-once" * 1000])
def test_who_takes_nothing_is_let_go_and_who_is_slow_is_not(
    wanted: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(served, "STUCK", 0.5)
    with (
        running(Lavish(tmp_path / "much")) as server,
        Client(server.address, buffer=PIECE) as slow,
        Client(server.address, buffer=PIECE) as stuck,
    ):
        slow.send(wanted)
        stuck.send(wanted)
        assert stuck.file.readline() == b"HTTP/1.1 200 OK\r\n"
        eventually(lambda: len(server.connections) == 2)
        taken = 0
        while len(server.connections) == 2:
            taken += len(slow.socket.recv(PIECE))
            wait_for(time.monotonic() + PACE)
        (left,) = server.connections
        assert left.client == slow.socket.getsockname()
        with pytest.raises(ConnectionResetError):
            stuck.file.read()
        while taken < MUCH:
            taken += len(slow.socket.recv(MUCH))
        server.wait_until(lambda: not server.server.server_state.tasks)
    assert caplog.text == ""


class Taking:
    """An application that takes bodies as ours does, and answers with their size or the code of the refusal."""

    def __init__(self, uploads: Path) -> None:
        self._handler = asgi.Handler(uploads)

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        try:
            with await self._handler.read_body(receive) as body:
                said = b"%d" % len(body.read())
        except Refused as refusal:
            said = refusal.code.encode()
        await send(start(len(said)))
        await send({"type": "http.response.body", "body": said})


def test_a_body_that_drips_is_given_up_and_one_that_is_slow_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "STALLED", 0.5)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n"
    with running(Taking(tmp_path)) as server, Client(server.address) as slow, Client(server.address) as dripping:
        slow.send(head)
        dripping.send(head)
        began = time.monotonic()
        for sent in range(1, 100):
            slow.send(bytes(100))
            if not select.select([dripping.socket], [], [], 0)[0]:
                dripping.send(b"x")
            wait_for(began + sent * PACE)
        assert dripping.read().body == b"request-stalled"
        slow.send(bytes(100))
        assert slow.read().body == b"10000"


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST /simple/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /simple/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /simple/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /simple/ HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"GET /simple/demo/ HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /simple/demo/ HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET /simple/demo/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_ambiguous_requests_are_refused(client: Client, request_head: bytes) -> None:
    client.send(request_head)
    assert client.read().line == b"HTTP/1.1 400 Bad Request"
    assert client.file.read() == b""


def start(length: int | None, **more: Any) -> dict[str, Any]:
    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    return {"type": "http.response.start", "status": 200, "headers": headers, **more}


END = {"type": "http.response.body", "body": b""}


class Plain:
    """An application that does what a path says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["extensions"] == {"http.response.zerocopysend": {}, "entrepot.reason": {}}
        await getattr(self, scope["path"].strip("/"))(receive, send)

    async def reason(self, _receive: Any, send: Any) -> None:
        await send(start(0, status=409, reason="Name é taken\r\nX: y \u20ac" + "z" * 1000))
        await send(END)

    async def invalid(self, _receive: Any, send: Any) -> None:
        await send({**start(0, reason="Fine"), "headers": [(b"x", b"a\r\nb")]})

    async def all(self, _receive: Any, send: Any) -> None:
        with self.path.open("rb") as file:
            file.seek(10)
            await send(start(20))
            await send({"type": "http.response.zerocopysend", "file": file, "more_body": True, "count": 5})
            await send(
                {"type": "http.response.zerocopysend", "file": file, "offset": 25, "count": 5, "more_body": True}
            )
            await send({"type": "http.response.body", "body": b"0123456789"})

    async def unannounced(self, _receive: Any, send: Any) -> None:
        with self.path.open("rb") as file:
            await send(start(None))
            await send({"type": "http.response.zerocopysend", "file": file})

    async def late(self, receive: Any, send: Any) -> None:
        await send(start(5))
        while (await receive())["type"] != "http.disconnect":
            pass
        with self.path.open("rb") as file:
            await send({"type": "http.response.zerocopysend", "file": file, "count": 5})
        self.left.set()


@pytest.fixture
def application(tmp_path: Path) -> Plain:
    (tmp_path / "file").write_bytes(bytes(range(100)))
    return Plain(tmp_path / "file")


@pytest.fixture
def plain(application: Plain) -> Iterator[Client]:
    with running(application) as server, Client(server.address) as client:
        yield client


def test_a_reason_is_said_in_the_status_line(plain: Client) -> None:
    for _ in range(2):
        line = plain.get(b"/reason").line
        assert line.startswith("HTTP/1.1 409 Name é taken  X: y ?zzz".encode("latin-1"))
        assert len(line) == len("HTTP/1.1 409 ") + 400


def test_a_header_that_cannot_be_sent_closes_the_connection(plain: Client) -> None:
    plain.send(GET % b"/invalid")
    assert plain.file.read() == b""


def test_files_and_bytes_may_be_mixed(plain: Client) -> None:
    assert plain.get(b"/all").body == bytes([*range(10, 15), *range(25, 30)]) + b"0123456789"
    plain.send(b"HEAD /all HTTP/1.1\r\nHost: x\r\n\r\n")
    assert plain.read(b"HEAD").header(b"content-length") == b"20"
    assert plain.get(b"/reason").line.startswith(b"HTTP/1.1 409")


def test_a_file_without_its_length_is_an_error(plain: Client, caplog: pytest.LogCaptureFixture) -> None:
    plain.send(GET % b"/unannounced")
    assert plain.file.read().endswith(b"\r\n\r\n")
    assert "with a Content-Length" in caplog.text


def test_a_client_that_left_before_the_file(application: Plain, caplog: pytest.LogCaptureFixture) -> None:
    with running(application) as server:
        with Client(server.address) as client:
            client.send(GET % b"/late")
            client.file.readline()
            client.abort()
        assert application.left.wait(20)
    assert caplog.text == ""


def test_serving_an_inherited_socket_until_told_to_stop(store: FileStore, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from entrepot.edge.app import Edge;"
        "from entrepot.ports.files import FileStore; from entrepot.server import serve;"
        "serve(Edge(FileStore(Path(sys.argv[1]))), int(sys.argv[2]))"
    )
    FileStore(tmp_path).put_page(DEMO.key, Page.of(b"demo", serial=1, last_serial=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(fd)], pass_fds=[fd])
        with Client(listener.getsockname()) as client:
            response = client.get(b"/simple/demo/")
            assert response.body == b"demo"
            assert b"server" not in dict(response.headers)
            child.send_signal(signal.SIGTERM)
            assert client.file.read() == b""
        assert child.wait(20) in {0, -signal.SIGTERM}
