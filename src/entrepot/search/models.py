"""What is shown of each project that can be found. The words by which it is found are beside it, as each engine has
them."""

from typing import ClassVar

from django.db import models


class Row(models.Model):
    """A project, as of `serial`. Its `place` (`port.Document.place`) is null while it is not to be found."""

    project = models.BigIntegerField(primary_key=True)
    serial = models.BigIntegerField()
    place = models.BigIntegerField(null=True, unique=True)
    name = models.CharField(max_length=100, blank=True)
    squashed = models.CharField(max_length=100, blank=True)
    display_name = models.CharField(max_length=100, blank=True)
    version = models.CharField(max_length=200, blank=True)
    summary = models.TextField(blank=True)
    status = models.CharField(max_length=20, blank=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["name", "status"], name="search_name"),
            models.Index(fields=["squashed"], name="search_squashed"),
        ]


class Word(models.Model):
    """A word of the name or the summary of some project, now or once: what somebody may have meant."""

    word = models.CharField(max_length=100, primary_key=True)
