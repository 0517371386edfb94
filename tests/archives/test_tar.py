"""Every way in which two readers of an sdist could see different things, or an extractor come to harm, is refused."""

import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from archives.forge import Built, Entry, TarEntry, core_metadata, gzip_file, pax, sdist, tar_file, tar_header, zip_file
from archives.opening import assert_refused, opened

BAD = b"demo-1.0/bad.py"


def with_entries(*entries: TarEntry) -> Built:
    return sdist(edit=lambda given: given.extend(entries))


def with_names(*names: bytes) -> Built:
    return with_entries(*(TarEntry(name) for name in names))


def with_pax(key: str, value: str | bytes) -> Built:
    return with_entries(pax({key: value}), TarEntry(BAD, b"x"))


def with_raw_pax(data: bytes) -> Built:
    return with_entries(TarEntry(b"PaxHeader", data, b"x"), TarEntry(BAD, b"x"))


def with_global(*entries: TarEntry) -> Built:
    return sdist(edit=lambda given: given.__setitem__(slice(0, 0), entries))


def with_gzip(flags: int = 0, fields: bytes = b"") -> Built:
    return sdist(wrap=partial(gzip_file, flags=flags, fields=fields))


def as_sdist(data: bytes) -> Built:
    return Built("demo-1.0.tar.gz", data)


def python_sdist(form: int, path: str) -> Built:
    """An sdist as Python writes it, with `path` in it."""
    file = io.BytesIO()
    pkg_info = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n"
    with tarfile.open(fileobj=file, mode="w:gz", format=form) as archive:
        for name, data in (("demo-1.0/PKG-INFO", pkg_info), (path, b"content")):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid = len(data), 1_700_000_000.5, 8**7 + 1
            archive.addfile(member, io.BytesIO(data))
    return as_sdist(file.getvalue())


def kind(letter: bytes) -> Built:
    return with_entries(TarEntry(BAD, kind=letter, link=b"PKG-INFO"))


def mode(bits: bytes) -> Built:
    return field(mode=bits)


def field(**changes: Any) -> Built:
    return with_entries(TarEntry(BAD, b"x", **changes))


def pkg_info_link() -> Built:
    return sdist(edit=lambda given: given.__setitem__(1, replace(given[1], data=b"", kind=b"2", link=b"/etc/passwd")))


def signed_checksum() -> Built:
    """Some readers add up the bytes of a header as signed numbers."""
    block = tar_header(TarEntry("demo-1.0/é".encode(), checksum=b" " * 8))
    total = sum(byte - 256 if byte > 127 else byte for byte in block)
    return with_entries(TarEntry("demo-1.0/é".encode(), checksum=b"%06o\0 " % total))


def wrong_length() -> Built:
    return sdist(wrap=lambda data: gzip_file(data)[:-4] + b"\1\0\0\0")


CUT = ("archive-truncated", "bad.py")
NO_TAR = ("tar-header", "checksum is wrong")

REFUSED: dict[str, tuple[Callable[[], Built], str, str]] = {
    # names
    "traversal": (lambda: with_names(b"../evil"), "member-name", "../evil"),
    "traversal inside": (lambda: with_names(b"demo-1.0/../../evil"), "member-name", "demo-1.0/../../evil"),
    "absolute": (lambda: with_names(b"/etc/passwd"), "member-name", "/etc/passwd"),
    "backslash": (lambda: with_names(b"demo-1.0\\evil"), "member-name", "evil"),
    "control": (lambda: with_names(b"demo-1.0/\x1bevil"), "member-name", r"\x1bevil"),
    "not utf-8": (lambda: with_names(b"demo-1.0/\xffevil"), "member-name", r"\\xffevil"),
    "dot": (lambda: with_names(b"./demo-1.0/x"), "member-name", "./demo-1.0/x"),
    "slash after a file": (lambda: with_names(b"demo-1.0/x/"), "member-name", "demo-1.0/x/"),
    "old file that is a directory": (
        lambda: with_entries(TarEntry(b"demo-1.0/x/", kind=b"\0")),
        "member-name",
        "demo-1.0/x/",
    ),
    "empty name": (lambda: with_names(b""), "member-name", "''"),
    "prefix": (lambda: with_entries(TarEntry(b"passwd", prefix=b"/etc")), "member-name", "/etc/passwd"),
    "twice": (lambda: with_names(BAD, BAD), "member-duplicate", "bad.py"),
    "directory twice": (
        lambda: with_entries(TarEntry(b"demo-1.0", kind=b"5")),
        "member-duplicate",
        "demo-1.0",
    ),
    "case": (lambda: with_names(BAD, b"demo-1.0/BAD.py"), "member-collision", "BAD.py"),
    "unicode form": (
        lambda: with_names("demo-1.0/é".encode(), "demo-1.0/e\u0301".encode()),
        "member-collision",
        "demo-1.0/e",
    ),
    "file as directory": (lambda: with_names(BAD, BAD + b"/x"), "member-collision", "bad.py"),
    # kinds
    "symbolic link": (lambda: kind(b"2"), "member-kind", "bad.py' is a symbolic link"),
    "file through a link": (
        lambda: with_entries(TarEntry(b"demo-1.0/l", kind=b"2", link=b"/etc"), TarEntry(b"demo-1.0/l/x")),
        "member-kind",
        "demo-1.0/l",
    ),
    "PKG-INFO is a link": (pkg_info_link, "member-kind", "PKG-INFO"),
    "hard link": (lambda: kind(b"1"), "member-kind", "bad.py' is a hard link"),
    "character device": (lambda: kind(b"3"), "member-kind", "bad.py' is a device"),
    "block device": (lambda: kind(b"4"), "member-kind", "bad.py' is a device"),
    "pipe": (lambda: kind(b"6"), "member-kind", "bad.py' is a pipe"),
    "contiguous": (lambda: kind(b"7"), "member-kind", "bad.py"),
    "long link": (lambda: kind(b"K"), "member-kind", "bad.py"),
    "gnu sparse": (lambda: kind(b"S"), "member-kind", "bad.py' is a sparse file"),
    "gnu directory dump": (lambda: kind(b"D"), "member-kind", "bad.py"),
    "solaris pax": (lambda: kind(b"X"), "member-kind", "bad.py"),
    "second global header": (lambda: with_entries(pax({"comment": "x"}, b"g")), "tar-framing", "PaxHeader"),
    "setuid": (lambda: mode(b"0004755\0"), "member-kind", "bad.py"),
    "setgid": (lambda: mode(b"0002755\0"), "member-kind", "bad.py"),
    "all mode bits": (lambda: mode(b"0007777\0"), "member-kind", "bad.py"),
    "no rights": (lambda: mode(b"0000000\0"), "member-kind", "bad.py"),
    "directory with data": (lambda: with_entries(TarEntry(b"demo-1.0/d/", b"x", b"5")), "tar-framing", "demo-1.0/d/"),
    # headers
    "wrong checksum": (lambda: field(checksum=b"0000000\0"), "tar-header", "bad.py"),
    "signed checksum": (signed_checksum, "tar-header", "checksum"),
    "checksum that is no number": (lambda: field(checksum=b"zzzzzz\0 "), "tar-header", "bad.py"),
    "negative size": (lambda: field(size=b"\xff" * 12), "tar-header", "bad.py"),
    "binary size": (lambda: field(size=b"\x80" + bytes(10) + b"\1"), "tar-header", "bad.py"),
    "size with a sign": (lambda: field(size=b"-0000000001\0"), "tar-header", "bad.py"),
    "size with a prefix": (lambda: field(size=b"0o000000001\0"), "tar-header", "bad.py"),
    "size with a tail": (lambda: field(size=b"00000001\x00777"), "tar-header", "bad.py"),
    "binary mode": (lambda: mode(b"\x80\0\0\0\0\0\1\xa4"), "tar-header", "bad.py"),
    "owner that is no number": (lambda: field(fields={108: b"9999999\0"}), "tar-header", "bad.py"),
    "negative time": (lambda: field(fields={136: b"\xff" * 12}), "tar-header", "bad.py"),
    "no magic": (lambda: field(magic=bytes(8)), "tar-header", "bad.py"),
    "other version": (lambda: field(magic=b"ustar\x0001"), "tar-header", "bad.py"),
    "gnu magic with a prefix": (lambda: field(magic=b"ustar  \0", prefix=b"evil"), "tar-header", "bad.py"),
    "bytes after the prefix": (lambda: field(fields={508: b"tar\0"}), "tar-header", "bad.py"),
    "bytes after the name": (lambda: with_names(BAD + b"\0evil"), "tar-header", "bad.py"),
    "bytes after the prefix's end": (lambda: field(prefix=b"a\0b"), "tar-header", "bad.py"),
    "bytes behind the data": (lambda: with_entries(TarEntry(BAD, b"x", filler=b"!")), "tar-framing", "bad.py"),
    # pax and GNU headers
    "pax path outside": (lambda: with_pax("path", "../../pwn.py"), "member-name", "../../pwn.py"),
    "pax path into another root": (lambda: with_pax("path", "other/x"), "sdist-layout", "other/x"),
    "pax path empty": (lambda: with_pax("path", ""), "member-name", "''"),
    "pax path with NUL": (lambda: with_pax("path", "demo-1.0/a\0b"), "member-name", r"a\x00b"),
    "pax path not utf-8": (lambda: with_pax("path", b"demo-1.0/\xff"), "member-name", r"\\xff"),
    "harmful name behind a pax path": (
        lambda: with_entries(pax({"path": "demo-1.0/x"}), TarEntry(b"../evil")),
        "member-name",
        "../evil",
    ),
    "pax size huge": (lambda: with_pax("size", "100000000000000"), "tar-pax", "bad.py"),
    "pax size other": (lambda: with_pax("size", "0"), "tar-pax", "bad.py"),
    "pax size in another spelling": (lambda: with_pax("size", "01"), "tar-pax", "bad.py"),
    "pax sparse 0.0": (lambda: with_pax("GNU.sparse.size", "1"), "tar-pax", "bad.py"),
    "pax sparse 0.1": (lambda: with_pax("GNU.sparse.map", "0,1"), "tar-pax", "bad.py"),
    "pax sparse 1.0": (lambda: with_pax("GNU.sparse.major", "1"), "tar-pax", "bad.py"),
    "pax sparse inside a comment": (lambda: with_pax("comment", "\n22 GNU.sparse.size=9"), "tar-pax", "bad.py"),
    "pax encoding": (lambda: with_pax("hdrcharset", "BINARY"), "tar-pax", "bad.py"),
    "pax link": (lambda: with_pax("linkpath", "/etc/passwd"), "tar-pax", "linkpath"),
    "pax real size": (lambda: with_pax("SCHILY.realsize", "9"), "tar-pax", "SCHILY.realsize"),
    "pax key twice": (
        lambda: with_raw_pax(pax({"path": "demo-1.0/a"}).data + pax({"path": "demo-1.0/b"}).data),
        "tar-pax",
        "'path'",
    ),
    "pax length too long": (lambda: with_raw_pax(b"99 path=x\n"), "tar-pax", "malformed"),
    "pax length too short": (lambda: with_raw_pax(b"5 path=x\n"), "tar-pax", "malformed"),
    "pax length zero": (lambda: with_raw_pax(b"0 path=x\n"), "tar-pax", "malformed"),
    "pax length huge": (lambda: with_raw_pax(b"9" * 5000 + b" path=x\n"), "tar-pax", "malformed"),
    "pax without newline": (lambda: with_raw_pax(b"8 path=x"), "tar-pax", "malformed"),
    "pax padding": (lambda: with_raw_pax(pax({"comment": "x"}).data + bytes(5)), "tar-pax", "malformed"),
    "pax without member": (lambda: with_entries(pax({"comment": "x"})), "tar-framing", "PaxHeader"),
    "pax before pax": (
        lambda: with_entries(pax({"comment": "x"}), pax({"comment": "y"}), TarEntry(BAD)),
        "tar-framing",
        "PaxHeader",
    ),
    "pax before a link": (
        lambda: with_entries(pax({"comment": "x"}), TarEntry(BAD, kind=b"2")),
        "member-kind",
        "bad.py",
    ),
    "pax too long": (lambda: with_raw_pax(pax({"comment": "x" * 300_000}).data), "tar-pax", "PaxHeader"),
    "global path": (lambda: with_global(pax({"path": "demo-1.0/x"}, b"g")), "tar-pax", "global"),
    "global size": (lambda: with_global(pax({"size": "1"}, b"g")), "tar-pax", "global"),
    "two global headers": (
        lambda: with_global(pax({"comment": "x"}, b"g"), pax({"comment": "y"}, b"g")),
        "tar-framing",
        "PaxHeader",
    ),
    "long name outside": (
        lambda: with_entries(TarEntry(b"././@LongLink", b"../evil\0", b"L"), TarEntry(BAD)),
        "member-name",
        "../evil",
    ),
    "long name with NUL": (
        lambda: with_entries(TarEntry(b"././@LongLink", BAD + b"\0evil\0", b"L"), TarEntry(BAD)),
        "member-name",
        r"bad.py\x00evil",
    ),
    "long name without member": (
        lambda: with_entries(TarEntry(b"././@LongLink", BAD, b"L")),
        "tar-framing",
        "LongLink",
    ),
    # the end
    "no end": (lambda: sdist(end=b""), "archive-truncated", "tar archive"),
    "half an end": (lambda: sdist(end=bytes(512)), "archive-truncated", "end mark"),
    "cut in the data": (lambda: sdist(edit=lambda given: given.append(TarEntry(BAD, size=b"77777\0"))), *CUT),
    "member after the end": (
        lambda: sdist(end=bytes(512) + tar_file([TarEntry(b"demo-1.0/evil")])),
        "tar-framing",
        "after the end",
    ),
    "bytes far after the end": (lambda: sdist(end=bytes(600_000) + b"!"), "tar-framing", "after the end"),
    "half a block": (lambda: sdist(end=bytes(1025)), "tar-framing", "whole blocks"),
    # gzip
    "two gzip members": (
        lambda: as_sdist(sdist().data + gzip_file(tar_file([TarEntry(b"demo-1.0/evil")]))),
        "archive-compression",
        "gzip stream",
    ),
    "bytes after gzip": (lambda: as_sdist(sdist().data + bytes(8)), "archive-compression", "gzip stream"),
    "cut gzip": (lambda: as_sdist(sdist().data[:-9]), "archive-compression", "gzip stream"),
    "cut in the gzip trailer": (lambda: as_sdist(sdist().data[:-1]), "archive-compression", "gzip stream"),
    "gzip crc": (lambda: sdist(wrap=partial(gzip_file, trailer=bytes(8))), "archive-compression", "gzip stream"),
    "gzip length": (wrong_length, "archive-compression", "gzip stream"),
    "gzip header only": (lambda: as_sdist(sdist().data[:9]), "gzip-header", "not a gzip file"),
    "gzip method": (lambda: as_sdist(b"\x1f\x8b\x07" + sdist().data[3:]), "gzip-header", "not a gzip file"),
    "name with control characters": (lambda: with_gzip(8, b"a\x1b.tar\0"), "gzip-header", "filename"),
    "name of 64 kB": (lambda: with_gzip(8, b"a" * 65_536 + b"\0"), "gzip-header", "filename"),
    "gzip comment": (lambda: with_gzip(16, b"hello\0"), "gzip-header", "optional fields"),
    "gzip extra": (lambda: with_gzip(4, b"\2\0ab"), "gzip-header", "optional fields"),
    "gzip header crc": (lambda: with_gzip(2, b"ab"), "gzip-header", "optional fields"),
    "gzip reserved flag": (lambda: with_gzip(32), "gzip-header", "optional fields"),
    "plain tar": (lambda: sdist(wrap=bytes), "gzip-header", "not a gzip file"),
    "zip": (lambda: as_sdist(zip_file([Entry(b"demo-1.0/PKG-INFO", b"x")])), "gzip-header", "not a gzip file"),
    "xz": (lambda: sdist(wrap=lzma.compress), "gzip-header", "not a gzip file"),
    "xz in gzip": (lambda: sdist(wrap=lambda data: gzip_file(lzma.compress(data) + bytes(512))), *NO_TAR),
    "zip in gzip": (lambda: as_sdist(gzip_file(zip_file([Entry(b"x", bytes(600), method=0)]))), *NO_TAR),
    "zlib": (lambda: sdist(wrap=zlib.compress), "gzip-header", "not a gzip file"),
    "empty": (lambda: as_sdist(b""), "gzip-header", "not a gzip file"),
    "gzip of nothing": (lambda: as_sdist(gzip_file(b"")), "archive-truncated", "tar archive"),
    # what is in it
    "no PKG-INFO": (lambda: sdist(edit=lambda given: given.pop(1)), "sdist-layout", "demo-1.0/PKG-INFO"),
    "PKG-INFO is a directory": (
        lambda: sdist(edit=lambda given: given.__setitem__(1, TarEntry(b"demo-1.0/PKG-INFO/", kind=b"5"))),
        "sdist-layout",
        "demo-1.0/PKG-INFO",
    ),
    "two roots": (lambda: with_names(b"other/x"), "sdist-layout", "other/x"),
    "file beside the root": (lambda: with_names(b"setup.py"), "sdist-layout", "setup.py"),
    "root of another version": (lambda: Built("demo-1.1.tar.gz", sdist().data), "sdist-layout", "demo-1.0"),
    "root in other case": (lambda: Built("demo-1.0.tar.gz", sdist("Demo").data), "sdist-layout", "Demo-1.0"),
    "other name in PKG-INFO": (lambda: sdist(pkg_info=core_metadata("requests")), "metadata-mismatch", "requests"),
    "other version in PKG-INFO": (lambda: sdist(pkg_info=core_metadata(version="2")), "metadata-mismatch", "'2'"),
    "PKG-INFO not UTF-8": (lambda: sdist(pkg_info=b"\xff"), "invalid-metadata", "PKG-INFO"),
    "license file missing": (
        lambda: sdist(pkg_info=core_metadata(more="License-File: COPYING\n")),
        "license-file-missing",
        "COPYING",
    ),
    "license file is a directory": (
        lambda: sdist(files={"legal/MIT": b""}, pkg_info=core_metadata(more="License-File: legal\n")),
        "license-file-missing",
        "legal",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    build, code, named = REFUSED[case]
    assert_refused(build(), code, named)


LONG = "demo-1.0/" + "x" * 60 + "/" + "é" * 60

ACCEPTED: dict[str, Callable[[], Built]] = {
    "file name in gzip": lambda: with_gzip(8, b"demo-1.0.tar\0"),
    "comment of git": lambda: with_global(pax({"comment": "0" * 40}, b"g")),
    "end of ten kilobytes": lambda: sdist(end=bytes(10_240)),
    "old file": lambda: with_entries(TarEntry(BAD, b"x", kind=b"\0")),
    "gnu magic": lambda: with_entries(TarEntry(BAD, b"x", magic=b"ustar  \0")),
    "ustar prefix": lambda: with_entries(TarEntry(b"bad.py", prefix=b"demo-1.0/sub")),
    "long name of GNU": lambda: with_entries(
        TarEntry(b"././@LongLink", LONG.encode() + b"\0", b"L"), TarEntry(LONG.encode()[:100], b"x")
    ),
    "attributes": lambda: with_pax("SCHILY.xattr.user.x", b"\xff\0\n"),
    "attributes of macOS": lambda: with_pax("LIBARCHIVE.xattr.com.apple.provenance", "AQIA"),
    "size given twice alike": lambda: with_pax("size", "1"),
    "large owner": lambda: field(fields={108: b"\x80\0\0\0\0\x20\0\1"}),
    "spaces before numbers": lambda: field(mode=b"   644 \0"),
    "python pax": partial(python_sdist, tarfile.PAX_FORMAT, LONG),
    "python gnu": partial(python_sdist, tarfile.GNU_FORMAT, LONG),
    "license file": lambda: sdist(
        files={"LICENSES/MIT.txt": b"free"},
        pkg_info=b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-File: LICENSES/MIT.txt\n",
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepts(case: str) -> None:
    assert opened(ACCEPTED[case]()).metadata.name == "demo"
