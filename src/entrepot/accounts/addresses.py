"""The e-mail addresses of users: which may be one, and which are theirs."""

from allauth.account.models import EmailAddress
from disposable_email_domains import blocklist
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from entrepot.accounts.models import User


def check_kept(email: str) -> None:
    """Whether the domain is none that gives away addresses to be thrown away. Raises ValidationError."""
    labels = email.rpartition("@")[2].casefold().rstrip(".").split(".")
    if any(".".join(labels[start:]) in blocklist for start in range(len(labels))):
        raise ValidationError(
            _("Addresses at this domain are thrown away after a while. Please give one that you keep."),
            code="email_disposable",
        )


def check_unused(email: str) -> None:
    """Whether nobody has shown that the address is theirs. Raises ValidationError."""
    if EmailAddress.objects.filter(email__iexact=email, verified=True).exists():
        raise ValidationError(_("Somebody has an account with this address."), code="email_taken")


def verified_of(user: User) -> list[str]:
    """The verified addresses, the primary one first."""
    found = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary", "pk")
    return list(found.values_list("email", flat=True))
