"""What came of the cases: as text for a terminal, as JSON for programs, as one page of HTML for people.

JSON has `schema` 1; a key that is there now stays, with its meaning, as long as that number does.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from string import Template

from entrepot.conformance.core import Level, Outcome, Verdict

SCHEMA = 1
LEVELS = {
    Level.MUST: "demanded by a specification, or by the form of uploads",
    Level.SHOULD: "recommended",
    Level.CLIENTS: "relied on by clients",
}
PAGE = Template(
    """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; inline-size: 100%; }
th, td { text-align: start; vertical-align: top; padding: .3rem .6rem; border-block-end: 1px solid; }
.failed { font-weight: bold; }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p>$summary</p>
$facts
$failures
<h2>All cases</h2>
$areas
</main>
</body>
</html>
"""
)
TABLE = "<table><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table>"


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes; `left` says what uploads have left in the index, if anything."""

    url: str
    at: datetime
    projects: Sequence[str]
    left: str
    outcomes: Sequence[Outcome]

    @property
    def conforms(self) -> bool:
        """Whether nothing that is demanded failed."""
        return not any(each.case.level is Level.MUST for each in self.failures)

    @property
    def failures(self) -> Sequence[Outcome]:
        """Those that failed, the weightiest first."""
        failed = [each for each in self.outcomes if each.verdict is Verdict.FAILED]
        return sorted(failed, key=lambda each: list(Level).index(each.case.level))

    @property
    def summary(self) -> str:
        """How many of which."""
        counted = Counter(each.verdict for each in self.outcomes)
        levels = Counter(each.case.level for each in self.failures)
        kinds = [f"{levels[level]} {text}" for level, text in LEVELS.items() if levels[level]]
        which = f" ({'; '.join(kinds)})" if kinds else ""
        return (
            f"{counted[Verdict.PASSED]} passed, {counted[Verdict.FAILED]} failed{which}, "
            f"{counted[Verdict.NOT_OFFERED]} not offered."
        )

    @property
    def facts(self) -> Sequence[str]:
        """What else there is to know, in sentences."""
        looked = f"Looked at: {', '.join(self.projects) or 'no project'}."
        left = [f"These files stay in the index until somebody deletes them: {self.left}."] if self.left else []
        return [f"{self.at:%Y-%m-%d %H:%M} UTC. {looked}", *left]

    @property
    def areas(self) -> Sequence[str]:
        """The areas, in order."""
        return list(dict.fromkeys(each.case.area for each in self.outcomes))


def text(report: Report) -> str:
    """For a terminal: failures with their clauses, then a line for each area, then the summary."""
    lines = [f"{report.url} — {' '.join(report.facts)}", ""]
    for each in report.failures:
        case = each.case
        lines += [f"FAILED {case.identifier} ({case.level}; {case.clause})", f"  {case.asks}", f"  {each.sentence}"]
        lines += [f"  {case.clause.url}", ""] if case.clause.url else [""]
    for area in report.areas:
        counted = Counter(each.verdict for each in report.outcomes if each.case.area == area)
        lines.append(f"{area:<12}" + "  ".join(f"{counted[each]:>3} {each}" for each in Verdict))
    return "\n".join([*lines, "", report.summary, ""])


def as_json(report: Report) -> str:
    """For programs."""
    document = {
        "schema": SCHEMA,
        "url": report.url,
        "at": report.at.isoformat(),
        "projects": list(report.projects),
        "left": report.left,
        "conforms": report.conforms,
        "cases": [_case(each) for each in report.outcomes],
    }
    return json.dumps(document, indent=1) + "\n"


def _case(outcome: Outcome) -> dict[str, str]:
    case = outcome.case
    return {
        "id": case.identifier,
        "area": case.area,
        "level": case.level,
        "clause": str(case.clause),
        "clause-url": case.clause.url,
        "asks": case.asks,
        "verdict": outcome.verdict,
        "sentence": outcome.sentence,
    }


def html(report: Report) -> str:
    """For people: one page that needs nothing else."""
    title = f"Conformance of {escape(report.url)}"
    failures = _table(report.failures, ("Case", "Level", "Asked", "Found", "Clause")) if report.failures else ""
    areas = [
        f"<h3>{escape(area)}</h3>{_table(_of(report, area), ('Case', 'Level', 'Asked', 'Verdict', 'Clause'))}"
        for area in report.areas
    ]
    return PAGE.substitute(
        title=title,
        summary=escape(report.summary),
        facts="\n".join(f"<p>{escape(each)}</p>" for each in report.facts),
        failures=f"<h2>Failed</h2>\n{failures}" if failures else "",
        areas="\n".join(areas),
    )


def _of(report: Report, area: str) -> Sequence[Outcome]:
    return [each for each in report.outcomes if each.case.area == area]


def _table(outcomes: Sequence[Outcome], heads: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return TABLE.format(head, "\n".join(map(_row, outcomes)))


def _row(outcome: Outcome) -> str:
    case = outcome.case
    clause = escape(str(case.clause))
    link = f'<a href="{escape(case.clause.url)}">{clause}</a>' if case.clause.url else clause
    verdict = " ".join(filter(None, [f"{outcome.verdict}.", outcome.sentence]))
    cells = [case.level, escape(case.asks), f'<span class="{outcome.verdict}">{escape(verdict)}</span>', link]
    row = "".join(f"<td>{each}</td>" for each in cells)
    return f'<tr><th scope="row">{escape(case.identifier)}</th>{row}</tr>'
