"""Tokens that were found where everybody can read them: who may say so, and what a token looks like.

Scanners sign what they report, as GitHub's secret scanning does. Their keys are in a file of the operator's: none is
ever fetched because a request says so.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, Field

from entrepot.accounts.macaroons import MAX_LENGTH, PREFIX
from entrepot.refusal import Unavailable

# Wider than what docs/api.md tells scanners: the first part of a token is not signed.
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{80,{MAX_LENGTH}}}={{0,2}}")


class _Key(BaseModel):
    """A key as the file has it; `key` is PEM."""

    key_identifier: str
    key: str
    name: str = Field(min_length=1, max_length=50)


class _Keys(BaseModel):
    keys: list[_Key]


@dataclass(frozen=True, slots=True)
class ScannerKey:
    """A public key, ECDSA with P-256, and the name of the scanner that signs with the other half."""

    name: str
    public: EllipticCurvePublicKey

    def signed(self, body: bytes, signature: str) -> bool:
        """Whether `signature`, in Base64, is this key's over the SHA-256 of the body."""
        try:
            self.public.verify(base64.b64decode(signature, validate=True), body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


def scanner_keys(path: str) -> Mapping[str, ScannerKey]:
    """The keys in the file by their identifiers; none when the path is empty. Raises Unavailable("invalid-setting")."""
    if not path:
        return {}
    try:
        given = _Keys.model_validate_json(Path(path).read_bytes())
        return {each.key_identifier: ScannerKey(each.name, _public(each.key)) for each in given.keys}
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise Unavailable("invalid-setting", "ENTREPOT_SCANNER_KEYS names no file with keys of scanners.") from error


def tokens_in(text: str) -> Iterator[str]:
    """Everything in the text that may be one of our tokens."""
    for found in _TOKEN.finditer(text):
        yield found[0]


def _public(pem: str) -> EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise UnsupportedAlgorithm("no key of the curve P-256")
    return key
