"""A wheel is taken when its `.dist-info` tells the truth about the file and its name."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable

import pytest

from archives.forge import Built, Entry, core_metadata, wheel
from archives.opening import assert_refused, opened
from entrepot.refusal import Refused, TooLarge

INFO = "demo-1.0.dist-info"
TAGS = "Tag: py3-none-any\n"


def without(suffix: str) -> Built:
    return wheel(edit=lambda entries: entries.__setitem__(slice(None), others(entries, suffix)))


def others(entries: list[Entry], suffix: str) -> list[Entry]:
    return [entry for entry in entries if not entry.name.decode().endswith(suffix)]


def wheel_file(text: str) -> Built:
    return wheel(wheel_file=text.encode())


def record(old: str, new: str) -> Built:
    return wheel(record=lambda right: right.replace(old.encode(), new.encode()))


def more_record(rows: str) -> Built:
    return wheel(record=lambda right: right + rows.encode())


def hashed(algorithm: str, padding: str = "") -> Built:
    """The hash of the empty `demo/__init__.py` made by another algorithm."""
    right, other = (urlsafe_b64encode(hashlib.new(name).digest()).decode() for name in ("sha256", algorithm))
    return record(f"sha256={right.rstrip('=')},0", f"{algorithm}={other.rstrip('=')}{padding},0")


def entry_points(text: str | bytes) -> Built:
    data = text if isinstance(text, bytes) else text.encode()
    return wheel(files={f"{INFO}/entry_points.txt": data})


def scripts(lines: str) -> Built:
    return entry_points(f"[console_scripts]\n{lines}\n")


def licensed(name: str, *, version: str = "2.4", place: str = "licenses/") -> Built:
    text = f"Metadata-Version: {version}\nName: demo\nVersion: 1.0\nLicense-File: {name}\n"
    return wheel(metadata=text.encode(), files={f"{INFO}/{place}LICENSE": b"free"})


def complete(lines: str, *, tag: str = "py3-none-any") -> Built:
    return wheel(tag=tag, wheel_file=f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{lines}".encode())


NOT_METADATA = ("invalid-metadata", "METADATA")
NO_HASH = ("wheel-record", "'demo/__init__.py' has no hash")

REFUSED: dict[str, tuple[Callable[[], Built], str, str]] = {
    # layout
    "no RECORD": (lambda: without("RECORD"), "wheel-layout", f"{INFO}/RECORD"),
    "no WHEEL": (lambda: without("WHEEL"), "wheel-layout", f"{INFO}/WHEEL"),
    "no METADATA": (lambda: without("METADATA"), "wheel-layout", f"{INFO}/METADATA"),
    "METADATA is a directory": (
        lambda: wheel(files={f"{INFO}/METADATA/x": b""}, edit=lambda entries: entries.pop(1)),
        "wheel-layout",
        f"{INFO}/METADATA",
    ),
    "dist-info in other case": (lambda: wheel(info="Demo-1.0.dist-info"), "wheel-layout", "Demo-1.0.dist-info"),
    "dist-info of another version": (lambda: wheel(info="demo-1.dist-info"), "wheel-layout", "demo-1.dist-info"),
    "two dist-infos": (lambda: wheel(files={"x-1.dist-info/METADATA": b""}), "wheel-layout", "x-1.dist-info"),
    "an empty second dist-info": (
        lambda: wheel(edit=lambda entries: entries.append(Entry(b"x-1.dist-info/", method=0, mode=0))),
        "wheel-layout",
        "x-1.dist-info",
    ),
    "upper-case dist-info": (lambda: wheel(files={"x-1.DIST-INFO/METADATA": b""}), "wheel-layout", "x-1.DIST-INFO"),
    "data of another project": (lambda: wheel(files={"pip-1.0.data/scripts/pip": b""}), "wheel-layout", "pip-1.0.data"),
    # WHEEL
    "no Wheel-Version": (lambda: wheel_file(f"Root-Is-Purelib: true\n{TAGS}"), "wheel-file", "wheel-version"),
    "Wheel-Version 2.0": (
        lambda: wheel_file(f"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n{TAGS}"),
        "wheel-file",
        "1.x",
    ),
    "two Wheel-Versions": (lambda: wheel_file("Wheel-Version: 1.0\n" * 2), "wheel-file", "2 fields"),
    "no Root-Is-Purelib": (lambda: wheel_file(f"Wheel-Version: 1.0\n{TAGS}"), "wheel-file", "root-is-purelib"),
    "odd Root-Is-Purelib": (
        lambda: wheel_file(f"Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\n{TAGS}"),
        "wheel-file",
        "Root-Is-Purelib",
    ),
    "Build not in the filename": (lambda: complete(f"Build: 1\n{TAGS}"), "wheel-file", "Build"),
    "Build missing": (lambda: complete(TAGS, tag="1-py3-none-any"), "wheel-file", "Build"),
    "other Build": (lambda: complete(f"Build: 2\n{TAGS}", tag="1-py3-none-any"), "wheel-file", "Build"),
    "no tag": (lambda: complete(""), "wheel-tags", "py3-none-any"),
    "other tag": (lambda: complete("Tag: py3-none-win32\n"), "wheel-tags", "py3-none-win32"),
    "one tag too many": (lambda: complete(f"{TAGS}Tag: py2-none-any\n"), "wheel-tags", "py2-none-any"),
    "one tag too few": (lambda: complete(TAGS, tag="py2.py3-none-any"), "wheel-tags", "py2-none-any"),
    "malformed tag": (lambda: complete("Tag: py3-any\n"), "wheel-tags", "py3-any"),
    "tags that multiply": (
        lambda: complete(TAGS, tag="-".join(".".join(f"{x}{n}" for n in range(12)) for x in ("p", "a", "s"))),
        "wheel-tags",
        "1000",
    ),
    "line that is no field": (lambda: complete(f"{TAGS}hello\n"), "wheel-file", "hello"),
    "fields after an empty line": (lambda: complete(f"{TAGS}\nTag: py2-none-any\n"), "wheel-file", "''"),
    "continued line": (lambda: complete(f"{TAGS} more\n"), "wheel-file", "more"),
    "WHEEL not UTF-8": (lambda: wheel(wheel_file=b"\xff"), "wheel-file", "UTF-8"),
    "WHEEL too large": (lambda: wheel(wheel_file=bytes(65 << 10)), "member-too-large", "WHEEL"),
    # METADATA
    "other name": (lambda: wheel(metadata=core_metadata("requests")), "metadata-mismatch", "requests"),
    "other version": (lambda: wheel(metadata=core_metadata(version="1.1")), "metadata-mismatch", "1.1"),
    "METADATA not UTF-8": (lambda: wheel(metadata=b"\xff"), "invalid-metadata", "METADATA"),
    "METADATA with a byte order mark": (
        lambda: wheel(metadata=b"\xef\xbb\xbf" + core_metadata()),
        "invalid-metadata",
        "METADATA",
    ),
    "METADATA in UTF-16": (lambda: wheel(metadata=core_metadata().decode().encode("utf-16")), *NOT_METADATA),
    "unknown metadata version": (
        lambda: wheel(metadata=b"Metadata-Version: 9.9\nName: demo\nVersion: 1\n"),
        *NOT_METADATA,
    ),
    "bad name": (lambda: wheel(metadata=core_metadata("dé")), "invalid-name", "METADATA"),
    "license file missing": (lambda: licensed("COPYING"), "license-file-missing", "COPYING"),
    "license file elsewhere": (lambda: licensed("LICENSE", place=""), "license-file-missing", "LICENSE"),
    # RECORD
    "RECORD empty": (lambda: wheel(record=b"\n"), "wheel-record", "''"),
    "file not listed": (lambda: record("demo/__init__.py", "demo/__init__.pyc"), "wheel-record", "__init__.pyc"),
    "row missing": (lambda: wheel(record=lambda right: right.partition(b"\n")[2]), "wheel-record", "demo/__init__.py"),
    "wrong hash": (lambda: record("sha256=4", "sha256=5"), "wheel-record", "demo/__init__.py"),
    "wrong size": (lambda: record(",0\n", ",1\n"), "wheel-record", "demo/__init__.py"),
    "size with a zero": (lambda: record(",0\n", ",00\n"), "wheel-record", "demo/__init__.py"),
    "no hash": (lambda: wheel(record=lambda right: b"demo/__init__.py,,\n" + right.partition(b"\n")[2]), *NO_HASH),
    "md5": (lambda: hashed("md5"), *NO_HASH),
    "sha1": (lambda: hashed("sha1"), *NO_HASH),
    "sha224": (lambda: hashed("sha224"), *NO_HASH),
    "padded hash": (lambda: hashed("sha256", "="), *NO_HASH),
    "row twice": (lambda: more_record(f"{INFO}/RECORD,,\n"), "wheel-record", "twice"),
    "row of an absent file": (lambda: more_record("demo/x.pyc,,\n"), "wheel-record", "demo/x.pyc"),
    "absolute path": (lambda: more_record("/etc/passwd,,\n"), "wheel-record", "/etc/passwd"),
    "path outside": (lambda: more_record("../../bin/python,,\n"), "wheel-record", "../../bin/python"),
    "backslashes": (lambda: more_record("demo\\__init__.py,,\n"), "wheel-record", "__init__.py"),
    "RECORD with its own hash": (lambda: record("RECORD,,", "RECORD,sha256=x,"), "wheel-record", "RECORD"),
    "RECORD with its own size": (lambda: record("RECORD,,", "RECORD,,9"), "wheel-record", "RECORD"),
    "newline in a field": (lambda: more_record('"demo/\nx",,\n'), "wheel-record", "demo/"),
    "quote in a field": (lambda: more_record('"demo/"x,,\n'), "wheel-record", "demo/"),
    "two fields": (lambda: more_record("demo/x,\n"), "wheel-record", "demo/x"),
    "four fields": (lambda: more_record("demo/x,,,\n"), "wheel-record", "demo/x"),
    "RECORD not UTF-8": (lambda: wheel(record=b"\xff,,\n"), "wheel-record", r"\\xff"),
    "long line": (lambda: more_record("x" * 5000 + ",,\n"), "wheel-record", "4096"),
    "endless line": (lambda: more_record("x" * 5000), "wheel-record", "4096"),
    # entry_points.txt
    "script outside": (lambda: scripts("../../bin/python = demo:main"), "wheel-entry-points", "../../bin/python"),
    "script with a space": (lambda: scripts("a b = demo:main"), "wheel-entry-points", "a b"),
    "window outside": (lambda: entry_points("[gui_scripts]\n/x = demo:main"), "wheel-entry-points", "/x"),
    "padded section": (lambda: entry_points("[ console_scripts ]\n/x = demo:main"), "wheel-entry-points", "/x"),
    "colon": (lambda: scripts("../x: demo:main"), "wheel-entry-points", "../x"),
    "nameless": (lambda: scripts("= demo:main"), "wheel-entry-points", "''"),
    "indented": (lambda: scripts("a = demo:main\n  ../x = demo:main"), "wheel-entry-points", "../x"),
    "indented section": (lambda: scripts("a = demo:main\n  [other]\n../x = demo:main"), "wheel-entry-points", "other"),
    "hidden by a semicolon": (lambda: scripts("; x = demo:main"), "wheel-entry-points", "; x"),
    "odd line end": (lambda: scripts("a = demo:main\x0c[other]\n../x = demo:main"), "wheel-entry-points", r"\x0c"),
    "lone carriage return": (lambda: scripts("a = demo:main\r../x = demo:main"), "wheel-entry-points", r"\r"),
    "before a section": (lambda: entry_points("a = demo:main"), "wheel-entry-points", "a = demo:main"),
    "text after a section": (lambda: entry_points("[console_scripts] x"), "wheel-entry-points", "console_scripts"),
    "script twice": (lambda: scripts("a = demo:x\na = demo:y"), "wheel-entry-points", "a = demo:y"),
    "section twice": (lambda: scripts("a = demo:x\n[console_scripts]"), "wheel-entry-points", "console_scripts"),
    "entry points not UTF-8": (lambda: entry_points(b"[x]\n\xff = y"), "wheel-entry-points", "UTF-8"),
    "entry points too large": (lambda: entry_points("#" * (2 << 20)), "member-too-large", "entry_points.txt"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    build, code, named = REFUSED[case]
    assert_refused(build(), code, named)


def test_keeps_the_kind_of_a_refusal_of_the_metadata() -> None:
    with pytest.raises(TooLarge) as refusal:
        opened(wheel(metadata=core_metadata(more="Classifier: x\n" * 20_000)))
    assert refusal.value.message.startswith("Invalid distribution file. Member 'demo-1.0.dist-info/METADATA': ")


def test_a_member_at_fault_is_shown_short_and_printable() -> None:
    with pytest.raises(Refused, match=r"x\.\.\.x") as refusal:
        opened(wheel(files={"x" * 1030 + "/\u202e\n": b""}))
    assert len(refusal.value.message) < 250


ACCEPTED: dict[str, Callable[[], Built]] = {
    "plain": wheel,
    "platform": lambda: wheel(tag="cp311-abi3.abi3t-manylinux_2_17_x86_64.manylinux2014_x86_64"),
    "build number": lambda: wheel(tag="12abc-py3-none-any"),
    "compressed tag": lambda: complete("Tag: py2.py3-none-any\n", tag="py2.py3-none-any"),
    "windows line ends": lambda: wheel(
        wheel_file=f"Wheel-Version: 1.0\r\nRoot-Is-Purelib: true\r\n{TAGS}\r\n\r\n".encode(),
        record=lambda right: right.replace(b"\n", b"\r\n"),
    ),
    "no newline at the end": lambda: wheel(record=lambda right: right[:-1]),
    "RECORD does not list itself": lambda: record(f"{INFO}/RECORD,,\n", ""),
    "sha384": lambda: hashed("sha384"),
    "sha512": lambda: hashed("sha512"),
    "quoted path": lambda: wheel(files={"demo/a, b.txt": b"x"}),
    "signature": lambda: wheel(edit=lambda entries: entries.append(Entry(f"{INFO}/RECORD.jws".encode(), b"{}"))),
    "own data": lambda: wheel(files={"demo-1.0.data/scripts/demo": b"#!python\n"}),
    "license file": lambda: licensed("LICENSE"),
    "license file of old metadata": lambda: licensed("COPYING", version="2.1"),
    "entry points": lambda: entry_points(
        "# scripts\r\n[console_scripts]\r\ndemo-1.x_y = demo:main\r\n\r\n[demo.plugins]\r\nodd name! = demo\r\n"
    ),
    "other spelling of the name": lambda: wheel(metadata=core_metadata("DEMO", "1.0.0")),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepts(case: str) -> None:
    assert opened(ACCEPTED[case]()).metadata.name.lower() == "demo"


def test_gives_the_metadata_as_it_is() -> None:
    data = core_metadata(more="Requires-Dist: evil-helper\r\n\r\nText \xe9\n")
    distribution = opened(wheel(metadata=data))
    assert distribution.metadata_bytes == data
    assert distribution.metadata.requires_dist == ("evil-helper",)
    assert distribution.filename.filename == "demo-1.0-py3-none-any.whl"
