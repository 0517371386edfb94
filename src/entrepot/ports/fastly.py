"""Fastly: purged by its API, asked through the site's public URL.

The answer then comes from whichever of Fastly's places is nearest to this machine; the others follow within fractions
of a second, and nobody can ask them all.
"""

from collections.abc import Collection
from urllib.parse import SplitResult, parse_qs
from weakref import finalize

import httpx2

from entrepot.ports.cdn import PurgeFailed, Sent, batches
from entrepot.ports.looking import TIMEOUT, look_at

API = "https://api.fastly.com"


class Fastly:
    """The service called `service`; `site` is the URL it stands for, without a slash at the end."""

    def __init__(self, service: str, token: str, *, site: str, api: str = API) -> None:
        self._url = f"{api}/service/{service}/purge"
        self._service = service
        self._site = site
        self._headers = {"Fastly-Key": token, "Accept": "application/json"}
        self._client = httpx2.Client(timeout=TIMEOUT)
        finalize(self, self._client.close)

    def purge(self, tags: Collection[str]) -> None:
        """A soft purge."""
        self._send(tags, {**self._headers, "Fastly-Soft-Purge": "1"})

    def remove(self, tags: Collection[str]) -> None:
        """A hard purge."""
        self._send(tags, self._headers)

    def look(self, path: str, *, accept: str, coding: str) -> list[Sent]:
        """What the nearest place sends."""
        return [look_at(self._client, self._site, path, accept=accept, coding=coding)]

    def _send(self, tags: Collection[str], headers: dict[str, str]) -> None:
        for value in batches(tags):
            try:
                response = self._client.post(self._url, headers={**headers, "Surrogate-Key": value})
            except httpx2.HTTPError as error:
                raise PurgeFailed(f"Fastly does not answer: {type(error).__name__} {error}") from error
            if response.status_code != httpx2.codes.OK:
                raise PurgeFailed(f"Fastly refuses for service {self._service}: {response.status_code}")


def from_url(url: SplitResult, *, token: str, site: str) -> Fastly:
    """The service of `fastly://SERVICE_ID`; `?api=URL` names another address of the API. Raises ValueError."""
    if not url.netloc or not token:
        raise ValueError("Fastly is given as fastly://SERVICE_ID, and its token in ENTREPOT_FASTLY_TOKEN")
    (api,) = parse_qs(url.query).get("api", [API])
    return Fastly(url.netloc, token, site=site, api=api)
