"""The journal's tables."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from entrepot.journal.documents import Document, Kind


class Entry(models.Model):
    """One change that readers can see, for ever. Serials have no gaps, and their order is the order of commits."""

    serial = models.BigIntegerField(primary_key=True)
    index = models.BigIntegerField()
    project = models.BigIntegerField()
    name = models.CharField(max_length=100)  # the project's display name at that time
    version = models.CharField(max_length=200, blank=True)
    action = models.TextField()
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    credential = models.CharField(max_length=60, db_default="")  # empty: from before it was recorded
    address = models.GenericIPAddressField(null=True)  # for the person and the operator; others see a hash

    class Meta:
        indexes: ClassVar = [models.Index(fields=["project", "serial"], name="entry_of_project")]
        verbose_name_plural = "entries"


class Dirty(models.Model):
    """One document that the store does not show yet as the database says it.

    It has been owed since serial `since`, and the last change that touched it is `serial`; whoever publishes it as of
    that serial or later settles the debt. `due_at` lies in the future while it waits for others to be merged, or
    after a failure. `owed_at` is when it began to be owed, whatever touched it since. `debt` is another number each
    time that something touches it.
    """

    kind = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=400)
    since = models.BigIntegerField()
    serial = models.BigIntegerField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    owed_at = models.DateTimeField(db_default=Now())
    debt = models.BigIntegerField(db_default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "key"], name="dirty_document")]
        indexes: ClassVar = [models.Index(fields=["due_at"], name="dirty_due")]

    @property
    def document(self) -> Document:
        """What is owed."""
        return Document(Kind(self.kind), self.key)


class Heartbeat(models.Model):
    """When a worker last made a round: one row, whichever worker it was."""

    at = models.DateTimeField()


class Position(models.Model):
    """How far a follower of the journal has come: the serial of the last entry that it has taken up."""

    follower = models.CharField(primary_key=True, max_length=40)
    serial = models.BigIntegerField()
