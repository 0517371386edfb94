"""OpenSearch, over its HTTP API: one index, which is made when it is missing.

The words are made here, as for the other engines, so the index takes them apart at blanks and nowhere else. Versions
are the serials of the journal (`external_gte`), so that nobody late writes over what is newer. What was written is
waited for, so that it is found when the call returns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from weakref import finalize

import httpx2

from entrepot.refusal import Unavailable
from entrepot.search.nearness import distance, forgiven, misspelt, respelled
from entrepot.search.port import (
    AT_MOST,
    CURRENT,
    FEW,
    PER_PAGE,
    SHOWN,
    SUGGESTED,
    WORDS_OF_A_NAME,
    Document,
    Gone,
    Hit,
    Query,
    Results,
)
from entrepot.search.port import status_mark as status
from entrepot.search.words import as_name, is_beginning, squashed, stem, words

CONNECT, ANSWER = 1.0, 10.0  # seconds
_NEAR = 10  # names that may have been meant
_WORDS = {"type": "text", "analyzer": "whitespace"}
_INDEX = {
    "settings": {"index": {"max_result_window": AT_MOST}},
    "mappings": {
        "dynamic": False,
        "properties": {
            "place": {"type": "long"},
            "name": {"type": "keyword"},
            "length": {"type": "integer"},
            "squashed": {"type": "keyword"},
            "names": _WORDS,
            "summaries": _WORDS,
            "keywords": _WORDS,
            "descriptions": _WORDS,
            "marks": {"type": "keyword"},
        },
    },
}
# One tier outweighs all below it together; within the last ones it is where the words are that counts.
_NAMED, _HEADED = 1000, 100
_WEIGHTS = {"names": 10, "summaries": 5, "keywords": 3, "descriptions": 1}
_HEADS = ("names", "summaries", "keywords")

Json = dict[str, Any]


class OpenSearch:
    """The index at `url`: http or https, with a user and a password where there are any, and the index as path."""

    def __init__(self, url: str) -> None:
        base, _, self._index = url.rstrip("/").rpartition("/")
        self._client = httpx2.Client(base_url=base, timeout=httpx2.Timeout(ANSWER, connect=CONNECT), trust_env=False)
        finalize(self, self._client.close)

    def put(self, documents: Sequence[Document]) -> None:
        """As the protocol says."""
        self._bulk((_action("index", each.project, each.serial), _source(each)) for each in documents)

    def remove(self, gone: Sequence[Gone]) -> None:
        """As the protocol says. What is removed leaves an empty document: a deletion is forgotten after a minute."""
        self._bulk((_action("index", each.project, each.serial), {}) for each in gone)

    def find(self, query: Query) -> Results:
        """As the protocol says."""
        if (query.page - 1) * PER_PAGE >= AT_MOST:
            return Results((), AT_MOST, capped=True)
        found = self._fitting(query)
        named = 0 < len(query.words) <= WORDS_OF_A_NAME
        if named and found.total < FEW and not any(squashed(each.name) == query.squashed for each in found.hits):
            found = self._forgiving(query, found.hits)
        return found if found.total else replace(self._some(query), meant=self._respelled(query))

    def suggest(self, beginning: str) -> list[str]:
        """As the protocol says."""
        name = as_name(beginning)
        if not name:
            return []
        wanted = [{"prefix": {"name": name}}, _one_of(CURRENT)]
        sort = [{"length": "asc"}, {"name": "asc"}]
        found = self._search({"size": SUGGESTED, "query": {"bool": {"filter": wanted}}, "sort": sort})
        return [each.name for each in _hits(found)]

    def _some(self, query: Query) -> Results:
        """What has as many of the words as may be."""
        found = (self._fitting(each) for each in query.loosened())
        return next((replace(each, partly=True) for each in found if each.total), Results((), 0))

    def _respelled(self, query: Query) -> str:
        """The words, with what may have been meant by those that are nowhere."""
        return respelled(query.words if len(query.words) <= WORDS_OF_A_NAME else (), self._words_alike)

    def _words_alike(self, word: str) -> set[str]:
        """Words of names and summaries that have most of their letters in common with this one, if that is nowhere."""
        if self._fitting(Query(word, statuses=SHOWN)).total:
            return set()
        about = {"value": word, "fuzziness": misspelt(word), "transpositions": True}
        fuzzy = _either([{"fuzzy": {field: about}} for field in ("names", "summaries")])
        hits = _hits(self._search({"size": _NEAR, "query": fuzzy}))
        return {each for hit in hits for each in (*words(hit.name), *words(hit.summary))}

    def _fitting(self, query: Query) -> Results:
        found = self._search(
            {
                "from": (query.page - 1) * PER_PAGE,
                "size": PER_PAGE,
                "track_total_hits": AT_MOST + 1,
                "query": _matching(query),
                "sort": [{"place": "desc"}] if query.newest else ["_score", {"length": "asc"}, {"place": "desc"}],
            }
        )
        total = int(found["hits"]["total"]["value"])
        return Results(_hits(found), min(total, AT_MOST), capped=total > AT_MOST)

    def _forgiving(self, query: Query, hits: Sequence[Hit]) -> Results:
        """What was found, and then the names that look like the one asked for."""
        fuzzy = {"fuzzy": {"squashed": {"value": query.squashed, "fuzziness": 2, "transpositions": True}}}
        filters = _filters(query)
        filters["filter"] = [fuzzy, *filters["filter"]]
        found = _hits(self._search({"size": _NEAR, "query": {"bool": filters}}))
        slips = {each: distance(query.squashed, squashed(each.name)) for each in found}
        near = sorted(
            (each for each in found if slips[each] <= forgiven(query.squashed)),
            key=lambda each: (slips[each], each.name),
        )
        together = tuple(dict.fromkeys([*hits, *near]))
        return Results(together, len(together), meant="".join(each.name for each in near[:1]))

    def _search(self, body: Json) -> Json:
        answer = self._send("POST", f"/{self._index}/_search", json.dumps(body))
        if answer.status_code == httpx2.codes.NOT_FOUND:  # nothing has been put yet
            return {"hits": {"total": {"value": 0}, "hits": []}}
        found: Json = _checked(answer).json()
        return found

    def _bulk(self, actions: Iterable[tuple[Json, Json]]) -> None:
        lines = [json.dumps(line) for action in actions for line in action]
        if not lines:
            return
        self._make()
        answer = _checked(self._send("POST", f"/{self._index}/_bulk?refresh=wait_for", "\n".join([*lines, ""])))
        for each in answer.json()["items"]:
            # A conflict is somebody who knows something later.
            if each["index"]["status"] not in {*range(200, 300), httpx2.codes.CONFLICT}:
                raise _unavailable(f"it refuses a document: {each['index']['status']}")

    def _make(self) -> None:
        """Make the index if it is missing."""
        if self._send("HEAD", f"/{self._index}").status_code == httpx2.codes.NOT_FOUND:
            made = self._send("PUT", f"/{self._index}", json.dumps(_INDEX))
            if made.status_code != httpx2.codes.BAD_REQUEST:  # somebody else was quicker
                _checked(made)

    def _send(self, method: str, path: str, body: str = "") -> httpx2.Response:
        try:
            kind = "application/x-ndjson" if "/_bulk" in path else "application/json"
            return self._client.request(method, path, content=body.encode(), headers={"Content-Type": kind})
        except httpx2.HTTPError as error:
            raise _unavailable(f"it does not answer: {type(error).__name__} {error}") from error


def _checked(answer: httpx2.Response) -> httpx2.Response:
    if not answer.is_success:
        raise _unavailable(f"it answers {answer.status_code} {answer.reason_phrase}")
    return answer


def _unavailable(what: str) -> Unavailable:
    return Unavailable("search-unavailable", f"Search is not available at the moment: {what}. Try again later.")


def _action(kind: str, project: int, serial: int) -> Json:
    return {kind: {"_id": str(project), "version": serial, "version_type": "external_gte"}}


def _source(document: Document) -> Json:
    return {
        "place": document.place,
        "name": document.name,
        "length": len(document.name),
        "squashed": squashed(document.name),
        "names": document.name_text(),
        "summaries": document.summary_text(),
        "keywords": document.keyword_text(),
        "descriptions": document.description_text(),
        "marks": document.marks(),
        "shown": {
            "display_name": document.display_name,
            "version": document.version,
            "summary": document.summary,
            "status": document.status,
            "released_at": document.released_at.isoformat(),
        },
    }


def _matching(query: Query) -> Json:
    """Enough of the words somewhere, and the filters; where they are says how much it counts."""
    filters = _filters(query)
    if not query.words:
        return {"bool": filters}
    anywhere = [_either([_has(field, word) for field in _WEIGHTS]) for word in query.words]
    filters["filter"].append(_either([_some_of(query.enough, anywhere), {"term": {"squashed": query.squashed}}]))
    if query.newest:
        return {"bool": filters}
    heads = [_either([_has(head, word) for head in _HEADS]) for word in query.words]
    tiers = [
        _worth(_NAMED * 8, {"term": {"name": query.name}}),
        _worth(_NAMED * 4, {"term": {"squashed": query.squashed}}),
        _worth(_NAMED * 2, _some_of(query.enough, [_begins("names", word) for word in query.words])),
        _worth(_NAMED, {"bool": {"filter": [{"prefix": {"name": query.name}}]}}),
        _worth(_HEADED, _some_of(query.enough, heads)),
    ]
    places = [_worth(weight, _has(field, word)) for field, weight in _WEIGHTS.items() for word in query.words]
    return {"bool": {**filters, "should": [*tiers, *places]}}


def _filters(query: Query) -> Json:
    wanted: list[Json] = [{"range": {"place": {"gte": query.above}}}]
    wanted += [{"term": {"marks": each}} for each in query.needed]
    if query.statuses_needed:
        wanted.append({"terms": {"marks": list(query.statuses_needed)}})
    return {"filter": wanted, "must_not": [{"term": {"marks": each}} for each in query.left_out]}


def _begins(field: str, word: str) -> Json:
    return {"prefix" if is_beginning(word) else "term": {field: word}}


def _has(field: str, word: str) -> Json:
    """The word, in any form."""
    begins = _begins(field, word)
    return begins if stem(word) == word else _either([begins, {"term": {field: stem(word)}}])


def _either(parts: Sequence[Json]) -> Json:
    return _some_of(1, parts)


def _some_of(count: int, parts: Sequence[Json]) -> Json:
    return {"bool": {"should": parts, "minimum_should_match": count}}


def _worth(boost: int, what: Json) -> Json:
    return {"constant_score": {"filter": what, "boost": boost}}


def _one_of(statuses: Sequence[str]) -> Json:
    return {"terms": {"marks": [status(each) for each in statuses]}}


def _hits(found: Mapping[str, Any]) -> tuple[Hit, ...]:
    sources = [each["_source"] for each in found["hits"]["hits"]]
    return tuple(
        Hit(
            name=each["name"],
            display_name=each["shown"]["display_name"],
            version=each["shown"]["version"],
            summary=each["shown"]["summary"],
            status=each["shown"]["status"],
            released_at=datetime.fromisoformat(each["shown"]["released_at"]),
        )
        for each in sources
    )
