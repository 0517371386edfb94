"""Macaroons: what was signed is what is read, and anything else is none of ours."""

import base64

import pymacaroons  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.accounts.macaroons import MAX_LENGTH, PREFIX, Macaroon, Malformed, caveat

KEY = bytes(range(32))
ID = b"sixteen bytes id"

texts = st.binary(min_size=1, max_size=300)


def packed(data: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpacked(text: str) -> bytes:
    encoded = text.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


@given(key=texts, identifier=texts, caveats=st.lists(texts, max_size=8))
def test_what_is_dumped_is_loaded(key: bytes, identifier: bytes, caveats: list[bytes]) -> None:
    minted = Macaroon.mint(key, identifier, caveats)
    loaded = Macaroon.load(minted.dump())
    assert loaded == minted
    assert loaded.caveats == tuple(caveats)
    assert loaded.signed_with(key)
    assert not loaded.signed_with(key + b"x")


@given(caveats=st.lists(st.text(min_size=1, max_size=300), max_size=5))
def test_the_usual_library_makes_the_same(caveats: list[str]) -> None:
    theirs = pymacaroons.Macaroon(location="entrepot", identifier=ID, key=KEY, version=pymacaroons.MACAROON_V2)
    for each in caveats:
        theirs.add_first_party_caveat(each)
    ours = Macaroon.mint(KEY, ID, [each.encode() for each in caveats])
    assert Macaroon.load(PREFIX + theirs.serialize()) == ours
    assert pymacaroons.Macaroon.deserialize(ours.dump().removeprefix(PREFIX)).signature == ours.signature.hex()


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(place: int, change: int) -> None:
    """A changed token is malformed, unsigned, or names the same thing (its location is not signed)."""
    minted = Macaroon.mint(KEY, ID, [caveat(0, 2, 1), caveat(1, ["demo"])])
    data = bytearray(unpacked(minted.dump()))
    data[place % len(data)] ^= change
    try:
        loaded = Macaroon.load(packed(bytes(data)))
    except Malformed:
        return
    assert loaded == minted or not loaded.signed_with(KEY)


@given(st.lists(texts, min_size=1, max_size=5), st.data())
def test_caveats_cannot_be_taken_away_or_moved(caveats: list[bytes], data: st.DataObject) -> None:
    minted = Macaroon.mint(KEY, ID, caveats)
    others = data.draw(st.lists(st.sampled_from(caveats), max_size=len(caveats)))
    stolen = Macaroon(ID, tuple(others), minted.signature)
    assert stolen.signed_with(KEY) == (others == caveats)


@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    for text in (packed(data), packed(b"\x02" + data), PREFIX + data.decode("latin-1"), data.decode("latin-1")):
        with pytest.raises(Malformed):
            Macaroon.load(text)


SIGNATURE = b"\x06\x01s"
HEADER = b"\x02\x02\x02id\0"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01" + HEADER[1:] + b"\0" + SIGNATURE,  # version 1
        b"\x02",
        HEADER,
        HEADER + b"\0",
        HEADER + SIGNATURE,  # nothing ends the caveats
        HEADER + b"\0" + b"\x06",
        HEADER + b"\0" + b"\x06\x02s",
        HEADER + b"\0" + b"\x06\x81",
        HEADER + b"\0" + SIGNATURE + SIGNATURE,  # a field stands twice
        HEADER + b"\0" + SIGNATURE + b"\0",
        HEADER + b"\0" + SIGNATURE + b"\x02\x01x",
        HEADER + b"\0" + b"\x02\x01s",
        HEADER + b"\x02\x01c\x04\x01v\0" + b"\0" + SIGNATURE,  # a caveat of a third party
        b"\x02\x01\x01l\0\0" + SIGNATURE,  # no identifier
    ],
)
def test_other_structures(data: bytes) -> None:
    with pytest.raises(Malformed):
        Macaroon.load(packed(data))


def test_the_shortest() -> None:
    assert Macaroon.load(packed(HEADER + b"\0" + SIGNATURE)) == Macaroon(b"id", (), b"s")


def test_tokens_are_not_endless() -> None:
    text = Macaroon.mint(KEY, ID, [b"x" * MAX_LENGTH]).dump()
    with pytest.raises(Malformed):
        Macaroon.load(text)


def test_a_token_is_recognisable() -> None:
    text = Macaroon.mint(KEY, ID, []).dump()
    assert text.startswith("entrepot-")
    with pytest.raises(Malformed):
        Macaroon.load(text.removeprefix("entrepot-"))
    with pytest.raises(Malformed):
        Macaroon.load(text + "é")
