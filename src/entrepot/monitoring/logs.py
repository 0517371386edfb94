"""Logs: one line of JSON for each event, on standard error; readable text where that is a terminal.

All loggers are covered, those of libraries too. A line carries the id of the request that it belongs to. Nothing
that looks like a credential leaves the process in a line, whoever wrote it there: the last step before the line is
written takes it out.
"""

import logging.config
import re
import sys
from collections.abc import Sequence
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from entrepot.monitoring.observation import current

_CREDENTIALS = (
    re.compile(r"(?<![A-Za-z0-9])(?:entrepot|pypi)-[A-Za-z0-9_-]{16,}=*"),  # tokens
    re.compile(r"X190b2tlbl9fO[A-Za-z0-9+/=_-]*"),  # `__token__:…` in Base64, as HTTP Basic has it
    re.compile(r"(?<=\bbasic )[A-Za-z0-9+/=]{8,}|(?<=\bbearer )[^\s\"',]{8,}", re.IGNORECASE),
    re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]*(?=@)"),  # user and password in a URL
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LINES = {"exception", "stack"}  # what may have several lines


def scrubbed(text: str) -> str:
    """The text without the credentials in it."""
    for credential in _CREDENTIALS:
        text = credential.sub("[secret]", text)
    return text


def configuration(form: str) -> dict[str, Any]:
    """The configuration of Python's logging (`logging.config.dictConfig`, and Django's LOGGING).

    `form` is "json", "text", or empty: text on a terminal, else JSON.
    """
    text = form == "text" or (not form and sys.stderr.isatty())
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.ExtraAdder(),
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    _name_request,
                    structlog.processors.format_exc_info,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *(_as_text() if text else _as_json()),
                    _scrub,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "django": {"handlers": [], "level": "WARNING"},
            "django.request": {"level": "ERROR"},  # a refusal is an answer, not an event of the server's
            "django.security": {"level": "CRITICAL"},  # likewise; and it would show the query string
            "psycopg.pool": {"level": "ERROR"},  # each attempt that fails; who needs a connection hears of it
            "entrepot": {"level": "INFO"},
        },
    }


def configure(form: str) -> None:
    """Configure the logs of a process that has no Django to do it."""
    logging.config.dictConfig(configuration(form))


def _as_json() -> Sequence[Processor]:
    return (structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer())


def _as_text() -> Sequence[Processor]:
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return (_tame, plain)


def _name_request(_logger: object, _method: str, event: EventDict) -> EventDict:
    if current().id:
        event["request_id"] = current().id
    return event


def _tame(_logger: object, _method: str, event: EventDict) -> EventDict:
    """No text that somebody sent may look like another line, or steer the terminal."""
    return {name: _tamed(name, value) if isinstance(value, str) else value for name, value in event.items()}


def _tamed(name: str, text: str) -> str:
    if name in _LINES:
        return "\n".join(f"    {_CONTROL.sub(_escaped, line)}" for line in text.split("\n"))
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _scrub(_logger: object, _method: str, line: str) -> str:
    return scrubbed(line)
