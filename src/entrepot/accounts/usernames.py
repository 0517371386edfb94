"""The names of users: what they may be, and that none is ever taken for another."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from entrepot import names
from entrepot.accounts import prohibiting
from entrepot.accounts.models import User, UserName

SPELLING = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?"  # 50 characters at the most
RESERVED = frozenset(
    {"abuse", "account", "admin", "administrator", "entrepot", "help", "moderator", "operator", "postmaster", "root"}
    | {"security", "staff", "support", "token", "webmaster"}
)


def skeleton(name: str) -> str:
    """What is left of a name when characters that look alike are one, and case and separators are gone."""
    return names.skeleton(names.ProjectName(name))


def check_spelling(name: str) -> None:
    """Whether it is made of what names are made of. Raises ValidationError."""
    if re.fullmatch(SPELLING, name) is None:
        raise ValidationError(
            _(
                "A name has up to 50 letters from a to z, digits, dots, hyphens and underscores, and begins and ends "
                "with a letter or a digit."
            ),
            code="username_spelling",
        )


def check_not_reserved(name: str, *, of: User | None = None) -> None:
    """Whether it is a name for people, or for the user `of`; the operator may give others, too.

    Raises ValidationError.
    """
    if skeleton(name) in {skeleton(each) for each in RESERVED} or prohibiting.is_for_others(name, of=of):
        raise ValidationError(_("This name is not for people. Please choose another one."), code="username_reserved")


def check(name: str, *, of: User | None = None) -> None:
    """Whether the name is free for somebody; `of`: who has names already. Raises ValidationError."""
    taken = UserName.objects.filter(skeleton=skeleton(name))
    if of is not None:
        taken = taken.exclude(user=of.pk)
    if taken.exists():
        raise ValidationError(
            _("This name, or one that looks like it, belongs to somebody, or did once. Please choose another one."),
            code="username_taken",
        )


def take(name: str, user: User) -> None:
    """Note that the name is this user's, from now on and for ever; the caller has asked `check`, and holds a lock."""
    UserName.objects.update_or_create(skeleton=skeleton(name), user=user.pk, defaults={"name": name})


def owner_of(name: str) -> User | None:
    """Who has or had this name, or one that looks like it."""
    found = UserName.objects.filter(skeleton=skeleton(name)).first()
    return None if found is None else User.objects.get(pk=found.user)
