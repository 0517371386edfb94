"""Numbers of downloads. Rows name projects, releases and files by id, and outlive none of them for long.

Three numbers stand side by side: what installers fetched (`direct`), what mirrors did (`mirrors`), and all else
(`others`: browsers, crawlers, programs that nobody knows). Days are those of UTC.
"""

from typing import ClassVar

from django.db import models


class Numbers(models.Model):
    """How many downloads, by who made them."""

    direct = models.BigIntegerField(default=0)
    mirrors = models.BigIntegerField(default=0)
    others = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class FileDay(Numbers):
    """The downloads of a file on a day."""

    pk = models.CompositePrimaryKey("project", "day", "file")
    project = models.BigIntegerField()
    day = models.DateField()
    file = models.BigIntegerField()
    release = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["day"], name="stats_file_day")]


class ProjectDay(Numbers):
    """The downloads of all files of a project on a day."""

    pk = models.CompositePrimaryKey("project", "day")
    project = models.BigIntegerField()
    day = models.DateField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["day"], name="stats_project_day")]


class Use(models.Model):
    """How often installers fetched something of a project on a day, by a property of theirs (`stats.agents`).

    An empty value: they did not say. Values are of a small set, so strangers cannot make many rows.
    """

    class Dimension(models.TextChoices):
        INSTALLER = "installer"
        VERSION = "version"
        PYTHON = "python"
        SYSTEM = "system"

    pk = models.CompositePrimaryKey("project", "day", "dimension", "value")
    project = models.BigIntegerField()
    day = models.DateField()
    dimension = models.CharField(max_length=10, choices=Dimension)
    value = models.CharField(max_length=30, blank=True)
    count = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["day"], name="stats_use_day")]


class Month(Numbers):
    """What is left of days that are long ago: the downloads of a release in a month, named by its first day."""

    pk = models.CompositePrimaryKey("project", "month", "release")
    project = models.BigIntegerField()
    month = models.DateField()
    release = models.BigIntegerField()


class Taken(models.Model):
    """A log, by the SHA-256 of what it says, and how many of its lines were counted.

    The position is written in the transaction that counts these lines, so each line counts once.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    lines = models.BigIntegerField(default=0)
    forgotten_on = models.DateField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["forgotten_on"], name="stats_taken_forgotten")]


class Standing(models.Model):
    """A place in a list of projects, as it was worked out last. At rank 0 stands the sum of the whole list."""

    class List(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        SIZE = "size"

    pk = models.CompositePrimaryKey("list", "rank")
    list = models.CharField(max_length=10, choices=List)
    rank = models.PositiveSmallIntegerField()
    project = models.BigIntegerField(null=True)
    amount = models.BigIntegerField()
