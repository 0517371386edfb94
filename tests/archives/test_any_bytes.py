"""Whatever the bytes: a distribution or a refusal, and in a distribution Python's own readers find what ours found."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from archives.forge import Built, Entry, Fields, TarEntry, gzip_file, pax, sdist, wheel
from archives.opening import opened
from entrepot.archives import gzipframe, tarframe, zipframe
from entrepot.archives.limits import Account
from entrepot.archives.paths import Tree
from entrepot.refusal import Refused

quick = settings(max_examples=400, deadline=None)

FOLDER = Entry(b"demo/", method=0, mode=0o040755)
WHEEL = wheel(files={"demo/a.txt": b"some text " * 9, "demo/données/b": b"\0"}, edit=lambda e: e.insert(0, FOLDER))
FIELDS = [(0, 100), (100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (265, 64)]
FIELDS += [(329, 8), (337, 8), (345, 155), (500, 12)]
SDIST = sdist(
    files={"a.txt": b"some text " * 90},
    edit=lambda entries: entries.extend(
        [
            pax({"path": "demo-1.0/données/b", "mtime": "1.5"}),
            TarEntry(b"demo-1.0/donnees", b"x" * 600),
            TarEntry(b"././@LongLink", b"demo-1.0/" + b"l" * 120 + b"\0", b"L"),
            TarEntry(b"demo-1.0/" + b"l" * 91, b"x", magic=b"ustar  \0"),
        ]
    ),
    wrap=bytes,
)


def in_zip(data: bytes) -> Mapping[str, bytes]:
    file = io.BytesIO(data)
    return {m.name.decode(): b"".join(zipframe.read(file, m)) for m in zipframe.read_members(file)}


def in_zip_by_python(data: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def in_tar(data: bytes) -> Mapping[str, bytes | None]:
    """Content by name, None for directories."""
    members = tarframe.read_members(gzipframe.read(io.BytesIO(data)), Account(len(data)), Tree())
    return {m.path: None if m.is_directory else b"".join(m.data) for m in members}


def in_tar_by_python(data: bytes) -> Mapping[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        found: dict[str, bytes | None] = {}
        for member in archive:
            file = archive.extractfile(member)
            assert member.isreg() or member.isdir()
            assert member.name.rstrip("/") not in found
            found[member.name.rstrip("/")] = file.read() if file else None
        return found


def octals(size: int) -> st.SearchStrategy[bytes]:
    """Texts of `size` bytes that are almost octal numbers or names."""
    return st.text("01247 -+_o\0/a.", min_size=size, max_size=size).map(str.encode)


def refusal_of(action: Callable[[], object]) -> Refused | None:
    try:
        action()
    except Refused as refusal:
        return refusal
    return None


def check(built: Built) -> None:
    """The property: a refusal, or agreement."""
    refusal = refusal_of(lambda: opened(built))
    if refusal:
        assert refusal.message.startswith("Invalid distribution file. ")
        assert refusal.message.isprintable()
    elif built.filename.endswith(".whl"):
        assert in_zip(built.data) == in_zip_by_python(built.data)
    else:
        assert in_tar(built.data) == in_tar_by_python(built.data)


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with a few pieces replaced, cut out, doubled or put in."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        size = draw(st.one_of(st.integers(0, 8), st.integers(0, len(data) - start)))
        piece, rest = data[start : start + size], data[start + size :]
        middle = draw(
            st.sampled_from([b"", piece * 2, bytes(len(piece)), b"\xff" * len(piece)]) | st.binary(max_size=64)
        )
        data = data[:start] + middle + rest
    return data


@quick
@given(st.binary(max_size=2000), st.sampled_from([WHEEL.filename, SDIST.filename]))
def test_any_bytes(data: bytes, filename: str) -> None:
    check(Built(filename, data))


@quick
@given(mutated(WHEEL.data))
def test_a_mutated_wheel(data: bytes) -> None:
    check(Built(WHEEL.filename, data))


@quick
@given(mutated(gzip_file(SDIST.data)))
def test_a_mutated_sdist(data: bytes) -> None:
    check(Built(SDIST.filename, data))


@quick
@given(mutated(SDIST.data))
def test_a_mutated_tar(data: bytes) -> None:
    check(Built(SDIST.filename, gzip_file(data)))


@quick
@given(st.data())
def test_a_tar_header_with_a_right_checksum_and_any_field(data: st.DataObject) -> None:
    blocks = [n for n in range(0, len(SDIST.data), 512) if SDIST.data[n + 257 : n + 262] == b"ustar"]
    start = data.draw(st.sampled_from(blocks))
    place, size = data.draw(st.sampled_from(FIELDS))
    header = bytearray(SDIST.data[start : start + 512])
    header[place : place + size] = data.draw(st.binary(min_size=size, max_size=size) | octals(size))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    check(Built(SDIST.filename, gzip_file(SDIST.data[:start] + bytes(header) + SDIST.data[start + 512 :])))


@quick
@given(st.data())
def test_a_zip_whose_headers_agree_on_any_field(data: st.DataObject) -> None:
    short, long = ["needed", "flags", "method", "time", "date"], ["crc", "packed", "size"]
    fields: Fields = {}
    fields |= data.draw(st.dictionaries(st.sampled_from(short), st.integers(0, 0xFFFF), max_size=2))
    fields |= data.draw(st.dictionaries(st.sampled_from(long), st.integers(0, 9) | st.just(0xFFFFFFFF), max_size=2))
    extra = data.draw(st.just(b"") | st.just(struct.pack("<2H2Q", 1, 16, 0, 2)) | st.binary(max_size=30))
    entry = Entry(b"demo/__init__.py", b"", local=fields, central=fields, extra=extra)
    check(wheel(edit=lambda entries: entries.__setitem__(0, entry)))


NAMES = st.lists(st.sampled_from(["a", "B", "é", "名", "x" * 60, "données", "𠀀.py", "c d"]), min_size=1, max_size=4)
TREES = st.dictionaries(NAMES.map("/".join), st.binary(max_size=100), max_size=5)


@quick
@given(TREES, st.booleans(), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_reads_what_python_zips(files: dict[str, bytes], large: bool, method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for path, content in files.items():
            with archive.open(f"demo/{path}", "w", force_zip64=large) as member:
                member.write(content)
    refusal = refusal_of(lambda: in_zip(file.getvalue()))
    if refusal:
        assert refusal.code == ("member-collision" if files else "zip-end")
    else:
        assert in_zip(file.getvalue()) == {f"demo/{path}": content for path, content in files.items()}


@quick
@given(TREES, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
def test_reads_what_python_tars(files: dict[str, bytes], form: int) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=form) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    refusal = refusal_of(lambda: in_tar(file.getvalue()))
    if refusal:
        assert refusal.code == "member-collision"
    else:
        assert in_tar(file.getvalue()) == files
