"""Which caches a URL names."""

from functools import lru_cache
from importlib import import_module
from urllib.parse import urlsplit

from entrepot.ports.cdn import Cdn, NoCdn


@lru_cache(8)
def cdn_from_url(url: str, *, site: str, fastly_token: str) -> Cdn:
    """The caches that `url` names, the same ones each time, so that their connections last. Raises ValueError.

    `none:`; `varnish://HOST:PORT[,HOST:PORT]?token=TOKEN`; `fastly://SERVICE_ID`. `site` is the site's public URL.
    """
    parts = urlsplit(url)
    if url == "none:":
        return NoCdn()
    # By name, because an HTTP client takes a tenth of a second to be imported.
    if parts.scheme == "varnish":
        cdn: Cdn = import_module("entrepot.ports.varnish").from_url(parts)
    elif parts.scheme == "fastly":
        cdn = import_module("entrepot.ports.fastly").from_url(parts, token=fastly_token, site=site)
    else:
        raise ValueError(f"caches are given as none:, varnish://… or fastly://…, not with scheme {parts.scheme!r}")
    return cdn
