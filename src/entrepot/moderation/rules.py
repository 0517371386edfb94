"""What moderators decide for the whole site: names, flags, banners."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts import banners, flags, prohibiting
from entrepot.accounts.actor import Actor
from entrepot.accounts.flags import MEANS, Switch
from entrepot.accounts.models import Banner, Flag, ProhibitedName, User
from entrepot.moderation.deeds import MOST, Deed, Given, Reason, Tool
from entrepot.moderation.table import Table, user_name


class Names(Reason):
    """Names that are not to be taken, one to a line."""

    names = forms.CharField(label=_("Names, one to a line"), widget=forms.Textarea(attrs={"rows": 10}))
    kind = forms.ChoiceField(label=_("Names of"), choices=ProhibitedName.Kind.choices)
    reserved_for = forms.CharField(
        label=_("Only this user may take them; empty: nobody may"), max_length=50, required=False
    )

    def clean_names(self) -> Sequence[str]:
        """The names. Raises ValidationError when they are too many."""
        names = [each.strip() for each in self.cleaned_data["names"].splitlines() if each.strip()]
        if len(names) > MOST:
            raise ValidationError(gettext("At most %(n)d names are taken at once.") % {"n": MOST}, code="too-many")
        return list(dict.fromkeys(names))

    def clean_reserved_for(self) -> User | None:
        """Who it is. Raises ValidationError when there is nobody of that name."""
        name = self.cleaned_data["reserved_for"]
        user = User.objects.filter(username__iexact=name).first()
        if name and user is None:
            raise ValidationError(gettext("There is no user of that name."), code="no-such-user")
        return user


def _switches() -> list[tuple[str, str]]:
    """What can be turned on, in the language of whoever asks."""
    return [(each.value, f"{each}: {MEANS[each]}") for each in Switch]


class TurnOn(Reason):
    """Which flag is to hold."""

    flag = forms.ChoiceField(label=_("Flag"), choices=_switches)


class Moment(forms.DateTimeField):
    """A time that databases can keep: in UTC too it is in a year from 1 to 9999."""

    def to_python(self, value: str | datetime | date | None) -> datetime | None:
        """The time in UTC. Raises ValidationError."""
        found = super().to_python(value)
        try:
            return found and found.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class Announcement(Reason):
    """What all pages are to say."""

    text = forms.CharField(label=_("Text, in English"), max_length=500)
    others = forms.CharField(
        label=_("In other languages, one to a line: the code of the language, a colon, the text"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    level = forms.ChoiceField(label=_("Level"), choices=Banner.Level.choices)
    link = forms.URLField(label=_("Link to more"), required=False, assume_scheme="https")
    begins_at = Moment(label=_("From (UTC; empty: now)"), required=False)
    ends_at = Moment(label=_("Until (UTC; empty: until it is taken down)"), required=False)

    def clean_others(self) -> dict[str, str]:
        """The texts by language. Raises ValidationError for a line that is none."""
        texts = {}
        for line in filter(str.strip, self.cleaned_data["others"].splitlines()):
            code, colon, text = (part.strip() for part in line.partition(":"))
            if not colon or not text or code.lower() not in dict(settings.LANGUAGES):
                raise ValidationError(gettext("This line names no language of the site: %(line)s") % {"line": line})
            texts[code.lower()] = text
        return texts


def _prohibit(name: str, by: Actor, given: Given) -> None:
    prohibiting.prohibit(name, given["kind"], by=by, reason=given["reason"], reserved_for=given["reserved_for"])


def _allow(name: ProhibitedName, by: Actor, given: Given) -> None:
    prohibiting.allow(name.name, name.kind, by=by, reason=given["reason"])


def _turn_on(_thing: None, by: Actor, given: Given) -> None:
    flags.turn_on(Switch(given["flag"]), by=by, reason=given["reason"])


def _turn_off(flag: Flag, by: Actor, given: Given) -> None:
    flags.turn_off(Switch(flag.name), by=by, reason=given["reason"])


def _put_up(_thing: None, by: Actor, given: Given) -> None:
    banners.put_up(
        {**given["others"], banners.FALLBACK: given["text"]},
        by=by,
        reason=given["reason"],
        level=given["level"],
        link=given["link"],
        begins_at=given["begins_at"],
        ends_at=given["ends_at"],
    )


def _take_down(banner: Banner, by: Actor, given: Given) -> None:
    banners.take_down(banner.pk, by=by, reason=given["reason"])


class Decided(Table):
    """Rows that say who decided them."""

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the name of who did."""
        return super().get_queryset(request).annotate(by_name=user_name("by"))

    @admin.display(description=_("By"))
    def doer(self, row: Any) -> str:
        """Whose decision it was; empty: at a command line."""
        return row.by_name or ""


class ProhibitedNames(Decided):
    """Names that nobody, or only one user, may take."""

    list_display = ("name", "kind", "keeper", "reason", "at", "doer")
    list_filter = ("kind",)
    search_fields = ("name",)
    ordering = ("name",)
    fields = readonly_fields = list_display
    tools = (
        Tool(
            "prohibit",
            _("Prohibit or reserve names"),
            _(
                "No new project, or no new user, gets these names, nor, in a public index, one that looks like them. "
                "Who has one already keeps it."
            ),
            _prohibit,
            Names,
            lambda given: given["names"],
        ),
    )
    deeds = (Deed("allow", _("Allow again"), _("Everybody may take the name again."), _allow),)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the name of whom it is kept for."""
        return super().get_queryset(request).annotate(keeper_name=user_name("reserved_for"))

    @admin.display(description=_("Reserved for"))
    def keeper(self, row: Any) -> str:
        """For whom it is kept."""
        return row.keeper_name or ""


class Flags(Decided):
    """What is switched off, or on, for the whole site: the flags that hold."""

    list_display = ("name", "means", "reason", "at", "doer")
    ordering = ("name",)
    fields = readonly_fields = list_display
    tools = (
        Tool(
            "turn-on",
            _("Turn a flag on"),
            _("It holds at once, for everybody but moderators. Reading, and installing, go on whatever is chosen."),
            _turn_on,
            TurnOn,
        ),
    )
    deeds = (Deed("turn-off", _("Turn off"), _("It holds no longer."), _turn_off),)

    @admin.display(description=_("Means"))
    def means(self, flag: Flag) -> str:
        """What it does."""
        return str(MEANS[Switch(flag.name)])


class Banners(Decided):
    """What all pages say, said, or will say."""

    list_display = ("text", "level", "begins_at", "ends_at", "shown", "doer")
    list_filter = ("level",)
    ordering = ("-pk",)
    fields = readonly_fields = (*list_display, "texts", "link")
    tools = (
        Tool(
            "put-up",
            _("Put up a banner"),
            _("All pages of the site say it within half a minute; pages that caches in front keep, within an hour."),
            _put_up,
            Announcement,
        ),
    )
    deeds = (
        Deed("take-down", _("Take down"), _("Pages say it no longer, as soon as they would begin to."), _take_down),
    )

    @admin.display(description=_("Text"))
    def text(self, banner: Banner) -> str:
        """In English."""
        return str(banner)

    @admin.display(description=_("Is shown"), boolean=True)
    def shown(self, banner: Banner) -> bool:
        """Whether pages say it now."""
        return banners.shown(banner).is_on(datetime.now(UTC))
