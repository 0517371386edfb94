"""Asking a cache over HTTP, as an installer would."""

import httpx2

from entrepot.ports.cdn import ANSWER, CONNECT, NotShown, Sent

TIMEOUT = httpx2.Timeout(ANSWER, connect=CONNECT)


def look_at(client: httpx2.Client, site: str, path: str, *, accept: str, coding: str) -> Sent:
    """What the cache at `site` (a URL without a path) sends. Raises NotShown when it is silent."""
    try:
        response = client.head(site + path, headers={"Accept": accept, "Accept-Encoding": coding})
    except httpx2.HTTPError as error:
        raise NotShown(f"{site} does not answer for {path}: {type(error).__name__} {error}") from error
    return Sent(site, response.status_code, response.headers.get("ETag", ""))
