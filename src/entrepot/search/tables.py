"""What the engines that live in the database have in common: the rows, and the order in which is looked.

A query gives up to AT_MOST places, the best first, from one tier after the other until there are enough: the exact
name, names with all the words, names with summaries and keywords, all there is. Where a tier holds more than that, its
newest are taken and ranked. So a word that is in every third project costs no more than a rare one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import ClassVar

from django.db import connection, transaction

from entrepot.search.models import Row, Word
from entrepot.search.nearness import distance, forgiven, respelled
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
from entrepot.search.words import as_name, squashed

NEAR = 50  # names that look alike, which are compared letter by letter
_COLUMNS_SHOWN = ("place", "name", "display_name", "version", "summary", "status", "released_at")
_COLUMNS = ("serial", "place", "name", "squashed", "display_name", "version", "summary", "status", "released_at")


class Tables(ABC):
    """An engine that keeps its words in tables of the database; `put` and `remove` are transactions.

    `suggesting` is the statement that finds names from one to another, of two statuses, the shortest first.
    """

    suggesting: ClassVar[str]

    def put(self, documents: Sequence[Document]) -> None:
        """As the protocol says."""
        with transaction.atomic():
            fresh = {each.project: each for each in documents}
            taken = self._take([(each.project, each.serial) for each in fresh.values()])
            self._write([_row(fresh[project]) for project in taken])
            self._put_words([fresh[project] for project in taken])
            # In one order, so that two who do so do not wait for each other.
            told = sorted(set[str]().union(*(fresh[project].telling() for project in taken)))
            Word.objects.bulk_create(map(Word, told), ignore_conflicts=True)

    def remove(self, gone: Sequence[Gone]) -> None:
        """As the protocol says."""
        with transaction.atomic():
            fresh = {each.project: each for each in gone}
            taken = self._take([(each.project, each.serial) for each in fresh.values()])
            # The row stays, so that nobody late brings the project back.
            self._write([Row(project=project, serial=fresh[project].serial) for project in taken])

    def find(self, query: Query) -> Results:
        """As the protocol says."""
        places, near = self._places(query), list[str]()
        if 0 < len(query.words) <= WORDS_OF_A_NAME and len(places) < FEW and not self._exact(query):
            near = self._near(query)
            places = list(dict.fromkeys(chain(places, self._of_names(query, near))))
        meant = near[0] if near else "" if places else self._respelled(query)
        some = [] if places else self._some(query)
        start = (query.page - 1) * PER_PAGE
        hits = self._hits((places or some)[:AT_MOST][start : start + PER_PAGE])
        total = len(places or some)
        return Results(hits, min(total, AT_MOST), total > AT_MOST, meant=meant, partly=bool(some))

    def suggest(self, beginning: str) -> list[str]:
        """As the protocol says."""
        name = as_name(beginning)
        if not name:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                self.suggesting,
                [name, f"{name}\x7f", *CURRENT, SUGGESTED],
            )
            return [found for (found,) in cursor.fetchall()]

    def _places(self, query: Query) -> list[int]:
        """The best places, one more than are counted if there are so many."""
        if not query.words or query.newest:
            return self._newest(query)
        found: dict[int, None] = {}
        for tier in (self._exact, self._named, self._headed, self._mentioned):
            found.update(dict.fromkeys(tier(query)))
            if len(found) > AT_MOST:
                break
        return list(found)[: AT_MOST + 1]

    def _some(self, query: Query) -> list[int]:
        """What has as many of the words as may be; only one, where no other two meet."""
        return next(filter(None, map(self._places, query.loosened())), [])

    def _respelled(self, query: Query) -> str:
        """The words, with what may have been meant by those that are nowhere."""
        asked = query.words if len(query.words) <= WORDS_OF_A_NAME else ()
        known = set(Word.objects.filter(word__in=asked).values_list("word", flat=True))
        known |= {each for each in asked if each not in known and self._newest(Query(each, statuses=SHOWN))}
        return respelled(asked, lambda each: [] if each in known else self._words_alike(each))

    def _exact(self, query: Query) -> list[int]:
        """The project of that name, then those whose names differ in what stands between their words."""
        rows = Row.objects.filter(squashed=query.squashed, place__gte=query.above)
        named = sorted(rows.values_list("name", "place"), key=lambda each: (each[0] != query.name, each))
        return self._filtered(query, [place for _name, place in named if place])

    def _near(self, query: Query) -> list[str]:
        """The names that somebody may have meant, those with the fewest slips first."""
        wanted = query.squashed
        near = ((distance(wanted, squashed(name)), name) for name in self._alike(query.name))
        return [name for slips, name in sorted(near) if 0 < slips <= forgiven(wanted)]

    def _of_names(self, query: Query, names: Sequence[str]) -> list[int]:
        found = Row.objects.filter(name__in=names, place__gte=query.above)
        rows = {name: place for name, place in found.values_list("name", "place") if place}
        return self._filtered(query, [rows[name] for name in names if name in rows])

    def _hits(self, places: Sequence[int]) -> tuple[Hit, ...]:
        rows = {row[0]: Hit(*row[1:]) for row in Row.objects.filter(place__in=places).values_list(*_COLUMNS_SHOWN)}
        return tuple(rows[place] for place in places if place in rows)

    def _take(self, projects: Iterable[tuple[int, int]]) -> list[int]:
        """Those of which nothing later is known; their words are gone then."""
        serials = dict(projects)
        known = Row.objects.select_for_update().filter(project__in=serials).order_by("project")
        old = {row.project: row for row in known}
        taken = [each for each, serial in serials.items() if each not in old or old[each].serial <= serial]
        places = [old[each].place for each in taken if each in old]
        self._drop_words([place for place in places if place is not None])
        return taken

    def _write(self, rows: Sequence[Row]) -> None:
        Row.objects.bulk_create(rows, update_conflicts=True, unique_fields=["project"], update_fields=_COLUMNS)

    @abstractmethod
    def _drop_words(self, places: Sequence[int]) -> None:
        """Forget the words at these places."""

    @abstractmethod
    def _put_words(self, documents: Sequence[Document]) -> None:
        """Keep the words of these."""

    @abstractmethod
    def _newest(self, query: Query) -> list[int]:
        """The newest with all the words, if there are any, anywhere."""

    @abstractmethod
    def _named(self, query: Query) -> list[int]:
        """Those with all the words in the name: first those that begin with what is asked for, then the shortest."""

    @abstractmethod
    def _headed(self, query: Query) -> list[int]:
        """Those with all the words in name, summary and keywords."""

    @abstractmethod
    def _mentioned(self, query: Query) -> list[int]:
        """Those with all the words anywhere."""

    @abstractmethod
    def _filtered(self, query: Query, places: Sequence[int]) -> list[int]:
        """Those of the places that pass the filters, in the order given."""

    @abstractmethod
    def _alike(self, name: str) -> list[str]:
        """Some names that have parts in common with this one."""

    @abstractmethod
    def _words_alike(self, word: str) -> list[str]:
        """Some words of names and summaries that have parts in common with this one."""


def _row(document: Document) -> Row:
    return Row(
        project=document.project,
        serial=document.serial,
        place=document.place,
        name=document.name,
        squashed=squashed(document.name),
        display_name=document.display_name,
        version=document.version,
        summary=document.summary,
        status=document.status,
        released_at=document.released_at,
    )
