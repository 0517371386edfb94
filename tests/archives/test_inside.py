"""Looking inside of archives that somebody has made to do harm, or that no upload would bring in today."""

import gzip
import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import forge
from archives.forge import (
    Built,
    End,
    Entry,
    TarEntry,
    gzip_file,
    open_zeros,
    pax,
    sdist,
    tar_file,
    wheel,
    zeros,
    zip_file,
)
from entrepot.archives import inside
from entrepot.archives.inside import Content
from entrepot.archives.limits import MAX_MEMBERS, MIB
from entrepot.archives.member import Inner, Kind
from entrepot.names import parse_filename
from entrepot.refusal import Refused, TooLarge

LARGE = End(zip64=True, end={"here": 0xFFFF, "count": 0xFFFF})
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"


def listing(built: Built) -> list[Inner]:
    return [*inside.listing(io.BytesIO(built.data), parse_filename(built.filename))]


def kinds(built: Built) -> list[tuple[str, str]]:
    return [(each.path, each.kind.value) for each in listing(built)]


def find(built: Built, path: str) -> Content | None:
    return inside.content(io.BytesIO(built.data), parse_filename(built.filename), path)


def content(built: Built, path: str) -> Content:
    found = find(built, path)
    assert found is not None
    return found


def zipped(*entries: Entry) -> Built:
    return Built(WHEEL, zip_file(entries))


def tarred(*entries: TarEntry) -> Built:
    return Built(SDIST, gzip_file(tar_file(entries)))


@pytest.mark.parametrize(
    "built",
    [wheel(files={"demo/a.py": b"print(1)\n"}), sdist(files={"demo/a.py": b"print(1)\n"})],
    ids=["wheel", "sdist"],
)
def test_what_is_published_today(built: Built) -> None:
    path = next(each.path for each in listing(built) if each.path.endswith("demo/a.py"))
    found = content(built, path)
    assert (found.inner.size, found.head, found.sha256) == (9, b"print(1)\n", sha256(b"print(1)\n").hexdigest())
    hashed = inside.digests(io.BytesIO(built.data), parse_filename(built.filename))
    assert (found.inner, found.sha256) in hashed
    assert path in inside.openable(tuple(listing(built)))


def test_only_the_beginning_of_a_file_is_kept() -> None:
    data = bytes(range(256)) * 4096
    for built in (zipped(Entry(b"a", data)), tarred(TarEntry(b"a", data))):
        found = content(built, "a")
        assert (found.head, found.sha256) == (data[: inside.SHOWN], sha256(data).hexdigest())


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "C:/windows",
        "a\\b",
        "a/../b",
        "a//b",
        "./a",
        "a\nb",
        "a\x1b[2Jb",
        "a\x85b",
        "",
    ],
)
def test_odd_names_are_listed_and_not_opened(name: str) -> None:
    data = name.encode()
    built = [zipped(Entry(data, b"x", flags=0x800))]
    built += [tarred(TarEntry(data, b"x"))] if name else []
    for each in built:
        assert [inner.path for inner in listing(each)] == [name]
        assert not inside.openable(tuple(listing(each)))
        assert find(each, name) is None


def test_names_in_other_encodings() -> None:
    found = listing(zipped(Entry("é".encode()), Entry(b"\x82"), Entry("\u202eyp.a".encode(), flags=0x800)))
    assert [each.path for each in found] == ["é", "é", "\u202eyp.a"]
    found = listing(tarred(TarEntry("é".encode()), TarEntry(b"\xe9")))
    assert [(each.path, each.is_plain) for each in found] == [("é", True), ("\\xe9", False)]


def test_of_two_with_one_name_none_is_opened() -> None:
    for built in (zipped(Entry(b"a", b"1"), Entry(b"a", b"2")), tarred(TarEntry(b"a", b"1"), TarEntry(b"a", b"2"))):
        assert kinds(built) == [("a", "file")] * 2
        assert not inside.openable(tuple(listing(built)))
        assert find(built, "a") is None


def test_kinds_of_zip_members() -> None:
    entries = [
        Entry(b"folder/"),
        Entry(b"link", b"/etc/passwd", mode=0o120777),
        Entry(b"secret", b"x", flags=1),
        Entry(b"pipe", mode=0o010644),
        Entry(b"packed", method=14),
        Entry(b"plain", mode=0),
        Entry(b"streamed", b"x", flags=8),
    ]
    assert [kind for _, kind in kinds(zipped(*entries))] == [
        *("folder", "link", "encrypted", "other", "other", "file", "file")
    ]
    for path in ("link", "secret", "pipe", "packed", "folder/", "nothing"):
        assert find(zipped(*entries), path) is None
    hashed = inside.digests(io.BytesIO(zip_file(entries)), parse_filename(WHEEL))
    assert [(inner.path, bool(digest)) for inner, digest in hashed] == [
        *(("link", False), ("secret", False), ("pipe", False), ("packed", False), ("plain", True), ("streamed", True))
    ]


def test_kinds_of_tar_members() -> None:
    built = tarred(
        TarEntry(b"folder", kind=b"5"),
        TarEntry(b"old folder/", kind=b"\0"),
        TarEntry(b"link", kind=b"2", link=b"/etc/passwd", size=b"00000001000\0"),
        TarEntry(b"hard", kind=b"1", link=b"folder/a"),
        TarEntry(b"device", kind=b"3"),
        TarEntry(b"contiguous", b"x", kind=b"7"),
        TarEntry(b"odd", b"x", kind=b"Z"),
        TarEntry(b"name", b"12345", prefix=b"prefix"),
        TarEntry(b"large", b"abc", size=b"\x80" + (3).to_bytes(11)),
    )
    assert [(each.path, each.kind, each.size, each.target) for each in listing(built)] == [
        ("folder/", Kind.FOLDER, 0, ""),
        ("old folder/", Kind.FOLDER, 0, ""),
        ("link", Kind.LINK, 0, "/etc/passwd"),
        ("hard", Kind.LINK, 0, "folder/a"),
        ("device", Kind.OTHER, 0, ""),
        ("contiguous", Kind.FILE, 1, ""),
        ("odd", Kind.OTHER, 1, ""),
        ("prefix/name", Kind.FILE, 5, ""),
        ("large", Kind.FILE, 3, ""),
    ]
    assert find(built, "link") is None


def test_long_names_of_tar_members() -> None:
    long = b"d/" * 100 + b"file"
    built = tarred(
        TarEntry(b"global", forge.pax({"comment": "x"}).data, b"g"),
        pax({"path": long, "size": "3", "mtime": "1.5"}),
        TarEntry(b"short", b"abc", size=b"00000000000\0"),
        TarEntry(b"././@LongLink", long + b"2\0", b"L"),
        TarEntry(b"././@LongLink", b"far away\0", b"K"),
        TarEntry(b"short", kind=b"2"),
        pax({"linkpath": "nearer"}),
        TarEntry(b"link", kind=b"2", link=b"x"),
    )
    assert [(each.path, each.size, each.target) for each in listing(built)] == [
        (long.decode(), 3, ""),
        (f"{long.decode()}2", 0, "far away"),
        ("link", 0, "nearer"),
    ]


BROKEN: dict[str, tuple[Callable[[], Built], str]] = {
    "no zip": (lambda: Built(WHEEL, b"<html>"), "zip-end"),
    "no gzip": (lambda: Built(SDIST, b"<html>"), "archive-compression"),
    "no tar": (lambda: Built(SDIST, gzip_file(b"<script>" * 100)), "tar-header"),
    "a directory of other things": (
        lambda: zipped(Entry(b"a", central={"signature": b"PK\7\7"})),
        "zip-framing",
    ),
    "a short directory": (lambda: zipped(Entry(b"a", central={"name_size": 60_000})), "archive-truncated"),
    "sentinels without a field": (lambda: zipped(Entry(b"a", central={"size": 0xFFFFFFFF})), "zip-extra-field"),
    "a tar that ends early": (
        lambda: Built(SDIST, gzip_file(tar_file([TarEntry(b"a", b"x")])[:600])),
        "archive-truncated",
    ),
    "a size that is no number": (lambda: tarred(TarEntry(b"a", size=b"-0000000001\0")), "tar-header"),
    "a size in words": (lambda: tarred(pax({"size": "-5"}), TarEntry(b"a")), "tar-pax"),
    "a size of many digits": (lambda: tarred(pax({"size": "9" * 5000}), TarEntry(b"a")), "tar-pax"),
    "a long extension": (lambda: tarred(TarEntry(b"x", bytes(MIB), b"x"), TarEntry(b"a")), "tar-pax"),
    "a sparse file": (lambda: tarred(pax({"GNU.sparse.map": "0,1"}), TarEntry(b"a")), "tar-pax"),
    "members without end": (
        lambda: Built(SDIST, gzip_file(tar_file([TarEntry(b"%d" % n) for n in range(MAX_MEMBERS + 1)]))),
        "too-much-inside",
    ),
    "100,000 members": (
        lambda: Built(WHEEL, zip_file((Entry(b"%d" % n, method=0) for n in range(100_000)), LARGE)),
        "too-much-inside",
    ),
    "names of 12 MB": (
        lambda: Built(WHEEL, zip_file(Entry(b"%05d" % n + b"n" * 60_000, method=0) for n in range(200))),
        "too-much-inside",
    ),
    "a tar bomb": (
        lambda: Built(SDIST, gzip_file(b"", packed=_stored(_bomb_header()) + zeros(1 << 30))),
        "too-much-inside",
    ),
    "an empty extension, for ever": (
        lambda: Built(SDIST, gzip_file(tar_file([pax({"comment": "x"})] * 60_000))),
        "too-much-inside",
    ),
}


def _stored(data: bytes) -> bytes:
    return b"\0" + len(data).to_bytes(2, "little") + (0xFFFF - len(data)).to_bytes(2, "little") + data


def _bomb_header() -> bytes:
    return forge.tar_header(TarEntry(b"bomb", size=b"77777777777\0"))


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_or_too_much_is_told_and_costs_little(case: str) -> None:
    make, code = BROKEN[case]
    built = make()
    began = time.process_time()
    with pytest.raises(Refused) as refusal:
        listing(built)
    assert refusal.value.code == code, refusal.value.message
    assert refusal.value.message.isprintable()
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (Entry(b"a", packed=zeros(MIB), central={"size": 5}), "zip-content"),
        (Entry(b"a", packed=open_zeros(4 * MIB), central={"size": 200 * MIB}), "too-much-inside"),
        (Entry(b"a", b"abc", central={"crc": 1}), "zip-content"),
        (Entry(b"a", b"abc", central={"packed": 5_000_000}), "archive-truncated"),
        (Entry(b"a", b"abc", central={"offset": 5_000_000}), "archive-truncated"),
        (Entry(b"a", b"abc", packed=b"\xff\xff"), "archive-compression"),
    ],
)
def test_content_that_is_not_what_the_directory_says(entry: Entry, code: str) -> None:
    assert listing(zipped(entry))
    with pytest.raises(Refused) as refusal:
        content(zipped(entry), "a")
    assert refusal.value.code == code


def test_members_that_share_their_bytes_are_counted_each() -> None:
    """A zip of a few MiB whose directory names the same 16 MiB again and again."""
    data = Entry(b"0", packed=zeros(16 * MIB), central={"size": 16 * MIB})
    more = [
        Entry(b"%d" % n, central={"offset": 0, "size": 16 * MIB, "packed": len(data.packed or b"")})
        for n in range(1, 50)
    ]
    built = zipped(data, *more)
    with pytest.raises(Refused):
        inside.digests(io.BytesIO(built.data), parse_filename(WHEEL))


def test_a_bomb_takes_little_memory() -> None:
    built = BROKEN["a tar bomb"][0]()
    tracemalloc.start()
    with pytest.raises(TooLarge):
        listing(built)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


def test_what_the_standard_library_wrote_in_a_stream() -> None:
    """Zips with data descriptors were published for years."""
    target = _Unseekable()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo/a.py", "x = 1\n")
    assert content(Built(WHEEL, target.getvalue()), "demo/a.py").head == b"x = 1\n"


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_arguments: int) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


def test_another_gzip_header() -> None:
    data = gzip.compress(tar_file([TarEntry(b"a", b"x")]))
    assert kinds(Built(SDIST, data)) == [("a", "file")]


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(["wheel", "sdist"]))
def test_any_damage_is_an_answer(noise: bytes, place: int, kind: str) -> None:
    """Whatever the bytes are: members, or a refusal, and content that is what was hashed."""
    if kind == "wheel":
        built = wheel(files={"demo/a.py": b"x = 1\n"})
        data = bytearray(built.data)
        data[len(data) - place : len(data) - place + len(noise)] = noise
        built = Built(built.filename, bytes(data))
    else:
        raw = bytearray(tar_file([TarEntry(b"a", b"x"), pax({"path": "b"}), TarEntry(b"c", b"y")]))
        raw[place * 6 : place * 6 + len(noise)] = noise
        built = Built(SDIST, gzip_file(bytes(raw)))
    with suppress(Refused):
        for path in inside.openable(tuple(listing(built))):
            assert content(built, path).inner.path == path
