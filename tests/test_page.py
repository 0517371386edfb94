"""A page in the store: packed and unpacked to the last bit."""

import gzip
import io

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from entrepot.page import Damaged, Page, stored_serial

DECODE = {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}


@given(st.binary(), st.integers(0, 2**62), st.integers(0, 2**62))
def test_what_is_packed_comes_back(body: bytes, serial: int, last_serial: int) -> None:
    page = Page.of(body, serial=serial, last_serial=last_serial)
    packed = page.pack()
    assert Page.unpack(io.BytesIO(packed)) == page
    assert stored_serial(io.BytesIO(packed)) == serial
    assert page.body == body
    assert {coding: DECODE[coding](variant.body) for coding, variant in page.variants.items()} == dict.fromkeys(
        DECODE, body
    )
    assert len({variant.etag for variant in page.variants.values()}) == 4
    assert page == Page.of(body, serial=serial, last_serial=last_serial)


@given(st.binary(min_size=1), st.data())
def test_a_changed_byte_is_noticed(body: bytes, data: st.DataObject) -> None:
    packed = bytearray(Page.of(body, serial=1, last_serial=1).pack())
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Damaged):
        Page.unpack(io.BytesIO(packed))


@pytest.mark.parametrize("stored", [b"", b"nonsense", b"entrepot page 1\n", b"entrepot page 1\n{"])
def test_what_is_no_page(stored: bytes) -> None:
    with pytest.raises(Damaged):
        Page.unpack(io.BytesIO(stored))
    with pytest.raises(Damaged):
        stored_serial(io.BytesIO(stored))


def test_a_page_that_is_gone_remembers_when() -> None:
    page = Page.unpack(io.BytesIO(Page.gone(serial=7).pack()))
    assert (page.serial, dict(page.variants)) == (7, {})
    with pytest.raises(KeyError):
        _ = page.body
