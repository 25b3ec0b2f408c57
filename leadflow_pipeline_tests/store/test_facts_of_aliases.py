"""Facts of a lead that is another's alias are the other's, from the day on which it became one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from leadflow_pipeline.store.facts import (
    add_engagement_events,
    add_outcomes,
    add_override,
    read_days_with_news,
    read_events,
    read_outcomes,
    read_overrides,
)
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import lead_aliases

BEFORE, SINCE = date(2026, 5, 1), date(2026, 5, 2)
END = datetime(2026, 5, 4, tzinfo=UTC)


def noon(day: date) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=12)


@pytest.fixture
def told(engine, campaign) -> str:
    """`b` is an alias of `a` since the second day; on both days something is told of it, and of `a` on the second."""
    slug = campaign()
    aliases = pd.DataFrame(
        {
            "day": [pd.Timestamp(SINCE)],
            "lead_id": "b",
            "alias_of": "a",
            "match_probability": 0.99,
            "evidence": "[]",
        }
    )
    frame = conform(aliases, lead_aliases, campaign=slug, campaign_version=1)
    replace_partitions(engine, lead_aliases, slug, [SINCE], frame, campaign_version=1, run_id="a test")
    for lead_id, day in (("b", BEFORE), ("b", SINCE), ("a", SINCE)):
        told = {"campaign": slug, "lead_id": lead_id, "occurred_at": noon(day), "origin": "test"}
        add_engagement_events(
            engine, pd.DataFrame([told | {"event_id": f"{lead_id} {day}", "behaviour": "click"}])
        )
        add_outcomes(engine, pd.DataFrame([told | {"outcome": "won"}]))
        add_override(
            engine, campaign=slug, lead_id=lead_id, field="tier", value="HOT", actor="kim", reason="met",
            occurred_at=noon(day), expires_at=noon(day) + timedelta(days=2),
        )  # fmt: skip
    return slug


def test_every_reader_knows_the_canonical_lead(engine, told) -> None:
    wanted = {("b", noon(BEFORE)), ("a", noon(SINCE))}
    for facts in (
        read_events(engine, told, before=END),
        read_outcomes(engine, told, before=END),
        read_overrides(engine, told, END),
    ):
        assert set(zip(facts["lead_id"], facts["occurred_at"], strict=True)) == wanted
        assert len(facts) == 3


def test_events_of_a_lead_are_those_of_its_aliases_too(engine, told) -> None:
    columns = ["lead_id", "behaviour"]
    events = read_events(engine, told, before=END, lead_ids=pd.Series(["a"]), columns=columns)
    assert events.to_numpy().tolist() == [["a", "click"], ["a", "click"]]
    earlier = read_events(engine, told, before=END, lead_ids=pd.Series(["b"]), columns=columns)
    assert earlier.to_numpy().tolist() == [["b", "click"]]


def test_news_are_of_people(engine, told) -> None:
    """A decision belongs to whom it was about on the day it was taken, on the day it expires as well."""
    days = [BEFORE, SINCE, SINCE + timedelta(days=1), SINCE + timedelta(days=2)]
    news = read_days_with_news(engine, told, days)
    found = [(row_day.date(), lead_id) for row_day, lead_id in zip(news["day"], news["lead_id"], strict=True)]
    assert found == [(BEFORE, "b"), (SINCE, "a"), (days[2], "b"), (days[3], "a")]
