"""Varnish with the module xkey and our VCL (`deploy/varnish`): one cache or several, purged and asked one by one."""

from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, parse_qs
from weakref import finalize

import httpx2

from entrepot.ports.cdn import PurgeFailed, Sent, batches
from entrepot.ports.looking import TIMEOUT, look_at


class Varnish:
    """The caches at `addresses` (HOST:PORT); `token` is what their VCL wants to hear."""

    def __init__(self, addresses: Sequence[str], token: str) -> None:
        self._sites = [f"http://{address}" for address in addresses]
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._client = httpx2.Client(timeout=TIMEOUT, trust_env=False)  # no proxy stands between us and them
        finalize(self, self._client.close)

    def purge(self, tags: Collection[str]) -> None:
        """A soft purge."""
        self._send(tags, {**self._authorization, "Soft-Purge": "1"})

    def remove(self, tags: Collection[str]) -> None:
        """A hard purge."""
        self._send(tags, self._authorization)

    def look(self, path: str, *, accept: str, coding: str) -> list[Sent]:
        """What each cache sends."""
        return [look_at(self._client, site, path, accept=accept, coding=coding) for site in self._sites]

    def _send(self, tags: Collection[str], headers: dict[str, str]) -> None:
        failures = []
        for site in self._sites:  # all of them: one that is silent must not keep the others from hearing of it
            try:
                for value in batches(tags):
                    self._send_to(site, {**headers, "Surrogate-Key": value})
            except PurgeFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def _send_to(self, site: str, headers: dict[str, str]) -> None:
        try:
            response = self._client.request("PURGE", f"{site}/", headers=headers)
        except httpx2.HTTPError as error:
            raise PurgeFailed(f"{site} does not answer: {type(error).__name__} {error}") from error
        if response.status_code != httpx2.codes.OK:
            raise PurgeFailed(f"{site} refuses: {response.status_code} {response.reason_phrase}")


def from_url(url: SplitResult) -> Varnish:
    """The caches of `varnish://HOST:PORT,HOST:PORT?token=TOKEN`. Raises ValueError."""
    (token,) = parse_qs(url.query).get("token", [""])
    if not url.netloc or not token or not token.isascii() or not token.isprintable():
        raise ValueError("Varnish is given as varnish://HOST:PORT,HOST:PORT?token=TOKEN")
    return Varnish(url.netloc.split(","), token)
