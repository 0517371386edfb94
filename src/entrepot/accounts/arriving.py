"""Accounts of people who come from another index.

Their passwords do not come along: nobody knows whether they would do here. So the account can be used when the
operator makes a token for it, or vouches for an address, at which its owner can set a password.
"""

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from entrepot.accounts import record, usernames
from entrepot.accounts.actor import OPERATOR, Actor
from entrepot.accounts.addresses import canonical, check_unused
from entrepot.accounts.models import Event, User
from entrepot.refusal import Refused


@transaction.atomic(durable=True)
def make_account(name: str, *, by: Actor, email: str = "") -> User | None:
    """An account without a password, whose address, if any, is not verified. None where the name has one already.

    Raises Refused("invalid-user").
    """
    user = User(username=name)
    user.set_unusable_password()
    try:
        usernames.check_spelling(name)
        if User.objects.filter(username__iexact=name).exists():
            return None
        user.email = canonical(email) if email else ""
        user.full_clean()
        usernames.check(name)
    except ValidationError as error:
        raise Refused("invalid-user", _("No user was made: %(names)s") % {"names": " ".join(error.messages)}) from error
    user.save(force_insert=True)
    usernames.take(name, user)
    if user.email:
        EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    record.note("account:create", by=by, at=timezone.now(), user=user)
    return user


@transaction.atomic(durable=True)
def vouch_for_address(user: User, email: str, *, by: Actor) -> None:
    """Let the address count as the user's, because the operator says so.

    Only as long as nobody can open the account: later, its owner adds addresses, and nobody else does. Raises Refused,
    "account-opened" or "invalid-user".
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.has_usable_password() or EmailAddress.objects.filter(user=user, verified=True).exists():
        opened = f"The account {user.username} has an owner already, who alone can give it an address."
        raise Refused("account-opened", opened)
    try:
        address = canonical(email)
        EmailAddress(user=user, email=address).clean_fields()
        check_unused(address)
    except ValidationError as error:
        raise Refused("invalid-user", " ".join(error.messages)) from error
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    User.objects.filter(pk=user.pk).update(email=address)
    record.note("email:verify", by=by, at=timezone.now(), user=user, details={"email": address})


def account_named(name: str) -> User | None:
    """Who has the name, in any case, unless the account is frozen or was deleted."""
    if "\0" in name:  # which a database cannot even be asked for
        return None
    return User.objects.filter(username__iexact=name, is_active=True).first()


def is_named_by_operator(user: User) -> bool:
    """Whether the operator gave the account its name. One that people choose says nothing of who they are elsewhere."""
    named = Event.objects.filter(user=user.pk, action__in=("account:create", "account:rename")).order_by("-pk")
    return named.values_list("credential", flat=True).first() == OPERATOR.origin.credential
