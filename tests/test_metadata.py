"""Core metadata as old and new tools write it, and as it must not be written."""

import json
from contextlib import suppress
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.metadata import FIELD_LIMIT, SIZE_LIMIT, CoreMetadata, from_json, header_name, parse, to_json
from entrepot.refusal import Refused, TooLarge

HEAD = "Metadata-Version: 2.4\nName: Sample.Name\nVersion: 1.0\n"


def read(*lines: str, head: str = HEAD, body: str = "") -> CoreMetadata:
    return parse((head + "".join(f"{line}\n" for line in lines) + (f"\n{body}" if body else "")).encode())


def refusal_of(data: bytes) -> Refused:
    with pytest.raises(Refused) as refusal:
        parse(data)
    return refusal.value


def test_all_fields_of_a_modern_file() -> None:
    metadata = read(
        "Dynamic: License-File",
        "Platform: any",
        "Supported-Platform: linux",
        "Summary: A sample — with more than ASCII",
        "Keywords: one, two",
        "Home-page: https://index.example/",
        "Download-URL: https://index.example/get",
        "Author: A. Thor",
        "Author-email: A. Thor <a@index.example>",
        "Maintainer: M. Tainer",
        "Maintainer-email: m@index.example",
        "License-Expression: MIT OR Apache-2.0",
        "License-File: LICENSE",
        "License-File: licenses/OTHER",
        "Classifier: Typing :: Typed",
        "Requires-Dist: other >=1 ; extra == 'x'",
        "Requires-Python: >=3.9,<4",
        "Requires-External: libpng (>=1.5)",
        "Project-URL: Home, https://index.example/a,b",
        "Provides-Extra: x",
        "Provides-Dist: older",
        "Obsoletes-Dist: oldest <1",
        "Import-Name: sample",
        "Import-Name: sample._inner ; private",
        "Import-Namespace: shared",
        "Requires: re",
        "Provides: sample",
        "Obsoletes: simple",
        "Description-Content-Type: text/markdown; charset=UTF-8; variant=CommonMark",
        "X-Unknown: tolerated",
        head=HEAD.replace("2.4", "2.5"),
        body="# Sample\n\nwith: a colon\n",
    )
    assert metadata == CoreMetadata(
        metadata_version="2.5",
        name="Sample.Name",
        version="1.0",
        dynamic=("license-file",),
        platforms=("any",),
        supported_platforms=("linux",),
        summary="A sample — with more than ASCII",
        description="# Sample\n\nwith: a colon\n",
        description_content_type="text/markdown; charset=UTF-8; variant=CommonMark",
        keywords="one, two",
        home_page="https://index.example/",
        download_url="https://index.example/get",
        author="A. Thor",
        author_email="A. Thor <a@index.example>",
        maintainer="M. Tainer",
        maintainer_email="m@index.example",
        license_expression="MIT OR Apache-2.0",
        license_files=("LICENSE", "licenses/OTHER"),
        classifiers=("Typing :: Typed",),
        requires_dist=("other >=1 ; extra == 'x'",),
        requires_python=">=3.9,<4",
        requires_external=("libpng (>=1.5)",),
        project_urls=(("Home", "https://index.example/a,b"),),
        provides_extra=("x",),
        provides_dist=("older",),
        obsoletes_dist=("oldest <1",),
        import_names=("sample", "sample._inner ; private"),
        import_namespaces=("shared",),
        requires=("re",),
        provides=("sample",),
        obsoletes=("simple",),
    )


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"])
def test_every_published_version_of_the_format(version: str) -> None:
    assert read(head=HEAD.replace("2.4", version)).metadata_version == version


def test_what_distutils_wrote() -> None:
    metadata = read(
        "Summary: UNKNOWN",
        "Home-page: UNKNOWN",
        "License: Some text",
        "        in two lines",
        "Description: Title",
        "        =====",
        "        ",
        "        text",
        "            indented",
        "Platform: UNKNOWN",
        head=HEAD.replace("2.4", "1.0"),
    )
    assert (metadata.summary, metadata.home_page, metadata.platforms) == ("", "", ())
    assert metadata.description == "Title\n=====\n\ntext\n    indented"
    assert metadata.license == "Some text\nin two lines"


def test_a_description_folded_as_the_specification_says() -> None:
    assert read("Description: one", "       |", "       |  two").description == "one\n\n  two"


def test_a_body_that_old_wheels_wrote_for_no_description() -> None:
    assert read("Description: in the header", body="UNKNOWN\n\n\n").description == "in the header"


def test_fields_that_are_newer_than_the_file_says() -> None:
    """hatchling wrote licence expressions, setuptools extras and content types, before the versions that have them."""
    metadata = read(
        "License-Expression: MIT",
        "License-File: /not/where/it/belongs",
        "Provides-Extra: x",
        "Description-Content-Type: text/markdown",
        head=HEAD.replace("2.4", "1.1"),
    )
    assert (metadata.license_expression, metadata.provides_extra) == ("MIT", ("x",))
    assert metadata.description_content_type == "text/markdown"
    assert metadata.license_files == ()


def test_line_ends_of_every_system_are_one() -> None:
    for end in ("\n", "\r\n", "\r"):
        data = (HEAD + "Summary: s\nLicense: a\n        b\n\n").replace("\n", end).encode()
        metadata = parse(data + b"one\r\n\r\ntwo")
        assert (metadata.name, metadata.summary, metadata.license) == ("Sample.Name", "s", "a\nb")
        assert metadata.description == "one\r\n\r\ntwo"


def test_a_body_is_text_whatever_the_header_says_of_its_form() -> None:
    body = "--x\nContent-Type: message/rfc822\n\n" * 50
    assert read("Content-Type: multipart/mixed; boundary=x", body=body).description == body


def test_empty_fields_are_absent() -> None:
    metadata = read("Summary:", "Requires-Python: ", "License: ", "License-Expression:", "Description-Content-Type:")
    assert metadata == CoreMetadata("2.4", "Sample.Name", "1.0")


def test_a_distribution_may_say_that_it_has_nothing_to_import() -> None:
    assert read("Import-Name:").import_names == ("",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no 'metadata-version'"),
        (b"\n\nName: x\n", "no 'metadata-version'"),
        (b"\nName: x\n", "Line 1"),
        (b" Name: x\n", "Line 1"),
        (HEAD.encode() + b"no colon\nRequires-Dist: hidden\n", "Line 4"),
        (HEAD.encode() + b"bad name: x\n", "Line 4"),
        (HEAD.encode() + b"Summary: \xff\n", "not UTF-8 at byte 62"),
        (HEAD.encode("utf-16"), "not UTF-8"),
        (HEAD.encode("utf-8-sig"), "byte order mark"),
        (HEAD.encode() + b"\nbody\0", "NUL"),
        (HEAD.encode() + b"Author: \x1b[2J\n", "control character '\\x1b'"),
    ],
)
def test_files_that_two_readers_could_read_differently(data: bytes, reason: str) -> None:
    refusal = refusal_of(data)
    assert (refusal.code, "…" in refusal.message) == ("invalid-metadata", False)
    assert reason in refusal.message


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        ("Metadata-Version: 2.4\n", "", "invalid-metadata", "metadata_version"),
        ("2.4", "2.0", "invalid-metadata", "metadata_version"),
        ("2.4", "9.9", "invalid-metadata", "metadata_version"),
        ("2.4", "UNKNOWN", "invalid-metadata", "metadata_version"),
        ("Name: Sample.Name\n", "", "invalid-metadata", "name"),
        ("Sample.Name", "-", "invalid-name", "name"),
        ("Version: 1.0", "", "invalid-metadata", "version"),
        ("1.0", "one", "invalid-version", "version"),
        ("1.0", "9" * 5000, "invalid-version", "version"),
    ],
)
def test_identity_is_judged_before_all_else(old: str, new: str, code: str, field: str) -> None:
    head = HEAD[: HEAD.rindex(old)] + HEAD[HEAD.rindex(old) :].replace(old, new, 1)
    refusal = refusal_of(f"{head.rstrip()}\nRequires-Python: never\n".encode())
    assert (refusal.code, refusal.field) == (code, field)


def test_a_project_may_be_called_unknown() -> None:
    assert read(head=HEAD.replace("Sample.Name", "UNKNOWN")).name == "UNKNOWN"


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (["Summary: one", "summary: two"], "summary"),
        (["Name: other"], "name"),
        (["Description: one", "Description: two"], "description"),
        (["Summary: one", "  two"], "summary"),
        (["Requires-Python: never"], "requires_python"),
        (["Requires-Dist: not a requirement"], "requires_dist"),
        (["Requires-Dist:"], "requires_dist"),
        (["Requires-Dist: a; " + "(" * 400 + "os_name == 'x'" + ")" * 400], "requires_dist"),
        (["Requires-Dist: a" + " >=1," * 2000], "requires_dist"),
        (["Requires-Dist: a>=" + "1" * 1000] * 2000, "requires_dist"),
        (["Requires-Python: " + ">=3," * 10_000], "requires_python"),
        (["Provides-Dist: a (1)b"], "provides_dist"),
        (["Obsoletes-Dist:"], "obsoletes_dist"),
        (["Provides-Extra: -x"], "provides_extra"),
        (["Dynamic: Name"], "dynamic"),
        (["Dynamic: Colour"], "dynamic"),
        (["Description-Content-Type: text/html"], "description_content_type"),
        (["Description-Content-Type: text/markdown; variant=evil"], "description_content_type"),
        (["Description-Content-Type: text/markdown; charset=latin-1"], "description_content_type"),
        (["Description-Content-Type: text/plain; x*"], "description_content_type"),
        (["Description-Content-Type: " + "(" * 400], "description_content_type"),
        (["License: MIT", "License-Expression: MIT"], "license_expression"),
        (["License-Expression: Not-A-License"], "license_expression"),
        (["License-Expression: " + "(" * 400 + "MIT"], "license_expression"),
        (["License-File: ../LICENSE"], "license_files"),
        (["License-File: /etc/passwd"], "license_files"),
        (["Import-Name: class"], "import_names"),
        (["Import-Name: a; public"], "import_names"),
        (["Import-Name:", "Import-Name: a"], "import_names"),
        (["Import-Name: a; private", "Import-Namespace: a"], "import_names"),
        (["Import-Namespace:"], "import_namespaces"),
        (["Project-URL: a, https://index.example", "Project-URL: a, https://other.example"], "project_urls"),
    ],
)
def test_values_that_are_refused(lines: list[str], field: str) -> None:
    refusal = refusal_of((HEAD + "\n".join(lines)).encode())
    assert (refusal.code, refusal.field) == ("invalid-metadata", field)
    assert len(refusal.message) <= 300


def test_two_descriptions_are_refused() -> None:
    assert refusal_of(f"{HEAD}Description: one\n\ntwo".encode()).field == "description"


def test_the_first_of_several_faults_is_told() -> None:
    data = f"{HEAD}Requires-Python: never\nDynamic: Colour\nRequires-Dist: !\n".encode()
    assert {refusal_of(data).field for _ in range(5)} == {"dynamic"}


def test_a_file_has_a_size() -> None:
    head = HEAD.encode() + b"\n"
    assert len(parse(head + b"x" * (SIZE_LIMIT - len(head))).description) == SIZE_LIMIT - len(head)
    refusal = refusal_of(head + b"x" * SIZE_LIMIT)
    assert isinstance(refusal, TooLarge)


def test_a_file_has_so_many_fields() -> None:
    rest = FIELD_LIMIT - 3
    assert len(read(*["Classifier: Typing :: Typed"] * rest).classifiers) == rest
    refusal = refusal_of((HEAD + "X-Unknown: x\n" * (rest + 1)).encode())
    assert isinstance(refusal, TooLarge)


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
headers = st.sampled_from([header_name(field.name) for field in fields(CoreMetadata)])
hostile = st.one_of(anything, st.text("ab1.;,()[]<>=!~'\"*/@ -_\t+", max_size=30))


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda data: HEAD.encode() + data)))
def test_any_bytes_are_metadata_or_refused(data: bytes) -> None:
    with suppress(Refused):
        assert parse(data).name


@given(st.lists(st.tuples(headers, hostile), max_size=5), anything)
def test_any_values_are_metadata_or_refused(lines: list[tuple[str, str]], body: str) -> None:
    with suppress(Refused):
        metadata = read(*(f"{header}: {value}" for header, value in lines), body=body)
        assert from_json(json.loads(json.dumps(to_json(metadata)))) == metadata


some = st.lists(anything, max_size=3).map(tuple)
samples: dict[object, st.SearchStrategy[object]] = {"": anything, (): some}


@given(
    st.builds(
        CoreMetadata,
        anything,
        anything,
        anything,
        **{f.name: samples[f.default] for f in fields(CoreMetadata)[3:] if f.name != "project_urls"},
        project_urls=st.lists(st.tuples(anything, anything), max_size=3).map(tuple),
    )
)
def test_metadata_survives_a_database(metadata: CoreMetadata) -> None:
    assert from_json(json.loads(json.dumps(to_json(metadata)))) == metadata


def test_absent_fields_take_no_room() -> None:
    bare = CoreMetadata("2.4", "x", "1")
    assert to_json(bare) == {"metadata_version": "2.4", "name": "x", "version": "1"}
    assert to_json(replace(bare, project_urls=(("a", "b"),)))["project_urls"] == [["a", "b"]]
