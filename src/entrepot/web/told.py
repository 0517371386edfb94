"""The record and the journal in people's words: what was done, with which details, and with what.

What is stored is for programs, and never changes; here is what each of it is called in the reader's language. What
another version has stored, and this one does not know, is shown as it is: English.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import yesno
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from entrepot.accounts.notices import SHOWN
from entrepot.web.templatetags.words import all_said, said

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Said:
    """A text for people; `language` is its own where it is not the reader's."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a detail is called, and its value; one that is a time is a `moment` instead."""

    label: Said
    value: str = ""
    moment: datetime | None = None


# Actions of the record.
EVENTS: Mapping[str, Text] = {
    "account:create": _("The account was made"),
    "account:delete": _("The account was deleted"),
    "account:export": _("All data was downloaded"),
    "account:freeze": _("The account was frozen"),
    "account:profile": _("The profile was changed"),
    "account:rename": _("The user name was changed"),
    "account:thaw": _("The account was opened again"),
    "banner:put-up": _("A banner was put up"),
    "banner:take-down": _("A banner was taken down"),
    "email:primary": _("Another address became the primary one"),
    "email:remove": _("An address was removed"),
    "email:unverify": _("An address no longer counts: mail does not reach it"),
    "email:verify": _("An address was verified"),
    "factor:add-key": _("A security key or passkey was added"),
    "factor:add-totp": _("An authenticator app was added"),
    "factor:copied-key": _("A copy of a security key was refused"),
    "factor:fail": _("A wrong code was given"),
    "factor:locked": _("Too many wrong codes were given"),
    "factor:remove-key": _("A security key or passkey was removed"),
    "factor:remove-totp": _("The authenticator app was removed"),
    "factor:reset": _("All second factors were taken away by the operator"),
    "flag:off": _("A flag was turned off"),
    "flag:on": _("A flag was turned on"),
    "mirror:add": _("An index is followed"),
    "mirror:change": _("What is wanted of an index that is followed was changed"),
    "mirror:remove": _("An index is no longer followed"),
    "invitation:accept": _("An invitation was accepted"),
    "invitation:create": _("Somebody was invited to a project"),
    "invitation:decline": _("An invitation was declined"),
    "invitation:revoke": _("An invitation was taken back"),
    "name:allow": _("A name was taken from the list of prohibited ones"),
    "name:prohibit": _("A name was prohibited or reserved"),
    "password:change": _("The password was changed"),
    "password:leaked": _("The password had become known, and was made useless"),
    "password:remove": _("The password was given up"),
    "password:reset": _("A new password was set, by mail"),
    "recovery:generate": _("Recovery codes were made"),
    "recovery:use": _("A recovery code was used"),
    "project:keys": _("Whether security keys are asked for was changed"),
    "project:limits": _("How large a project may be was decided"),
    "role:add": _("A role in a project was given"),
    "role:change": _("A role in a project was changed"),
    "role:remove": _("A role in a project was taken away"),
    "session:end": _("A session was ended"),
    "sign-in": _("Signed in"),
    "sign-in:fail": _("Somebody tried to sign in, with a wrong password"),
    "token:leaked": _("A token was found where everybody can read it, and revoked"),
    "token:create": _("A token was made"),
    "token:revoke": _("A token was revoked"),
}

# Actions of the journal: the whole of it as a regular expression, whose groups the sentence names.
CHANGES: Mapping[str, Text] = {
    r"add Maintainer (?P<user>\S+)": _("{user} became a maintainer"),
    r"add Owner (?P<user>\S+)": _("{user} became an owner"),
    r"add \S+ file (?P<file>\S+)": _("The file {file} was added"),
    r"change Maintainer (?P<user>\S+) to Owner": _("{user} became an owner, after being a maintainer"),
    r"change Owner (?P<user>\S+) to Maintainer": _("{user} became a maintainer, after being an owner"),
    r"create": _("The project was made"),
    r"new release": _("A release was made"),
    r"project active": _("The project became active"),
    r"project archived": _("The project was archived"),
    r"project deprecated": _("The project was marked as deprecated"),
    r"project quarantined": _("The project was quarantined"),
    r"remove Maintainer (?P<user>\S+)": _("{user} is no longer a maintainer"),
    r"remove Owner (?P<user>\S+)": _("{user} is no longer an owner"),
    r"remove file (?P<file>\S+)": _("The file {file} was deleted"),
    r"remove project": _("The project was deleted"),
    r"remove release": _("A release was deleted"),
    r"rename user (?P<old>\S+) (?P<new>\S+)": _("{old} is called {new} now"),
    r"restored from a backup": _("The index was restored from a backup"),
    r"unyank file (?P<file>\S+)": _("The file {file} is offered again"),
    r"unyank release": _("A release is offered again"),
    r"yank file (?P<file>\S+)": _("The file {file} was yanked"),
    r"yank release": _("A release was yanked"),
}

DETAILS: Mapping[str, Text] = {
    **SHOWN,
    "display_name": _("Name to be shown"),
    "expires_at": _("Valid until"),
    "file_size": _("Largest file, in bytes"),
    "flag": _("Flag"),
    "kind": _("Names of"),
    "link": _("Link"),
    "name": _("Name"),
    "needed": _("Only with a security key"),
    "permissions": _("May"),
    "public_email": _("Public e-mail address"),
    "reserved_for": _("Reserved for"),
    "source": _("Found in"),
    "text": _("Text"),
    "token": _("Id of the token"),
    "tokens": _("Ids of the tokens that ended with it"),
    "total_size": _("All files together, in bytes"),
}

# What the origin of a change begins with; `which` is the rest of it.
CREDENTIALS: Mapping[str, Text] = {
    "command": _("A command, or the index itself"),
    "moderator": _("Session {which} of a moderator"),
    "scanner": _("{which}, a program that looks for leaked tokens"),
    "session": _("Session {which}"),
    "token": _("API token {which}"),
}


def action_said(action: str) -> Said:
    """What was done, of the record or of the journal."""
    if action in EVENTS:
        return Said(str(EVENTS[action]))
    for pattern, sentence in CHANGES.items():
        if found := re.fullmatch(pattern, action):
            return Said(_filled(sentence, found.groupdict()))
    return Said(action, "en")


def credential_said(credential: str, token_names: Mapping[str, str]) -> Said:
    """With what it was done; a token by its name, where `token_names` has it by its id."""
    kind, _space, which = credential.partition(" ")
    if kind not in CREDENTIALS:
        return Said(credential, "en")
    return Said(_filled(CREDENTIALS[kind], {"which": token_names.get(which, which)}))


def details_said(details: Mapping[str, object]) -> Iterator[Detail]:
    """The details that say something, in their order."""
    for key, value in details.items():
        if value not in (None, "", []):
            label = Said(str(DETAILS[key])) if key in DETAILS else Said(key, "en")
            yield _detail(key, label, value)


def _detail(key: str, label: Said, value: object) -> Detail:
    match key, value:
        case "expires_at", str(text):
            return Detail(label, moment=datetime.fromisoformat(text))
        case "role", str(text):
            return Detail(label, said(text))
        case _, bool():
            return Detail(label, str(yesno(value)))
        case _, list():
            return Detail(label, ", ".join(all_said(map(str, value))))
    return Detail(label, str(value))


def _filled(sentence: Text, values: Mapping[str, str]) -> str:
    """The sentence with the values in their places, whichever way they and it are written."""
    isolated = {name: format_html("<bdi>{}</bdi>", value) for name, value in values.items()}
    return format_html(str(sentence), **isolated) if isolated else str(sentence)
