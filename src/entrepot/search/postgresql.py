"""PostgreSQL: text search vectors in `search_words`, with GIN indexes, and trigrams of names (pg_trgm).

The vectors are made of the words of `words.py`, not by a parser of PostgreSQL's, so that both databases find the same.
Each holds the marks, too: `names` the words of the name, `heads` those of name, summary and keywords with their
weights, `words` all there are.

The planner knows how frequent a word is, but not which words meet, and so it would now and then walk through all
projects for two that never do. It is told to ask the GIN indexes, which know. What it then has to look at is small: the
table keeps its vectors apart where they are long (`toast_tuple_target`), so a row is hardly more than a place and a
name. Where there is nothing to ask an index for, it walks from the newest down.
"""

from collections.abc import Callable, Iterable, Sequence

from django.db import connection, transaction

from entrepot.search.port import ANYTHING, AT_MOST, CURRENT, Document, Query
from entrepot.search.tables import NEAR, Tables
from entrepot.search.words import is_beginning, stem

_NEWEST = "SELECT place FROM search_words WHERE words @@ %s::tsquery AND place >= %s ORDER BY place DESC LIMIT %s"
_WALKED = "SELECT place FROM search_words WHERE names @@ %s::tsquery AND place >= %s ORDER BY place DESC LIMIT %s"
_NAMED = (
    "SELECT place FROM (SELECT place, name FROM search_words WHERE names @@ %s::tsquery AND place >= %s "
    "ORDER BY place DESC LIMIT %s) AS newest ORDER BY left(name, %s) = %s DESC, length(name), place DESC"
)
_HEADED = (
    "SELECT place FROM (SELECT place, heads FROM search_words WHERE heads @@ %s::tsquery AND place >= %s "
    "ORDER BY place DESC LIMIT %s) AS newest "
    "ORDER BY ts_rank('{0.1, 0.3, 0.5, 1}', heads, %s::tsquery) DESC, place DESC"
)
_ALIKE = (
    "SELECT name FROM search_row WHERE name %% %s AND status IN (%s, %s) ORDER BY similarity(name, %s) DESC LIMIT %s"
)
_WORDS_ALIKE = "SELECT word FROM search_word WHERE word %% %s ORDER BY similarity(word, %s) DESC LIMIT %s"
_SIMILAR = "0.2"  # two letters swapped in a name of six leave a quarter of its trigrams


class PostgresqlSearch(Tables):
    """The engine of an installation on PostgreSQL."""

    suggesting = (
        'SELECT name FROM search_row WHERE name COLLATE "C" >= %s AND name COLLATE "C" < %s AND status IN (%s, %s) '
        'ORDER BY length(name), name COLLATE "C" LIMIT %s'
    )

    def _drop_words(self, places: Sequence[int]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM search_words WHERE place = ANY(%s)", [list(places)])

    def _put_words(self, documents: Sequence[Document]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO search_words (place, name, names, heads, words) "
                "VALUES (%s, %s, %s::tsvector, %s::tsvector, %s::tsvector) ON CONFLICT (place) DO UPDATE SET "
                "name = excluded.name, names = excluded.names, heads = excluded.heads, words = excluded.words",
                [_vectors(each) for each in documents],
            )

    def _newest(self, query: Query) -> list[int]:
        if query.words or query.needed or query.statuses_needed:
            return _by_index(_NEWEST, _asked(query), query.above, AT_MOST + 1)
        return _places(_WALKED, _asked(query), query.above, AT_MOST + 1)

    def _named(self, query: Query) -> list[int]:
        name = query.name
        return _by_index(_NAMED, _but(_chosen(query, _begun), query), query.above, AT_MOST + 1, len(name), name)

    def _headed(self, query: Query) -> list[int]:
        return _by_index(_HEADED, _asked(query), query.above, AT_MOST + 1, _chosen(query, _formed))

    def _mentioned(self, query: Query) -> list[int]:
        return self._newest(query)

    def _filtered(self, query: Query, places: Sequence[int]) -> list[int]:
        passing = "SELECT place FROM search_words WHERE place = ANY(%s) AND names @@ %s::tsquery"
        passed = set(_places(passing, list(places), _but(_quoted(ANYTHING), query)))
        return [each for each in places if each in passed]

    def _alike(self, name: str) -> list[str]:
        return _similar(_ALIKE, name, *CURRENT, name, NEAR)

    def _words_alike(self, word: str) -> list[str]:
        return _similar(_WORDS_ALIKE, word, word, NEAR)


def _vectors(document: Document) -> list[int | str]:
    names, marks = document.name_text().split(), [_quoted(each) for each in document.marks()]
    weighed = [*_weighed(names, "A"), *_weighed(document.summary_text().split(), "B")]
    weighed += _weighed(document.keyword_text().split(), "C")
    texts = (document.name_text(), document.summary_text(), document.keyword_text(), document.description_text())
    anywhere = {word for text in texts for word in text.split()}
    return [
        document.place,
        document.name,
        " ".join([*map(_quoted, names), *marks]),
        " ".join([*weighed, *marks]),
        " ".join([*map(_quoted, sorted(anywhere)), *marks]),
    ]


def _weighed(words: Iterable[str], weight: str) -> list[str]:
    """A vector has positions up to 16383, and 255 for a word; the rest is left out by PostgreSQL."""
    return [f"{_quoted(word)}:{position}{weight}" for position, word in enumerate(words, 1)]


def _quoted(word: str) -> str:
    """As vectors and queries spell it: words and marks hold letters and digits only."""
    return f"'{word}'"


def _asked(query: Query) -> str:
    """What is looked for: all the words, in any form, and the filters."""
    return _but(_chosen(query, _formed) if query.words else "", query)


def _chosen(query: Query, of: Callable[[str], str]) -> str:
    return f"({' | '.join(' & '.join(map(of, choice)) for choice in query.choices)})"


def _begun(word: str) -> str:
    return f"{_quoted(word)}{':*' if is_beginning(word) else ''}"


def _formed(word: str) -> str:
    return _begun(word) if stem(word) == word else f"({_begun(word)} | {_quoted(stem(word))})"


def _but(wanted: str, query: Query) -> str:
    parts = [wanted, *map(_quoted, query.needed)]
    if query.statuses_needed:
        parts.append(f"({' | '.join(map(_quoted, query.statuses_needed))})")
    asked = " & ".join([*filter(None, parts), *(f"!{_quoted(each)}" for each in query.left_out)])
    return asked or _quoted(ANYTHING)


def _by_index(sql: str, *parameters: int | str) -> list[int]:
    """The places that a query finds in the GIN indexes, whatever the planner thinks of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        return _places(sql, *parameters)


def _similar(sql: str, *parameters: int | str) -> list[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [_SIMILAR])
        cursor.execute(sql, parameters)
        return [found for (found,) in cursor.fetchall()]


def _places(sql: str, *parameters: int | str | list[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [place for (place,) in cursor.fetchall()]
