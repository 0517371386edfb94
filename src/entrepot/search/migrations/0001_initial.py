from django.db import DatabaseError, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from entrepot.refusal import Refused

TABLES = {
    "sqlite": [
        "CREATE VIRTUAL TABLE search_heads USING fts5(name, summary, keywords, marks, tokenize=\"unicode61 remove_diacritics 2 tokenchars '='\", prefix='3 4', content='', contentless_delete=1)",
        "CREATE VIRTUAL TABLE search_words USING fts5(words, tokenize=\"unicode61 remove_diacritics 2 tokenchars '='\", prefix='3 4', content='', contentless_delete=1, detail=none)",
        "CREATE VIRTUAL TABLE search_trigrams USING fts5(name, tokenize='trigram', content='', contentless_delete=1)",
        "CREATE VIRTUAL TABLE search_word_trigrams USING fts5(word, tokenize='trigram')",
        "CREATE TRIGGER search_word_known AFTER INSERT ON search_word BEGIN INSERT INTO search_word_trigrams (word) VALUES ('  ' || new.word || ' '); END",
    ],
    "postgresql": [
        # The vectors lie apart, so that what an index has found is read quickly.
        "CREATE TABLE search_words (place bigint PRIMARY KEY, name text NOT NULL, names tsvector NOT NULL, heads tsvector NOT NULL, words tsvector NOT NULL) WITH (toast_tuple_target = 128)",
        # What waits to be put into the index is read by each query, so it is to be little; in kilobytes.
        "CREATE INDEX search_words_names ON search_words USING gin (names) WITH (gin_pending_list_limit = 256)",
        "CREATE INDEX search_words_heads ON search_words USING gin (heads) WITH (gin_pending_list_limit = 256)",
        "CREATE INDEX search_words_words ON search_words USING gin (words) WITH (gin_pending_list_limit = 256)",
        "CREATE INDEX search_row_alike ON search_row USING gin (name gin_trgm_ops)",
        "CREATE INDEX search_word_alike ON search_word USING gin (word gin_trgm_ops)",
        'CREATE INDEX search_row_suggest ON search_row (name COLLATE "C", status)',
    ],
}


class Tables(Operation):
    """What only the one database or the other has."""

    reduces_to_sql = True
    reversible = False

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,  # noqa: ARG002 - Django's signature
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        self.make(schema_editor)

    def make(self, schema_editor: BaseDatabaseSchemaEditor) -> None:
        for statement in TABLES[schema_editor.connection.vendor]:
            schema_editor.execute(statement)


class Trigrams(Tables):
    """The extension pg_trgm, or a sentence that says what to do. Django's own operation needs psycopg on SQLite, too."""

    def make(self, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        try:
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError as error:
            raise Refused(
                "pg-trgm-missing",
                "Search needs PostgreSQL's extension pg_trgm, which this user may not create or which is not "
                "installed. Let a superuser run CREATE EXTENSION pg_trgm in this database, then try again: "
                f"{' '.join(str(error).split())}.",
            ) from error


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        Trigrams(),
        migrations.CreateModel(
            name="Row",
            fields=[
                ("project", models.BigIntegerField(primary_key=True, serialize=False)),
                ("serial", models.BigIntegerField()),
                ("place", models.BigIntegerField(null=True, unique=True)),
                ("name", models.CharField(blank=True, max_length=100)),
                ("squashed", models.CharField(blank=True, max_length=100)),
                ("display_name", models.CharField(blank=True, max_length=100)),
                ("version", models.CharField(blank=True, max_length=200)),
                ("summary", models.TextField(blank=True)),
                ("status", models.CharField(blank=True, max_length=20)),
                ("released_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["name", "status"], name="search_name"),
                    models.Index(fields=["squashed"], name="search_squashed"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Word",
            fields=[("word", models.CharField(max_length=100, primary_key=True, serialize=False))],
        ),
        Tables(),
    ]
