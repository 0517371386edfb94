"""The e-mail addresses of users: which may be one, and which are theirs."""

import idna
from allauth.account.models import EmailAddress
from disposable_email_domains import blocklist
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from entrepot.accounts.models import User


def canonical(email: str) -> str:
    """The address as it is kept, compared and written to: in lower case and ASCII. Raises ValidationError.

    A domain with other letters is kept as the DNS has it (IDNA 2008), and one that IDNA would first change into another
    is refused: nobody gets a mail by an address that only looks like the one of somebody else.
    """
    email = email.lower()
    local, _at, domain = email.rpartition("@")
    try:
        domain = domain if domain.isascii() else idna.encode(domain).decode()
    except idna.IDNAError:
        domain = ""
    if not (local.isascii() and domain):
        raise ValidationError(
            _("This address has letters that look like others. Please write it as your mail server has it."),
            code="email_lookalike",
        )
    return f"{local}@{domain}"


def check_kept(email: str) -> None:
    """Whether the domain is none that gives away addresses to be thrown away. Raises ValidationError."""
    labels = email.rpartition("@")[2].casefold().rstrip(".").split(".")
    if any(".".join(labels[start:]) in blocklist for start in range(len(labels))):
        raise ValidationError(
            _("Addresses at this domain are thrown away after a while. Please give one that you keep."),
            code="email_disposable",
        )


def owner_of(email: str) -> User | None:
    """Who has shown that the address is theirs."""
    found = EmailAddress.objects.select_related("user").filter(email__iexact=email, verified=True).first()
    return None if found is None else found.user


def check_unused(email: str) -> None:
    """Whether nobody has shown that the address is theirs. Raises ValidationError."""
    if owner_of(email) is not None:
        raise ValidationError(_("Somebody has an account with this address."), code="email_taken")


def verified_of(user: User) -> list[str]:
    """The verified addresses, the primary one first."""
    found = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary", "pk")
    return list(found.values_list("email", flat=True))
