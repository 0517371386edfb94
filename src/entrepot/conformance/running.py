"""Asks an index all that is to be asked, one case after the other."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from entrepot.conformance import (
    caching,
    files,
    json_api,
    names,
    negotiation,
    serials,
    sidecars,
    simple_html,
    simple_json,
    status,
    upload,
)
from entrepot.conformance.asking import NoAnswer
from entrepot.conformance.core import Area, Case, Outcome, Verdict
from entrepot.conformance.index import Index
from entrepot.conformance.judging import Failed, NotOffered
from entrepot.conformance.report import Report

AREAS: Sequence[Area] = (
    names.AREA,
    simple_html.AREA,
    simple_json.AREA,
    negotiation.AREA,
    status.AREA,
    files.AREA,
    sidecars.AREA,
    caching.AREA,
    json_api.AREA,
    serials.AREA,
    upload.AREA,
)


def cases_of(areas: Sequence[str]) -> Sequence[Case]:
    """The cases of these areas, or all."""
    return [case for area in AREAS if area.name in areas or not areas for case in area.cases]


def run(index: Index, cases: Sequence[Case]) -> Iterator[Outcome]:
    """What comes of each case."""
    return (_outcome(index, case) for case in cases)


def _outcome(index: Index, case: Case) -> Outcome:
    """One that gets no answer has failed: the index had been there before."""
    try:
        case.check(index)
    except (Failed, NoAnswer) as problem:
        return Outcome(case, Verdict.FAILED, str(problem))
    except NotOffered as absence:
        return Outcome(case, Verdict.NOT_OFFERED, str(absence))
    return Outcome(case, Verdict.PASSED)


def reported(index: Index, outcomes: Sequence[Outcome]) -> Report:
    """What came of all of it, with what is left in the index."""
    uploads = index.uploads
    left = f"{uploads.name}: {', '.join(uploads.taken)}" if uploads and uploads.taken else ""
    return Report(index.url, datetime.now(UTC), index.projects, left, outcomes)
