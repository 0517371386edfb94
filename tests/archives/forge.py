"""Wheels and sdists made byte by byte, so that every field of every header can be made to lie.

`wheel()` and `sdist()` give valid files; their `edit` argument takes the entries before they are written. `Entry` and
`TarEntry` have a keyword for each lie.
"""

import csv
import io
import struct
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import product

Fields = dict[str, int | bytes]

CENTRAL = (
    *("signature", "made", "needed", "flags", "method", "time", "date", "crc", "packed", "size", "name_size"),
    *("extra_size", "comment_size", "disk", "internal", "attributes", "offset"),
)
LOCAL = ("signature", "needed", "flags", "method", "time", "date", "crc", "packed", "size", "name_size", "extra_size")
END = ("signature", "disk", "first_disk", "here", "count", "size", "start", "comment_size")
END64 = ("signature", "length", "made", "needed", "disk", "first_disk", "here", "count", "size", "start")
LOCATOR = ("signature", "disk", "start", "disks")


@dataclass(frozen=True)
class Built:
    """A file as somebody would upload it."""

    filename: str
    data: bytes


@dataclass
class Entry:
    """A member of a zip. `local` and `central` replace fields of the two headers, whatever these should be."""

    name: bytes
    data: bytes = b""
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    packed: bytes | None = None
    extra: bytes = b""
    local_extra: bytes | None = None
    comment: bytes = b""
    before: bytes = b""  # bytes in front of the local header
    local: Fields = field(default_factory=dict)
    central: Fields = field(default_factory=dict)
    listed: bool = True  # in the central directory
    present: bool = True  # among the local headers


@dataclass
class End:
    """What follows the central directory; the mappings replace fields of its records."""

    zip64: bool = False
    before: bytes = b""
    after: bytes = b""
    end: Fields = field(default_factory=dict)
    end64: Fields = field(default_factory=dict)
    locator: Fields = field(default_factory=dict)


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zeros(size: int) -> bytes:
    """`size` bytes of zeros, whole MiB, compressed at the speed of copying."""
    return open_zeros(size) + deflate(b"")


def open_zeros(size: int) -> bytes:
    """The same, with more compressed data to follow."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * (size >> 20)


def zip_file(entries: Iterable[Entry], end: End | None = None) -> bytes:
    """A zip of `entries`, in order, closed by `end`."""
    body, directory = io.BytesIO(), io.BytesIO()
    count = 0
    for entry in entries:
        body.write(entry.before)
        values = _values(entry, body.tell())
        packed = _packed(entry)
        if entry.present:
            extra = entry.extra if entry.local_extra is None else entry.local_extra
            local = {**values, "signature": b"PK\3\4", "extra_size": len(extra), **entry.local}
            name = local.pop("name", entry.name)
            assert isinstance(name, bytes)
            body.write(_pack("<4s5H3L2H", LOCAL, {**local, "name_size": len(name)}) + name + extra + packed)
        if entry.listed:
            count += 1
            directory.write(_pack("<4s6H3L5H2L", CENTRAL, {**values, **entry.central}))
            directory.write(entry.name + entry.extra + entry.comment)
    start = body.tell()
    return body.getvalue() + directory.getvalue() + _end(end or End(), count, start, directory.tell())


def wheel(
    name: str = "demo",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    metadata: bytes | None = None,
    wheel_file: bytes | None = None,
    record: bytes | Callable[[bytes], bytes] | None = None,
    info: str = "",
    edit: Callable[[list[Entry]], object] = list,
    end: End | None = None,
) -> Built:
    """A wheel `{name}-{version}-{tag}.whl`; an argument that is not given has the value that makes it valid.

    `files` are those outside of `.dist-info`, or replace some in it; `record` is its content, or changes the right one.
    """
    info = info or f"{name}-{version}.dist-info"
    *build, python, abi, system = tag.split("-")
    lines = [f"Build: {number}\n" for number in build]
    lines += [f"Tag: {'-'.join(each)}\n" for each in product(python.split("."), abi.split("."), system.split("."))]
    content = {
        f"{name}/__init__.py": b"",
        f"{info}/METADATA": metadata or core_metadata(name, version),
        f"{info}/WHEEL": wheel_file or f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{''.join(lines)}".encode(),
        **(files or {}),
    }
    entries = [Entry(path.encode(), data, flags=0 if path.isascii() else 0x800) for path, data in content.items()]
    right = _record(content, f"{info}/RECORD")
    entries.append(Entry(f"{info}/RECORD".encode(), right if record is None else _given(record, right)))
    edit(entries)
    return Built(f"{name}-{version}-{tag}.whl", zip_file(entries, end))


def core_metadata(name: str = "demo", version: str = "1.0", more: str = "") -> bytes:
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{more}".encode()


def named(entries: list[Entry], suffix: str) -> Entry:
    """The entry whose name ends in `suffix`."""
    return next(entry for entry in entries if entry.name.endswith(suffix.encode()))


def _given(record: bytes | Callable[[bytes], bytes], right: bytes) -> bytes:
    return record if isinstance(record, bytes) else record(right)


def _record(content: Mapping[str, bytes], path: str) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name, data in content.items():
        if not name.endswith("/"):
            rows.writerow([name, f"sha256={urlsafe_b64encode(sha256(data).digest()).decode().rstrip('=')}", len(data)])
    rows.writerow([path, "", ""])
    return text.getvalue().encode()


def _packed(entry: Entry) -> bytes:
    if entry.packed is not None:
        return entry.packed
    return deflate(entry.data) if entry.method == 8 and not entry.name.endswith(b"/") else entry.data


def _values(entry: Entry, offset: int) -> Fields:
    return {
        "signature": b"PK\1\2",
        "made": 3 << 8 | 20,
        "needed": 20,
        "flags": entry.flags,
        "method": entry.method,
        "crc": zlib.crc32(entry.data),
        "packed": len(_packed(entry)),
        "size": len(entry.data),
        "name_size": len(entry.name),
        "extra_size": len(entry.extra),
        "comment_size": len(entry.comment),
        "attributes": entry.mode << 16,
        "offset": offset,
    }


def _end(end: End, count: int, start: int, size: int) -> bytes:
    same: Fields = {"here": count, "count": count, "size": size, "start": start}
    records = end.before
    if end.zip64:
        head: Fields = {"signature": b"PK\6\6", "length": 44, "made": 45, "needed": 45}
        records += _pack("<4sQ2H2L4Q", END64, {**head, **same, **end.end64})
        head = {"signature": b"PK\6\7", "start": start + size + len(end.before), "disks": 1}
        records += _pack("<4sLQL", LOCATOR, {**head, **end.locator})
    return records + _pack("<4s4H2LH", END, {"signature": b"PK\5\6", **same, **end.end}) + end.after


def _pack(form: str, names: tuple[str, ...], values: Fields) -> bytes:
    return struct.pack(form, *(values.get(name, 0) for name in names))


@dataclass
class TarEntry:
    """A member of a tar, or an extended header. `fields` replaces bytes of the header, by their place in it."""

    name: bytes
    data: bytes = b""
    kind: bytes = b"0"
    mode: bytes = b"0000644\0"
    size: bytes | None = None
    link: bytes = b""
    magic: bytes = b"ustar\x0000"
    prefix: bytes = b""
    fields: dict[int, bytes] = field(default_factory=dict)
    checksum: bytes | None = None
    filler: bytes = b"\0"  # what fills the last block of data


def tar_header(entry: TarEntry) -> bytes:
    block = bytearray(512)
    size = b"%011o\0" % len(entry.data) if entry.size is None else entry.size
    places = {0: entry.name, 100: entry.mode, 108: b"0000000\0", 116: b"0000000\0", 124: size, 136: b"00000000000\0"}
    places |= {156: entry.kind, 157: entry.link, 257: entry.magic, 345: entry.prefix, 148: b" " * 8, **entry.fields}
    for place, value in places.items():
        block[place : place + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block) if entry.checksum is None else entry.checksum
    assert len(block) == 512
    return bytes(block)


def tar_file(entries: Iterable[TarEntry], end: bytes = bytes(1024)) -> bytes:
    return b"".join(tar_header(e) + e.data + e.filler * (-len(e.data) % 512) for e in entries) + end


def gzip_file(
    data: bytes, *, flags: int = 0, fields: bytes = b"", trailer: bytes | None = None, packed: bytes | None = None
) -> bytes:
    right = struct.pack("<2L", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\xff" + fields
    return head + (deflate(data) if packed is None else packed) + (right if trailer is None else trailer)


def pax(records: Mapping[str, str | bytes], kind: bytes = b"x") -> TarEntry:
    return TarEntry(b"PaxHeader", b"".join(_pax_record(key, value) for key, value in records.items()), kind)


def _pax_record(key: str, value: str | bytes) -> bytes:
    rest = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    size = len(rest) + 1
    while len(b"%d" % size + rest) != size:
        size += 1
    return b"%d" % size + rest


def sdist(
    name: str = "demo",
    version: str = "1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    pkg_info: bytes | None = None,
    edit: Callable[[list[TarEntry]], object] = list,
    end: bytes = bytes(1024),
    wrap: Callable[[bytes], bytes] = gzip_file,
) -> Built:
    """An sdist; `files` are those beside PKG-INFO, `edit` may change the entries, `wrap` compresses the tar."""
    root = f"{name}-{version}"
    entries = [
        TarEntry(f"{root}/".encode(), kind=b"5", mode=b"0000755\0"),
        TarEntry(f"{root}/PKG-INFO".encode(), pkg_info or core_metadata(name, version)),
        TarEntry(f"{root}/pyproject.toml".encode(), b"[build-system]\nrequires = []\n"),
        *(TarEntry(f"{root}/{path}".encode(), data) for path, data in (files or {}).items()),
    ]
    edit(entries)
    return Built(f"{root}.tar.gz", wrap(tar_file(entries, end)))
