"""How long it is measured: the figures of documents take time, and somebody who develops has none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """So many `rounds`, each with so many `seconds` of load or so many `uploads`; `rest` seconds before looking at the
    memory; `files` of the project with many; `projects` and `releases` of the large index; `searched` projects among
    which is looked for some."""

    rounds: int
    seconds: int
    uploads: int
    rest: int
    files: int
    projects: int
    releases: int
    searched: int


FULL = Effort(
    rounds=5, seconds=2, uploads=100, rest=10, files=2_100, projects=100_000, releases=500_000, searched=160_000
)
QUICK = Effort(rounds=1, seconds=1, uploads=20, rest=1, files=70, projects=500, releases=3_000, searched=2_000)
