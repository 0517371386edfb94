"""What the domain says when it will not do something: a stable code, a sentence for people, the field at fault.

Refusals are raised where the rule is and turned into HTTP (`api.problems`) or an exit code (`cli`) in one place each.
"""

from collections.abc import Mapping


class Refused(Exception):
    """The request cannot be carried out as given.

    `code` is stable, kebab-case, and listed in docs/api.md; `message` is one sentence that names the thing at fault, in
    the reader's language where people meet it on a page (programs are answered in English: some match it); `field`
    names the form field at fault, or is empty. `headers` is what HTTP tells besides.
    """

    def __init__(self, code: str, message: str, field: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.headers = headers or {}


class Forbidden(Refused):
    """Whoever asks may not do this."""


class Missing(Refused):
    """The thing named does not exist."""


class TooLarge(Refused):
    """More bytes than the index takes."""


class TooMany(Refused):
    """Too often in too short a time; allowed again in so many `seconds`."""

    def __init__(self, code: str, message: str, seconds: float, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message, headers=headers)
        self.seconds = seconds


class Unavailable(Refused):
    """Not now: trying again later may succeed."""
