"""Who is who, and who did what."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from entrepot.accounts import sealing
from entrepot.accounts.models import Event, Token, User
from entrepot.journal.models import Entry
from entrepot.refusal import Missing


def user_named(name: str) -> User:
    """The user with this name, in any case. Raises Missing("no-such-user")."""
    try:
        return User.objects.get(username__iexact=name)
    except User.DoesNotExist:
        raise Missing("no-such-user", _("There is no user named '%(name)s'.") % {"name": name}, "user") from None


def user_of_login(login: str) -> User | None:
    """Whom a name or a verified address means, if anybody."""
    return (
        User.objects.filter(username__iexact=login).first()
        or User.objects.filter(emailaddress__email__iexact=login, emailaddress__verified=True).first()
    )


def events_of(user: User, *, before: datetime, limit: int) -> list[dict[str, object]]:
    """What the user did, and what happened to the account, as the user may see it: see `newest`."""
    return as_seen_by(user, all_events_of(user, before=before, limit=limit))


def all_events_of(user: User, *, before: datetime, limit: int) -> list[dict[str, object]]:
    """The same, as the operator may see it."""
    return everything(user=user, project=None, before=before, limit=limit)


def everything(*, user: User | None, project: int | None, before: datetime, limit: int) -> list[dict[str, object]]:
    """All that was done, or what a user did and suffered, or what a project went through, for the operator."""
    done, noted = Entry.objects.all(), Event.objects.all()
    if user is not None:
        done, noted = done.filter(by=user), noted.filter(Q(user=user.pk) | Q(by=user.pk))
    if project is not None:
        done, noted = done.filter(project=project), noted.filter(project=project)
    return newest(done, noted, before=before, limit=limit)


def newest(done: QuerySet[Entry], noted: QuerySet[Event], *, before: datetime, limit: int) -> list[dict[str, object]]:
    """Changes and events before a time, as JSON values, the newest first.

    So many, or more: all of what happened in the last moment that is told, so that the next page begins before it.
    """
    done, noted = done.filter(at__lt=before).order_by("-serial"), noted.filter(at__lt=before).order_by("-pk")
    moments = sorted(at for rows in (done, noted) for at in rows.values_list("at", flat=True)[:limit])[-limit:]
    if not moments:
        return []
    told = [*map(_change, done.filter(at__gte=moments[0])), *map(_event, noted.filter(at__gte=moments[0]))]
    return sorted(told, key=lambda each: str(each["at"]), reverse=True)


def as_seen_by(user: User, events: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """The events, with a hash in place of the address of everybody else: it only tells one address from another."""
    return [each if each["by"] == user.pk else each | {"address": _hashed(each["address"])} for each in events]


def _hashed(address: object) -> str | None:
    return None if address is None else sealing.digest("address", str(address))[:16]


def _change(entry: Entry) -> dict[str, object]:
    more = {"serial": entry.serial, "project": entry.name, "version": entry.version, "reason": entry.reason}
    return _told(entry) | more | {"by": entry.by_id}


def _event(event: Event) -> dict[str, object]:
    more = {"user": event.user, "project": event.project, "details": event.details}
    return _told(event) | more | {"by": event.by}


def _told(row: Entry | Event) -> dict[str, object]:
    """What the journal and the record have in common."""
    return {
        "at": row.at.isoformat(timespec="microseconds"),
        "action": row.action,
        "credential": row.credential,
        "address": row.address,
    }


def tokens_of(user: User) -> Iterable[Token]:
    """The user's tokens, oldest first."""
    return user.tokens.order_by("created_at")


def token_names(events: Iterable[dict[str, object]], *, of: User) -> dict[str, str]:
    """What the user calls the tokens that these events were done with, by their ids, as long as they are there."""
    return token_names_among(of.tokens.all(), events)


def all_token_names(events: Iterable[dict[str, object]]) -> dict[str, str]:
    """The same, whoever's tokens they are, for the operator."""
    return token_names_among(Token.objects.all(), events)


def token_names_among(tokens: QuerySet[Token], events: Iterable[dict[str, object]]) -> dict[str, str]:
    """The same of these tokens only. Those that were given no name are left out."""
    origins = (str(each["credential"]).partition(" ") for each in events)
    ids = {which for kind, _space, which in origins if kind == "token"}
    named = tokens.filter(pk__in=ids).exclude(description="")
    return {str(pk): description for pk, description in named.values_list("pk", "description")}


def names_of(users: Iterable[int]) -> dict[object, str]:
    """The names of the users with these ids."""
    return dict(User.objects.filter(pk__in=users).values_list("pk", "username"))
