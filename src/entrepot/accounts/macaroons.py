"""Macaroons: bearer tokens that anybody who holds one can narrow and nobody can widen.

The binary format is version 2 of libmacaroons, without third-party caveats, so that existing tools can add caveats to
our tokens. A caveat is a JSON array whose first item tells its kind; a kind we do not know is never met.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PREFIX = "entrepot-"
LOCATION = b"entrepot"
KEY_GENERATOR = b"macaroons-key-generator"
MAX_LENGTH = 8192

_LOCATION, _IDENTIFIER, _SIGNATURE, _END = 1, 2, 6, 0


class Malformed(ValueError):
    """The text is no macaroon of ours."""


@dataclass(frozen=True, slots=True)
class Macaroon:
    """`identifier` names the key; `caveats` are all to be met; `signature` chains them to the key."""

    identifier: bytes
    caveats: tuple[bytes, ...]
    signature: bytes

    @classmethod
    def mint(cls, key: bytes, identifier: bytes, caveats: Sequence[bytes]) -> "Macaroon":
        """A macaroon signed with `key`."""
        return cls(identifier, tuple(caveats), _signature(key, identifier, caveats))

    def signed_with(self, key: bytes) -> bool:
        """Whether the chain of signatures begins at `key`; takes the same time whatever the answer."""
        return hmac.compare_digest(self.signature, _signature(key, self.identifier, self.caveats))

    def dump(self) -> str:
        """The text that people keep secret."""
        packed = bytearray(b"\x02")
        packed += _field(_LOCATION, LOCATION) + _field(_IDENTIFIER, self.identifier) + b"\x00"
        for caveat in self.caveats:
            packed += _field(_IDENTIFIER, caveat) + b"\x00"
        packed += b"\x00" + _field(_SIGNATURE, self.signature)
        return PREFIX + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def load(cls, text: str) -> "Macaroon":
        """The macaroon that `dump`, or a tool that added caveats, wrote. Raises Malformed."""
        if not text.startswith(PREFIX) or len(text) > MAX_LENGTH:
            raise Malformed("not one of our tokens")
        encoded = text.removeprefix(PREFIX)
        try:
            packed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed("not base64") from error
        return cls._unpack(packed)

    @classmethod
    def _unpack(cls, packed: bytes) -> "Macaroon":
        fields = _fields(packed)
        sections: list[dict[int, bytes]] = [{}]
        for kind, value in fields:
            if kind == _END:
                sections.append({})
            elif kind in sections[-1]:
                raise Malformed("a field stands twice")
            else:
                sections[-1][kind] = value
        # header, caveats…, an empty section that ends them, signature
        *named, blank, last = sections if len(sections) >= 3 else [{}, {1: b""}, {}]
        if blank or set(last) != {_SIGNATURE} or not all(set(each) in _SECTIONS for each in named):
            raise Malformed("sections are not those of a macaroon")
        identifier, *caveats = (each[_IDENTIFIER] for each in named)
        return cls(identifier, tuple(caveats), last[_SIGNATURE])


_SECTIONS = ({_IDENTIFIER}, {_LOCATION, _IDENTIFIER})


def caveat(*items: object) -> bytes:
    """A caveat as bytes: the compact JSON of its kind and arguments."""
    return json.dumps(items, separators=(",", ":")).encode()


def _signature(key: bytes, identifier: bytes, caveats: Sequence[bytes]) -> bytes:
    signature = _hmac(_hmac(KEY_GENERATOR, key), identifier)
    for each in caveats:
        signature = _hmac(signature, each)
    return signature


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _field(kind: int, value: bytes) -> bytes:
    length = len(value)
    return bytes([kind]) + (bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])) + value


def _fields(packed: bytes) -> Iterator[tuple[int, bytes]]:
    if packed[:1] != b"\x02":
        raise Malformed("unknown version")
    at = 1
    while at < len(packed):
        kind, at = packed[at], at + 1
        if kind == _END:
            yield kind, b""
            continue
        length = packed[at : at + 2]
        if not length:
            raise Malformed("cut short")
        size, at = (length[0], at + 1) if length[0] < 128 else (length[0] & 127 | length[-1] << 7, at + 2)
        value, at = packed[at : at + size], at + size
        if at > len(packed):
            raise Malformed("cut short")
        yield kind, value
