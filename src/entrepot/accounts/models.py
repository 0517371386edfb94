"""Users and upload tokens."""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    """A person. `id` is what everything else refers to; the name is an attribute and may change."""

    first_name = None  # type: ignore[assignment]  # people have one name field, and it comes with profiles
    last_name = None  # type: ignore[assignment]
    username = models.CharField(
        max_length=50,
        validators=[RegexValidator(r"\A[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")],
        unique=True,
    )
    email = models.EmailField()
    email_verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="user_name_any_case"),
            models.UniqueConstraint(Lower("email"), name="user_email_any_case"),
        ]


class Spent(models.Model):
    """One use of what a user may do so many times in a while (`limits`), where no Redis counts them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    limit = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "limit", "at"], name="spent_by_user")]


class Token(models.Model):
    """An API token, as far as the server must remember it. See `tokens` for what makes it valid.

    `projects` (ids; empty: all of the user's), `permissions` and `expires_at` repeat what the token itself says, for
    people to read; null in tokens from before they were kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    description = models.TextField(blank=True)
    salt = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    projects = models.JSONField(null=True)
    permissions = models.JSONField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.GenericIPAddressField(null=True)
    last_used_for = models.CharField(max_length=20, db_default="")


class Event(models.Model):
    """Something that happened to an account, or to who may do what with a project. Never changed, never removed.

    What changes what readers see is in the journal (`journal.models.Entry`), with the same columns. Users and projects
    are given by their ids, which stay when they are gone. `by` is null for the operator, and `user` where it is about
    no account; `address` is for the person and the operator: others see a hash.
    """

    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    user = models.BigIntegerField(null=True)
    project = models.BigIntegerField(null=True)
    by = models.BigIntegerField(null=True)
    credential = models.CharField(max_length=60)
    address = models.GenericIPAddressField(null=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "id"], name="event_of_user"),
            models.Index(fields=["project", "id"], name="event_of_project"),
        ]
