"""Content negotiation as real clients ask for it, and as hostile ones do."""

import pytest

from entrepot.edge.negotiate import coding, known_type, prefers_json, simple_type
from entrepot.layout import HTML, SIMPLE_HTML, SIMPLE_JSON

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", HTML),
        ("*/*", HTML),
        (f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01", SIMPLE_JSON),
        (f"{V1_JSON}, {V1_HTML};q=0.2, text/html;q=0.01", SIMPLE_JSON),
        (f"{V1_JSON}, */*;q=0.1", SIMPLE_JSON),
        (f"{V1_HTML};q=0.2, {V1_JSON}, text/html;q=0.01", SIMPLE_JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", HTML),
        ("text/html", HTML),
        ("TEXT/HTML; charset=utf-8", HTML),
        (V1_HTML, SIMPLE_HTML),
        (f"text/html, {V1_HTML}", SIMPLE_HTML),
        (f"text/html, {V1_HTML}, {V1_JSON}", SIMPLE_JSON),
        ("application/vnd.pypi.simple.latest+json", SIMPLE_JSON),
        ("application/vnd.pypi.simple.latest+html", SIMPLE_HTML),
        (f"{V1_JSON};q=0, application/vnd.pypi.simple.latest+json;q=0.5, text/html;q=0.4", SIMPLE_JSON),
        (f"{V1_HTML}, */*", SIMPLE_HTML),
        ("application/*", SIMPLE_HTML),
        ("text/*;q=0.3, application/*;q=0.2", HTML),
        ("text/html;q=0, */*", SIMPLE_HTML),
        (f"{V1_JSON};q=0.5, text/html;q=0.50", SIMPLE_JSON),
        (f"{V1_JSON};q=0.500, text/html;q=0.501", HTML),
        (f"{V1_JSON};q=1.001, text/html;q=0.1", HTML),
        (f"{V1_JSON};q=high", HTML),
        (",,;,", HTML),
        (V1_JSON + "," * 2000, HTML),
        ("application/json", None),
        ("application/vnd.pypi.simple.v2+json", None),
        (f"{V1_JSON};q=0", None),
        ("*/*;q=0", None),
    ],
)
def test_the_form_of_a_simple_page(accept: str, expected: str | None) -> None:
    assert simple_type(accept) == expected


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip;q=0.8, zstd;q=0.5", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("gzip;q=0.001", "gzip"),
        ("*", "zstd"),
        ("*;q=0.5, gzip", "gzip"),
        ("zstd;q=0, *", "br"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("deflate", "identity"),
        ("identity;q=0", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip" + " " * 2000, "identity"),
    ],
)
def test_the_coding(accepted: str, expected: str) -> None:
    assert coding(accepted) == expected


def test_one_type_by_name() -> None:
    assert known_type("Text/HTML") == HTML
    assert known_type("application/vnd.pypi.simple.latest+json") == SIMPLE_JSON
    assert known_type("*/*") is None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("application/json, text/html", False),
        ("application/json;q=0.5, text/html;q=0.4", True),
        ("application/json;q=0", False),
        ("application/*", True),
        ("application/json" + "," * 2000, False),
        ("text/html;x*0*=a'b'%zz", False),
    ],
)
def test_json_or_a_page(accept: str, expected: bool) -> None:
    assert prefers_json(accept) == expected
