"""How long this process waits for one answer of its database, where the database is another machine's affair."""

from dataclasses import dataclass


@dataclass
class Patience:
    """So many seconds; None: as long as it takes, for commands that may have much to ask, such as migrations."""

    seconds: float | None = None


DATABASE = Patience()
