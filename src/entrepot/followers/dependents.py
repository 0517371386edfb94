"""Keeps who depends on what, change by change."""

from collections.abc import Sequence

from entrepot.projects import dependents


class Dependents:
    """Follows the journal: see `projects.dependents`."""

    name = "dependents 2"

    def follow(self, projects: Sequence[int]) -> None:
        """Take up the projects with these ids, each in a transaction of its own."""
        for project in projects:
            dependents.note(project)
