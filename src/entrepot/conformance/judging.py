"""How a case ends before its end."""


class Failed(Exception):
    """The index is wrong; the message is a sentence that says where, and what was there instead."""


class NotOffered(Exception):
    """The index has no such thing; the message is a sentence that says so."""


def require(holds: bool, sentence: str) -> None:
    """Raises Failed when it does not hold."""
    if not holds:
        raise Failed(sentence)


def offered(there: bool, sentence: str) -> None:
    """Raises NotOffered when it is not there."""
    if not there:
        raise NotOffered(sentence)
