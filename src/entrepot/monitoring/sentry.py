"""Faults to Sentry: what is logged as an error, and nothing else that the library would gather by itself.

No request, no variables of the stack, and no credential in any text.
"""

from typing import TYPE_CHECKING, cast

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from entrepot import __version__
from entrepot.monitoring.logs import scrubbed
from entrepot.monitoring.observation import current

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint


def start(dsn: str) -> None:
    """Report to the project that `dsn` names."""
    sentry_sdk.init(
        dsn,
        release=__version__,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(), AtexitIntegration(callback=lambda _pending, _timeout: None)],
        include_local_variables=False,
        max_request_body_size="never",
        send_default_pii=False,
        before_send=_prepare,
        before_breadcrumb=lambda _crumb, _hint: None,
    )


def _prepare(event: "Event", _hint: "Hint") -> "Event":
    event.pop("request", None)
    event.setdefault("tags", {})["request_id"] = current().id
    return cast("Event", _scrubbed(cast("object", event)))


def _scrubbed(value: object) -> object:
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, dict):
        return {name: _scrubbed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(each) for each in value]
    return value
