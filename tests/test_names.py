"""Names, versions and filenames: what is one thing under several spellings, and what is nothing at all."""

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from entrepot.names import (
    ProjectName,
    SdistFilename,
    WheelFilename,
    canonical_version,
    is_standard_library,
    parse_filename,
    parse_version,
    skeleton,
)
from entrepot.refusal import Refused

words = st.text("abcxyzABCXYZ0189", min_size=1, max_size=8)
separators = st.text("-_.", min_size=1, max_size=3)
numbers = st.integers(0, 20)
tags = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=3).map(".".join)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """Two spellings of one name."""
    parts = draw(st.lists(words, min_size=1, max_size=4))
    first, second = parts[0], parts[0].swapcase()
    for part in parts[1:]:
        first, second = first + draw(separators) + part, second + draw(separators) + part.swapcase()
    return first, second


@st.composite
def versions(draw: st.DrawFn) -> str:
    """A version in some legal spelling."""
    release = ".".join(str(number) for number in draw(st.lists(numbers, min_size=1, max_size=4)))
    epoch = draw(st.sampled_from(["", "0!", "1!"]))
    pre = draw(st.sampled_from(["", "a1", "-alpha.1", "b2", "rc1", "c1", ".pre1", "RC01"]))
    post = draw(st.sampled_from(["", ".post1", "-1", ".r1", "post"]))
    dev = draw(st.sampled_from(["", ".dev0", "dev", "-DEV2"]))
    local = draw(st.sampled_from(["", "+a.1", "+A-01", "+a_1"]))
    return draw(st.sampled_from(["", "v"])) + epoch + release + pre + post + dev + local


@given(spellings())
def test_spellings_of_a_name_are_one_name(pair: tuple[str, str]) -> None:
    first, second = pair
    assert ProjectName(first) == ProjectName(second)


@given(spellings())
def test_a_normalized_name_stays_as_it_is(pair: tuple[str, str]) -> None:
    name = ProjectName(pair[0])
    assert ProjectName(name) == name
    assert pickle.loads(pickle.dumps(name)) == name  # noqa: S301 - our own bytes
    assert skeleton(name) == skeleton(ProjectName(pair[1]))


@pytest.mark.parametrize(
    "raw",
    ["", "-a", "a-", ".a", "a.", "_a", "a b", "a\n", "a/b", "..", "é", "\u017f", "\u212a", "\uff11", "a\0", "a" * 101],
)
def test_what_is_not_a_name(raw: str) -> None:
    with pytest.raises(Refused) as refusal:
        ProjectName(raw)
    assert (refusal.value.code, refusal.value.field) == ("invalid-name", "name")


def test_a_name_may_have_one_to_a_hundred_characters() -> None:
    assert ProjectName("X") == "x"
    assert len(ProjectName("a" * 100)) == 100


@given(st.text(max_size=120))
def test_any_text_is_a_name_or_refused(raw: str) -> None:
    with suppress(Refused):
        assert ProjectName(raw).isascii()


@pytest.mark.parametrize(("one", "other"), [("l0l", "Ioi"), ("py-yaml", "pyyaml"), ("a.b_c", "ABC"), ("io", "1O")])
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(ProjectName(one)) == skeleton(ProjectName(other))


def test_names_that_look_different_have_two_skeletons() -> None:
    assert skeleton(ProjectName("flask")) != skeleton(ProjectName("flack"))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("json", True),
        ("tomllib", True),  # new in 3.11
        ("urllib2", True),  # gone since 3.0
        ("ConfigParser", True),  # whatever the spelling
        ("xml.etree", True),
        ("concurrent-futures", True),
        ("distutils", True),
        ("requests", False),
        ("jsons", False),
    ],
)
def test_names_of_the_standard_library(name: str, known: bool) -> None:
    assert is_standard_library(ProjectName(name)) is known


@given(versions(), versions())
def test_a_release_has_one_key(first: str, second: str) -> None:
    one, other = parse_version(first), parse_version(second)
    assert (canonical_version(one) == canonical_version(other)) == (one == other)
    assert parse_version(canonical_version(one)) == one


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0.0"), ("v1", "1"), ("1.0-1", "1.0.post1"), ("1.0c1", "1.0rc1")])
def test_versions_of_one_release(one: str, other: str) -> None:
    assert canonical_version(parse_version(one)) == canonical_version(parse_version(other))


@pytest.mark.parametrize(
    "raw", ["", "one", "1.0-final", "1..0", "\u0661.\u0660", "1.0\0", "9" * 129, "1" * 5000, "1.0+é"]
)
def test_what_is_not_a_version(raw: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_version(raw)
    assert (refusal.value.code, refusal.value.field) == ("invalid-version", "version")


@given(st.text("0123456789.!+-_abcdevpostrc\n é", max_size=140))
def test_any_text_is_a_version_or_refused(raw: str) -> None:
    with suppress(Refused):
        assert isinstance(parse_version(raw), Version)


@given(spellings(), versions(), st.sampled_from(["", "1", "2024abc", "0.g1"]), st.tuples(tags, tags, tags))
def test_a_normalized_wheel_name_is_read_back(
    names: tuple[str, str], version: str, build: str, tag: tuple[str, str, str]
) -> None:
    stem = f"{ProjectName(names[0]).replace('-', '_')}-{Version(version)}"
    filename = "-".join(part for part in (stem, build, *tag) if part) + ".whl"
    wheel = parse_filename(filename)
    assert isinstance(wheel, WheelFilename)
    assert (wheel.filename, wheel.stem, wheel.project) == (filename, stem, ProjectName(names[1]))
    assert (wheel.version, wheel.build) == (Version(version), build)
    assert (wheel.python_tag, wheel.abi, ".".join(wheel.platforms)) == tag
    name, parsed, *_ = parse_wheel_filename(filename)
    assert (str(name), parsed) == (str(wheel.project), wheel.version)


@given(spellings(), versions())
def test_a_normalized_sdist_name_is_read_back(names: tuple[str, str], version: str) -> None:
    stem = f"{ProjectName(names[0]).replace('-', '_')}-{Version(version)}"
    sdist = parse_filename(f"{stem}.tar.gz")
    assert sdist == SdistFilename(f"{stem}.tar.gz", ProjectName(names[1]), Version(version))
    assert (sdist.stem, sdist.kind, sdist.python_tag) == (stem, "sdist", "source")
    name, parsed = parse_sdist_filename(sdist.filename)
    assert (str(name), parsed) == (str(sdist.project), sdist.version)


def test_the_kind_of_a_wheel() -> None:
    assert parse_filename("a-1-py2.py3-none-any.whl").kind == "bdist_wheel"


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("../../x-1.0.tar.gz", "printable ASCII"),
        ("..\\x-1.0-py3-none-any.whl", "printable ASCII"),
        ("/x-1.0.tar.gz", "printable ASCII"),
        ("x-1..0.tar.gz", "'..'"),
        ("x-1.0\n.tar.gz", "printable ASCII"),
        ("x-1.0.tar.gz\0", "printable ASCII"),
        ("é-1.0.tar.gz", "printable ASCII"),
        ("x" * 197 + ".whl", "at most 200"),
        ("C:x-1.0.tar.gz", "not a project name"),
        ("x-1.0.tar.gz.exe", "PEP 527"),
        ("x-1.0-py3-none-any.WHL", "exactly '.whl'"),
        ("x-1.0-py3-none-any.whl ", "exactly '.whl'"),
        ("x-1.0", "exactly '.whl'"),
        ("x-1.0.zip", "PEP 625"),
        ("x-1.0.TAR.BZ2", "PEP 625"),
        ("x-1.0-py3.12.egg", "PEP 715"),
        ("x.tar.gz", "not a project name"),
        (".tar.gz", "not a project name"),
        (".whl", "PEP 427"),
        ("x-one.tar.gz", "not a version"),
        ("X-1.0.tar.gz", "begins with 'x-1.0'"),
        ("foo-bar-1.0.tar.gz", "begins with 'foo_bar-1.0'"),
        ("foo.bar-1.0.tar.gz", "begins with 'foo_bar-1.0'"),
        ("foo__bar-1.0.tar.gz", "begins with 'foo_bar-1.0'"),
        ("x-1.0.0c1.tar.gz", "begins with 'x-1.0.0rc1'"),
        ("x-01.tar.gz", "begins with 'x-1'"),
        ("x-1.0-py3-none.whl", "PEP 427"),
        ("x-1.0-b1-py3-none-any.whl", "PEP 427"),  # a build tag begins with a digit
        ("x-1.0-1-2-py3-none-any.whl", "PEP 427"),
        ("x-1.0-3-none-any.whl", "PEP 427"),  # a Python tag does not
        ("x-1.0-py2.3-none-any.whl", "PEP 427"),
        ("x-1.0-py3-none-.whl", "PEP 427"),
        ("x-1.0-py3-none-any..whl", "'..'"),
        ("x-1.0-py3-NONE-any.whl", "PEP 427"),
        ("Foo_Bar-1.0-py3-none-any.whl", "begins with 'foo_bar-1.0'"),
        ("foo.bar-1.0-py3-none-any.whl", "begins with 'foo_bar-1.0'"),
        ("x-1.0.RC1-py3-none-any.whl", "begins with 'x-1.0rc1'"),
    ],
)
def test_what_is_not_a_filename(filename: str, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_filename(filename)
    assert (refusal.value.code, refusal.value.field) == ("invalid-filename", "content")
    assert reason in refusal.value.message


@given(
    st.one_of(st.text(max_size=210), st.text("ax1.0-_!+py/\\ \n", max_size=40)),
    st.sampled_from(["", ".whl", ".tar.gz"]),
)
def test_any_text_is_a_filename_or_refused(start: str, end: str) -> None:
    with suppress(Refused):
        assert parse_filename(start + end).filename == start + end
