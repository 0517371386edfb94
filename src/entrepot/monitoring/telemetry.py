"""What is reported to services elsewhere, if the environment names any: faults to Sentry, spans to OpenTelemetry.

Both are extras: their libraries are loaded when they are asked for.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from entrepot.config import Config
from entrepot.monitoring.observation import Observation
from entrepot.refusal import Refused

_SPANS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")  # the variables that the standard has


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Telemetry:
    """`around` is entered around each request to the control plane; `flush` sends what has not been sent."""

    around: Callable[[Observation], AbstractContextManager[None]] = lambda _seen: nullcontext()
    flush: Callable[[], None] = _nothing


def start(config: Config, environ: Mapping[str, str] = os.environ) -> Telemetry:
    """Begin to report, once in a process.

    Raises Refused("invalid-setting") when something is configured whose library is not installed.
    """
    if config.sentry_dsn:
        _extra("entrepot.monitoring.sentry", "sentry", "ENTREPOT_SENTRY_DSN").start(config.sentry_dsn)
    for variable in _SPANS:
        if environ.get(variable):
            tracing = _extra("entrepot.monitoring.tracing", "opentelemetry", variable)
            return Telemetry(tracing.start(), tracing.flush)
    return Telemetry()


def _extra(module: str, extra: str, variable: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise Refused(
            "invalid-setting", f"{variable} is set, but {error.name} is not installed: install entrepot[{extra}]."
        ) from error
