"""Users, and what a moderator can do to their accounts."""

from collections.abc import Iterator

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts import actions, people
from entrepot.accounts.actor import Actor
from entrepot.accounts.models import User, UserName
from entrepot.accounts.tokens import Permission
from entrepot.moderation.deeds import Deed, Given, Reason, because
from entrepot.moderation.record import latest, record_of
from entrepot.moderation.table import Table, linked, listed
from entrepot.projects import members


class NewName(Reason):
    """Another name for somebody."""

    name = forms.CharField(label=_("New name"), max_length=50)


def _rename(user: User, by: Actor, given: Given) -> int:
    return members.rename(user, given["name"], by=by, reason=given["reason"])


class Users(Table):
    """Who has an account."""

    list_display = ("username", "email", "date_joined", "state")
    list_filter = ("is_active", "is_superuser", "date_joined")
    search_fields = ("username", "display_name", "emailaddress__email")
    ordering = ("-pk",)
    fields = readonly_fields = (
        *("username", "state", "names", "display_name", "date_joined", "last_login", "addresses", "factors"),
        *("sessions", "tokens", "roles", "events"),
    )
    deeds = (
        Deed(
            "freeze",
            _("Freeze"),
            _(
                "None of their tokens is valid any more, their sessions end, and nobody can sign in. What they own "
                "stays. They are told by mail, with the reason."
            ),
            because(actions.freeze),
        ),
        Deed(
            "thaw",
            _("Thaw"),
            _("A frozen account opens again, with the tokens that it has. They are told."),
            because(actions.thaw),
        ),
        Deed(
            "reset-factors",
            _("Reset second factors"),
            _(
                "All second factors and recovery codes are taken away, sessions end, and browsers are forgotten: the "
                "last step of recovering an account. Say how the person was recognized. They are told."
            ),
            because(people.reset_factors),
        ),
        Deed(
            "revoke-tokens",
            _("Revoke all tokens"),
            _("None of their API tokens is valid any more, but for those that the operator made at a command line."),
            because(actions.revoke_all),
        ),
        Deed(
            "rename",
            _("Rename"),
            _("They get another name. Links to the old one lead to it, and nobody else ever gets either."),
            _rename,
            NewName,
            most=1,
        ),
        Deed(
            "delete",
            _("Delete"),
            _(
                "The account is deleted for good, with all that is personal. What was published stays, and nobody else "
                "ever gets the name. A project that only they own needs another owner first."
            ),
            because(members.delete_account),
        ),
    )

    @admin.display(description=_("State"))
    def state(self, user: User) -> str:
        """Whether the account is open, and whether it is a moderator's."""
        if user.deleted_at is not None:
            return gettext("deleted")
        if not user.is_active:
            return gettext("frozen")
        return gettext("moderator") if user.is_superuser else gettext("open")

    @admin.display(description=_("Names, now and before"))
    def names(self, user: User) -> SafeString:
        """All that are theirs for ever."""
        return listed(UserName.objects.filter(user=user.pk).order_by("pk").values_list("name", flat=True))

    @admin.display(description=_("Addresses"))
    def addresses(self, user: User) -> SafeString:
        """All of them, and which are shown to be theirs."""
        return listed(_address(each) for each in EmailAddress.objects.filter(user=user).order_by("pk"))

    @admin.display(description=_("Second factors"))
    def factors(self, user: User) -> SafeString:
        """Their kinds, and how many recovery codes are left."""
        kinds = [each.get_type_display() for each in Authenticator.objects.filter(user=user).order_by("pk")]
        left = gettext("Recovery codes left: %(n)d") % {"n": user.recovery_codes.filter(used_at=None).count()}
        return listed([*kinds, left])

    @admin.display(description=_("Sessions"))
    def sessions(self, user: User) -> int:
        """How many."""
        return len(UserSession.objects.filter(user=user))

    @admin.display(description=_("Tokens"))
    def tokens(self, user: User) -> SafeString:
        """Their ids and what they may do."""
        return listed(
            f"{each.pk}: {', '.join(each.permissions or [Permission.UPLOAD])}, {each.created_at:%Y-%m-%d}"
            for each in user.tokens.order_by("created_at")
        )

    @admin.display(description=_("Projects"))
    def roles(self, user: User) -> SafeString:
        """In which they have a role."""
        held = user.roles.select_related("project").order_by("project__name")
        return listed(
            format_html("{} ({})", linked(each.project, each.project.display_name), each.name) for each in held
        )

    @admin.display(description=_("What happened lately"))
    def events(self, user: User) -> SafeString:
        """The newest of it, and where the rest is."""
        return format_html("{}{}", latest(user=user), record_of(user=user.username))


def _address(address: EmailAddress) -> str:
    return " ".join(_marks(address))


def _marks(address: EmailAddress) -> Iterator[str]:
    yield address.email
    yield gettext("(verified)") if address.verified else gettext("(not verified)")
    if address.primary:
        yield gettext("(primary)")
