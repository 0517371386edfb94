"""Spans to OpenTelemetry: one for each request to the control plane, as a part of the client's trace if it has one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from entrepot import __version__
from entrepot.monitoring.observation import Observation

_PROPAGATOR = TraceContextTextMapPropagator()


def start() -> Callable[[Observation], AbstractContextManager[None]]:
    """Send spans to where the standard variables (OTEL_…) say. Gives what is entered around a request."""
    about = Resource.create({SERVICE_NAME: "entrepot", SERVICE_VERSION: __version__})
    provider = TracerProvider(resource=about)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    tracer = provider.get_tracer("entrepot", __version__)

    @contextmanager
    def around(seen: Observation) -> Iterator[None]:
        parent = _PROPAGATOR.extract({"traceparent": seen.traceparent})
        with tracer.start_as_current_span(seen.method, parent, SpanKind.SERVER, record_exception=False) as span:
            try:
                yield
            finally:
                span.update_name(f"{seen.method} {seen.route}")
                span.set_attributes(
                    {
                        "http.request.method": seen.method,
                        "http.route": seen.route,
                        "http.response.status_code": seen.status,
                        "entrepot.request_id": seen.id,
                    }
                )
                if seen.status >= 500:
                    span.set_status(StatusCode.ERROR)

    return around


def flush() -> None:
    """Send the spans that have not been sent."""
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)  # noqa: S101 - `start` has set it
    provider.force_flush(2000)
