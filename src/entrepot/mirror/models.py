"""The indexes that are followed, and how far."""

from typing import ClassVar

from django.db import models


class Mirror(models.Model):
    """Another index that is followed: `url` is that of its simple index, and ends in a slash.

    `rules` are those of `rules.Rules`. It is asked for what is new every `pause` seconds, next at `due_at`. `etag` is
    that of its list of projects when all of it had been noted; `error` is why that failed the last time.
    """

    name = models.SlugField(max_length=50, unique=True)
    url = models.URLField(max_length=500)
    rules = models.JSONField(default=dict)
    pause = models.PositiveIntegerField()
    etag = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    error = models.TextField(blank=True)


class Followed(models.Model):
    """A project of a mirror, by its normalized name.

    `serial` is what the list last said, null where it says none, `listed` whether it was on the list at all; `noted` is
    another number each time that a change is noted; `etag` is that of the page when all of it had been taken
    up. It is looked at when `due_at` comes, null when nothing is to be done, by whoever has claimed it; `attempts`
    says how often that failed since it went well, `error` why, or what of it was refused for good.
    """

    mirror = models.ForeignKey(Mirror, on_delete=models.CASCADE, related_name="followed")
    name = models.CharField(max_length=100)
    serial = models.BigIntegerField(null=True)
    listed = models.BooleanField(default=False)
    noted = models.BigIntegerField(default=0)
    etag = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mirror", "name"], name="followed_once")]
        indexes: ClassVar = [models.Index(fields=["mirror", "due_at"], name="followed_due")]
