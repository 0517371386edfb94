"""Conditional and partial requests: RFC 9110, sections 13.1.2, 13.1.5 and 14."""

import re
from dataclasses import dataclass

_TAGS = re.compile(rb'"[^"]*"')
_RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an object: `count` bytes from `first`; no bytes when the range asked for lies outside the object."""

    first: int
    count: int


def unchanged(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the client holds the representation with this (strong) `etag` already; weak comparison."""
    return if_none_match == etag or if_none_match.strip() == b"*" or etag in _TAGS.findall(if_none_match)


def span(asked: bytes, size: int) -> Span | None:
    """The one range of bytes asked for, cut to `size`; None, meaning all, for several ranges and what is malformed."""
    match = _RANGE.fullmatch(asked)
    first, last = match.groups() if match else (b"", b"")
    if not first:
        return _ending(int(last), size) if last else None
    if last and int(last) < int(first):
        return None
    end = min(int(last) + 1, size) if last else size
    return Span(int(first), max(0, end - int(first)))


def _ending(count: int, size: int) -> Span:
    return Span(max(0, size - count), min(count, size))
