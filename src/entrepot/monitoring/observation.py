"""One request to the control plane, as operators are told of it: in a log line, in figures, in a span.

Who knows something of the request (its user, why it was refused) notes it on `current()`, wherever that is.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

HUNG_UP = 499  # instead of a status, as proxies note it: the client left before there was an answer

_GIVEN = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(slots=True)
class Observation:
    """What is known of a request so far. `path` is decoded and without its query; `route` is the name of the URL.

    `given` is what the client calls the request, `traceparent` its place in the client's trace (W3C Trace Context).
    `sent` counts the bytes of the answer's body. `user` and `token` are ids, never a secret; `code` is a refusal's.
    """

    id: str
    method: str = ""
    path: str = ""
    traceparent: str = ""
    route: str = "other"
    status: int = 500  # what a server says when nobody has said anything
    sent: int = 0
    user: str = ""
    token: str = ""
    code: str = ""


_CURRENT: ContextVar[Observation | None] = ContextVar("observation", default=None)


def current() -> Observation:
    """The request that is being answered; outside of any, one that nobody looks at."""
    return _CURRENT.get() or Observation(id="")


def request_id(given: str) -> str:
    """What to call a request: what the client calls it, when that is harmless, else a new name."""
    return given if _GIVEN.fullmatch(given) else secrets.token_hex(16)


@contextmanager
def answering(observation: Observation) -> Iterator[None]:
    """Make it the current one."""
    token = _CURRENT.set(observation)
    try:
        yield
    finally:
        _CURRENT.reset(token)
