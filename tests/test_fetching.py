"""Fetching what strangers name: from real servers on this machine, which only a test lets a fetch reach."""

import socket
import ssl
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUDPServer
from threading import Barrier, Thread

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from entrepot.ports import fetching
from entrepot.ports.fetching import Absent, Crowded, Fetcher, NotFetched, Reach, Resolve, Turns, is_public, resolver
from mail_server import Certificate, new_certificate
from scripted import Asked, Reply, scripted

HERE = Reach(admits=lambda _address: True, ports=range(1, 65536))


def fetcher(
    *,
    reach: Reach = HERE,
    resolve: Resolve = lambda _host: (),
    deadline: float = 5.0,
    trust: ssl.SSLContext | None = None,
    turns: Turns | None = None,
) -> Fetcher:
    return Fetcher(
        agent="fetching",
        accept="image/png",
        largest=1000,
        resolve=resolve,
        turns=turns or Turns(in_all=2, of_one_host=1, patience=0.05),
        reach=reach,
        deadline=deadline,
        trust=trust,
    )


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",  # noqa: S104 - to be refused
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
        ),
        *("100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("168.63.129.16", "192.0.2.1", "203.0.113.9"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fec0::1", "fc00::1"),
        *("fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::"),
        *("2001:db8::1", "100::1"),
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1/", "127.0.0.1 is not a public host"),
        ("http://[::1]/", "::1 is not a public host"),
        ("http://169.254.169.254/latest/meta-data/", "not a public host"),
        ("https://inside.example/", "inside.example is not a public host"),
        ("https://both.example/", "both.example is not a public host"),
        ("http://both.example:8080/", "port 8080"),
        ("http://8.8.8.8:22/", "port 22"),
        ("ftp://8.8.8.8/", "not on the web"),
        ("file:///etc/passwd", "not on the web"),
        ("http:///etc/passwd", "not on the web"),
        ("http://[::1", "no URL"),
        ("http://\x00/", "no URL"),
    ],
)
def test_where_a_fetch_does_not_go(url: str, why: str) -> None:
    """Without any allowance: one address of a host that is not public is one too many."""
    names = {"inside.example": ["10.0.0.7"], "both.example": ["8.8.8.8", "127.0.0.1"]}
    with pytest.raises(NotFetched, match=why):
        fetcher(reach=fetching.WEB, resolve=names.__getitem__).get(url)


def test_what_is_asked_and_what_comes() -> None:
    with scripted(lambda _: Reply(headers={"Content-Type": "image/png"}, body=b"bytes")) as web:
        fetched = fetcher().get(f"http://user:password@127.0.0.1:{web.port}/a.png?b=1#c")
    assert (fetched.body, fetched.content_type) == (b"bytes", "image/png")
    (asked,) = web.asked
    assert asked.target == "/a.png?b=1"
    assert asked.headers == {
        "host": f"127.0.0.1:{web.port}",
        "user-agent": "fetching",
        "accept": "image/png",
        "accept-encoding": "identity",
        "via": "1.1 fetching",
    }


def test_the_address_that_was_looked_at_is_the_one_that_is_asked() -> None:
    """A resolver that says something else the second time leads nowhere: there is no second time."""
    asked: list[str] = []

    def resolve(host: str) -> Collection[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with scripted(lambda _: Reply(body=b"bytes")) as web:
        assert fetcher(resolve=resolve).get(f"http://moving.example:{web.port}/").body == b"bytes"
        assert web.asked[0].headers["host"] == f"moving.example:{web.port}"
    assert asked == ["moving.example"]


@pytest.mark.parametrize("hops", [0, 1, 3])
def test_it_is_sent_on(hops: int) -> None:
    def answer(asked: Asked) -> Reply:
        left = int(asked.target[1:])
        return Reply(302, {"Location": f"/{left - 1}"}) if left else Reply(body=b"there")

    with scripted(answer) as web:
        assert fetcher().get(f"{web.url}/{hops}").body == b"there"
        with pytest.raises(NotFetched, match="sent on too often"):
            fetcher().get(f"{web.url}/4")


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://inside.example/", "not a public host"),
        ("http://169.254.169.254/", "not a public host"),
        ("file:///etc/passwd", "not on the web"),
        ("gopher://127.0.0.1/", "not on the web"),
        ("http://[::1", "no URL"),
    ],
)
def test_each_redirect_is_a_new_question(location: str, why: str) -> None:
    start = Reach(admits=lambda address: address == "127.0.0.1", ports=range(1, 65536))
    with scripted(lambda _: Reply(301, {"Location": location})) as web, pytest.raises(NotFetched, match=why):
        fetcher(reach=start, resolve=lambda _: ["10.0.0.7"]).get(web.url)


def test_what_is_too_large_or_not_there() -> None:
    replies = {"/large": Reply(body=b"x" * 1001), "/gone": Reply(410), "/broken": Reply(500), "/nowhere": Reply(302)}
    with scripted(lambda asked: replies.get(asked.target, Reply(404))) as web:
        with pytest.raises(NotFetched, match="larger than 1000 bytes"):
            fetcher().get(f"{web.url}/large")
        with pytest.raises(NotFetched, match="answered 500"):
            fetcher().get(f"{web.url}/broken")
        with pytest.raises(NotFetched, match="answered 302"):
            fetcher().get(f"{web.url}/nowhere")
        for path in ("/gone", "/never"):
            with pytest.raises(Absent):
                fetcher().get(web.url + path)


@contextmanager
def speaking(*parts: bytes, pause: float = 0.0) -> Iterator[str]:
    """A server that says this to everybody, whatever it is asked; with pauses."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            try:
                for part in parts:
                    self.request.sendall(part)
                    time.sleep(pause)
            except OSError:  # nobody listens any more
                return

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_who_speaks_too_slowly_is_given_up() -> None:
    """A byte now and then: no single wait is long."""
    began = time.monotonic()
    with speaking(*[b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 30], pause=0.1) as url:
        with pytest.raises(NotFetched, match="ReadTimeout"):
            fetcher(deadline=0.5).get(url)
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"HTTP/9.9 x\r\n\r\n"]
)
def test_who_speaks_no_http(said: bytes) -> None:
    with speaking(said) as url, pytest.raises(NotFetched, match=r"127\.0\.0\.1: Re"):
        fetcher().get(url)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotFetched, match="ConnectError"):
        fetcher().get(f"http://127.0.0.1:{port}/")


@contextmanager
def secured(certificate: Certificate) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"sealed")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = certificate.context().wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_certificate_is_asked_of_the_name(tmp_path: Path) -> None:
    certificate = new_certificate(tmp_path, "images.example")
    trust = ssl.create_default_context(cafile=str(certificate.path))
    names = {"images.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
    with secured(certificate) as port:
        fetched = fetcher(resolve=names.__getitem__, trust=trust).get(f"https://images.example:{port}/")
        assert fetched.body == b"sealed"
        with pytest.raises(NotFetched, match="certificate"):
            fetcher(resolve=names.__getitem__, trust=trust).get(f"https://other.example:{port}/")
        with pytest.raises(NotFetched, match="certificate"):
            fetcher(resolve=names.__getitem__).get(f"https://images.example:{port}/")


def test_one_slow_host_holds_up_nobody_else() -> None:
    turns = Turns(in_all=2, of_one_host=1, patience=0.05)
    with turns.turn("slow.example"):
        with pytest.raises(Crowded), turns.turn("slow.example"):
            pass
        with turns.turn("other.example"), pytest.raises(Crowded), turns.turn("third.example"):
            pass
        with turns.turn("third.example"):
            pass
    with turns.turn("slow.example"):
        pass


def test_whoever_waits_gets_the_next_turn() -> None:
    turns = Turns(in_all=1, of_one_host=1, patience=10)
    meeting = Barrier(2)

    def wait() -> bool:
        meeting.wait(5)
        with turns.turn("one.example"):
            return True

    with ThreadPoolExecutor(1) as threads:
        with turns.turn("one.example"):
            waiting = threads.submit(wait)
            meeting.wait(5)
        assert waiting.result(5)


RECORDS = {
    ("both.example.", "A"): "192.0.2.7",
    ("both.example.", "AAAA"): "2001:db8::7",
    ("old.example.", "A"): "192.0.2.8",
    ("mail.example.", "MX"): "10 both.example.",
}


@pytest.fixture
def nameserver() -> Iterator[tuple[str, int]]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            query = dns.message.from_wire(self.request[0])
            question = query.question[0]
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            kind = dns.rdatatype.to_text(question.rdtype)
            if record := RECORDS.get((question.name.to_text(), kind)):
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, record))
            self.request[1].sendto(answer.to_wire(), self.client_address)

    with ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()


def test_names_are_resolved(nameserver: tuple[str, int]) -> None:
    resolve = resolver(nameserver)
    assert resolve("both.example") == ["192.0.2.7", "2001:db8::7"]
    assert resolve("old.example") == ["192.0.2.8"]
    for host in ("mail.example", "no.example", "localhost", "0x7f.1", "x" * 64 + ".example", "a..b"):
        with pytest.raises(NotFetched, match="has no address"):
            resolve(host)


def test_the_resolver_of_the_system() -> None:
    """Nobody is asked for a name that cannot be one."""
    with pytest.raises(NotFetched):
        resolver(None)("a..b")
