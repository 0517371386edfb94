"""What an index takes beyond what the formats demand: a public index keeps PyPI's rules, a private one relaxes them.

A policy is data: limits, a pattern, and the lists of the rules that hold. Nothing asks "is this index public?".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.version import Version
from trove_classifiers import classifiers as known_classifiers
from trove_classifiers import deprecated_classifiers

from entrepot.metadata import CoreMetadata, header_name
from entrepot.names import ProjectName, WheelFilename, is_standard_library
from entrepot.refusal import Refused

GIB = 1024**3  # bytes
SUMMARY_LIMIT = 512  # characters
ADDRESSES_LIMIT = 5000  # characters of a field with e-mail addresses
LABEL_LIMIT = 32  # characters of a project URL's label

RESERVED_NAMES = frozenset(
    {
        # Words of the index's own URLs, and what people type by mistake after `pip install`.
        *("simple", "legacy", "packages", "pypi", "rpc2", "integrity", "upload", "manage", "account", "admin"),
        *("requirements", "requirements-txt", "rrequirements-txt", "requirement-txt", "pyproject-toml", "setup-py"),
        # What build tools write when a project has no name.
        *("unknown", "none", "null", "undefined"),
        # Devices of Windows: no file or folder there can have such a name.
        *("con", "prn", "aux", "nul"),
        *(f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10)),
    }
)

_MANYLINUX_CPUS = "x86_64|i686|aarch64|armv7l|ppc64le|s390x"
_APPLE_CPUS = "ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2"
_PUBLIC_PLATFORMS = (
    r"any",
    r"win32|win_amd64|win_arm64|win_ia64",
    r"linux_armv6l|linux_armv7l",
    r"manylinux(?:1|2010)_(?:x86_64|i686)",
    rf"manylinux2014_(?:{_MANYLINUX_CPUS}|ppc64)",
    rf"manylinux_[0-9]+_[0-9]+_(?:{_MANYLINUX_CPUS}|ppc64|riscv64)",
    rf"musllinux_[0-9]+_[0-9]+_(?:{_MANYLINUX_CPUS}|riscv64)",
    rf"macosx_10_[0-9]+_(?:{_APPLE_CPUS})",
    rf"macosx_(?:11|12|13|14|15|26)_0_(?:{_APPLE_CPUS})",
    r"ios_[0-9]+_[0-9]+_(?:arm64|x86_64)_(?:iphoneos|iphonesimulator)",
    r"android_[0-9]+_(?:armeabi_v7a|arm64_v8a|x86|x86_64)",
    r"pyemscripten_[0-9]+_[0-9]+_wasm32",
)

_LOCAL_PART = r"[^\s<>@,;:\"()\[\]\\.]+(?:\.[^\s<>@,;:\"()\[\]\\.]+)*"
_ADDRESS = rf"{_LOCAL_PART}@[\w-]+(?:\.[\w-]+)*"
_FIRST_ADDRESS = re.compile(
    rf"(?:{_ADDRESS}(?:\s*\([^()\r\n]*\))?"  # jane@example.org (Jane)
    rf"|(?:\"(?:[^\"\\\r\n]|\\.)*\"|[^\",<>\r\n])*<{_ADDRESS}>)"  # "Jane, Dr." <jane@example.org>
    r"\s*(?:,|\Z)"
)
_WEB_URL = re.compile(r"https?://[^\s<>\"/?#\\]+(?:[/?#][^\s<>\"\\]*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one kind of index. Sizes are bytes; `project_size_limit` is None where a project may grow freely.

    A user may make `new_projects`, and `new_releases` of projects that are there, in an hour; any number when None.
    Where it `needs_second_factor`, people who have none manage nothing and make no tokens, and theirs are not valid.
    A release takes further files for `release_open_days` after its creation, for ever when None. Each platform tag of a
    wheel has to match `platforms` in full; the checks each raise Refused.
    """

    name: str
    file_size_limit: int
    project_size_limit: int | None
    new_projects: int | None
    new_releases: int | None
    needs_second_factor: bool
    release_open_days: int | None
    refuses_similar_names: bool
    refuses_same_content: bool
    platforms: re.Pattern[str]
    name_checks: tuple[Callable[[ProjectName], None], ...]
    version_checks: tuple[Callable[[Version], None], ...]
    metadata_checks: tuple[Callable[[CoreMetadata], None], ...]


def check_project_name(name: ProjectName, policy: Policy) -> None:
    """Refuse a name that no new project may take. Code: "reserved-name"."""
    for check in policy.name_checks:
        check(name)


def check_version(version: Version, policy: Policy) -> None:
    """Refuse a version that may not be published. Code: "local-version"."""
    for check in policy.version_checks:
        check(version)


def check_platforms(wheel: WheelFilename, policy: Policy) -> None:
    """Refuse a wheel for platforms the index does not serve. Code: "unsupported-platform"."""
    for tag in wheel.platforms:
        if policy.platforms.fullmatch(tag) is None:
            message = f"Wheel {wheel.filename!r} has an unsupported platform tag {tag!r}."
            raise Refused("unsupported-platform", message, "content")


def check_metadata(metadata: CoreMetadata, policy: Policy) -> None:
    """Refuse metadata that is legal but not wanted.

    Codes: "summary-too-long", "invalid-email", "invalid-url", "invalid-project-url", "private-classifier",
    "deprecated-classifier", "unknown-classifier", "direct-dependency".
    """
    for check in policy.metadata_checks:
        check(metadata)


def _check_not_reserved(name: ProjectName) -> None:
    if name in RESERVED_NAMES:
        raise Refused("reserved-name", f"The name {str(name)!r} isn't allowed: it is reserved.", "name")


def _check_not_standard_library(name: ProjectName) -> None:
    if is_standard_library(name):
        reason = "it is the name of a module of the Python standard library"
        raise Refused("reserved-name", f"The name {str(name)!r} isn't allowed: {reason}.", "name")


def _check_not_local(version: Version) -> None:
    if version.local is not None:
        raise Refused("local-version", f"The use of local versions in '{version}' is not allowed.", "version")


def _check_summary(metadata: CoreMetadata) -> None:
    if len(metadata.summary) > SUMMARY_LIMIT:
        raise Refused("summary-too-long", f"The summary has more than {SUMMARY_LIMIT} characters.", "summary")


def _check_addresses(metadata: CoreMetadata) -> None:
    """The first address of each list has to look like one (RFC 822); whether mail reaches it is not asked."""
    for field, value in (("author_email", metadata.author_email), ("maintainer_email", metadata.maintainer_email)):
        if value and (len(value) > ADDRESSES_LIMIT or _FIRST_ADDRESS.match(value.strip()) is None):
            message = f"{value[:100]!r} does not begin with a valid e-mail address in {header_name(field)!r}."
            raise Refused("invalid-email", message, field)


def _check_pages(metadata: CoreMetadata) -> None:
    for field, value in (("home_page", metadata.home_page), ("download_url", metadata.download_url)):
        if value and _WEB_URL.fullmatch(value) is None:
            message = f"{value[:100]!r} is not a valid http or https URL in {header_name(field)!r}."
            raise Refused("invalid-url", message, field)


def _check_project_urls(metadata: CoreMetadata) -> None:
    for label, url in metadata.project_urls:
        if not 1 <= len(label) <= LABEL_LIMIT:
            message = f"The label {label[:100]!r} in 'project-url' has to have 1 to {LABEL_LIMIT} characters."
            raise Refused("invalid-project-url", message, "project_urls")
        if _WEB_URL.fullmatch(url) is None:
            message = f"{url[:100]!r} is not a valid http or https URL in 'project-url'."
            raise Refused("invalid-project-url", message, "project_urls")


def _check_no_private_classifier(metadata: CoreMetadata) -> None:
    for classifier in metadata.classifiers:
        if classifier.startswith("Private ::"):
            message = f"{classifier[:100]!r} in 'classifier' says that this project is not to be published."
            raise Refused("private-classifier", message, "classifiers")


def _check_no_deprecated_classifier(metadata: CoreMetadata) -> None:
    for classifier in metadata.classifiers:
        if classifier in deprecated_classifiers:
            replacements = " or ".join(repr(name) for name in deprecated_classifiers[classifier])
            instead = f"use {replacements} instead" if replacements else "nothing replaces it"
            message = f"{classifier!r} in 'classifier' is deprecated: {instead}."
            raise Refused("deprecated-classifier", message, "classifiers")


def _check_known_classifiers(metadata: CoreMetadata) -> None:
    for classifier in metadata.classifiers:
        if classifier not in known_classifiers and classifier not in deprecated_classifiers:
            raise Refused("unknown-classifier", f"{classifier[:100]!r} is not a valid 'classifier'.", "classifiers")


def _check_provided_without_urls(metadata: CoreMetadata) -> None:
    _refuse_urls("provides_dist", metadata.provides_dist)
    _refuse_urls("obsoletes_dist", metadata.obsoletes_dist)


def _check_required_without_urls(metadata: CoreMetadata) -> None:
    _refuse_urls("requires_dist", metadata.requires_dist)


def _refuse_urls(field: str, requirements: tuple[str, ...]) -> None:
    for requirement in requirements:
        if Requirement(requirement).url is not None:
            raise Refused("direct-dependency", f"Can't have direct dependency: {requirement[:200]}", field)


_EVERYWHERE = (
    _check_summary,
    _check_addresses,
    _check_pages,
    _check_project_urls,
    _check_provided_without_urls,
)

PUBLIC = Policy(
    name="public",
    file_size_limit=2 * GIB,
    project_size_limit=10 * GIB,
    new_projects=20,
    new_releases=100,
    needs_second_factor=True,
    release_open_days=14,
    refuses_similar_names=True,
    refuses_same_content=True,
    platforms=re.compile("|".join(_PUBLIC_PLATFORMS)),
    name_checks=(_check_not_reserved, _check_not_standard_library),
    version_checks=(_check_not_local,),
    metadata_checks=(
        *_EVERYWHERE,
        _check_no_private_classifier,
        _check_no_deprecated_classifier,
        _check_known_classifiers,
        _check_required_without_urls,
    ),
)
PRIVATE = Policy(
    name="private",
    file_size_limit=2 * GIB,
    project_size_limit=None,
    new_projects=None,
    new_releases=None,
    needs_second_factor=False,
    release_open_days=None,
    refuses_similar_names=False,
    refuses_same_content=False,
    platforms=re.compile("[a-z0-9_]+"),
    name_checks=(),
    version_checks=(),
    metadata_checks=_EVERYWHERE,
)
POLICIES = {policy.name: policy for policy in (PUBLIC, PRIVATE)}
LARGEST_FILE = max(policy.file_size_limit for policy in POLICIES.values())  # bytes: no moderator allows more
