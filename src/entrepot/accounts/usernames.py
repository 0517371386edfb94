"""The names of users: what they may be, and that none is ever taken for another."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from entrepot import names
from entrepot.accounts.models import User, UserName

RESERVED = frozenset(
    {"abuse", "account", "admin", "administrator", "entrepot", "help", "moderator", "operator", "postmaster", "root"}
    | {"security", "staff", "support", "token", "webmaster"}
)


def skeleton(name: str) -> str:
    """What is left of a name when characters that look alike are one, and case and separators are gone."""
    return names.skeleton(names.ProjectName(name))


def check_not_reserved(name: str) -> None:
    """Whether it is a name for people; the operator may give others, too. Raises ValidationError."""
    if skeleton(name) in {skeleton(each) for each in RESERVED}:
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


def owner_of(name: str) -> int | None:
    """The id of whoever has or had this very name, in any case."""
    found: int | None = UserName.objects.filter(name__iexact=name).values_list("user", flat=True).first()
    return found
