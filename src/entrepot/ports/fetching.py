"""Fetching what strangers name, from the web and from nowhere else.

Whoever fetches a URL that somebody else wrote can be sent to what only this machine reaches: itself, its neighbours,
the metadata service of its cloud (server-side request forgery). So each name is resolved here, every address that it
has must be public, and the connection is made to one of those very addresses: a second answer of the resolver cannot
lead elsewhere. TLS still asks for a certificate of the name. Each redirect is a new question. One deadline holds for
all of it, however slowly somebody sends.
"""

import ssl
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from threading import Condition
from typing import Any

import dns.exception
import dns.name
import dns.resolver
import httpcore2
import httpx2

REDIRECTS = 3
DEADLINE = 10.0  # seconds for one fetch, all in all
RESOLVING = 3.0  # seconds for a name
_SENT_ON = {301, 302, 303, 307, 308}
_ABSENT = {404, 410}
_UNICAST = IPv6Network("2000::/3")  # all that was ever given out
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))  # each holds an IPv4 address, which may be any
# Addresses of protocols, and public ones by their numbers that are something else inside of some clouds.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))

Resolve = Callable[[str], Collection[str]]


class NotFetched(Exception):
    """It did not come; the message says why, to operators."""


class Absent(NotFetched):
    """Who would have it says that it is not there."""


class Crowded(NotFetched):
    """Too many are being fetched at once."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, and the Content-Type that it came with, as sent."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a fetch may go: which addresses, and which ports."""

    admits: Callable[[str], bool]
    ports: Collection[int]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, and not one that means something else on some machine."""
    parsed = ip_address(address)
    if parsed.version == 6 and parsed not in _UNICAST:
        return False
    special = any(parsed in each for each in (*_TUNNELS, *_SPECIAL))
    return parsed.is_global and not parsed.is_multicast and not special


WEB = Reach(is_public, frozenset({80, 443}))


def resolver(nameserver: tuple[str, int] | None) -> Resolve:
    """Asks a name server (address, port), or those of the system: for addresses, and not in /etc/hosts.

    What it gives raises NotFetched.
    """
    asked = dns.resolver.Resolver(configure=nameserver is None)
    if nameserver is not None:
        asked.nameservers, asked.port = [nameserver[0]], nameserver[1]

    def resolve(host: str) -> Collection[str]:
        try:
            answers = asked.resolve_name(dns.name.from_text(host), lifetime=RESOLVING, search=False)
        except dns.exception.DNSException as error:
            raise NotFetched(f"{host} has no address: {type(error).__name__}") from error
        return sorted(answers.addresses(), key=lambda each: ":" in each)  # IPv4 first: not every machine has the other

    return resolve


class Turns:
    """How many may fetch at once: all in all, and from one host, so that a slow one does not hold up the others."""

    def __init__(self, *, in_all: int, of_one_host: int, patience: float) -> None:
        self._limits = (in_all, of_one_host)
        self._patience = patience
        self._busy: list[str] = []
        self._changed = Condition()

    @contextmanager
    def turn(self, host: str) -> Iterator[None]:
        """Wait for a turn, `patience` seconds at most. Raises Crowded."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(host), self._patience):
                raise Crowded(f"too many wait for {host}")
            self._busy.append(host)
        try:
            yield
        finally:
            with self._changed:
                self._busy.remove(host)
                self._changed.notify_all()

    def _is_free(self, host: str) -> bool:
        in_all, of_one_host = self._limits
        return len(self._busy) < in_all and self._busy.count(host) < of_one_host


class Fetcher:
    """Fetches by GET, without cookies or a Referer. Safe to use from several threads.

    `largest` is in bytes. `agent` says who asks; it is also said in `Via` (RFC 9110), by which loops are found out.
    Only tests have a `reach`, a `deadline` in seconds or a `trust` of their own.
    """

    def __init__(
        self,
        *,
        agent: str,
        accept: str,
        largest: int,
        resolve: Resolve,
        turns: Turns,
        reach: Reach = WEB,
        deadline: float = DEADLINE,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        asked = {"User-Agent": agent, "Accept": accept, "Accept-Encoding": "identity", "Via": via(agent)}
        self._headers = [*asked.items()]
        self._largest = largest
        self._resolve = resolve
        self._turns = turns
        self._reach = reach
        self._deadline = deadline
        self._trust = trust

    def get(self, url: str) -> Fetched:
        """What is at the URL, or where it leads to. Raises NotFetched, Absent and Crowded."""
        target = _parsed(url)
        with self._turns.turn(target.host):
            network = _Network(self._resolve, self._reach, time.monotonic() + self._deadline)
            try:
                with httpcore2.ConnectionPool(self._trust or _trust(), network_backend=network) as pool:
                    return self._follow(pool, target)
            except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
                raise NotFetched(f"{target.host}: {type(error).__name__} {error}") from error

    def _follow(self, pool: httpcore2.ConnectionPool, target: httpx2.URL) -> Fetched:
        for _hop in range(REDIRECTS + 1):
            with pool.stream("GET", _core(target), headers=self._headers) as answer:
                headers = httpx2.Headers(answer.headers)
                if answer.status not in _SENT_ON or "Location" not in headers:
                    return self._taken(answer, headers)
                target = _parsed(headers["Location"], target)
        raise NotFetched(f"{target.host}: sent on too often")

    def _taken(self, answer: httpcore2.Response, headers: httpx2.Headers) -> Fetched:
        if answer.status in _ABSENT:
            raise Absent(f"{answer.status}")
        if answer.status != httpx2.codes.OK:
            raise NotFetched(f"answered {answer.status}")
        body = bytearray()
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > self._largest:
                raise NotFetched(f"larger than {self._largest} bytes")
        return Fetched(bytes(body), headers.get("Content-Type", ""))


def via(agent: str) -> str:
    """What the header Via says of requests that come from here."""
    return f"1.1 {agent}"


@cache
def _trust() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


def _parsed(url: str, base: httpx2.URL | None = None) -> httpx2.URL:
    try:
        target = base.join(url) if base else httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise NotFetched(f"no URL: {error}") from error
    if target.scheme not in {"http", "https"} or not target.host:
        raise NotFetched("not on the web")
    return target


def _core(url: httpx2.URL) -> httpcore2.URL:
    return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


class _Network(httpcore2.NetworkBackend):
    """Connects to addresses that were looked at, until the deadline."""

    def __init__(self, resolve: Resolve, reach: Reach, deadline: float) -> None:
        self._resolve = resolve
        self._reach = reach
        self._deadline = deadline
        self._system = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - here and below: the deadline says it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Raises NotFetched where the reach ends."""
        address = self._address(host, port)
        left = _left(self._deadline)
        stream = self._system.connect_tcp(address, port, left, local_address, socket_options)
        return _Stream(stream, self._deadline)

    def _address(self, host: str, port: int) -> str:
        if port not in self._reach.ports:
            raise NotFetched(f"{host}: port {port}")
        try:
            addresses: Collection[str] = [str(ip_address(host))]
        except ValueError:
            addresses = self._resolve(host)
        outside = [each for each in addresses if not self._reach.admits(each)]
        if outside:
            raise NotFetched(f"{host} is not a public host")
        return next(iter(addresses))


class _Stream(httpcore2.NetworkStream):
    """A connection that ends at the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """Seconds, and at least some: a socket without any would not wait at all, nor say that it is too late."""
    return max(deadline - time.monotonic(), 0.001)
