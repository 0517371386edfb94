"""What the address of a search asks for, and the lists of its form."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from trove_classifiers import sorted_classifiers

from entrepot.search.port import CURRENT, SHOWN, Query
from entrepot.search.pythons import OFFERED, PYTHONS

CLASSIFIERS = 10  # of one query
STATUSES: dict[str, tuple[Promise, tuple[str, ...]]] = {
    "": (_("Active and deprecated"), CURRENT),
    "active": (_("Active"), ("active",)),
    "deprecated": (_("Deprecated"), ("deprecated",)),
    "archived": (_("Archived"), ("archived",)),
    "any": (_("Any status"), SHOWN),
}
AGES = {
    "": _("At any time"),
    "30": _("In the last month"),
    "180": _("In the last half year"),
    "365": _("In the last year"),
}
SORTS = {"": _("What fits best"), "newest": _("The newest releases")}
GROUPS = {
    "Framework": _("Framework"),
    "Topic": _("Topic"),
    "Development Status": _("Development status"),
    "Intended Audience": _("Intended audience"),
}
# Two levels are enough to choose from; whatever is below counts, too.
_OF_GROUP = {
    group: [each for each in sorted_classifiers if each.startswith(f"{group} :: ") and each.count(" :: ") == 1]
    for group in GROUPS
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for, as it is written there. What makes no sense is as if it were not there."""

    text: str
    classifiers: tuple[str, ...]
    python: str
    status: str
    days: str
    sort: str
    page: int

    @property
    def query(self) -> Query:
        """The same for an engine."""
        return Query(
            text=self.text,
            classifiers=self.classifiers,
            python=self.python,
            statuses=STATUSES[self.status][1],
            since=timezone.now() - timedelta(days=int(self.days)) if self.days else None,
            newest=self.sort == "newest",
            page=self.page,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the words says what is wanted."""
        return bool(self.classifiers or self.python or self.status or self.days)

    def address(self, page: int) -> str:
        """Where another page of the same is."""
        single = [("q", self.text), ("python", self.python), ("status", self.status), ("days", self.days)]
        single += [("sort", self.sort), ("page", str(page) if page > 1 else "")]
        return address(
            [*((name, value) for name, value in single if value), *(("c", each) for each in self.classifiers)]
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """A list to choose one from: its name in the address, how it is called, what it offers, and what is chosen."""

    id: str
    name: str
    label: str | Promise
    offered: Sequence[tuple[str, str | Promise]]
    chosen: str


def address(parameters: Iterable[tuple[str, str]]) -> str:
    """The address of a search."""
    return f"{reverse('search')}?{urlencode(list(parameters))}"


def asked_for(given: QueryDict) -> Asked:
    """What the parameters of an address ask for."""
    python, status, sort = given.get("python", ""), given.get("status", ""), given.get("sort", "")
    return Asked(
        text=given.get("q", "").strip(),
        classifiers=tuple(dict.fromkeys(filter(None, given.getlist("c"))))[:CLASSIFIERS],
        python=python if python in PYTHONS else "",
        status=status if status in STATUSES else "",
        days=_number(given.get("days", "")),
        sort=sort if sort in SORTS else "",
        page=int(_number(given.get("page", "")) or 1),
    )


def lists(asked: Asked) -> list[Choices]:
    """What the form offers to choose from, besides the words."""
    statuses = [(value, label) for value, (label, _means) in STATUSES.items()]
    pythons: list[tuple[str, str | Promise]] = [("", _("Any version")), *((each, each) for each in OFFERED)]
    return [
        Choices("sort", "sort", _("Order"), list(SORTS.items()), asked.sort),
        Choices("python", "python", _("Works with Python"), pythons, asked.python),
        Choices("status", "status", _("Status"), statuses, asked.status),
        Choices("days", "days", _("Last release"), list(AGES.items()), asked.days),
        *(_of_group(group, label, asked) for group, label in GROUPS.items()),
    ]


def elsewhere(asked: Asked) -> list[str]:
    """The classifiers that are asked for, and in no list."""
    listed = {each.chosen for each in lists(asked)}
    return [each for each in asked.classifiers if each not in listed]


def _of_group(group: str, label: Promise, asked: Asked) -> Choices:
    chosen = next((each for each in asked.classifiers if each in _OF_GROUP[group]), "")
    offered = [(each, each.partition(" :: ")[2]) for each in _OF_GROUP[group]]
    return Choices(group.lower().replace(" ", "-"), "c", label, [("", _("Any")), *offered], chosen)


def _number(text: str) -> str:
    """Digits of a number from 1 to 9999; empty if it is none."""
    return text if re.fullmatch("[1-9][0-9]{0,3}", text) else ""
