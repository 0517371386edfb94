"""Texts that are kept where a copy of the database does not give them away: sealed with the installation's secret."""

import base64
import hashlib
import hmac
from collections.abc import Callable

from cryptography.fernet import Fernet

from entrepot.config import Config


def seal(text: str) -> str:
    """The text, readable by this installation only."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text that was sealed. Raises cryptography.fernet.InvalidToken."""
    return _box().decrypt(sealed.encode()).decode()


def digest(purpose: str, text: str) -> str:
    """A keyed hash, in hexadecimal: what is kept of a secret that is only ever compared."""
    return digests(purpose)(text)


def digests(purpose: str) -> Callable[[str], str]:
    """`digest` for many texts: the installation's secret, which may be in a file, is read once."""
    keyed = hmac.new(Config.current().secret().encode(), f"{purpose}\0".encode(), hashlib.sha256)

    def digest_of(text: str) -> str:
        one = keyed.copy()
        one.update(text.encode())
        return one.hexdigest()

    return digest_of


def _box() -> Fernet:
    key = hmac.digest(Config.current().secret().encode(), b"sealed", hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))
