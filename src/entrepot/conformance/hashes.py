"""Hashes by their names."""

import hashlib
import re

# What uv takes; pip takes all of them but blake2b, and passes that by.
UNDERSTOOD = {"md5": 32, "sha256": 64, "sha384": 96, "sha512": 128, "blake2b": 128}
SECURE = hashlib.algorithms_guaranteed - {"md5", "sha1"}


def is_hash(name: str, value: str) -> bool:
    """Whether it is a hash in hexadecimal, of the right length, by a function that everybody has."""
    if name not in hashlib.algorithms_guaranteed:
        return False
    size = hashlib.new(name, usedforsecurity=False).digest_size or len(value) // 2  # some have the size one likes
    return re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value) is not None


def digest(name: str, data: bytes) -> str:
    """The hash of the data; empty for a function that not everybody has, or that has no size of its own."""
    if name not in hashlib.algorithms_guaranteed or name.startswith("shake"):
        return ""
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()
