"""What a public and a private index take."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from entrepot.metadata import CoreMetadata
from entrepot.names import ProjectName, WheelFilename, parse_filename
from entrepot.policy import (
    POLICIES,
    PRIVATE,
    PUBLIC,
    Policy,
    check_metadata,
    check_platforms,
    check_project_name,
    check_version,
)
from entrepot.refusal import Refused

PLAIN = CoreMetadata("2.4", "sample", "1.0")

both = pytest.mark.parametrize("policy", [PUBLIC, PRIVATE], ids=lambda policy: policy.name)


def wheel_for(platforms: str) -> WheelFilename:
    wheel = parse_filename(f"sample-1.0-py3-none-{platforms}.whl")
    assert isinstance(wheel, WheelFilename)
    return wheel


def refusal_of(metadata: CoreMetadata, policy: Policy) -> Refused:
    with pytest.raises(Refused) as refusal:
        check_metadata(metadata, policy)
    return refusal.value


def test_policies_are_found_by_name() -> None:
    assert POLICIES == {"public": PUBLIC, "private": PRIVATE}


@pytest.mark.parametrize("name", ["json", "ConfigParser", "simple", "requirements.txt", "NUL", "com1", "UNKNOWN"])
def test_names_that_only_a_private_index_takes(name: str) -> None:
    with pytest.raises(Refused, match="isn't allowed") as refusal:
        check_project_name(ProjectName(name), PUBLIC)
    assert (refusal.value.code, refusal.value.field) == ("reserved-name", "name")
    check_project_name(ProjectName(name), PRIVATE)


@both
@pytest.mark.parametrize("name", ["sample", "simple-json", "com10"])
def test_names_that_every_index_takes(name: str, policy: Policy) -> None:
    check_project_name(ProjectName(name), policy)


def test_local_versions_are_for_private_indexes() -> None:
    with pytest.raises(Refused) as refusal:
        check_version(Version("1.0+Cu-12"), PUBLIC)
    assert refusal.value.message == "The use of local versions in '1.0+cu.12' is not allowed."
    check_version(Version("1.0+cu12"), PRIVATE)
    check_version(Version("1.0"), PUBLIC)


@both
@pytest.mark.parametrize(
    "platforms",
    [
        "any",
        "win32",
        "win_amd64.win_arm64",
        "linux_armv7l",
        "manylinux1_x86_64",
        "manylinux2014_ppc64",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "manylinux_2_39_riscv64",
        "musllinux_1_2_aarch64",
        "macosx_10_9_universal2",
        "macosx_26_0_arm64",
        "ios_13_0_arm64_iphonesimulator",
        "android_24_x86_64",
        "pyemscripten_2026_0_wasm32",
    ],
)
def test_platforms_that_every_index_takes(platforms: str, policy: Policy) -> None:
    check_platforms(wheel_for(platforms), policy)


@pytest.mark.parametrize(
    "platforms",
    [
        "linux_x86_64",
        "any.linux_x86_64",
        "manylinux1_aarch64",
        "manylinux_2_x86_64",
        "musllinux_1_2_ppc64",
        "macosx_11_1_arm64",
        "macosx_16_0_arm64",
        "anyway",
        "win32_more",
        "android_24_mips",
        "ios_13_0_arm64",
    ],
)
def test_platforms_that_only_a_private_index_takes(platforms: str) -> None:
    with pytest.raises(Refused, match="unsupported platform tag") as refusal:
        check_platforms(wheel_for(platforms), PUBLIC)
    assert (refusal.value.code, refusal.value.field) == ("unsupported-platform", "content")
    check_platforms(wheel_for(platforms), PRIVATE)


@both
def test_metadata_that_every_index_takes(policy: Policy) -> None:
    check_metadata(
        replace(
            PLAIN,
            summary="s" * 512,
            home_page="HTTP://index.example",
            download_url="https://index.example:8080/ü?q=[1]#f",
            project_urls=(("L" * 32, "https://index.example/a"), ("b", "https://index.example?b")),
            classifiers=("Typing :: Typed", "Programming Language :: Python :: 3"),
            requires_dist=("other>=1",),
            provides_dist=("older",),
            obsoletes_dist=("oldest",),
        ),
        policy,
    )


@both
@pytest.mark.parametrize(
    "value",
    [
        "a@index.example",
        "a.b+c@localhost",
        "A. Thor <a@index.example>",
        '"Thor, A." <a@index.example>, nobody',
        '"back\\"slash" <a@index.example>',
        "<a@index.example>",
        "a@index.example (A. Thor)",
        "ü@exämple.example",
        "a@index.example,\n b@index.example",
        "Nick 'the' (only) Thor <a@index.example>",
    ],
)
def test_addresses_that_pass(value: str, policy: Policy) -> None:
    check_metadata(replace(PLAIN, author_email=value, maintainer_email=value), policy)


@both
@pytest.mark.parametrize(
    "value",
    [
        "a at index dot example",
        "a@",
        "@index.example",
        "a@b@c",
        "a..b@index.example",
        "Thor, A. <a@index.example>",  # an unquoted comma ends the first address
        "A <a@index.example> B",
        "A <a@index.example",
        "A\nBcc: b <a@index.example>",
        '"open <a@index.example>',
        "(" * 5000,
        '"' * 5001,
    ],
)
def test_addresses_that_do_not(value: str, policy: Policy) -> None:
    for metadata, field in (
        (replace(PLAIN, author_email=value), "author_email"),
        (replace(PLAIN, maintainer_email=value), "maintainer_email"),
    ):
        refusal = refusal_of(metadata, policy)
        assert (refusal.code, refusal.field) == ("invalid-email", field)


@both
@pytest.mark.parametrize(
    "value", ["index.example", "javascript:alert(1)", "ftp://index.example/", "https://", "https:///x", "https://a b"]
)
def test_addresses_of_pages_are_web_addresses(value: str, policy: Policy) -> None:
    for metadata, code, field in (
        (replace(PLAIN, home_page=value), "invalid-url", "home_page"),
        (replace(PLAIN, download_url=value), "invalid-url", "download_url"),
        (replace(PLAIN, project_urls=(("Home", value),)), "invalid-project-url", "project_urls"),
    ):
        refusal = refusal_of(metadata, policy)
        assert (refusal.code, refusal.field) == (code, field)


@both
@pytest.mark.parametrize("label", ["", "L" * 33])
def test_labels_of_project_urls_have_a_length(label: str, policy: Policy) -> None:
    refusal = refusal_of(replace(PLAIN, project_urls=((label, "https://index.example"),)), policy)
    assert (refusal.code, refusal.field) == ("invalid-project-url", "project_urls")


@both
def test_a_summary_has_a_length(policy: Policy) -> None:
    assert refusal_of(replace(PLAIN, summary="s" * 513), policy).code == "summary-too-long"


@pytest.mark.parametrize(
    ("classifier", "code", "reason"),
    [
        ("Private :: Do Not Upload", "private-classifier", "not to be published"),
        ("Natural Language :: Ukranian", "deprecated-classifier", "use 'Natural Language :: Ukrainian' instead"),
        ("License :: OSI Approved :: X.Net License", "deprecated-classifier", "nothing replaces it"),
        ("Colour :: Blue", "unknown-classifier", "not a valid 'classifier'"),
        ("", "unknown-classifier", "not a valid 'classifier'"),
    ],
)
def test_classifiers_that_only_a_private_index_takes(classifier: str, code: str, reason: str) -> None:
    metadata = replace(PLAIN, classifiers=("Typing :: Typed", classifier))
    refusal = refusal_of(metadata, PUBLIC)
    assert (refusal.code, refusal.field) == (code, "classifiers")
    assert reason in refusal.message
    check_metadata(metadata, PRIVATE)


def test_a_dependency_on_an_address_is_for_private_indexes() -> None:
    metadata = replace(PLAIN, requires_dist=("other>=1", "tool @ https://index.example/tool.whl ; extra == 'x'"))
    refusal = refusal_of(metadata, PUBLIC)
    assert (refusal.code, refusal.field) == ("direct-dependency", "requires_dist")
    assert refusal.message.startswith("Can't have direct dependency: tool @ https://index.example/tool.whl")
    check_metadata(metadata, PRIVATE)


@both
def test_what_is_replaced_has_no_address(policy: Policy) -> None:
    direct = ("tool @ https://index.example/tool.whl",)
    assert refusal_of(replace(PLAIN, provides_dist=direct), policy).field == "provides_dist"
    assert refusal_of(replace(PLAIN, obsoletes_dist=direct), policy).field == "obsoletes_dist"


@both
@given(value=st.text('a@."\\<>(), \n', max_size=60))
def test_any_text_is_an_address_or_refused(value: str, policy: Policy) -> None:
    with suppress(Refused):
        check_metadata(replace(PLAIN, author_email=value), policy)
        assert value == "" or "@" in value
