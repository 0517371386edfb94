"""What people are told of by mail: every critical change of their account and of their projects.

A notice goes to each verified address, in the transaction of the change, so whoever has taken over an account, or one
of the mailboxes, cannot change anything unseen. It says what has happened, and never a secret.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from entrepot.accounts import letters
from entrepot.accounts.actor import Actor
from entrepot.accounts.addresses import verified_of
from entrepot.accounts.models import User

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail: its subject (about a project, what follows the name there), what has happened, and its template."""

    subject: Text
    sentence: Text
    purpose: str = "notice"


# What the record calls it, and what people are told of it.
NOTICES: Mapping[str, Notice] = {
    "account:create": Notice(_("Welcome"), _("An account was made for you, with this address.")),
    "account:delete": Notice(
        _("Your account was deleted"),
        _("Your account was deleted. Its name stays taken, and nobody can sign in to it."),
    ),
    "account:export": Notice(
        _("Your data was downloaded"), _("Everything that we keep about you was downloaded as one file.")
    ),
    "account:freeze": Notice(
        _("Your account was frozen"),
        _("Nobody can sign in to your account any more, and none of its tokens is valid. What it owns stays."),
    ),
    "account:rename": Notice(_("Your user name was changed"), _("Your account has another name now.")),
    "account:thaw": Notice(_("Your account was opened again"), _("You can sign in again, and your tokens are valid.")),
    "email:primary": Notice(
        _("Your primary address was changed"), _("Another one of your addresses is the primary one now.")
    ),
    "email:remove": Notice(
        _("An address was removed"), _("An address no longer belongs to your account, and gets no mail about it.")
    ),
    "email:unverify": Notice(
        _("Mail to one of your addresses does not arrive"),
        _("One of your addresses no longer counts as yours: no password can be set with it until you confirm it anew."),
    ),
    "email:verify": Notice(
        _("An address was confirmed"), _("An address belongs to your account now, and a password can be set with it.")
    ),
    "factor:add-key": Notice(_("A security key was added"), _("One more key opens your account.")),
    "factor:add-totp": Notice(
        _("An authenticator app was added"), _("Codes of an authenticator app are a second factor of your account now.")
    ),
    "factor:copied-key": Notice(
        _("A security key seems to have been copied"),
        _("One of your keys counted backwards, so there may be a copy of it. It was not let in. Remove the key."),
    ),
    "factor:locked": Notice(
        _("Too many wrong codes"),
        _("Somebody has given the right password and too many wrong codes, and is locked out for a while."),
    ),
    "factor:remove-key": Notice(_("A security key was removed"), _("One of your keys no longer opens your account.")),
    "factor:remove-totp": Notice(
        _("The authenticator app was removed"), _("Codes of the authenticator app no longer open your account.")
    ),
    "factor:reset": Notice(
        _("Your second factors were removed"),
        _("All second factors and recovery codes were taken from your account, and all sessions ended."),
    ),
    "invitation:accept": Notice(_("You accepted an invitation"), _("You have a role in a project now.")),
    # It can be asked for by anybody who has a project, and is limited therefore.
    "invitation:create": Notice(
        _("You are invited to a project"), _("Somebody would like you to have a role in a project."), "invitation"
    ),
    "invitation:decline": Notice(_("You declined an invitation"), _("You have no role in the project.")),
    "invitation:revoke": Notice(_("An invitation was taken back"), _("You are no longer invited to a project.")),
    "password:change": Notice(_("Your password was changed"), _("Your account has another password now.")),
    "password:leaked": Notice(
        _("Your password has become known"),
        _("It stands in a list of leaked passwords, and opens your account no longer. Set a new one."),
    ),
    "password:remove": Notice(
        _("Your account has no password any more"),
        _("Your account opens with a passkey only. A password can be set by mail, or on the page of your password."),
    ),
    "password:reset": Notice(
        _("Your password was set anew"),
        _("A new password was set with a code that was mailed to one of your addresses."),
    ),
    "recovery:generate": Notice(
        _("New recovery codes"), _("Recovery codes were made for your account. Those from before are invalid.")
    ),
    "recovery:use": Notice(_("A recovery code was used"), _("Somebody showed a recovery code, which is used up now.")),
    "role:add": Notice(_("You have a role in a project"), _("You have a role in a project now.")),
    "role:change": Notice(_("Your role in a project was changed"), _("You have another role in a project now.")),
    "role:remove": Notice(_("You have no role in a project any more"), _("Your role in a project has ended.")),
    "token:create": Notice(
        _("An API token was made"), _("Whoever has the token can act in your name, as far as it allows.")
    ),
    "token:leaked": Notice(
        _("A leaked API token was revoked"),
        _("One of your tokens was found where others can read it. It is invalid from now on: make a new one."),
    ),
    "token:revoke": Notice(_("An API token was revoked"), _("One of your tokens is invalid from now on.")),
}
# What the record knows and nobody is mailed about: it opens nothing, is about no account, or comes so often that nobody
# would look.
QUIET = frozenset(
    {"account:profile", "factor:fail", "session:end", "sign-in", "sign-in:fail"}
    | {"banner:put-up", "banner:take-down", "flag:off", "flag:on", "name:allow", "name:prohibit"}
    | {"mirror:add", "mirror:change", "mirror:remove"}
)

# What the journal calls it, by its first two words, and what those who have a role in the project are told of it. Where
# several were changed together, one mail tells of all.
CHANGES: Mapping[str, Notice] = {
    "add Maintainer": Notice(_("a new maintainer"), _("Somebody has become a maintainer of the project.")),
    "add Owner": Notice(_("a new owner"), _("Somebody has become an owner of the project.")),
    "change Maintainer": Notice(_("another role"), _("A maintainer of the project has another role now.")),
    "change Owner": Notice(_("another role"), _("An owner of the project has another role now.")),
    "project active": Notice(_("active"), _("The project is as usual.")),
    "project archived": Notice(_("archived"), _("The project takes no new files. What it has stays.")),
    "project deprecated": Notice(_("deprecated"), _("The project is marked as deprecated. Tools may warn of it.")),
    "project quarantined": Notice(
        _("quarantined"), _("The operator of the index has quarantined the project: nothing of it can be downloaded.")
    ),
    "remove Maintainer": Notice(_("a maintainer less"), _("Somebody is no longer a maintainer of the project.")),
    "remove Owner": Notice(_("an owner less"), _("Somebody is no longer an owner of the project.")),
    "remove file": Notice(_("file deleted"), _("A file was deleted for good.")),
    "remove project": Notice(_("deleted"), _("The project was deleted for good, with all its releases and files.")),
    "remove release": Notice(_("release deleted"), _("A release was deleted for good, with all its files.")),
    "rename user": Notice(_("another name"), _("Somebody who works on the project has another name now.")),
    "unyank file": Notice(_("file offered again"), _("A file that was yanked is offered again.")),
    "unyank files": Notice(_("files offered again"), _("Files that were yanked are offered again.")),
    "unyank release": Notice(_("release offered again"), _("A release that was yanked is offered again.")),
    "unyank releases": Notice(_("releases offered again"), _("Releases that were yanked are offered again.")),
    "yank file": Notice(_("file yanked"), _("A file was yanked: installers pass it by unless it is pinned.")),
    "yank files": Notice(_("files yanked"), _("Files were yanked: installers pass them by unless they are pinned.")),
    "yank release": Notice(_("release yanked"), _("A release was yanked: installers pass it by unless it is pinned.")),
    "yank releases": Notice(
        _("releases yanked"), _("Releases were yanked: installers pass them by unless they are pinned.")
    ),
}

# Which details are shown, and how they are called. What is not here is shown to nobody.
SHOWN: Mapping[str, Text] = {
    "email": _("Address"),
    "deleted_email": _("Address"),
    "from_email": _("Primary address before"),
    "to_email": _("Primary address now"),
    "old": _("Name before"),
    "new": _("Name now"),
    "description": _("Token"),
    "key": _("Key"),
    "left": _("Recovery codes left"),
    "project": _("Project"),
    "role": _("Role"),
    "url": _("Found at"),
    "reason": _("Reason"),
}
CREDENTIALS: Mapping[str, Text] = {
    "command": _("by the index or its operator"),
    "moderator": _("by a moderator of the index"),
    "scanner": _("by a program that looks for leaked tokens"),
    "session": _("on the site, signed in"),
    "token": _("with an API token"),
}


def send(action: str, user: User, *, by: Actor, at: datetime, details: Mapping[str, object]) -> None:
    """Tell all verified addresses of the user what was done to the account; the one that was removed, too.

    Raises LookupError when nobody has decided whether people are to be told of such an action.
    """
    if action in QUIET:
        return
    notice = NOTICES[action]
    with letters.language_of(user):
        facts = [(_("Account"), user.username), *_circumstances(user, by, at), *_details(details)]
        given = {"subject": notice.subject, "sentence": notice.sentence, "facts": facts}
        for to in dict.fromkeys([*verified_of(user), *_removed(action, details)]):
            letters.write(to, notice.purpose, given)


def tell(
    users: Iterable[User], action: str, *, project: str, version: str = "", reason: str = "", by: Actor, at: datetime
) -> None:
    """Tell these users of what was done to a project, and is called `action` in the journal ("yank release").

    Raises LookupError when nobody has decided what to say.
    """
    words = action.split()
    change = CHANGES[" ".join(words[:2])]
    about = [(_("Project"), project), (_("Release"), version), (_("What"), " ".join(words[2:])), (_("Reason"), reason)]
    for user in users:
        with letters.language_of(user):
            facts = [*((label, text) for label, text in about if text), *_circumstances(user, by, at)]
            given = {"subject": f"{project}: {change.subject}", "sentence": change.sentence, "facts": facts}
            for to in verified_of(user):
                letters.write(to, "change", given)


def _circumstances(user: User, by: Actor, at: datetime) -> Iterator[tuple[Text, Text]]:
    """When, how, by whom; and from where, if it was in the user's own name: others' addresses are theirs."""
    yield _("When"), f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield _("How"), CREDENTIALS[by.origin.credential.partition(" ")[0]]
    if by.user is not None:
        yield _("By"), by.user.username
    if by.address and by.user == user:
        yield _("From"), by.address


def _details(details: Mapping[str, object]) -> Iterator[tuple[Text, str]]:
    for name, label in SHOWN.items():
        if shown := " ".join(str(details.get(name, "")).split()):
            yield label, shown


def _removed(action: str, details: Mapping[str, object]) -> list[str]:
    """The address that the user had until now; not one to which no mail goes, or which may be another's."""
    names = ("email", "deleted_email") if action == "email:remove" else ()
    return [str(details[name]) for name in names if name in details]
