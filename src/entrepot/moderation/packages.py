"""Projects, releases and files, and what a moderator can do to them."""

from functools import partial

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from entrepot.accounts.actor import Actor
from entrepot.moderation.deeds import Deed, Given, Reason, because
from entrepot.moderation.record import latest, record_of
from entrepot.moderation.table import Table, linked, listed
from entrepot.policy import LARGEST_FILE
from entrepot.projects import actions, collaboration, sizes
from entrepot.projects.models import File, Project, Release, Role, Status

MIB = 1 << 20


class Collaborator(Reason):
    """Somebody who works on a project."""

    user = forms.CharField(label=_("User"), max_length=50)


class NewRole(Collaborator):
    """Somebody who is to work on a project."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.Name.choices)


class Limits(Reason):
    """How large a project may be."""

    file_size = forms.IntegerField(
        label=_("Largest file, in MB; empty: as the index has it"),
        required=False,
        min_value=1,
        max_value=LARGEST_FILE // MIB,
    )
    total_size = forms.IntegerField(
        label=_("All files together, in MB; empty: as the index has it"), required=False, min_value=1, max_value=10**9
    )


def _limit(project: Project, by: Actor, given: Given) -> None:
    most = {name: given[name] and given[name] * MIB for name in ("file_size", "total_size")}
    sizes.set_limit(project, by=by, reason=given["reason"], **most)


def _add_role(project: Project, by: Actor, given: Given) -> int:
    return collaboration.add_role(project, given["user"], given["role"], by=by, reason=given["reason"])


def _remove_role(project: Project, by: Actor, given: Given) -> int:
    return collaboration.remove_role(project, given["user"], by=by, reason=given["reason"])


class Projects(Table):
    """What was ever uploaded to; deleted ones stay as names."""

    list_display = ("display_name", "status", "created_at", "is_there")
    list_filter = ("status", "created_at")
    list_select_related = ("deletion",)
    search_fields = ("name", "display_name")
    ordering = ("-pk",)
    fields = readonly_fields = (
        *("display_name", "name", "status", "status_reason", "created_at", "is_there", "needs_keys", "roles"),
        *("invited", "limits", "releases", "journal"),
    )
    deeds = (
        Deed(
            "quarantine",
            _("Quarantine"),
            _(
                "Nothing of it can be installed or downloaded any more, and nobody but moderators changes it. It can "
                "be lifted. Readers see the reason, and all who have a role are told."
            ),
            because(partial(actions.set_status, status=Status.QUARANTINED)),
        ),
        Deed(
            "lift",
            _("Lift the quarantine"),
            _("It is offered again, with all that it has."),
            because(actions.lift_quarantine),
        ),
        Deed(
            "archive",
            _("Archive"),
            _("It takes no new files any more. What it has stays. Readers see the reason."),
            because(partial(actions.set_status, status=Status.ARCHIVED)),
        ),
        Deed(
            "limit",
            _("Set limits"),
            _("How large its files, and all together, may be from now on. What is there stays."),
            _limit,
            Limits,
        ),
        Deed(
            "add-role",
            _("Give a role"),
            _("The user has the role at once, without being asked: for projects that nobody is left to look after."),
            _add_role,
            NewRole,
        ),
        Deed(
            "remove-role",
            _("Take a role away"),
            _("The user has no role in it any more. The last owner stays: give somebody else the role before."),
            _remove_role,
            Collaborator,
        ),
        Deed(
            "delete",
            _("Delete"),
            _("It is deleted for good, with all its releases and files. Nobody ever gets the name again."),
            because(actions.delete_project),
        ),
    )

    @admin.display(description=_("Not deleted"), boolean=True)
    def is_there(self, project: Project) -> bool:
        """Whether it is more than a name that was used."""
        return not hasattr(project, "deletion")

    @admin.display(description=_("Roles"))
    def roles(self, project: Project) -> SafeString:
        """Who works on it."""
        held = project.roles.select_related("user").order_by("-name", "user__username")
        return listed(format_html("{} ({})", linked(each.user, each.user.username), each.name) for each in held)

    @admin.display(description=_("Invited"))
    def invited(self, project: Project) -> SafeString:
        """Who was offered a role."""
        open_ones = project.invitations.select_related("user").order_by("at")
        return listed(f"{each.user.username} ({each.role})" for each in open_ones)

    @admin.display(description=_("Limits"))
    def limits(self, project: Project) -> SafeString:
        """How large it may be."""
        found = sizes.sizes_of(project.index, project.normalized)
        total = gettext("none") if found.total is None else f"{found.total // MIB} MB"
        return listed(
            [
                gettext("Largest file: %(size)s") % {"size": f"{found.file // MIB} MB"},
                gettext("All files together: %(size)s") % {"size": total},
            ]
        )

    @admin.display(description=_("Releases"))
    def releases(self, project: Project) -> SafeString:
        """All of them."""
        return listed(linked(each, each.version) for each in project.releases.order_by("-pk"))

    @admin.display(description=_("Journal"))
    def journal(self, project: Project) -> SafeString:
        """The newest of it, and where the rest is."""
        return format_html("{}{}", latest(project=project), record_of(project=project.name))


class Releases(Table):
    """Versions of projects."""

    list_display = ("project", "version", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("project",)
    search_fields = ("project__name", "version")
    ordering = ("-pk",)
    fields = readonly_fields = ("of", "version", "created_at", "yanked", "files")
    deeds = (
        Deed(
            "yank",
            _("Yank"),
            _("Installers pass it by unless it is pinned. Readers see the reason."),
            because(actions.yank_release),
        ),
        Deed(
            "unyank", _("Offer again"), _("It is offered again, with all its files."), because(actions.unyank_release)
        ),
        Deed(
            "delete",
            _("Delete"),
            _("It is deleted for good, with all its files, whose names nobody ever gets again."),
            because(actions.delete_release),
        ),
    )

    @admin.display(description=_("Project"))
    def of(self, release: Release) -> SafeString:
        """Whose it is."""
        return linked(release.project, release.project.display_name)

    @admin.display(description=_("Yanked"))
    def yanked(self, release: Release) -> SafeString:
        """What of it was taken back, and why."""
        return listed(f"{each.file or release}: {each.reason}" for each in release.yanks.select_related("file"))

    @admin.display(description=_("Files"))
    def files(self, release: Release) -> SafeString:
        """All of them."""
        return listed(linked(each, each.filename) for each in release.files.defer("metadata").order_by("filename"))


class Files(Table):
    """Distribution files."""

    list_display = ("filename", "size", "uploaded_at", "uploaded_by")
    list_filter = ("uploaded_at",)
    list_select_related = ("uploaded_by", "release__project")
    search_fields = ("filename", "=sha256", "=blake2")
    ordering = ("-pk",)
    fields = readonly_fields = (
        *(
            "filename",
            "of",
            "kind",
            "size",
            "sha256",
            "blake2",
            "uploaded_at",
            "uploaded_by",
            "uploaded_with",
            "yanked",
        ),
        "comment",
    )
    deeds = (
        Deed(
            "yank",
            _("Yank"),
            _("Installers pass it by unless it is pinned. Readers see the reason."),
            because(actions.yank_file),
        ),
        Deed("unyank", _("Offer again"), _("It is offered again."), because(actions.unyank_file)),
        Deed(
            "delete",
            _("Delete"),
            _("It is deleted for good. Nobody ever gets its name again."),
            because(actions.delete_file),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Without what archives say of themselves, which may be long."""
        return super().get_queryset(request).defer("metadata")

    @admin.display(description=_("Release"))
    def of(self, file: File) -> SafeString:
        """What it belongs to."""
        return linked(file.release, str(file.release))

    @admin.display(description=_("Yanked"))
    def yanked(self, file: File) -> SafeString:
        """Whether it was taken back by itself, and why."""
        return listed(each.reason or gettext("yanked") for each in file.release.yanks.filter(file=file))
