"""Archives that unpack to far more than they are, or hold too many things, cost little time and little memory."""

import tracemalloc
from collections.abc import Callable

import pytest

from archives.forge import (
    Built,
    Entry,
    Fields,
    TarEntry,
    gzip_file,
    open_zeros,
    sdist,
    tar_file,
    tar_header,
    wheel,
    zeros,
)
from archives.opening import assert_refused, opened
from entrepot.archives import limits

MIB = 1 << 20
MEMORY = 40 * MIB


def declared(size: int, packed: bytes) -> Entry:
    """A member that says it unpacks to `size` bytes."""
    return Entry(b"demo/bomb.bin", packed=packed, local={"size": size}, central={"size": size})


def wheel_with(*entries: Entry) -> Built:
    return wheel(edit=lambda given: given.__setitem__(slice(0, 0), entries))


def sdist_of(head: bytes, size: int) -> Built:
    """An sdist of `head` and then `size` bytes of zeros."""
    return sdist(wrap=lambda _: gzip_file(b"", packed=stored(head) + zeros(size)))


def stored(data: bytes) -> bytes:
    """A deflate block of at most 64 KiB that is not compressed and not the last one."""
    return b"\0" + len(data).to_bytes(2, "little") + (0xFFFF - len(data)).to_bytes(2, "little") + data


def tar_start(size: bytes) -> bytes:
    return tar_header(TarEntry(b"demo-1.0/bomb.bin", size=size))


def many(count: int, name: Callable[[int], bytes]) -> list[Entry]:
    return [Entry(name(number), method=0, packed=b"") for number in range(count)]


def numbered(number: int) -> bytes:
    return b"demo/%d.py" % number


def tar_of(names: list[bytes]) -> Built:
    return sdist(wrap=lambda data: gzip_file(tar_file([TarEntry(name) for name in names], data)))


HUGE: Fields = {"size": 0xFFFFFFFE}

BOMBS: dict[str, tuple[Callable[[], Built], str, str]] = {
    "200 MiB of zeros in a wheel": (
        lambda: wheel_with(declared(200 * MIB, zeros(200 * MIB))),
        "archive-bomb",
        "demo/bomb.bin",
    ),
    "a wheel that lies about its size": (
        lambda: wheel(
            edit=lambda entries: entries.__setitem__(
                2,
                Entry(entries[2].name, entries[2].data, packed=zeros(1024 * MIB), local={"crc": 0}, central={"crc": 0}),
            )
        ),
        "zip-content",
        "WHEEL",
    ),
    "a wheel that says 17 GiB": (
        lambda: wheel_with(*(Entry(b"demo/%d" % n, local=HUGE, central=HUGE, packed=bytes(MIB)) for n in range(5))),
        "archive-bomb",
        "demo/",
    ),
    "4 GiB of zeros in an sdist": (
        lambda: sdist_of(tar_start(b"40000000000\0"), 4096 * MIB),
        "archive-bomb",
        "bomb.bin",
    ),
    "members of 40 MiB, one after the other": (
        lambda: sdist(
            wrap=lambda _: gzip_file(
                b"",
                packed=b"".join(
                    stored(tar_header(TarEntry(b"demo-1.0/%d" % n, size=b"%011o\0" % (40 * MIB))))
                    + open_zeros(40 * MIB)
                    for n in range(20)
                ),
            )
        ),
        "archive-bomb",
        "demo-1.0/",
    ),
    "4 GiB of zeros after the end": (lambda: sdist_of(b"", 4096 * MIB), "archive-bomb", "end of the tar archive"),
    "METADATA of 60 MiB": (lambda: wheel(metadata=bytes(60 * MIB)), "member-too-large", "METADATA"),
    "PKG-INFO of 60 MiB": (lambda: sdist(pkg_info=bytes(60 * MIB)), "member-too-large", "PKG-INFO"),
    "RECORD of one endless line": (lambda: wheel(record=b"x" * (60 * MIB)), "wheel-record", "4096"),
    "60,000 members in a wheel": (lambda: wheel_with(*many(60_000, numbered)), "archive-members", "demo/50000.py"),
    "60,000 members in an sdist": (
        lambda: tar_of([b"demo-1.0/%d" % number for number in range(60_000)]),
        "archive-members",
        "demo-1.0/50000",
    ),
    "too many directories": (
        lambda: wheel_with(*many(2_000, lambda number: b"%d/" % number + b"d/" * 60 + b"x")),
        "archive-members",
        "files and directories",
    ),
    "names of 12 MB": (
        lambda: wheel_with(*many(12_000, lambda number: b"%05d/" % number + b"/".join([b"x" * 240] * 4))),
        "archive-members",
        "too long together",
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_refuses_in_bounded_memory(case: str) -> None:
    build, code, named = BOMBS[case]
    built = build()
    assert peak(lambda: assert_refused(built, code, named)) < MEMORY


def test_takes_what_is_below_the_floor_in_bounded_memory() -> None:
    built = wheel(files={"demo/zeros.py": bytes(60 * MIB)})
    assert peak(lambda: opened(built)) < MEMORY


def test_takes_as_many_members_as_it_says_in_bounded_memory() -> None:
    """With the longest names that fit, in the widest characters."""
    filler = "\U00020000" * 20
    files = {f"demo/{number:05}{filler}/x": b"" for number in range(limits.MAX_NODES // 2 - 10)}
    built = wheel(files=files)
    assert peak(lambda: opened(built)) < MEMORY


def peak(action: Callable[[], object]) -> int:
    """Bytes that `action` had allocated at its worst moment."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
