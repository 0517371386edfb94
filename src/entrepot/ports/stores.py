"""Which store a URL names."""

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

from entrepot.ports.files import FileStore
from entrepot.ports.store import Store


def store_from_url(url: str) -> Store:
    """The store that `url` names. Raises ValueError for any that there is not.

    `file:///path`; `s3://BUCKET[/PREFIX]`, with options as in `entrepot.ports.s3`.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return _s3_store(url)
    if parts.scheme == "file" and not parts.netloc:
        return FileStore(Path(unquote(parts.path)))
    raise ValueError(
        "a store is given as file:///path or s3://BUCKET/PREFIX, "
        f"not with scheme {parts.scheme!r}, host {parts.hostname!r}"
    )


@lru_cache(8)
def _s3_store(url: str) -> Store:
    """One for each URL, since it keeps connections. By name, because its library is an extra."""
    try:
        module = import_module("entrepot.ports.s3")
    except ModuleNotFoundError as error:
        raise ValueError(f"a store in S3 needs the extra entrepot[s3]: {error}") from error
    store: Store = module.S3Store.from_url(url)
    return store
