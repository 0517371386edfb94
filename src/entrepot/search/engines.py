"""Which engine an installation has: its database, unless ENTREPOT_SEARCH_URL names another."""

from functools import lru_cache

from django.db import connection

from entrepot.config import Config
from entrepot.search.opensearch import OpenSearch
from entrepot.search.port import Search
from entrepot.search.postgresql import PostgresqlSearch
from entrepot.search.sqlite import SqliteSearch

_IN_DATABASE: dict[str, type[Search]] = {"sqlite": SqliteSearch, "postgresql": PostgresqlSearch}


def engine() -> Search:
    """The engine that the environment names."""
    url = Config.current().search_url
    return _opensearch(url) if url else _IN_DATABASE[connection.vendor]()


@lru_cache
def _opensearch(url: str) -> OpenSearch:
    """One for all threads: it keeps its connections."""
    return OpenSearch(url)
