"""SQLite: FTS5. `search_heads` holds the words of name, summary and keywords of each project, `search_words` all its
words, and `search_trigrams` the letters of its name: each under its place, and without the text itself. The first two
hold the marks, too. `search_word_trigrams` holds the letters of the words of `search_word`.

The words that are asked for come from `words.py`, so nothing in them means anything to FTS5; they are quoted all the
same. A table is read from its highest place down, so the newest come first, and no more is read than is asked for.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from django.db import connection

from entrepot.search.port import ANYTHING, AT_MOST, CURRENT, PER_PAGE, Document, Query
from entrepot.search.tables import NEAR, Tables
from entrepot.search.words import is_beginning, stem

SHORT = 12  # characters, below which a quarter is no trigram
_NEWEST = "SELECT rowid FROM search_words WHERE search_words MATCH %s AND rowid >= %s ORDER BY rowid DESC LIMIT %s"
_IN_HEADS = _NEWEST.replace("search_words", "search_heads")
_NAMED = (
    f"SELECT place FROM search_row WHERE place IN ({_IN_HEADS}) "  # noqa: S608
    "ORDER BY substr(name, 1, %s) = %s DESC, length(name), place DESC"
)
_HEADED = (
    "SELECT rowid FROM (SELECT rowid, bm25(search_heads, 10, 5, 3, 0) AS score FROM search_heads "
    "WHERE search_heads MATCH %s AND rowid >= %s ORDER BY rowid DESC LIMIT %s) ORDER BY score, rowid DESC"
)
# Beginnings of words count only where whole words find little: for one of six letters, FTS5 puts together what all
# words with that beginning have, before it gives the first.
_MENTIONED = _NEWEST.replace(
    "MATCH %s",
    f"MATCH CASE WHEN (SELECT count(*) FROM ({_NEWEST})) < %s THEN %s ELSE %s END",  # noqa: S608
)
_ALIKE = (
    "SELECT name FROM search_row WHERE status IN (%s, %s) AND place IN "
    "(SELECT rowid FROM search_trigrams WHERE search_trigrams MATCH %s ORDER BY bm25(search_trigrams) LIMIT %s)"
)
_WORDS_ALIKE = (
    "SELECT trim(word) FROM search_word_trigrams WHERE search_word_trigrams MATCH %s "
    "ORDER BY bm25(search_word_trigrams) LIMIT %s"
)


class SqliteSearch(Tables):
    """The engine of an installation on SQLite."""

    suggesting = (
        "SELECT name FROM search_row WHERE name >= %s AND name < %s AND status IN (%s, %s) "
        "ORDER BY length(name), name LIMIT %s"
    )

    def _drop_words(self, places: Sequence[int]) -> None:
        with connection.cursor() as cursor:
            for table in ("search_heads", "search_words", "search_trigrams"):
                cursor.executemany(f"DELETE FROM {table} WHERE rowid = %s", [[each] for each in places])  # noqa: S608

    def _put_words(self, documents: Sequence[Document]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO search_heads (rowid, name, summary, keywords, marks) VALUES (%s, %s, %s, %s, %s)",
                [_heads(each) for each in documents],
            )
            cursor.executemany(
                "INSERT INTO search_words (rowid, words) VALUES (%s, %s)",
                [_words(each) for each in documents],
            )
            cursor.executemany(
                "INSERT INTO search_trigrams (rowid, name) VALUES (%s, %s)",
                [[each.place, _padded(each.name)] for each in documents],
            )

    def _newest(self, query: Query) -> list[int]:
        return _places(_NEWEST, _expression(query), query.above, AT_MOST + 1)

    def _named(self, query: Query) -> list[int]:
        name = query.name
        return _places(_NAMED, _in_names(query), query.above, AT_MOST + 1, len(name), name)

    def _headed(self, query: Query) -> list[int]:
        return _places(_HEADED, _expression(query), query.above, AT_MOST + 1)

    def _mentioned(self, query: Query) -> list[int]:
        whole, above = _but(f"({_chosen(query, _whole)})", query), query.above
        little = (whole, above, PER_PAGE, PER_PAGE)
        return _places(_MENTIONED, *little, _expression(query), whole, above, AT_MOST + 1)

    def _filtered(self, query: Query, places: Sequence[int]) -> list[int]:
        passing = "SELECT rowid FROM search_heads WHERE search_heads MATCH %s AND rowid = %s"
        return [each for each in places if _places(passing, _filters(query), each)]

    def _alike(self, name: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(_ALIKE, [*CURRENT, _any_part(name), NEAR])
            return [found for (found,) in cursor.fetchall()]

    def _words_alike(self, word: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(_WORDS_ALIKE, [_any_part(word), NEAR])
            return [found for (found,) in cursor.fetchall()]


def _heads(document: Document) -> list[int | str]:
    texts = (document.name_text(), document.summary_text(), document.keyword_text())
    return [document.place, *texts, " ".join(document.marks())]


def _words(document: Document) -> list[int | str]:
    texts = (document.name_text(), document.summary_text(), document.keyword_text(), document.description_text())
    return [document.place, " ".join([*texts, *document.marks()])]


def _padded(name: str) -> str:
    """With blanks, so that beginning and end have trigrams of their own."""
    return f"  {name} "


def _any_part(name: str) -> str:
    return " OR ".join(f'"{each}"' for each in _parts(_padded(name)))


def _parts(padded: str) -> list[str]:
    """What a name that looks alike has some of: all trigrams of a short one; quarters of a long one, which are rarer,
    and of which two slips leave two whole."""
    if len(padded) < SHORT:
        return sorted({padded[start : start + 3] for start in range(len(padded) - 2)})
    cuts = [len(padded) * quarter // 4 for quarter in range(5)]
    return [padded[start:end] for start, end in pairwise(cuts)]


def _expression(query: Query) -> str:
    """What FTS5 is asked: all the words, in any form, and the filters."""
    return _but(f"({_chosen(query, _formed)})", query) if query.words else _filters(query)


def _in_names(query: Query) -> str:
    """The same of names, where words are what they are."""
    return _but(f"name : ({_chosen(query, _begun)})", query)


def _chosen(query: Query, of: Callable[[str], str]) -> str:
    return " OR ".join(f"({' AND '.join(map(of, choice))})" for choice in query.choices)


def _begun(word: str) -> str:
    return f'"{word}"{"*" if is_beginning(word) else ""}'


def _whole(word: str) -> str:
    return f'("{word}" OR "{stem(word)}")'


def _formed(word: str) -> str:
    return _begun(word) if stem(word) == word else f'({_begun(word)} OR "{stem(word)}")'


def _filters(query: Query) -> str:
    return _but(_mark(ANYTHING), query)


def _but(wanted: str, query: Query) -> str:
    parts = [wanted, *map(_mark, query.needed)]
    if query.statuses_needed:
        parts.append(f"({' OR '.join(map(_mark, query.statuses_needed))})")
    left_out = " OR ".join(map(_mark, query.left_out))
    return f"({' AND '.join(parts)}) NOT ({left_out})" if left_out else " AND ".join(parts)


def _mark(mark: str) -> str:
    return f'"{mark}"'


def _places(sql: str, *parameters: int | str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [place for (place,) in cursor.fetchall()]
