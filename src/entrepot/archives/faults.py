"""How the archive readers say no: one opening, the member at fault, and never an unprintable character."""

from entrepot.refusal import Refused

LONGEST_SHOWN = 100  # characters of a hostile name that are worth repeating


def invalid(code: str, sentence: str) -> Refused:
    """The refusal to raise; clients and people recognise the opening, which is PyPI's."""
    return Refused(code, f"Invalid distribution file. {sentence}", "content")


def shown(name: bytes | str) -> str:
    """`name` as it may stand in a sentence: quoted, escaped where it is not printable, its middle cut when long."""
    text = name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")
    if len(text) > LONGEST_SHOWN:
        text = f"{text[:70]}...{text[-25:]}"
    return repr(text) if text.isprintable() else ascii(text)
