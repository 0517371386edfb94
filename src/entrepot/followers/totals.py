"""Keeps the numbers of the front page."""

from collections.abc import Sequence

from entrepot.projects.totals import recount


class Counting:
    """Has what was changed counted anew."""

    name = "totals"

    def follow(self, projects: Sequence[int]) -> None:
        """Take up changed projects."""
        recount(projects)
