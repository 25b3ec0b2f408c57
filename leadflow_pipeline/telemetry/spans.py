"""Spans for OpenTelemetry: off, and free of cost, unless `LEADFLOW_TRACES` names where they go.

What belongs here: beginning and ending a span, and setting up the exporter. What does not: which work is worth one.

A span has a name of ours, counts and ids. Its status says that something failed, and the kind of error: never the
message, which may quote a lead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.telemetry.correlation import present_correlation_id

SERVICE = "leadflow"
SECONDS_TO_EXPORT = 2
"""What a batch of spans may take, retries and all: a command waits for its last one, be the collector there or not."""


@contextmanager
def span(name: str, **attributes: str | int | float | bool) -> Iterator[None]:
    """The work within is a span of this name, where traces are on."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    from opentelemetry.trace import Status, StatusCode

    if (correlation_id := present_correlation_id()) is not None:
        attributes["correlation_id"] = correlation_id
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield
        except Exception as error:
            begun.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


@lru_cache(maxsize=1)
def _tracer() -> Any:
    """What makes spans in this process; None where traces are off. Raises PermanentError where the extra is missing."""
    address = get_settings().traces
    if address is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise PermanentError(
            "LEADFLOW_TRACES is set, but what sends traces is not installed: pip install leadflow-pipeline[traces]"
        ) from None
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address, timeout=SECONDS_TO_EXPORT)))
    return provider.get_tracer(SERVICE)
