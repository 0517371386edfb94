"""Conditional and partial requests."""

import pytest

from entrepot.edge.conditions import Span, span, unchanged


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (b'"a"', True),
        (b'W/"a"', True),
        (b"*", True),
        (b'"b", W/"a" , "c"', True),
        (b'"b,c", "a"', True),
        (b'"b"', False),
        (b"a", False),
        (b"", False),
    ],
)
def test_if_none_match(header: bytes, same: bool) -> None:
    assert unchanged(header, b'"a"') is same


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"bytes=0-0", Span(0, 1)),
        (b"bytes=2-5", Span(2, 4)),
        (b"Bytes=2-", Span(2, 8)),
        (b"bytes=5-99", Span(5, 5)),
        (b"bytes=-3", Span(7, 3)),
        (b"bytes=-99", Span(0, 10)),
        (b"bytes=10-", Span(10, 0)),
        (b"bytes=10-20", Span(10, 0)),
        (b"bytes=-0", Span(10, 0)),
        (b"bytes=5-4", None),
        (b"bytes=20-12", None),
        (b"bytes=-", None),
        (b"bytes=a-b", None),
        (b"bytes=0-1,3-4", None),
        (b"bytes=0-1, bytes=3-4", None),
        (b"items=0-1", None),
        (b"bytes=0-" + b"9" * 5000, None),
        (b"", None),
    ],
)
def test_one_range_of_ten_bytes(header: bytes, expected: Span | None) -> None:
    assert span(header, 10) == expected


def test_nothing_can_be_had_of_an_empty_object() -> None:
    assert span(b"bytes=0-", 0) == span(b"bytes=-5", 0) == Span(0, 0)
