"""Descriptions: what is shown, what is refused, and what must not stop the server."""

import pytest

from entrepot import readme
from entrepot.readme import check_description, render
from entrepot.refusal import Refused


def refusal_of(text: str, content_type: str) -> Refused:
    with pytest.raises(Refused) as refusal:
        check_description(text, content_type)
    assert (refusal.value.code, refusal.value.field) == ("description-not-rendered", "description")
    return refusal.value


@pytest.mark.parametrize("content_type", ["", "text/markdown", "text/plain"])
def test_a_blank_description_needs_nothing(content_type: str) -> None:
    check_description("", content_type)
    assert render(" \n\t\n", content_type) == ""


@pytest.mark.parametrize(
    ("text", "content_type", "html"),
    [
        ("Títle ☃\n=======\n\n*text*", "", "<em>text</em>"),
        ("*text*", "text/x-rst; charset=UTF-8", "<em>text</em>"),
        ("# Títle ☃\n\n~~gone~~", "text/markdown", "<del>gone</del>"),
        ("~~gone~~", "text/markdown; charset=UTF-8; variant=CommonMark", "~~gone~~"),
        ("<b> & *text*", "text/plain", "&lt;b&gt; &amp; *text*"),
        ("<script>x</script>\n\nstill here", "text/markdown", "still here"),
    ],
)
def test_what_is_shown(text: str, content_type: str, html: str) -> None:
    rendered = render(text, content_type)
    assert html in rendered
    assert "<script" not in rendered


@pytest.mark.parametrize(
    ("text", "content_type", "reason"),
    [
        ("text\n\nTitle\n====\n\n.. foo::\n\n   x", "", "as reStructuredText: line 4: Title underline too short."),
        (".. include:: /etc/passwd", "text/x-rst", 'line 1: "include" directive disabled.'),
        ("x" * 10_001, "", "line-length-limit"),
        (".. only a comment", "", "nothing is left to show"),
        ("[only]: https://index.example", "text/markdown", "as GFM: nothing is left to show"),
        ("\n".join(f"{'  ' * depth}* x\n" for depth in range(300)), "", "too deeply nested"),
        (f".. _a: https://index.example/{'y' * 9000}\n\n" + "a_ " * 1000, "", "HTML has more than"),
    ],
)
def test_what_is_refused(text: str, content_type: str, reason: str) -> None:
    assert reason in refusal_of(text, content_type).message


def test_a_description_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "TIME_LIMIT", 1)
    assert "more than 1 seconds" in refusal_of('<pre lang="a"><code>x\n' * 16_000, "text/markdown").message


def test_what_the_child_answers() -> None:
    """In this process, where nothing limits it: what is too large, and what is not."""
    large = f".. _a: https://index.example/{'y' * 9000}\n\n" + "a_ " * 1000
    assert readme.rendered(large, "reStructuredText") == ("", f"its HTML has more than {readme.HTML_LIMIT} characters")
    assert readme.rendered("*a*", "GFM") == ("<p><em>a</em></p>\n", "")
    assert readme.rendered(".. only a comment", "reStructuredText") == ("", "nothing is left to show")
