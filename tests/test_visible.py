"""What hides is spelled out."""

from hypothesis import given
from hypothesis import strategies as st

from entrepot.visible import visible


def test_what_would_turn_a_line_round_is_shown_by_its_number() -> None:
    assert visible("a\u202eb\u2066c\x1b[2J\x00\u200b\U000e0041") == (
        "a⟨U+202E⟩b⟨U+2066⟩c⟨U+001B⟩[2J⟨U+0000⟩⟨U+200B⟩⟨U+E0041⟩"
    )


def test_what_holds_a_hidden_message_is_shown_by_its_numbers() -> None:
    for hidden in "\xad\u034f\u115f\u1160\u180e\u3164\uffa0\ufe00\ufe0e\U000e0100\U000e01ef":
        assert visible(f"a{hidden}b") == f"a⟨U+{ord(hidden):04X}⟩b"


def test_what_languages_need_stays() -> None:
    text = "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb \u2764\ufe0f\t\u05e9\u05dc"
    assert visible(text) == text


@given(st.text())
def test_once_is_enough(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert not {"\n", "\r", "\0", "\u202e", "\x85", "\u2028"} & {*visible(text)}
