"""Spans as a collector gets them over the wire: nested, with the correlation id, and never what an error quotes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.telemetry import spans
from leadflow_pipeline.telemetry.correlation import correlated
from leadflow_pipeline.telemetry.spans import span
from leadflow_pipeline_tests.fakes.otlp import FakeCollector


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCollector]:
    """A collector that this process sends its spans to."""
    with FakeCollector() as server:
        monkeypatch.setenv("LEADFLOW_TRACES", f"{server.url}/v1/traces")
        get_settings.cache_clear()
        spans._tracer.cache_clear()
        yield server
    spans._tracer.cache_clear()
    get_settings.cache_clear()


def test_a_collector_is_told_of_work_within_work_and_of_errors_by_kind(collector: FakeCollector) -> None:
    with correlated("request-0001"), span("request", method="POST"):
        with pytest.raises(ValueError, match="ida"), span("vendor", vendor="registry"):
            raise ValueError("ida@leads.example")
        with span("dispatch", messages=3):
            pass
    spans._tracer().span_processor.force_flush(5_000)
    told = collector.spans()
    assert set(told) == {"request", "vendor", "dispatch"}
    assert {each["correlation_id"] for each in told.values()} == {"request-0001"}
    assert len({each["trace"] for each in told.values()}) == 1
    assert told["vendor"]["parent"] == told["dispatch"]["parent"] == told["request"]["id"]
    assert (told["vendor"]["error"], told["dispatch"]["messages"]) == ("ValueError", "3")
    assert b"leads.example" not in b"".join(each.body for each in collector.requests)


def test_without_a_collector_nothing_is_lost_but_spans(collector: FakeCollector) -> None:
    collector.misbehave("connection refused")
    with span("request"):
        worked = True
    spans._tracer().span_processor.shutdown()
    assert worked
    assert collector.spans() == {}
