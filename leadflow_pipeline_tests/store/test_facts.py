"""Facts: added once however often they arrive, and read only as far as they had happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
from sqlalchemy import text

from leadflow_pipeline.store.facts import (
    AddedFacts,
    add_engagement_events,
    add_outcomes,
    add_override,
    log_activity,
    read_events,
    read_outcomes,
    read_overrides,
)
from leadflow_pipeline_tests.suppressed import add_suppression

NOON = pd.Timestamp("2026-05-01 12:00", tz="UTC")
MIDNIGHT = datetime(2026, 5, 2, tzinfo=UTC)


def events(*ids: str, lead_id: str = "a", at: pd.Timestamp = NOON) -> pd.DataFrame:
    frame = pd.DataFrame({"event_id": list(ids)})
    return frame.assign(
        campaign="spring-sale", lead_id=lead_id, behaviour="click", occurred_at=at, origin="test"
    )


def test_events_exist_from_their_moment_on(engine, campaign):
    campaign()
    add_engagement_events(engine, events("e2", "e1"))
    add_engagement_events(engine, events("late", at=pd.Timestamp(MIDNIGHT)))
    add_engagement_events(engine, events("other", lead_id="b"))
    assert read_events(engine, "spring-sale", before=MIDNIGHT)["event_id"].tolist() == ["e1", "e2", "other"]
    of_b = read_events(engine, "spring-sale", before=MIDNIGHT, lead_ids=pd.Series(["b", "b", "it's"]))
    assert of_b["event_id"].tolist() == ["other"]
    assert read_events(engine, "spring-sale", before=MIDNIGHT, lead_ids=pd.Series([], dtype="str")).empty
    assert read_events(engine, "autumn", before=MIDNIGHT).empty


def test_outcomes_and_overrides(engine, campaign):
    campaign()
    outcome = pd.DataFrame(
        {"campaign": ["spring-sale"], "lead_id": "a", "outcome": "won", "occurred_at": NOON}
    )
    assert add_outcomes(engine, outcome.assign(value=100.0, origin="test")) == AddedFacts(1, 0)
    assert read_outcomes(engine, "spring-sale", before=MIDNIGHT)["value"].tolist() == [100.0]
    decision = {"campaign": "spring-sale", "lead_id": "a", "field": "tier", "value": "HOT", "actor": "kim"}
    first = add_override(engine, **decision, reason="met at the fair", occurred_at=NOON)
    add_override(engine, **decision, reason="later", occurred_at=MIDNIGHT)
    assert read_overrides(engine, "spring-sale", MIDNIGHT)["override_id"].tolist() == [first]


def test_suppressions_are_kept_once_and_activity_is_noted(engine):
    assert add_suppression(engine, scope="domain", subject="leads.example", reason="asked")
    assert not add_suppression(engine, scope="domain", subject="leads.example", reason="asked again")
    log_activity(engine, actor="kim", action="suppressed", detail={"rows": 1})
    with engine.connect() as connection:
        assert connection.execute(text("SELECT detail FROM leadflow.activity_log")).scalar_one() == {
            "rows": 1
        }
