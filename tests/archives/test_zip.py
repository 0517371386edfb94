"""Every way in which two readers of a zip could see different things, or an extractor come to harm, is refused."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from archives.forge import Built, End, Entry, deflate, tar_header, wheel, zip_file
from archives.forge import TarEntry as Tar
from archives.opening import assert_refused, opened

FILENAME = "demo-1.0-py3-none-any.whl"
BAD = b"demo/bad.py"


def with_entry(entry: Entry) -> Built:
    return wheel(edit=lambda entries: entries.insert(1, entry))


def with_name(name: bytes, flags: int = 0) -> Built:
    return with_entry(Entry(name, b"x", flags=flags))


def with_names(*names: bytes) -> Built:
    entries = [Entry(name, b"", flags=0 if name.isascii() else 0x800) for name in names]
    return wheel(edit=lambda given: given.extend(entries))


def extra(kind: int, content: bytes) -> bytes:
    return struct.pack("<2H", kind, len(content)) + content


def large(*values: int) -> bytes:
    return extra(1, struct.pack(f"<{len(values)}Q", *values))


def with_first(**changes: Any) -> Built:
    return wheel(edit=lambda entries: entries.__setitem__(0, replace(entries[0], **changes)))


def with_wheel_file(**changes: Any) -> Built:
    """The file that is read first has `changes`."""
    return wheel(edit=lambda entries: entries.__setitem__(2, replace(entries[2], **changes)))


def with_last(**changes: Any) -> Built:
    return wheel(edit=lambda entries: entries.__setitem__(-1, replace(entries[-1], **changes)))


def swapped() -> Built:
    """The central directory has the members in another order than the local headers."""
    entries = [Entry(b"demo/__init__.py", b"a"), Entry(b"demo/b.py", b"b")]
    body = zip_file(entries)
    first = 46 + len(entries[0].name)
    directory = body[body.index(b"PK\1\2") : body.index(b"PK\5\6")]
    return Built(FILENAME, body.replace(directory, directory[first:] + directory[:first]))


def overlapping() -> Built:
    """The second member lies in the data of the first one, and is found there by the central directory alone."""
    inner = zip_file([Entry(b"demo/b.py", b"b")])
    inner = inner[: inner.index(b"PK\1\2")]
    hidden = Entry(b"demo/b.py", b"b", present=False, packed=inner, central={"offset": 30 + len(b"demo/a.py")})
    return Built(FILENAME, zip_file([Entry(b"demo/a.py", inner, method=0), hidden]))


def tar_inside() -> Built:
    """A zip whose first 512 bytes are also a tar header: its first member, stored, holds the right checksum."""
    data = bytearray(with_first(data=bytes(600), method=0).data)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return Built(FILENAME, bytes(data))


FULL = 0xFFFFFFFF
TIMES = extra(0x5455, b"\3" + bytes(8))

REFUSED: dict[str, tuple[Callable[[], Built], str, str]] = {
    # the end record
    "trailing bytes": (lambda: wheel(end=End(after=b"\0")), "zip-end", "end record"),
    "second zip behind": (lambda: wheel(end=End(after=zip_file([Entry(b"a", b"b")]))), "zip-end", "does not lie"),
    "comment": (lambda: wheel(end=End(end={"comment_size": 4}, after=b"PK\5\6")), "zip-end", "end record"),
    "comment size only": (lambda: wheel(end=End(end={"comment_size": 4})), "zip-end", "no comment"),
    "count too high": (lambda: wheel(end=End(end={"count": 5, "here": 5})), "zip-framing", "fewer entries"),
    "count too low": (lambda: wheel(end=End(end={"count": 3, "here": 3})), "zip-framing", "longer than its entries"),
    "counts differ": (lambda: wheel(end=End(end={"here": 3})), "zip-end", "several disks"),
    "disk": (lambda: wheel(end=End(end={"disk": 1})), "zip-end", "several disks"),
    "first disk": (lambda: wheel(end=End(end={"first_disk": 1})), "zip-end", "several disks"),
    "directory size": (lambda: wheel(end=End(end={"size": 7})), "zip-end", "central directory"),
    "directory start": (lambda: wheel(end=End(end={"start": 7})), "zip-end", "central directory"),
    "bytes before the end record": (lambda: wheel(end=End(before=b"gap")), "zip-end", "central directory"),
    "directory too large": (lambda: wheel(end=End(end={"size": 65 << 20})), "archive-members", "64 MiB"),
    "empty zip": (lambda: Built(FILENAME, zip_file([])), "zip-end", "empty"),
    "too short": (lambda: Built(FILENAME, b"PK\5\6"), "zip-end", "too short"),
    "no zip": (lambda: Built(FILENAME, bytes(600)), "zip-end", "end record"),
    # the ZIP64 end record
    "zip64 without locator": (lambda: wheel(end=End(end={"start": FULL})), "zip-end", "central directory"),
    "zip64 other count": (lambda: wheel(end=End(True, end64={"count": 3, "here": 3})), "zip-end", "something else"),
    "zip64 other size": (lambda: wheel(end=End(True, end64={"size": 3})), "zip-end", "something else"),
    "zip64 other start": (lambda: wheel(end=End(True, end64={"start": 3})), "zip-end", "something else"),
    "zip64 disks": (lambda: wheel(end=End(True, end64={"disk": 1})), "zip-end", "several disks"),
    "zip64 counts differ": (lambda: wheel(end=End(True, end64={"here": 1})), "zip-end", "several disks"),
    "zip64 length": (lambda: wheel(end=End(True, end64={"length": 60})), "zip-end", "version 1"),
    "zip64 version": (lambda: wheel(end=End(True, end64={"needed": 62})), "zip-end", "version 1"),
    "zip64 signature": (lambda: wheel(end=End(True, end64={"signature": b"PK\1\2"})), "zip-end", "version 1"),
    "zip64 before a gap": (lambda: wheel(end=End(True, before=b"gap")), "zip-end", "central directory"),
    "locator disk": (lambda: wheel(end=End(True, locator={"disk": 1})), "zip-end", "locator"),
    "locator disks": (lambda: wheel(end=End(True, locator={"disks": 2})), "zip-end", "locator"),
    "locator start": (lambda: wheel(end=End(True, locator={"start": 2})), "zip-end", "locator"),
    # the records
    "bytes in front": (lambda: with_first(before=b"#!/bin/sh\n"), "zip-framing", "demo/__init__.py"),
    "bytes between": (lambda: with_entry(Entry(BAD, before=b"gap")), "zip-framing", "bad.py"),
    "not in the directory": (lambda: with_entry(Entry(BAD, b"evil", listed=False)), "zip-framing", "METADATA"),
    "last not in the directory": (
        lambda: wheel(edit=lambda entries: entries.append(Entry(BAD, b"evil", listed=False))),
        "zip-framing",
        "between the last member",
    ),
    "only in the directory": (lambda: with_entry(Entry(BAD, present=False, packed=b"")), "zip-framing", "bad.py"),
    "directory in other order": (swapped, "zip-framing", "demo/b.py"),
    "overlap": (overlapping, "zip-framing", "b.py"),
    "data runs into the directory": (
        lambda: wheel(edit=lambda entries: entries.append(Entry(BAD, central={"packed": 99}, local={"packed": 99}))),
        "zip-framing",
        "bad.py",
    ),
    "data runs past the end": (lambda: with_entry(Entry(BAD, central={"packed": 1 << 30})), "zip-framing", "bad.py"),
    "offset past the end": (lambda: with_first(central={"offset": 1 << 30}), "zip-framing", "__init__"),
    "local signature": (lambda: with_first(local={"signature": b"PK\7\7"}), "zip-framing", "__init__"),
    "central signature": (lambda: with_first(central={"signature": b"PK\7\7"}), "zip-framing", "__init__"),
    "local header cut off": (lambda: with_first(local={"extra_size": 0xFFFF}), "archive-truncated", "__init__"),
    "central name too long": (lambda: with_last(central={"name_size": 0x20}), "zip-framing", "end record"),
    "central name past the end": (lambda: with_last(central={"name_size": 0xFFFF}), "archive-truncated", "directory"),
    "local name": (lambda: with_entry(Entry(BAD, local={"name": b"demo/god.py"})), "zip-framing", "bad.py"),
    "local flags": (lambda: with_entry(Entry(BAD, local={"flags": 2})), "zip-framing", "bad.py"),
    "local method": (lambda: with_entry(Entry(BAD, local={"method": 0})), "zip-framing", "bad.py"),
    "local crc": (lambda: with_entry(Entry(BAD, local={"crc": 7})), "zip-framing", "bad.py"),
    "local packed": (lambda: with_entry(Entry(BAD, b"x", local={"packed": 7})), "zip-framing", "bad.py"),
    "local size": (lambda: with_entry(Entry(BAD, b"x", local={"size": 7})), "zip-framing", "bad.py"),
    "local version": (lambda: with_entry(Entry(BAD, local={"needed": 63})), "zip-framing", "bad.py"),
    "central version": (lambda: with_entry(Entry(BAD, central={"needed": 63})), "zip-framing", "bad.py"),
    "member disk": (lambda: with_entry(Entry(BAD, central={"disk": 1})), "zip-framing", "bad.py"),
    "member comment": (lambda: with_entry(Entry(BAD, comment=b"hi")), "zip-comment", "bad.py"),
    # flags and methods
    "data descriptor": (lambda: with_entry(Entry(BAD, flags=8)), "zip-data-descriptor", "bad.py"),
    "encrypted": (lambda: with_entry(Entry(BAD, flags=1)), "zip-encrypted", "bad.py"),
    "strongly encrypted": (lambda: with_entry(Entry(BAD, flags=0x41)), "zip-encrypted", "bad.py"),
    "masked directory": (lambda: with_entry(Entry(BAD, flags=0x2000)), "zip-encrypted", "bad.py"),
    "patched data": (lambda: with_entry(Entry(BAD, flags=0x20)), "zip-framing", "bad.py"),
    **{
        f"method {method}": (
            partial(with_entry, Entry(BAD, method=method)),
            "zip-method",
            "bad.py",
        )
        for method in (1, 6, 9, 12, 14, 93, 95, 98)
    },
    # extra fields
    "unicode path": (lambda: with_entry(Entry(BAD, extra=extra(0x7075, b"\1"))), "zip-extra-field", "0x7075"),
    "unix link field": (lambda: with_entry(Entry(BAD, extra=extra(0x756E, b""))), "zip-extra-field", "0x756e"),
    "extra twice": (lambda: with_entry(Entry(BAD, extra=TIMES * 2)), "zip-extra-field", "twice"),
    "extra cut off": (lambda: with_entry(Entry(BAD, extra=TIMES[:-1])), "zip-extra-field", "bad.py"),
    "extra padding": (lambda: with_entry(Entry(BAD, extra=TIMES + b"\0\0")), "zip-extra-field", "bad.py"),
    "local unicode path": (
        lambda: with_entry(Entry(BAD, local_extra=extra(0x7075, b"\1"))),
        "zip-extra-field",
        "bad.py",
    ),
    "zip64 extra twice": (lambda: with_entry(Entry(BAD, extra=large() * 2)), "zip-extra-field", "twice"),
    "zip64 not needed": (lambda: with_entry(Entry(BAD, b"x", extra=large(1, 3))), "zip-extra-field", "bad.py"),
    "zip64 missing": (lambda: with_entry(Entry(BAD, central={"size": FULL})), "zip-extra-field", "bad.py"),
    "zip64 too long": (
        lambda: with_entry(Entry(BAD, extra=large(1, 3, 0), central={"size": FULL, "packed": FULL})),
        "zip-extra-field",
        "bad.py",
    ),
    "local zip64 of one size": (
        lambda: with_entry(Entry(BAD, b"x", local_extra=large(1), local={"size": FULL})),
        "zip-framing",
        "bad.py",
    ),
    "local zip64 other sizes": (
        lambda: with_entry(Entry(BAD, b"x", local_extra=large(2, 3))),
        "zip-extra-field",
        "bad.py",
    ),
    # names
    "traversal": (lambda: with_name(b"../../etc/cron.d/x"), "member-name", "../../etc/cron.d/x"),
    "traversal inside": (lambda: with_name(b"demo/../../x"), "member-name", "demo/../../x"),
    "absolute": (lambda: with_name(b"/etc/passwd"), "member-name", "/etc/passwd"),
    "drive": (lambda: with_name(b"C:evil.py"), "member-name", "C:evil.py"),
    "backslash": (lambda: with_name(b"..\\..\\evil.py"), "member-name", "evil.py"),
    "nul": (lambda: with_name(b"demo/a.py\0.txt"), "member-name", r"a.py\x00.txt"),
    "newline": (lambda: with_name(b"demo/a\nb.py"), "member-name", r"a\nb.py"),
    "escape": (lambda: with_name(b"demo/\x1b[2J.py"), "member-name", r"\x1b[2J"),
    "delete": (lambda: with_name(b"demo/\x7f.py"), "member-name", r"\x7f"),
    "c1 control": (lambda: with_name("demo/\x9b2J.py".encode(), 0x800), "member-name", r"\x9b2J"),
    "line separator": (lambda: with_name("demo/\u2028.py".encode(), 0x800), "member-name", r"\u2028"),
    "invalid utf-8": (lambda: with_name(b"demo/\xff.py", 0x800), "member-name", r"\\xff"),
    "utf-8 not marked": (lambda: with_name("demo/é.py".encode()), "member-name", "é.py"),
    "dot": (lambda: with_name(b"./demo/__init__.py"), "member-name", "'.'"),
    "empty component": (lambda: with_name(b"demo//__init__.py"), "member-name", "demo//__init__.py"),
    "only dots and spaces": (lambda: with_name(b"demo/.. /x"), "member-name", "'.. '"),
    "empty name": (lambda: with_name(b""), "member-name", "''"),
    "only a slash": (lambda: with_entry(Entry(b"/", method=0)), "member-name", "''"),
    "deep": (lambda: with_name(b"d/" * 64 + b"x"), "member-name", "64 directories"),
    "long component": (lambda: with_name(b"demo/" + b"x" * 256), "member-name", "255"),
    "long path": (lambda: with_name((b"x" * 250 + b"/") * 5), "member-name", "1024"),
    # collisions
    "twice": (lambda: with_name(b"demo/__init__.py"), "member-duplicate", "demo/__init__.py"),
    "case": (lambda: with_name(b"demo/__INIT__.py"), "member-collision", "demo/__INIT__.py"),
    "sharp s": (lambda: with_names("demo/ß".encode(), b"demo/SS"), "member-collision", "demo/SS"),
    "unicode form": (
        lambda: with_names("demo/é".encode(), "demo/e\u0301".encode()),
        "member-collision",
        "demo/e",
    ),
    "trailing dot": (lambda: with_names(b"demo/__init__.py."), "member-collision", "demo/__init__.py."),
    "colon": (lambda: with_names(b"demo/a:b", b"demo/a_b"), "member-collision", "demo/a_b"),
    "file as directory": (lambda: with_names(b"demo/__init__.py/x"), "member-collision", "demo/__init__.py"),
    "directory as file": (lambda: with_names(b"demo"), "member-collision", "'demo'"),
    "directory in other case": (lambda: with_names(b"Demo/other.py"), "member-collision", "Demo"),
    "directory twice": (
        lambda: wheel(edit=lambda entries: entries.extend([Entry(b"demo/", method=0, mode=0)] * 2)),
        "member-duplicate",
        "demo",
    ),
    # kinds and content
    **{
        f"mode {mode:o}": (
            partial(with_entry, Entry(BAD, mode=mode)),
            "member-kind",
            "bad.py",
        )
        for mode in (0o120777, 0o020644, 0o060644, 0o010644, 0o140644, 0o040755, 0o104755, 0o102755)
    },
    "directory mode of a file": (lambda: with_entry(Entry(b"dir/", method=0, mode=0o100644)), "member-kind", "dir/"),
    "dos directory bit": (lambda: with_entry(Entry(BAD, central={"attributes": 0x10})), "member-kind", "bad.py"),
    "directory with data": (lambda: with_entry(Entry(b"dir/", b"evil", method=0)), "zip-content", "dir/"),
    "directory with packed data": (lambda: with_entry(Entry(b"dir/", packed=b"\3\0")), "zip-content", "dir/"),
    "wrong crc": (lambda: with_wheel_file(local={"crc": 7}, central={"crc": 7}), "zip-content", "WHEEL"),
    "size too small": (
        lambda: with_wheel_file(packed=deflate(bytes(1 << 20)), local={"size": 1}, central={"size": 1}),
        "zip-content",
        "WHEEL",
    ),
    "size too large": (lambda: with_wheel_file(local={"size": 9}, central={"size": 9}), "zip-content", "WHEEL"),
    "stored sizes differ": (
        lambda: with_wheel_file(method=0, local={"size": 9}, central={"size": 9}),
        "zip-content",
        "WHEEL",
    ),
    "bytes after deflate": (lambda: with_wheel_file(packed=deflate(b"") + b"x"), "archive-compression", "WHEEL"),
    "far bytes after deflate": (
        lambda: with_wheel_file(packed=deflate(b"") + bytes(1 << 19)),
        "archive-compression",
        "WHEEL",
    ),
    "deflate cut off": (lambda: with_wheel_file(packed=deflate(b"abc")[:-2]), "archive-compression", "WHEEL"),
    "deflate broken": (lambda: with_wheel_file(packed=b"\xff\xff"), "archive-compression", "WHEEL"),
    "zlib in place of deflate": (lambda: with_wheel_file(packed=zlib.compress(b"")), "archive-compression", "WHEEL"),
    # other formats
    "gzip in front": (lambda: with_first(before=b"\x1f\x8b\x08\0"), "zip-framing", "__init__.py"),
    "pdf in front": (lambda: with_first(before=b"%PDF-1.7\n"), "zip-framing", "__init__.py"),
    "elf in front": (lambda: with_first(before=b"\x7fELF"), "zip-framing", "__init__.py"),
    "tar in front": (lambda: with_first(before=tar_header(Tar(b"x"))), "archive-polyglot", "tar archive"),
    "tar in the first member": (tar_inside, "archive-polyglot", "tar archive"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    build, code, named_ = REFUSED[case]
    assert_refused(build(), code, named_)


ACCEPTED: dict[str, Callable[[], Built]] = {
    "stored": lambda: with_first(method=0),
    "zip64 end record": lambda: wheel(end=End(True)),
    "zip64 end record behind sentinels": lambda: wheel(
        end=End(True, end={"count": 0xFFFF, "here": 0xFFFF, "size": FULL, "start": FULL})
    ),
    "zip64 sizes of a small member": lambda: with_first(local_extra=large(0, 2), local={"size": FULL, "packed": FULL}),
    "zip64 sizes and offset in the directory": lambda: with_first(
        extra=large(0, 2, 0), local_extra=b"", central={"size": FULL, "packed": FULL, "offset": FULL}
    ),
    "zip64 sizes beside the true ones": lambda: with_first(local_extra=large(0, 2)),
    "times": lambda: with_first(extra=TIMES),
    "flags of the compressor": lambda: with_first(flags=6),
    "executable": lambda: with_first(mode=0o100755),
    "no mode": lambda: with_first(mode=0),
    "directories": lambda: with_entry(Entry(b"demo/", method=0, mode=0o040755)),
    "names in other scripts": lambda: wheel(files={"demo/данные/名前.txt": b"x", "demo/it's (1).txt": b"y"}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepts(case: str) -> None:
    assert opened(ACCEPTED[case]()).metadata.name == "demo"
