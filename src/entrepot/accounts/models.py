"""Users, what they sign in with, upload tokens, the record, and what moderators decide for the whole site.

Addresses, keys and sessions are django-allauth's.
"""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    """A person. `id` is what everything else refers to; the name is an attribute and may change.

    `email` repeats the primary address. `public_email` is empty, or one of the verified addresses. Mails are written in
    the `language`; empty: English. Who is
    `deleted_at` some time keeps the row, without what was personal: history refers to it, and the name is never free.
    """

    first_name = None  # type: ignore[assignment]  # people have one name field: `display_name`
    last_name = None  # type: ignore[assignment]
    username = models.CharField(
        max_length=50,
        validators=[RegexValidator(r"\A[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")],
        unique=True,
    )
    email = models.EmailField(blank=True)
    display_name = models.CharField(max_length=100, blank=True, db_default="")
    public_email = models.EmailField(blank=True, db_default="")
    language = models.CharField(max_length=10, blank=True, db_default="")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("username"), name="user_name_any_case")]


class UserName(models.Model):
    """A name that a user has or had: nobody else ever gets it, nor one that looks like it (`skeleton`)."""

    name = models.CharField(max_length=50)
    skeleton = models.CharField(max_length=50, unique=True)
    user = models.BigIntegerField(db_index=True)


class RecoveryCode(models.Model):
    """A code that stands in for a lost second factor, once. `digest` is all that is known of it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]


class Device(models.Model):
    """A browser in which the user has signed in before: it keeps a secret in a cookie, of which `digest` is known."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    digest = models.CharField(max_length=64)
    agent = models.CharField(max_length=200)
    address = models.GenericIPAddressField(null=True)
    known_since = models.DateTimeField()
    used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "digest"], name="device_of_user")]


class Letter(models.Model):
    """A mail that has not been sent yet. It is removed when it was, or when it no longer makes sense to send it.

    `purpose` names it for limits and logs ("email_confirmation"); `due_at` lies in the future after a failure.
    """

    to = models.EmailField()
    purpose = models.CharField(max_length=60)
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    written_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=0)


class MailDomain(models.Model):
    """A domain of verified addresses, of which it is asked now and then whether it still exists (`followers.domains`).

    `gone_since` is when the last look first found none.
    """

    name = models.CharField(primary_key=True, max_length=254)
    first_seen = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    gone_since = models.DateTimeField(null=True)


class Spent(models.Model):
    """Where the version before counts; it goes with the next contract step, as nothing here uses it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    limit = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "limit", "at"], name="spent_by_user")]


class Counter(models.Model):
    """How often somebody did what may be done so many times in a while (`limits`), where no Redis counts it.

    `uses` are the moments that still count, in seconds since 1970, and `until` is when none of them does any more.
    """

    name = models.CharField(primary_key=True, max_length=200)
    uses = models.JSONField(default=list)
    until = models.FloatField(db_index=True)


class Token(models.Model):
    """An API token, as far as the server must remember it. See `tokens` for what makes it valid.

    `projects` (ids; empty: all of the user's), `permissions` and `expires_at` repeat what the token itself says, for
    people to read; null in tokens from before they were kept. One that the operator made (`by_operator`), or that was
    made with such a one, needs no second factor of its user.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    description = models.TextField(blank=True)
    salt = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    projects = models.JSONField(null=True)
    permissions = models.JSONField(null=True)
    by_operator = models.BooleanField(db_default=True)
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


class Flag(models.Model):
    """Something that is switched off, or on, for the whole site (`flags`): the row is there while it holds.

    `by` is the id of who turned it, null for the operator at a command line.
    """

    name = models.CharField(max_length=40, unique=True)
    reason = models.TextField()
    by = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        """Its name."""
        return self.name


class ProhibitedName(models.Model):
    """A name that no new project, or no new user, may take; those who have it keep it.

    `name` is normalized, and `skeleton` is what it has in common with names that look like it. A name that is
    `reserved_for` a user (an id) is for this one only.
    """

    class Kind(models.TextChoices):
        PROJECT = "project"
        USER = "user"

    kind = models.CharField(max_length=20, choices=Kind)
    name = models.CharField(max_length=100)
    skeleton = models.CharField(max_length=100)
    reserved_for = models.BigIntegerField(null=True)
    reason = models.TextField()
    by = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "name"], name="prohibited_once")]
        indexes: ClassVar = [models.Index(fields=["kind", "skeleton"], name="prohibited_look")]

    def __str__(self) -> str:
        """The name."""
        return self.name


class Banner(models.Model):
    """Something that every page of the site says at its top, from a time until another one, or until it is taken down.

    `texts` maps codes of languages to what is said in each; "en" is always there, for all who read none of the others.
    """

    class Level(models.TextChoices):
        INFORMATION = "information"
        WARNING = "warning"

    level = models.CharField(max_length=20, choices=Level)
    texts = models.JSONField()
    link = models.URLField(blank=True)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    by = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        """What it says in English."""
        return str(self.texts["en"])
