"""Large files pass through: they are never held in memory."""

import hashlib
import http.client
import secrets
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

import inside
from archives import forge
from archives.forge import Entry
from serving import Server
from uploading import authorization, form

MIB = 1 << 20
SIZE = 1024 * MIB
BLOCK = 8 * MIB
ROOM = 100 * MIB  # what all processes together may take for it
MARK = b"HERE THE CONTENT GOES"


@pytest.fixture
def wheel(tmp_path: Path) -> Iterator[Path]:
    """A wheel with one file of 1 GiB that does not compress. Written once as a stream; removed afterwards."""
    path = tmp_path / "large-1.0-py3-none-any.whl"
    block = secrets.token_bytes(BLOCK)
    blocks = [number.to_bytes(8, "big") + block[8:] for number in range(2)]
    sha256, crc = hashlib.sha256(), 0
    for number in range(SIZE // BLOCK):
        sha256.update(blocks[number % 2])
        crc = zlib.crc32(blocks[number % 2], crc)
    digest = urlsafe_b64encode(sha256.digest()).decode().rstrip("=")
    head, tail = _zip_around(f"large/data.bin,sha256={digest},{SIZE}\n", crc)
    with path.open("wb") as file:
        file.write(head)
        for number in range(SIZE // BLOCK):
            file.write(blocks[number % 2])
        file.write(tail)
    yield path
    path.unlink()


def _zip_around(line: str, crc: int) -> tuple[bytes, bytes]:
    """The bytes of the wheel before and after the large file's content."""
    large = {"crc": crc, "packed": SIZE, "size": SIZE}

    def edit(entries: list[Entry]) -> None:
        content = Entry(b"large/data.bin", method=0, packed=MARK, local={**large}, central={**large})
        entries.insert(0, content)

    small = forge.wheel("large", record=lambda right: right + line.encode(), edit=edit).data
    head, tail = small.split(MARK)
    return head, _moved(tail, SIZE - len(MARK))


def _moved(tail: bytes, by: int) -> bytes:
    """The rest of a zip, with every offset `by` bytes further."""
    data = bytearray(tail)
    at = data.find(b"PK\1\2")
    first = True
    while data[at : at + 4] == b"PK\1\2":
        if not first:
            _add(data, at + 42, by)
        first = False
        at += 46 + sum(int.from_bytes(data[at + place : at + place + 2], "little") for place in (28, 30, 32))
    _add(data, at + 16, by)
    return bytes(data)


def _add(data: bytearray, at: int, by: int) -> None:
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little") + by).to_bytes(4, "little")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_file_of_one_gibibyte(own_server: Server, wheel: Path) -> None:
    sha256 = _digest(wheel)
    fields = [
        *((":action", "file_upload"), ("protocol_version", "1"), ("metadata_version", "2.4"), ("name", "large")),
        *(("version", "1.0"), ("filetype", "bdist_wheel"), ("pyversion", "py3"), ("sha256_digest", sha256)),
    ]
    body, kind = form(fields, [("content", wheel.name, MARK)])
    before, after = body.split(MARK)
    length = len(before) + wheel.stat().st_size + len(after)

    def stream() -> Iterator[bytes]:
        yield before
        with wheel.open("rb") as file:
            while block := file.read(MIB):
                yield block
        yield after

    held = {process: inside.memory(process, "VmRSS") for process in inside.family(own_server)}
    connection = http.client.HTTPConnection(urlsplit(own_server.url).netloc, timeout=100)
    headers = {"Content-Type": kind, "Content-Length": str(length), **authorization(own_server.token)}
    connection.request("POST", "/legacy/", stream(), headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")

    (shown,) = own_server.page("large")["files"]
    assert shown["hashes"] == {"sha256": sha256}
    connection.request("GET", urljoin("/simple/large/", shown["url"]))
    download, received = connection.getresponse(), hashlib.sha256()
    while block := download.read(MIB):
        received.update(block)
    connection.close()
    assert received.hexdigest() == sha256

    grown = sum(inside.memory(process, "VmHWM") - size for process, size in held.items())
    assert grown < ROOM, f"{grown >> 20} MiB"
    assert inside.family(own_server) == list(held)
    for path in (own_server.data / "store" / "packages").rglob("*.whl"):
        path.unlink()
