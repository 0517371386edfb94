"""Publishing what a command has left owed, before it returns."""

from datetime import UTC, datetime

from entrepot.cli.progress import with_progress
from entrepot.config import Config
from entrepot.followers import pages
from entrepot.journal import log


def publish_owed(config: Config) -> None:
    """Publish all that is owed, with a bar: what a worker has begun, too."""
    due = datetime.now(UTC) + log.LEASE
    steps = pages.publish_owed(due=due, store=config.store(), cdn=config.cdn())
    for _ in with_progress(steps, len(log.owed(due=due)), "Documents"):
        pass
