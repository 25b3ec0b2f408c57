"""A stand-in of an OpenTelemetry collector that takes spans by OTLP over HTTP, as protobuf.

Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Request" and "Response" (POST /v1/traces, application/x-protobuf,
200 with an ExportTraceServiceResponse; gzip where the client says so).
"""

from __future__ import annotations

import gzip

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from leadflow_pipeline_tests.fakes.http import FakeServer, Received, Reply


class FakeCollector(FakeServer):
    """Keeps what it is told: `spans()`."""

    def respond(self, received: Received) -> Reply:
        """200 for spans at their address."""
        if received.path != "/v1/traces" or received.headers.get("content-type") != "application/x-protobuf":
            return Reply(404)
        body = ExportTraceServiceResponse().SerializeToString()
        return Reply(200, body, {"content-type": "application/x-protobuf"})

    def spans(self) -> dict[str, dict[str, str]]:
        """Name of each span -> its attributes as text, and its `error`, `trace` and `parent`."""
        found = {}
        for request in list(self.requests):
            plain = request.headers.get("content-encoding") != "gzip"
            told = ExportTraceServiceRequest.FromString(
                request.body if plain else gzip.decompress(request.body)
            )
            for resource in told.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        values = {each.key: _text(each.value) for each in span.attributes}
                        found[span.name] = values | {
                            "error": span.status.message,
                            "trace": span.trace_id.hex(),
                            "parent": span.parent_span_id.hex(),
                            "id": span.span_id.hex(),
                        }
        return found


def _text(value: object) -> str:
    kind = value.WhichOneof("value")  # type: ignore[attr-defined]
    return str(getattr(value, kind))
