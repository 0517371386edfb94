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
    """An upload token, as far as the server must remember it. See `tokens` for what makes it valid."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    description = models.TextField(blank=True)
    salt = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
