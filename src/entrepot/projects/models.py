"""Indexes, projects, releases, files, and what has been done to them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from entrepot.layout import INDEX
from entrepot.names import ProjectName
from entrepot.policy import POLICIES, Policy

BY = settings.AUTH_USER_MODEL


class Index(models.Model):
    """A package index. `profile` names its policy; `url` is the public URL that its documents were last built for."""

    slug = models.SlugField(unique=True, default=INDEX)
    profile = models.CharField(max_length=20, default="public", choices=[(name, name) for name in POLICIES])
    url = models.URLField(blank=True)

    @property
    def policy(self) -> Policy:
        """The rules of this index."""
        return POLICIES[self.profile]


class Status(models.TextChoices):
    """Project status markers (PEP 792)."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    DEPRECATED = "deprecated"
    QUARANTINED = "quarantined"


class Project(models.Model):
    """A name and what belongs to it. The row outlives deletion, so the name is never free again.

    `skeleton` is unique within an index: where the policy refuses names that look like others it is their common
    look, elsewhere the name itself. Where it `needs_keys`, whoever changes it has a security key.
    """

    index = models.ForeignKey(Index, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=100)
    display_name = models.CharField(max_length=100)
    skeleton = models.CharField(max_length=100)
    status = models.CharField(max_length=20, choices=Status, default=Status.ACTIVE)
    status_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    needs_keys = models.BooleanField(db_default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["index", "name"], name="project_name"),
            models.UniqueConstraint(fields=["index", "skeleton"], name="project_skeleton"),
        ]

    def __str__(self) -> str:
        """Its name, as its owners spell it."""
        return self.display_name

    @property
    def normalized(self) -> ProjectName:
        """The name, as the type that keys are made of."""
        return ProjectName(self.name)

    @property
    def takes_uploads(self) -> bool:
        """Whether its status lets new files in (PEP 792)."""
        return self.status in {Status.ACTIVE, Status.DEPRECATED}


class ProjectLimit(models.Model):
    """How large the files of a project, and all of them together, may be, where a moderator has set it: bytes.

    What is null is as the index's policy has it. `by` is the id of who has set it.
    """

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="limit")
    file_size = models.BigIntegerField(null=True)
    total_size = models.BigIntegerField(null=True)
    reason = models.TextField()
    by = models.BigIntegerField(null=True)
    at = models.DateTimeField()


class Deletion(models.Model):
    """A project was deleted, with all its files."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE)
    by = models.ForeignKey(BY, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()


class Role(models.Model):
    """What a user may do with a project: owners everything, maintainers upload. `at` is since when."""

    class Name(models.TextChoices):
        OWNER = "Owner", _("Owner")
        MAINTAINER = "Maintainer", _("Maintainer")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(BY, on_delete=models.CASCADE, related_name="roles")
    name = models.CharField(max_length=20, choices=Name)
    by = models.ForeignKey(BY, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "user"], name="one_role_per_user")]


class Invitation(models.Model):
    """A role that a user may take, until it expires. `by` is the id of who offers it, null for the operator."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    user = models.ForeignKey(BY, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=20, choices=Role.Name)
    by = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "user"], name="one_invitation_per_user")]


class Release(models.Model):
    """One version of a project. Equal versions are one release: `canonical` is their key, `version` the first
    spelling."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=200)
    canonical = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "canonical"], name="release_version")]

    def __str__(self) -> str:
        """The project and the version."""
        return f"{self.project.display_name} {self.version}"


class UsedName(models.Model):
    """A filename that was used once, and for which bytes. Never removed, so it never means anything else."""

    index = models.ForeignKey(Index, on_delete=models.PROTECT, related_name="+")
    filename = models.CharField(max_length=200)
    blake2 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["index", "filename"], name="filename_used_once")]
        indexes: ClassVar = [models.Index(fields=["index", "blake2"], name="content_used")]


class File(models.Model):
    """A distribution file. Digests are hexadecimal; `size` is in bytes; `metadata` is what its own archive says."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="files")
    filename = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    python_tag = models.CharField(max_length=200)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    blake2 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    metadata = models.JSONField()
    metadata_sha256 = models.CharField(max_length=64, blank=True)  # empty: no sidecar
    requires_python = models.TextField(blank=True)
    comment = models.TextField(blank=True)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(BY, null=True, on_delete=models.SET_NULL, related_name="+")
    uploaded_with = models.UUIDField(null=True)  # the token, which may be gone by now

    class Meta:
        indexes: ClassVar = [models.Index(fields=["blake2"], name="file_content")]

    def __str__(self) -> str:
        """Its name."""
        return self.filename


class Description(models.Model):
    """The description of a release, which is that of its first file, as HTML: none where it is blank, or `failure` says
    why it could not be rendered. `renderer` is what made it (`readme.RENDERER`), empty while nothing was made yet.

    While `due_at` is set it waits to be rendered: what stands for a project (`rank` 0) before the rest, and what failed
    `attempts` times later. Servers of the version before delete files without knowing of this table, so nothing but us
    checks that the file is there.
    """

    file = models.OneToOneField(
        File, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="description"
    )
    html = models.TextField(blank=True)
    failure = models.TextField(blank=True)
    renderer = models.CharField(max_length=60, blank=True)
    rank = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["rank", "-file"], condition=Q(due_at__isnull=False), name="description_waiting")
        ]


class Yank(models.Model):
    """A release, or a single file of it, was taken back (PEP 592): installers pass it by unless it is pinned."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="yanks")
    file = models.OneToOneField(File, null=True, on_delete=models.CASCADE, related_name="yank")
    reason = models.TextField(blank=True)
    by = models.ForeignKey(BY, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release"], condition=Q(file=None), name="one_yank_per_release")
        ]


class Provenance(models.Model):
    """Where a file was built, and by whom, as its attestations say (PEP 740): a provenance object, in JSON.

    `version` is canonical. The row outlives the file, so that what was published of it is taken back.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="provenances")
    version = models.CharField(max_length=200)
    filename = models.CharField(max_length=200)
    document = models.TextField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "filename"], name="provenance_once")]


class Mirrored(models.Model):
    """A project that follows another index, by the name of the `mirror`: nobody uploads to it here.

    `status` and `yanked` (filenames with reasons) are what was last seen there and done here, so that what the operator
    does here stays done. `gone`: it was deleted here because it is no longer there. `dropped` are the names of files
    that were removed for that reason.
    """

    project = models.OneToOneField(Project, primary_key=True, on_delete=models.CASCADE, related_name="mirrored")
    mirror = models.CharField(max_length=50, db_index=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.ACTIVE)
    yanked = models.JSONField(default=dict)
    gone = models.BooleanField(default=False)
    dropped = models.JSONField(default=list)


class Dependency(models.Model):
    """What the release that stands for a project depends on, as `followers.dependents` last saw it.

    `name` is normalized; this index need not have a project of that name. `requirements` are the first lines of the
    metadata that name it, as much of each as is shown. It is `optional` when each of them asks for an extra.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="dependencies")
    name = models.CharField(max_length=100)
    requirements = models.JSONField()
    optional = models.BooleanField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "name"], name="dependency_once")]
        indexes: ClassVar = [models.Index(fields=["name"], name="dependency_name")]


class Counted(models.Model):
    """What `Total` holds of a project that readers see. A project without a row is not among what was counted."""

    project = models.OneToOneField(Project, primary_key=True, on_delete=models.CASCADE, related_name="+")
    releases = models.IntegerField()
    files = models.IntegerField()


class Total(models.Model):
    """How much readers see of all projects together: one row (`projects.totals`)."""

    projects = models.BigIntegerField(default=0)
    releases = models.BigIntegerField(default=0)
    files = models.BigIntegerField(default=0)


class Advisory(models.Model):
    """What is known of a vulnerability, as the operator imported it last: see `projects.osv`."""

    identifier = models.CharField(max_length=100, unique=True)
    aliases = models.JSONField()
    summary = models.TextField(blank=True)
    details = models.TextField(blank=True)
    modified = models.DateTimeField()
    withdrawn = models.DateTimeField(null=True)


class Affected(models.Model):
    """A project that an advisory is about, which this index need not have, with canonical versions and ranges."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="affected")
    name = models.CharField(max_length=100)
    versions = models.JSONField()
    ranges = models.JSONField()
    fixed_in = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["advisory", "name"], name="affected_once")]
        indexes: ClassVar = [models.Index(fields=["name"], name="affected_name")]
