"""What every command finds: a database with today's tables, and the index at the root."""

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from entrepot.config import Config
from entrepot.layout import INDEX
from entrepot.projects.models import Index


def prepare() -> Index:
    """Make the directories, the tables and the index where they are missing or out of date."""
    Config.current().uploads.mkdir(parents=True, exist_ok=True)
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)
    return Index.objects.get_or_create(slug=INDEX)[0]
