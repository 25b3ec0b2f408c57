"""Lines of the log: one a record, with the correlation id, and never what an error quotes."""

from __future__ import annotations

import io
import json
import logging

import pytest

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.telemetry.correlation import correlated, present_correlation_id, taken_over
from leadflow_pipeline.telemetry.logs import FIELDS, set_up_logs, set_up_our_logs

log = logging.getLogger("leadflow_pipeline.somewhere")


@pytest.fixture(params=["json", "text"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """What a process writes, and in which format."""
    root, ours = logging.getLogger(), logging.getLogger("leadflow_pipeline")
    before = root.handlers[:], root.level, ours.level
    monkeypatch.setenv("LEADFLOW_LOG_FORMAT", request.param)
    monkeypatch.setenv("LEADFLOW_LOG_LEVEL", "info")
    get_settings.cache_clear()
    stream = io.StringIO()
    set_up_logs(stream)
    yield request.param, stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    get_settings.cache_clear()


def test_an_error_is_told_by_kind_and_place_and_never_by_its_message(lines) -> None:
    form, stream = lines
    with correlated("request-0001"):
        try:
            raise ValueError("ida@leads.example\nsecond line")
        except ValueError:
            log.exception("it failed", extra={FIELDS: {"rows": 3}})
    told = stream.getvalue()
    assert told.count("\n") == 1
    assert "leads.example" not in told
    assert "ValueError in test_logs.py" in told
    if form == "json":
        line = json.loads(told)
        assert (line["level"], line["message"], line["rows"]) == ("error", "it failed", 3)
        assert line["correlation_id"] == "request-0001"
    else:
        assert "correlation_id=request-0001" in told


def test_ids_of_others_are_taken_over_only_where_they_are_ids() -> None:
    assert taken_over("request-0001") == "request-0001"
    for wrong in (None, "", "short", "ida@leads.example", "a" * 65, "request\n0001", "x' OR 1=1 --"):
        assert taken_over(wrong) != wrong
    with correlated("request-0001"):
        with correlated("request-0002"):
            assert present_correlation_id() == "request-0002"
        assert present_correlation_id() == "request-0001"
    assert present_correlation_id() is None


def test_in_a_process_of_others_only_our_lines_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Dagster's code servers and run workers, which write their own."""
    root, ours = logging.getLogger(), logging.getLogger("leadflow_pipeline")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(ours, "handlers", [])
    monkeypatch.setattr(ours, "level", logging.NOTSET)
    monkeypatch.setenv("LEADFLOW_LOG_FORMAT", "json")
    get_settings.cache_clear()
    stream = io.StringIO()
    for _ in range(2):
        set_up_our_logs(stream)
    log.warning("ours")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["ours"]
    assert root.handlers == []
    get_settings.cache_clear()
